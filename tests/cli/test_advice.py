"""Commands that an error recommends can be typed as they stand."""

import re
from contextvars import copy_context
from pathlib import Path

import pytest

import bocage
from bocage.cli.advice import advise, note_project


def advised(project: str, mend: str) -> str:
    def ask() -> str:
        note_project(Path(project))
        return advise(mend)

    return copy_context().run(ask)


@pytest.mark.parametrize(
    ("mend", "typed"),
    [
        ("run: bocage scenes add", "run: bocage scenes add --project 'my county'"),
        ("remove it and run: bocage map, then look", "remove it and run: bocage map --project 'my county', then look"),
        ("run: bocage train --backbone forest", "run: bocage train --project 'my county' --backbone forest"),
        ("run: bocage models fetch clay", "run: bocage models fetch clay"),
        ("run: bocage map --project there", "run: bocage map --project there"),
        ("give another scene", "give another scene"),
    ],
)
def test_a_command_names_the_project_that_was_given(mend: str, typed: str) -> None:
    assert advised("my county", mend) == typed


def test_in_the_project_itself_nothing_is_added() -> None:
    assert advised(".", "run: bocage scenes add") == "run: bocage scenes add"


def test_paths_in_commands_are_quoted_and_projects_left_to_advise() -> None:
    """A folder may be called "my county"."""
    bare = re.compile(r"bocage [a-z -]+\{[\w.]*(?:path|folder|file|root|package)\}")
    found = {
        f"{path.name}: {each}"
        for path in Path(bocage.__file__).parent.rglob("*.py")
        for each in bare.findall(path.read_text(encoding="utf-8"))
    }
    assert found == set()

"""Commands that an error recommends can be typed as they stand."""

from contextvars import copy_context
from pathlib import Path

import pytest

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

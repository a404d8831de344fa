"""The documentation says what the program does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_every_page_is_in_the_menu_once_and_decisions_are_in_their_order() -> None:
    menu = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(menu) == sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))
    decisions = [page for page in menu if re.match(r"decisions/\d", page)]
    assert decisions == sorted(decisions)
    listed = re.findall(r"\]\((\d[\w-]+\.md)\)", (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8"))
    assert [f"decisions/{page}" for page in listed] == decisions


def test_the_page_of_the_command_line_is_that_of_the_program() -> None:
    command = [sys.executable, "-m", "typer", "bocage.cli.application", "utils", "docs", "--name", "bocage"]
    # The program of this checkout, wherever another one is installed.
    environment = {"COLUMNS": "100", "PYTHONPATH": str(ROOT / "src")}
    written = subprocess.run(
        [*command, "--title", "Command line"], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert page.strip() == written.stdout.strip(), "run: make docs"


@pytest.mark.parametrize(
    "page",
    [*PAGES, *(ROOT / "src" / "bocage" / "templates").glob("*.toml")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_what_is_named_of_the_code_and_the_benchmarks_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for named in re.findall(r"(?:src/bocage|benchmarks)/[\w./]*\w", text):
        assert (ROOT / named).exists(), f"{page.name} names {named}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

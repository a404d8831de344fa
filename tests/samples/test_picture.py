"""The map and the page of the samples."""

import re
from collections.abc import Callable

import pytest

from bocage.errors import ProjectError
from bocage.project import Project
from bocage.reference import build_labels
from bocage.samples import Samples, cut_chips, draw_samples, map_samples, write_page

Maker = Callable[..., Project]


@pytest.fixture
def project(make_project: Maker) -> Project:
    project = make_project(project={"name": "<b>bocage"}, samples={"count": 500, "cell_size": 200.0, "buffer": 0.0})
    draw_samples(project)
    return project


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table, as text."""
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL)
    ]


def test_the_picture_is_drawn(project: Project) -> None:
    path = map_samples(project)
    assert path.name == "samples.png"
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000


def test_the_page_holds_map_and_tables_and_needs_nothing_else(project: Project) -> None:
    page = write_page(project).read_text(encoding="utf-8")
    assert "&lt;b&gt;bocage" in page
    assert "<b>bocage" not in page
    assert "data:image/png;base64,iVBOR" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    table = Samples.read(project).table
    found = {row[0]: row[1:] for row in rows(page) if row}
    for name, part in table.groupby("stratum"):
        splits = [str((part["split"] == split).sum()) for split in ("train", "validation", "test")]
        assert found[str(name)][:4] == [*splits, str(len(part))]
    assert found["all"][3] == str(len(table))
    assert found["GENERIC"][0] == "2"


def test_with_chips_it_says_what_the_labels_hold(project: Project) -> None:
    build_labels(project)
    cut_chips(project)
    page = write_page(project).read_text(encoding="utf-8")
    assert "Sources and terms" in page
    assert any("trees.tif" in row[0] for row in rows(page) if row)
    # The card of chips of another draw says nothing about these samples.
    draw_samples(project, count=20)
    assert "Sources and terms" not in write_page(project).read_text(encoding="utf-8")


def test_samples_must_be_there(make_project: Maker) -> None:
    with pytest.raises(ProjectError, match="holds no samples"):
        write_page(make_project())

"""The page tells whether the map is the same everywhere, in the words of the run's own report."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.report.conftest import TILE

from bocage.files import write_json
from bocage.grid import Bounds
from bocage.mapping.homogeneity import examine
from bocage.mapping.inspection import Inspection, Overlap
from bocage.project import Project
from bocage.report import write_report
from bocage.report.evenness import draw_frames, picture_evenness, read_evenness

SENSORS = {"a": "PHR", "b": "SPOT"}


@pytest.fixture
def project(full_project: Project, tmp_path: Path) -> Project:
    shutil.copytree(full_project.folder, tmp_path / "copy")
    return Project.open(tmp_path / "copy")


def write(project: Project, *, holes: bool) -> str:
    """Write the report of a run that mapped the tile of the project; return the name of the tile."""
    tile = next(project.tiling.tiles(TILE)).id
    overlap = Overlap("a", "b", 10_000, 2000, 100, 25_400, -1000)
    counts = Inspection((100_000 if holes else 0, 300_000, 600_000), 250_000, 8, (overlap,), (), 90_000 if holes else 0)
    _, figures = examine({tile: counts}, [], SENSORS)
    run = {"planned_seconds": 100.0, "seconds": 90.0, "rates_from": "the receipts of 3 tiles in place"}
    write_json(project.homogeneity_file, {**figures, "run": run})
    return tile


def test_what_stands_out_is_listed_drawn_and_counted(project: Project) -> None:
    tile = write(project, holes=True)
    evenness = read_evenness(project)
    assert evenness is not None
    assert [(row.sensors, row.pixels) for row in evenness.sensors] == [("all pairs", 10_000), ("PHR and SPOT", 10_000)]
    assert evenness.sensors[0].difference == pytest.approx(0.01)
    assert dict(evenness.observations) == pytest.approx({"1 scene": 1 / 3, "2 scenes": 2 / 3}, abs=1e-5)
    picture = picture_evenness(project)
    assert picture is not None
    assert "1 stand out" in picture.alt
    page = write_report(project).outputs[0].read_text(encoding="utf-8")
    assert "1 of 1 work tiles stands out" in page
    assert f"<code>{tile}</code>" in page
    assert "no scene saw 9 % of the ground within the outline of its scenes" in page
    assert "PHR and SPOT" in page
    assert picture.alt in page
    assert "planned to take 1.7 min by the receipts of 3 tiles in place, and took 1.5 min" in page


def test_an_even_map_is_said_to_be_one(project: Project) -> None:
    write(project, holes=False)
    page = write_report(project).outputs[0].read_text(encoding="utf-8")
    assert "None of the 1 work tiles stands out" in page
    picture = picture_evenness(project)
    assert picture is not None
    assert picture.caption == "No tile stands out."


def test_a_project_without_the_report_has_a_page(project: Project) -> None:
    assert read_evenness(project) is None
    assert picture_evenness(project) is None
    assert "Is the map the same everywhere?" in write_report(project).outputs[0].read_text(encoding="utf-8")


def test_a_scene_takes_one_line_however_many_tiles_it_spoils(project: Project) -> None:
    write(project, holes=True)
    report = json.loads(project.homogeneity_file.read_text(encoding="utf-8"))
    spoilt = [
        {"tile": f"E{number}N1", "kind": "scene", "severity": 0.5, "reason": "it differs", "scene": "s"}
        for number in range(3)
    ]
    write_json(project.homogeneity_file, {**report, "flagged": [*spoilt, *report["flagged"]]})
    evenness = read_evenness(project)
    assert evenness is not None
    assert evenness.standing_out == 4
    assert [(each["tile"], each["reason"]) for each in evenness.findings[:1]] == [
        ("E0N1", "it differs (and in 2 more tiles)")
    ]
    assert len(evenness.findings) == 2


def test_frames_are_where_the_tiles_are() -> None:
    bounds = Bounds(0, 0, 200, 100)
    plain = draw_frames(np.zeros((100, 200)), bounds, [])
    framed = draw_frames(np.zeros((100, 200)), bounds, [("E1N0", Bounds(100, 0, 200, 100))])
    one, two = (np.asarray(Image.open(io.BytesIO(each)).convert("RGB")).astype(int) for each in (plain, framed))
    changed = np.abs(one - two).sum(axis=2) > 100
    assert not changed[:, : changed.shape[1] // 2 - 12].any()
    assert changed[:, changed.shape[1] // 2 - 12 :].any()

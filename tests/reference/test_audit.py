"""The audit says who changed how much of the label from what to what."""

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from bocage.errors import LayerError
from bocage.project import Project
from bocage.reference.audit import Audit, audit_corrections, write_audit
from bocage.reference.labels import build_labels
from bocage.scenes import catalogue_scenes
from bocage.settings import LayerSettings

Writer = Callable[..., Path]
Maker = Callable[..., Project]

LEFT, TOP = 4_000_000.0, 3_000_000.0
TREES = LayerSettings(kind="classes", paths=("trees.tif",), tree=(1,), ignore=(9,))


@pytest.fixture
def project(tmp_path: Path, write_layer: Writer, make_project: Maker, rng: np.random.Generator) -> Project:
    """A scene of 300 m over four tiles of 200 m; trees in its western 100 m, unknown ground in the next 50 m."""
    (tmp_path / "scenes").mkdir()
    with rasterio.open(
        tmp_path / "scenes" / "one.tif", "w", driver="GTiff", height=150, width=150, count=4, dtype="uint8",
        crs="EPSG:3035", transform=Affine(2, 0, LEFT, 0, -2, TOP), nodata=0,
    ) as file:  # fmt: skip
        file.write(rng.integers(1, 255, (4, 150, 150)).astype(np.uint8))
        file.descriptions = ("red", "green", "blue", "nir")
    codes = np.zeros((150, 150), np.uint8)
    codes[:, :50], codes[:, 50:75] = 1, 9
    write_layer("trees.tif", codes, 2.0)
    project = make_project(TREES, reference={"corrections": "c.gpkg"})
    catalogue_scenes(project)
    return project


def write(project: Project, *rows: tuple[int, str, tuple[float, float, float, float]]) -> None:
    table = {
        "class": [code for code, _, _ in rows],
        "author": [author for _, author, _ in rows],
        "date": "2026-05-01",
        "reason": "seen in the field",
    }
    shapes = [box(LEFT + left, TOP - bottom, LEFT + right, TOP - top) for _, _, (left, top, right, bottom) in rows]
    geopandas.GeoDataFrame(table, geometry=shapes, crs="EPSG:3035").to_file(project.folder / "c.gpkg", driver="GPKG")


def test_it_adds_up_across_tiles_and_authors(project: Project) -> None:
    write(
        project,
        (0, "mk", (0, 180, 20, 220)),  # felled, across the border of two tiles: 800 m2
        (1, "jd", (90, 0, 160, 10)),  # 100 m2 that were trees, 500 m2 unknown, 100 m2 open
        (255, "jd", (200, 200, 210, 210)),  # doubt
        (1, "mk", (900, 900, 950, 950)),  # beyond every scene
    )
    audit = audit_corrections(project)
    rows = audit.table[["correction", "author", "before", "after", "area_m2"]].to_numpy().tolist()
    assert rows == [
        [1, "mk", 1, 0, 800.0],
        [2, "jd", 0, 1, 100.0],
        [2, "jd", 1, 1, 100.0],
        [2, "jd", 255, 1, 500.0],
        [3, "jd", 0, 255, 100.0],
    ]
    figures = audit.figures()
    assert figures["corrections"] == 4
    assert figures["without_effect"] == [4]
    assert (figures["corrected_m2"], figures["changed_m2"]) == (1600.0, 1500.0)
    assert figures["changes_m2"] == {"0 to 1": 100.0, "0 to 255": 100.0, "1 to 0": 800.0, "255 to 1": 500.0}
    assert figures["per_author"]["jd"] == {"corrections": 2, "corrected_m2": 800.0, "changed_m2": 700.0}


def test_it_does_not_depend_on_whether_the_labels_were_built(project: Project) -> None:
    write(project, (0, "mk", (0, 0, 20, 20)), (0, "jd", (10, 0, 40, 20)))
    before = write_audit(project, audit_corrections(project)).read_bytes()
    build_labels(project)
    assert write_audit(project, audit_corrections(project)).read_bytes() == before
    # The later row has the ground that both hold.
    assert before.decode().splitlines()[1:] == [
        "1,mk,2026-05-01,seen in the field,1,0,200.0",
        "2,jd,2026-05-01,seen in the field,1,0,600.0",
    ]


def test_without_corrections_it_says_how_to_begin(make_project: Maker, project: Project) -> None:
    with pytest.raises(LayerError, match="names no corrections"):
        audit_corrections(make_project(TREES))


def test_a_file_without_rows_is_an_empty_audit(project: Project) -> None:
    from bocage.reference.corrections import create_corrections

    create_corrections(project.folder / "c.gpkg", project.grid)
    audit = audit_corrections(project)
    assert audit.table.empty
    assert audit.figures()["changed_m2"] == 0


def test_one_kind_of_change_is_named_as_several_are() -> None:
    row = {"correction": 1, "author": "a", "before": 0, "after": 1, "area_m2": 2000.0}
    assert Audit(pd.DataFrame([row]), ()).figures()["changes_m2"] == {"0 to 1": 2000.0}

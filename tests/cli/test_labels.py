"""Layers and corrections that cannot be used, typed by hand: status 1, what is wrong and the mend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from shapely.geometry import Polygon, box
from tests.cli.conftest import Bocage
from tests.samples.conftest import write_raster
from tests.scenes.rasters import write_sidecar

from bocage.project import Project
from bocage.scenes import BANDS, catalogue_scenes

LEFT, TOP = 4_000_000.0, 3_000_000.0
COVER = '[[reference.layers]]\nkind = "tree_cover_density"\npaths = ["{}"]\n{}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one scene of 200 m and two layers of cover that each fit it."""
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "bocage.toml").touch()
    scene = np.random.default_rng(0).integers(1, 255, (4, 100, 100)).astype(np.uint8)
    write_raster(folder / "scenes" / "one.tif", scene, 2.0)
    write_sidecar(folder / "scenes" / "one.tif", BANDS, datetime="2021-06-01T10:00:00Z")
    for name, value in (("cover.tif", 80), ("tcd_2015_a.tif", 80), ("tcd_2018_b.tif", 80), ("odd.tif", 120)):
        write_raster(folder / name, np.full((1, 20, 20), value, np.uint8), 10.0, nodata=None)
    write_raster(folder / "far.tif", np.full((1, 20, 20), 80, np.uint8), 10.0, origin=(LEFT + 90_000, TOP), nodata=None)
    (folder / "index.csv").write_text("path\ncover.tif\ngone.tif\n")
    catalogue_scenes(Project.open(folder))
    return folder


def correct(folder: Path, *rows: tuple[int, Polygon]) -> str:
    codes, shapes = zip(*rows, strict=True)
    table = {"class": codes, "author": "mk", "date": "2026-05-01", "reason": "seen in the field"}
    geopandas.GeoDataFrame(table, geometry=list(shapes), crs="EPSG:3035").to_file(folder / "c.gpkg", driver="GPKG")
    return '[reference]\ncorrections = "c.gpkg"\n' + COVER.format("cover.tif", "")


def square(left: float, size: float = 20) -> Polygon:
    return box(LEFT + left, TOP - size, LEFT + left + size, TOP)


BOW_TIE = Polygon([(LEFT, TOP), (LEFT + 9, TOP - 9), (LEFT + 9, TOP), (LEFT, TOP - 9)])
Case = str | Callable[[Path], str]


@pytest.mark.parametrize(
    ("settings", "wrong", "mend"),
    [
        (COVER.format("far.tif", ""), "covers nothing of the area", "register the tiles of this area"),
        (COVER.format("tcd_*.tif", ""), "files of different years", "register"),
        (COVER.format("tcd_2018_b.tif", "year = 2021"), "is of 2018 by its name", "year"),
        (COVER.format("odd.tif", ""), "holds values that a tree_cover_density layer does not have: 120", "kind"),
        (COVER.format("index.csv", ""), "names gone.tif, which is not there", "put the tile there or mend the index"),
        (lambda folder: correct(folder, (1, BOW_TIE)), "correction 1 is not a valid polygon", "fix geometries"),
        (
            lambda folder: correct(folder, (1, square(0)), (0, square(10))),
            "corrections 1 (class 1) and 2 (class 0) overlap and contradict each other",
            "cut one of the two polygons back",
        ),
    ],
    ids=["elsewhere", "years", "another year", "codes", "missing tile", "invalid polygon", "contradiction"],
)
def test_what_cannot_be_used_is_named_with_its_mend(
    bocage: Bocage, folder: Path, settings: Any, wrong: str, mend: str
) -> None:
    text = settings(folder) if callable(settings) else settings
    (folder / "bocage.toml").write_text(text, encoding="utf-8")
    status, _, err = bocage("labels", "build", "--project", folder)
    said = " ".join(err.split())
    assert status == 1
    assert wrong in said
    assert mend in said
    assert "Traceback" not in err
    assert not list((folder / "labels").glob("*.tif"))


def test_a_layer_of_another_year_than_the_scenes_is_used_and_told(bocage: Bocage, folder: Path) -> None:
    (folder / "bocage.toml").write_text(COVER.format("cover.tif", "year = 2012"), encoding="utf-8")
    status, _, err = bocage("labels", "build", "--project", folder)
    said = " ".join(err.split())
    assert status == 0
    assert "is of 2012, 9 years from the nearest scene" in said

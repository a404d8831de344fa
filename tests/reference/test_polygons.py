"""Polygons on the lattice: codes by the centre of the pixel, unknown ground, invariance, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from bocage.errors import LayerError
from bocage.grid import Window
from bocage.project import Project
from bocage.reference.layer import open_layer
from bocage.settings import LayerKind, LayerSettings

Maker = Callable[..., Project]
LEFT, TOP = 4_000_000.0, 3_000_000.0


def boxed(*sides: tuple[float, float, float, float]) -> list[shapely.Polygon]:
    """Return rectangles of (left, top, right, bottom) metres east and south of the corner of the tests."""
    return [shapely.box(LEFT + a, TOP - d, LEFT + c, TOP - b) for a, b, c, d in sides]


def write(path: Path, shapes: list[Any], crs: str | None = "EPSG:3035", **columns: Any) -> Path:
    table = geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_file(path)
    return path


def of(kind: LayerKind, path: Path, **more: Any) -> LayerSettings:
    return LayerSettings.model_validate({"kind": kind, "paths": (str(path),)} | more)


WINDOW = Window(2_000_000, -1_500_000, 10, 5)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".fgb", ".parquet"])
def test_urban_areas_are_burnt_by_the_centre_of_the_pixel(tmp_path: Path, make_project: Maker, suffix: str) -> None:
    crs = "EPSG:4326" if suffix == ".geojson" else "EPSG:3035"
    shapes = geopandas.GeoSeries(boxed((0, 0, 6.9, 10), (12, 0, 20, 5.1)), crs="EPSG:3035").to_crs(crs)
    path = write(tmp_path / f"urban{suffix}", list(shapes), crs, code_2021=["11100", "31000"])
    project = make_project(settings := of("urban", path))
    layer = open_layer(settings, project)
    reading = layer.read(project.grid, WINDOW)
    expected = np.zeros((5, 10), int)
    expected[:, :3], expected[:3, 6:] = 11100, 31000
    # 5.1 m reach beyond the centre of the third row of 2 m pixels.
    np.testing.assert_array_equal(np.where(reading.valid, reading.values, 0), expected)
    assert layer.gsd == 2.0


def test_outlines_without_codes_are_urban_and_background_says_what_lies_between(
    tmp_path: Path, make_project: Maker
) -> None:
    path = write(tmp_path / "towns.gpkg", boxed((0, 0, 4, 10), (8, 0, 12, 10)), name=["a", "b"])
    project = make_project()
    plain = open_layer(of("urban", path), project).read(project.grid, WINDOW)
    np.testing.assert_array_equal(plain.valid[0], [1, 1, 0, 0, 1, 1, 0, 0, 0, 0])
    filled = open_layer(of("urban", path, background=0), project).read(project.grid, WINDOW)
    # Nothing is said of the ground beyond the extent of the file.
    np.testing.assert_array_equal(filled.valid[0], [1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(filled.values[0, :6], [1, 1, 0, 0, 1, 1])


def test_zones_may_be_letters_and_the_first_of_overlapping_polygons_counts(tmp_path: Path, make_project: Maker) -> None:
    shapes = boxed((0, 0, 10, 10), (6, 0, 20, 10))
    path = write(tmp_path / "zones.gpkg", shapes, zone=["ATC", "CON"])
    project = make_project()
    reading = open_layer(of("environmental_zones", path, column="zone"), project).read(project.grid, WINDOW)
    np.testing.assert_array_equal(reading.values[0], [7] * 5 + [6] * 5)


def test_a_pixel_does_not_depend_on_the_window(tmp_path: Path, make_project: Maker, rng: np.random.Generator) -> None:
    corners = rng.uniform(0, 3000, (150, 2))
    # Corners in whole metres lie on the centres of pixels, where a rounding of GDAL could choose.
    shapes = [shapely.Point(LEFT + x, TOP - y).buffer(60, quad_segs=2) for x, y in np.rint(corners)]
    path = write(tmp_path / "woods.gpkg", shapes, code=rng.integers(1, 4, 150))
    project = make_project(settings := of("small_woody_features", path, year=2015))
    layer = open_layer(settings, project)
    whole = layer.files[0].window
    reference = layer.read(project.grid, whole)
    assert set(np.unique(reference.values[reference.valid])) == {1, 2, 3}
    for _ in range(15):
        column, row = (int(rng.integers(0, edge - 90)) for edge in (whole.width, whole.height))
        window = Window(whole.column + column, whole.row + row, int(rng.integers(1, 90)), int(rng.integers(1, 90)))
        part, where = layer.read(project.grid, window), window.slices(whole)
        np.testing.assert_array_equal(part.valid, reference.valid[where])
        np.testing.assert_array_equal(part.values, reference.values[where])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_what_cannot_be_a_layer_is_refused(tmp_path: Path, make_project: Maker) -> None:
    project = make_project()
    square = boxed((0, 0, 10, 10))
    cases: list[tuple[str, LayerSettings]] = [
        (
            "holds LineString",
            of("urban", write(tmp_path / "a.gpkg", [shapely.LineString(square[0].exterior)], code=[1])),
        ),
        ("no column of codes", of("environmental_zones", write(tmp_path / "b.gpkg", square, zone=["ATC"]))),
        ("no column 'zon'", of("environmental_zones", tmp_path / "b.gpkg", column="zon")),
        ("no coordinate reference system", of("urban", write(tmp_path / "c.shp", square, crs=None, code=[1]))),
        ("does not have: 9", of("urban", write(tmp_path / "d.gpkg", square, code=[9]))),
        ("no whole number", of("urban", write(tmp_path / "e.gpkg", square, code=["town"]))),
        ("is a raster", of("canopy_height", tmp_path / "d.gpkg")),
    ]
    bow = shapely.Polygon([(LEFT, TOP), (LEFT + 9, TOP - 9), (LEFT + 9, TOP), (LEFT, TOP - 9)])
    cases.append(("1 invalid polygons", of("urban", write(tmp_path / "f.gpkg", [bow], code=[1]))))
    (tmp_path / "g.gpkg").write_bytes(b"SQLite format 3\x00" + bytes(100))
    cases.append((r"g\.gpkg cannot be", of("urban", tmp_path / "g.gpkg")))
    for reason, settings in cases:
        with pytest.raises(LayerError, match=reason) as caught:
            open_layer(settings, project).read(project.grid, WINDOW)
        assert caught.value.mend

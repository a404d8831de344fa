"""Strata from optional layers of zones and towns."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon, box
from tests.samples.footprints import CELL, EAST, GRID, NORTH, cells_box, frame_of, patchwork, scene

from bocage.errors import SampleError
from bocage.samples.frame import Frame
from bocage.samples.strata import Strata, stratify
from bocage.samples.zones import read_codes


def row() -> Frame:
    """Three cells in a row; the one in the middle is shown by another sensor."""
    return frame_of(
        [
            scene("a", cells_box(0, 0, 1, 1), "PHR"),
            scene("b", cells_box(1, 0, 2, 1), "SPOT"),
            scene("c", cells_box(2, 0, 3, 1), "PHR"),
        ]
    )


def names_of(strata: Strata) -> list[str]:
    return [strata.names[index] for index in strata.stratum]


def zones_of(strata: Strata) -> list[str]:
    return [strata.zones[index] for index in strata.zone]


def write_codes(path: Path, codes: NDArray[np.generic], pixel: float, nodata: float | None = 0) -> Path:
    """Write a raster whose north-west corner is that of the first cell."""
    with rasterio.open(
        path, "w", driver="GTiff", height=codes.shape[0], width=codes.shape[1], count=1, dtype=codes.dtype,
        crs="EPSG:3035", transform=Affine(pixel, 0, EAST, 0, -pixel, NORTH + CELL), nodata=nodata,
    ) as file:  # fmt: skip
        file.write(codes, 1)
    return path


def write_zones(path: Path, zones: dict[str, Polygon], crs: str = "EPSG:3035") -> Path:
    table = geopandas.GeoDataFrame({"code": list(zones)}, geometry=list(zones.values()), crs="EPSG:3035").to_crs(crs)
    table.to_file(path)
    return path


def test_without_layers_all_is_one_rural_zone() -> None:
    strata = stratify(row())
    assert names_of(strata) == ["all/PHR/rural", "all/SPOT/rural", "all/PHR/rural"]
    assert strata.sizes == {"all/PHR/rural": 2, "all/SPOT/rural": 1}
    assert strata.urban.dtype == bool


def test_codes_of_rasters(tmp_path: Path) -> None:
    zones = write_codes(tmp_path / "zones.tif", np.array([[3, 3, 7, 0], [3, 3, 7, 0]], np.uint8), 60.0)
    urban = write_codes(tmp_path / "urban.tif", np.array([[0, 1, 1]], np.uint8), 100.0, nodata=None)
    strata = stratify(row(), zones=zones, urban=urban)
    assert zones_of(strata) == ["3", "7", "outside"]
    assert list(strata.urban) == [False, True, True]
    assert names_of(strata)[1] == "7/SPOT/urban"


def test_rasters_in_another_reference_system_and_of_large_codes(tmp_path: Path) -> None:
    corner = Point(EAST, NORTH)
    degrees = geopandas.GeoSeries([corner], crs="EPSG:3035").to_crs("EPSG:4326").iloc[0]
    with rasterio.open(
        tmp_path / "zones.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="int32", crs="EPSG:4326",
        transform=Affine(0.5, 0, degrees.x - 0.5, 0, -0.5, degrees.y + 0.5), nodata=-1,
    ) as file:  # fmt: skip
        file.write(np.array([[4, 1_234_567], [5, 6]], np.int32), 1)
    assert zones_of(stratify(row(), zones=tmp_path / "zones.tif")) == ["1234567"] * 3


def test_codes_of_polygons(tmp_path: Path) -> None:
    west, east = cells_box(0, 0, 1.3, 1), cells_box(1.3, 0, 2, 1)
    zones = write_zones(tmp_path / "zones.gpkg", {"ATN": west, "CON": east}, "EPSG:4326")
    assert zones_of(stratify(row(), zones=zones)) == ["ATN", "CON", "outside"]
    geopandas.read_file(zones).drop(columns="code").to_file(tmp_path / "bare.gpkg")
    with pytest.raises(SampleError, match=r"bare\.gpkg lacks a column 'code'"):
        stratify(row(), zones=tmp_path / "bare.gpkg")


def test_of_equal_parts_and_of_overlapping_polygons_the_first_counts(tmp_path: Path) -> None:
    halves = {"b": cells_box(0, 0, 0.5, 1), "a": cells_box(0.5, 0, 1, 1), "z": cells_box(1, 0, 3, 1)}
    assert zones_of(stratify(row(), zones=write_zones(tmp_path / "a.gpkg", halves))) == ["a", "z", "z"]
    doubled = {"first": cells_box(0, 0, 3, 1), "again": cells_box(0, 0, 3, 1)}
    assert zones_of(stratify(row(), zones=write_zones(tmp_path / "b.gpkg", doubled))) == ["first"] * 3


def test_towns_as_polygons_count_from_half_a_cell(tmp_path: Path) -> None:
    towns = {"1": cells_box(0, 0, 0.5, 1), "0": cells_box(1, 0, 2, 1), "2": cells_box(2, 0, 2.4, 1)}
    assert list(stratify(row(), urban=write_zones(tmp_path / "towns.gpkg", towns)).urban) == [True, False, False]


@given(st.integers(0, 500))
@settings(max_examples=15)
def test_raster_and_polygons_of_the_same_zones_agree(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("zones")
    # Pixels of a quarter of a cell, so that no point lies on a border.
    codes = rng.integers(0, 4, (24, 24)).astype(np.uint8)
    raster = write_codes(folder / "zones.tif", codes, CELL / 4)
    shapes = {}
    for code in (1, 2, 3):
        pieces = [
            box(EAST + x * 25, NORTH + 75 - y * 25, EAST + x * 25 + 25, NORTH + 100 - y * 25)
            for y, x in zip(*np.nonzero(codes == code), strict=True)
        ]
        shapes[str(code)] = geopandas.GeoSeries(pieces).union_all()
    frame = frame_of([scene("a", cells_box(0, -4, 7, 1))])
    places = frame.places[frame.distinct()]
    one = read_codes(raster, GRID, CELL, places)
    other = read_codes(write_zones(folder / "zones.gpkg", shapes), GRID, CELL, places)
    assert one.names == other.names
    np.testing.assert_array_equal(one.most, other.most)
    np.testing.assert_array_equal(one.occupied, other.occupied)


@given(st.integers(0, 500))
@settings(max_examples=30)
def test_strata_are_what_they_are_called_and_none_is_empty(seed: int) -> None:
    frame = frame_of(patchwork(seed, 8, 7))
    strata = stratify(frame)
    assert list(strata.names) == sorted(strata.names)
    assert all(size > 0 for size in strata.sizes.values())
    assert sum(strata.sizes.values()) == len(frame)
    assert names_of(strata) == [f"all/{frame.sensors[index]}/rural" for index in frame.scene]
    parts = strata.divide(np.arange(0, len(frame), 2), frame.scene[::2] % 2, ("even", "odd"))
    assert names_of(parts) == [
        f"{name}/{'odd' if index % 2 else 'even'}"
        for name, index in zip(names_of(strata)[::2], frame.scene[::2], strict=True)
    ]


def test_missing_damaged_and_foreign_layers_are_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"none\.tif is not there"):
        stratify(row(), urban=tmp_path / "none.tif")
    for name in ("bad.tif", "bad.gpkg"):
        (tmp_path / name).write_text("nothing")
        with pytest.raises(SampleError, match="cannot be read"):
            stratify(row(), zones=tmp_path / name)
    for path in (
        write_codes(tmp_path / "empty.tif", np.zeros((1, 3), np.uint8), 100.0),
        write_zones(tmp_path / "far.gpkg", {"a": cells_box(90, 0, 91, 1)}),
    ):
        with pytest.raises(SampleError, match=rf"{path.name} says nothing about any of the 3 cells"):
            stratify(row(), zones=path)
    measured = np.arange(24 * 24, dtype=np.float32).reshape(24, 24)
    with pytest.raises(SampleError, match=r"height\.tif holds \d+ values in one part of it: it is no map of codes"):
        stratify(
            frame_of([scene("a", cells_box(0, -2, 3, 1))]),
            zones=write_codes(tmp_path / "height.tif", measured, 100 / 8, None),
        )
    bow_tie = Polygon([(EAST, NORTH), (EAST + 9, NORTH + 9), (EAST + 9, NORTH), (EAST, NORTH + 9)])
    with pytest.raises(SampleError, match=r"tie\.gpkg has 1 missing or invalid polygons"):
        stratify(row(), zones=write_zones(tmp_path / "tie.gpkg", {"a": bow_tie}))

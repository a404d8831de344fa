"""Strata from optional layers of zones and towns."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import box
from tests.samples.conftest import EAST, NORTH, write_raster

from bocage.errors import SampleError
from bocage.grid import Grid
from bocage.samples.strata import add_strata

GRID = Grid("EPSG:3035", 2.0)


def frame() -> geopandas.GeoDataFrame:
    shapes = [box(EAST + x, NORTH - 100, EAST + x + 100, NORTH) for x in (0, 100, 200)]
    return geopandas.GeoDataFrame(
        {"cell_id": ["a", "b", "c"], "sensor": ["PHR", "SPOT", "PHR"]}, geometry=shapes, crs="EPSG:3035"
    )


def test_without_layers_all_is_one_rural_zone() -> None:
    table = add_strata(frame(), GRID)
    assert list(table["stratum"]) == ["all/PHR/rural", "all/SPOT/rural", "all/PHR/rural"]
    assert table["urban"].dtype == bool


def test_codes_of_rasters(tmp_path: Path) -> None:
    zones = np.array([[[3, 3, 7, 0]]], np.uint8)
    write_raster(tmp_path / "zones.tif", zones, 60.0, origin=(EAST, NORTH))
    write_raster(tmp_path / "urban.tif", np.array([[[0, 1, 1]]], np.uint8), 100.0, nodata=None)
    table = add_strata(frame(), GRID, zones=tmp_path / "zones.tif", urban=tmp_path / "urban.tif")
    assert list(table["zone"]) == ["3", "7", "outside"]
    assert list(table["urban"]) == [False, True, True]
    assert table["stratum"].iloc[1] == "7/SPOT/urban"


def test_codes_of_polygons(tmp_path: Path) -> None:
    shapes = [box(EAST, NORTH - 100, EAST + 130, NORTH), box(EAST + 130, NORTH - 100, EAST + 200, NORTH)]
    zones = geopandas.GeoDataFrame({"code": ["ATN", "CON"]}, geometry=shapes, crs="EPSG:3035").to_crs("EPSG:4326")
    zones.to_file(tmp_path / "zones.gpkg")
    table = add_strata(frame(), GRID, zones=tmp_path / "zones.gpkg")
    assert list(table["zone"]) == ["ATN", "CON", "outside"]
    zones.drop(columns="code").to_file(tmp_path / "bare.gpkg")
    with pytest.raises(SampleError, match=r"bare\.gpkg lacks a column 'code'"):
        add_strata(frame(), GRID, zones=tmp_path / "bare.gpkg")


def test_missing_and_damaged_layers_are_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"none\.tif is not there"):
        add_strata(frame(), GRID, urban=tmp_path / "none.tif")
    for name in ("bad.tif", "bad.gpkg"):
        (tmp_path / name).write_text("nothing")
        with pytest.raises(SampleError, match="cannot be read"):
            add_strata(frame(), GRID, zones=tmp_path / name)

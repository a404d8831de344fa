import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from bocage.errors import ProductError
from bocage.products import check_products
from bocage.products.conformance import check_file, compare_areas
from bocage.products.verdict import Verdict

Copy = Callable[[str], Path]
SWF, DENSITY, VECTOR = "swf_s2021_r5m", "swf_s2021_r100m", "swf_s2021_vec"


def failures(verdicts: list[Verdict]) -> set[str]:
    return {verdict.rule for verdict in verdicts if not verdict.passed}


def rewrite(path: Path, *, colours: bool | dict[int, tuple[int, int, int, int]] = True, **changes: Any) -> None:
    """Write a raster again with another profile; ``array`` replaces its values."""
    with rasterio.open(path) as file:
        profile, array, table = file.profile, file.read(1), file.colormap(1)
    array = changes.pop("array", lambda values: values)(array)
    profile = {**profile, "driver": "GTiff", "dtype": array.dtype, **changes}
    profile["height"], profile["width"] = array.shape
    bands = np.stack([array] * profile["count"])
    path.unlink()
    with rasterio.open(path, "w", **profile) as file:
        file.write(bands)
        if colours is not False and array.dtype == np.uint8:
            file.write_colormap(1, table if colours is True else {**table, **colours})


def moved(path: Path, x: float, y: float, scale: float = 1.0) -> Any:
    with rasterio.open(path) as file:
        return Affine.translation(x, y) @ file.transform @ Affine.scale(scale)


BROKEN_RASTERS: list[tuple[str, str, Callable[[Path], dict[str, Any]]]] = [
    ("crs", SWF, lambda path: {"crs": "EPSG:32632"}),
    ("origin", SWF, lambda path: {"transform": moved(path, 5, 0)}),
    ("origin", DENSITY, lambda path: {"transform": moved(path, 100, -200)}),
    ("pixel size", SWF, lambda path: {"transform": moved(path, 0, 0, 0.8)}),
    ("bands", SWF, lambda path: {"count": 2, "photometric": "minisblack"}),
    ("data type", SWF, lambda path: {"array": lambda values: values.astype(np.uint16)}),
    ("compression", SWF, lambda path: {"compress": "deflate"}),
    ("tiling", SWF, lambda path: {"tiled": False, "blockxsize": None, "blockysize": None}),
    ("nodata", SWF, lambda path: {"nodata": 0}),
    ("codes", SWF, lambda path: {"array": lambda values: np.where(values == 1, 7, values).astype(np.uint8)}),
    ("codes", DENSITY, lambda path: {"array": lambda values: np.where(values == 0, 101, values).astype(np.uint8)}),
    ("colour table", SWF, lambda path: {"colours": False}),
    ("colour table", SWF, lambda path: {"colours": {1: (1, 2, 3, 255)}}),
]


@pytest.mark.parametrize(("rule", "part", "change"), BROKEN_RASTERS)
def test_a_broken_raster_fails_its_rule(
    rule: str, part: str, change: Callable[[Path], dict[str, Any]], copied: Copy
) -> None:
    path = copied(part)
    assert failures(check_file(path)[0]) == set()
    rewrite(path, **change(path))
    found = failures(check_file(path)[0])
    assert rule in found
    # A table of colours exists for bytes only.
    assert found - {rule} <= ({"colour table"} if rule == "data type" else set())


def shifted(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Move the second polygon onto the first."""
    first, second = frame.geometry.iloc[0].centroid, frame.geometry.iloc[1].centroid
    geometry = frame.geometry.copy()
    geometry.iloc[1] = shapely.affinity.translate(geometry.iloc[0], 1.0, 1.0)
    assert first != second
    return frame.set_geometry(geometry).assign(area=geometry.area)


def cut(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut the first polygon in two that share a border."""
    left, bottom, right, top = frame.geometry.iloc[0].bounds
    halves = [shapely.box(left, bottom, right, top), shapely.box(right, bottom, right + 20, top)]
    two = frame.iloc[[0, 0]].set_geometry(halves, crs=frame.crs)
    return two.assign(area=two.geometry.area)


def bow_tie(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    geometry = frame.geometry.copy()
    geometry.iloc[0] = tie
    return frame.set_geometry(geometry).assign(area=geometry.area)


def two_parts(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    both = shapely.MultiPolygon([frame.geometry.iloc[0], frame.geometry.iloc[1]])
    rest = frame.iloc[[0]].set_geometry([both], crs=frame.crs)
    return rest.assign(area=both.area)


BROKEN_VECTORS: list[tuple[str, Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]]] = [
    ("crs", lambda frame: frame.set_crs("EPSG:32632", allow_override=True)),
    ("columns", lambda frame: frame.drop(columns="area")),
    ("code", lambda frame: frame.assign(code=2)),
    ("code", lambda frame: frame.assign(code="1")),
    ("class name", lambda frame: frame.assign(class_name="trees")),
    ("area", lambda frame: frame.assign(area=frame["area"] + 0.6)),
    ("single part", two_parts),
    ("valid", bow_tie),
    ("overlap", shifted),
    ("neighbours", cut),
]


@pytest.mark.parametrize(("rule", "change"), BROKEN_VECTORS)
def test_a_broken_vector_fails_its_rule(
    rule: str, change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame], copied: Copy
) -> None:
    path = copied(VECTOR)
    frame = gpd.read_file(path)
    path.unlink()
    change(frame).to_file(path, driver="GPKG")
    found = failures(check_file(path)[0])
    assert rule in found
    # Polygons that overlap also share outlines.
    assert found - {rule} <= ({"neighbours"} if rule == "overlap" else set())


def test_areas_may_differ_by_half_a_square_metre(copied: Copy) -> None:
    path = copied(VECTOR)
    frame = gpd.read_file(path)
    frame.assign(area=frame["area"] + 0.4).to_file(path, driver="GPKG")
    assert failures(check_file(path)[0]) == set()


def test_raster_and_vector_must_agree(copied: Copy) -> None:
    raster, vector = copied(SWF), copied(VECTOR)
    assert compare_areas(raster, vector).passed
    frame = gpd.read_file(vector)
    frame.drop(index=frame["area"].idxmax()).to_file(vector, driver="GPKG")
    verdicts = check_products(vector.parent)
    assert failures(verdicts) == {"raster and vector"}


def test_other_names_fail_naming(copied: Copy) -> None:
    path = copied(SWF)
    path.rename(path.with_name("swf.tif"))
    assert [(verdict.rule, verdict.passed) for verdict in check_products(path.parent)] == [("naming", False)]


@pytest.mark.parametrize("part", [SWF, VECTOR])
def test_a_damaged_file_is_named_as_unreadable(part: str, copied: Copy) -> None:
    path = copied(part)
    path.write_bytes(path.read_bytes()[:200])
    verdicts = check_products(path.parent)
    assert failures(verdicts) == {"readable"}
    assert verdicts[-1].file == path.name


def test_a_folder_without_products_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="no product"):
        check_products(tmp_path)


@pytest.mark.real
def test_verdicts_on_the_real_layers_of_2015(data_folder: Path, tmp_path: Path) -> None:
    """The published files hold to the rules of their year, but for one polygon that was altered on purpose."""
    for archive in sorted((data_folder / "clms").glob("swf_2015_*.zip")):
        with zipfile.ZipFile(archive) as content:
            content.extractall(tmp_path)
    folders = sorted({path.parent for path in tmp_path.rglob("*") if path.suffix in {".tif", ".shp"}})
    found = {verdict.file: set[str]() for folder in folders for verdict in check_products(folder)}
    for folder in folders:
        for verdict in check_products(folder):
            if not verdict.passed:
                found[verdict.file].add(verdict.rule)
    raster, vector = "swf_2015_005m_FR_3035_123_pt01.tif", "swf_2015_vec_FR_3035_123_pt01.shp"
    assert found[raster] == set()
    # The provider has stretched one polygon without its area, to have the checks find it.
    assert found[vector] == {"area"}
    assert compare_areas(next(tmp_path.rglob(raster)), next(tmp_path.rglob(vector))).passed
    assert all(found[name] == set() for name in found if "_100m_" in name)

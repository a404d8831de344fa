"""The rules of the service for one file of polygons (Copernicus quality tools 2.4.5, HRL SLF)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError

from bocage.features.derivation import CLASS_NAME, CODE
from bocage.products.naming import ProductName
from bocage.products.raster_rules import epsg_code
from bocage.products.verdict import Verdict

# Largest difference between the column "area" and the area of the polygon, m2.
AREA_TOLERANCE = 0.5
_CODES_2015 = ("1", "2", "3")
# Shorter shared borders (m) and smaller shared areas (m2) come from rounding of coordinates.
_ROUNDING = 1e-4


def read_polygons(path: Path) -> gpd.GeoDataFrame:
    """Read a vector product.

    Raises
    ------
    DataSourceError, ArrowException, OSError, ValueError
        If the file cannot be read.
    """
    return gpd.read_parquet(path) if path.suffix == ".parquet" else pyogrio.read_dataframe(path)


def check_vector(path: Path, name: ProductName) -> list[Verdict]:
    """Check one file of polygons against every rule for the layer that its name says it is."""
    try:
        features = read_polygons(path)
    except (DataSourceError, pa.ArrowException, OSError, ValueError) as error:
        return [Verdict(path.name, "readable", False, str(error))]
    if not isinstance(features, gpd.GeoDataFrame):
        return [Verdict(path.name, "readable", False, "holds no geometries")]
    return [Verdict(path.name, *found) for found in _rules(features, name)]


def _rules(features: gpd.GeoDataFrame, name: ProductName) -> Iterator[tuple[str, bool, str]]:
    epsg = epsg_code(features.crs.to_wkt() if features.crs else None)
    yield "crs", epsg == name.epsg, f"EPSG:{epsg}, the name says EPSG:{name.epsg}"
    missing = [column for column in ("code", "area", "class_name") if column not in features]
    yield "columns", not missing, f"missing {missing}" if missing else "code, area, class_name"
    if "code" in features:
        yield _code_rule(features, name)
    if "class_name" in features and name.year > 2015:
        other = sorted(set(features["class_name"]) - {CLASS_NAME})
        yield "class name", not other, f"found {other[:3]}" if other else CLASS_NAME
    geometries = np.asarray(features.geometry.values, object)
    single = (shapely.get_type_id(geometries) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(geometries)
    yield "single part", bool(single.all()), _rows(~single, "not one polygon")
    valid = shapely.is_valid(geometries)
    yield "valid", bool(valid.all()), _rows(~valid, "not valid")
    if "area" in features:
        wrong = np.abs(shapely.area(geometries) - features["area"].to_numpy(float)) > AREA_TOLERANCE
        yield "area", not wrong.any(), _rows(wrong, f"more than {AREA_TOLERANCE} m2 off")
    usable = geometries[valid & single]
    codes = features["code"].to_numpy()[valid & single] if "code" in features else np.zeros(len(usable))
    first, second = touching_pairs(usable)
    shared = shapely.intersection(usable[first], usable[second])
    overlapping = shapely.area(shared) > _ROUNDING
    yield "overlap", not overlapping.any(), f"{int(overlapping.sum())} pairs of polygons overlap"
    neighbours = (codes[first] == codes[second]) & (shapely.length(shared) > _ROUNDING)
    yield "neighbours", not neighbours.any(), f"{int(neighbours.sum())} pairs of one code share a border"


def touching_pairs(geometries: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of geometries that have a point in common, each pair once."""
    first, second = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    once = first < second
    return first[once], second[once]


def _code_rule(features: gpd.GeoDataFrame, name: ProductName) -> tuple[str, bool, str]:
    if name.year == 2015:
        other = sorted(set(map(str, features["code"])) - set(_CODES_2015))
        return "code", not other, f"found {other[:5]}, expected {', '.join(_CODES_2015)}"
    whole = pd.api.types.is_integer_dtype(features["code"])
    right = bool(whole and (features["code"] == CODE).all())
    return "code", right, f"{features['code'].dtype}, expected the integer {CODE} everywhere"


def _rows(wrong: NDArray[np.bool_], what: str) -> str:
    places = np.flatnonzero(wrong)
    return f"{len(places)} polygons {what}" + (f", first in row {places[0]}" if len(places) else "")

"""From Bocage's features, of which a hedge and the grove that it leads to are two, to the polygons of the service.

The service allows no two polygons of one code to share a border, so features that do are merged.
"""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio.features
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bocage.features.classes import Kind
from bocage.features.derivation import CLASS_NAME, CODE
from bocage.grid import Grid, Window
from bocage.products.colours import OUTSIDE
from bocage.products.naming import Convention

# Shorter shared borders, in metres, come from rounding of coordinates.
_ROUNDING = 1e-4
_MEANS = ("height_m", "crop_share", "confidence")
# Code of additional woody features in 2015.
ADDITIONAL = 3
_CLASS_NAMES = {str(CODE): CLASS_NAME}
_CLASS_NAMES_2015 = {
    "1": "Linear structures of trees, hedges, bushes and scrub",
    "2": "Patchy structures of trees, hedges, bushes and scrub",
    "3": "Additional woody features",
}


def merged(features: gpd.GeoDataFrame, convention: Convention = "2021") -> gpd.GeoDataFrame:
    """Merge features of one code that share a border; those that meet in a point only stay apart.

    Since 2018 the service has one code. That of 2015 told linear features ("1"), patchy ones ("2") and additional woody
    features ("3", isolated or connected) apart, as text.

    Returns
    -------
    geopandas.GeoDataFrame
        ``code``, ``area`` (m2, of the geometry), ``class_name``; ``slf_type``, ``slf_class`` and ``feature_id`` of the
        largest part; ``parts`` (their number); ``length_m`` (sum), ``width_m`` (area / length before simplification);
        ``height_m``, ``crop_share`` and ``confidence`` (means weighted with area, NaN where no part has one);
        ``truncated`` (whether any part is).
    """
    geometries = np.asarray(features.geometry.values, object)
    codes = codes_of_features(features, convention)
    group = _groups(geometries, codes)
    table = pd.DataFrame(features.drop(columns=["geometry", "class_name"])).assign(group=group, code=codes)
    largest = table.sort_values(["area", "feature_id"], ascending=[False, True]).groupby("group").first()
    sums = table.assign(cells=table["width_m"] * table["length_m"]).groupby("group")
    length, cells = sums["length_m"].sum(), sums["cells"].sum()
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(len(largest) + 1))
    outlines = [_union(geometries[order[start:stop]]) for start, stop in pairwise(bounds)]
    code = largest["code"]
    columns = {
        "feature_id": largest["feature_id"].astype("str"),
        "code": code.astype("str") if convention == "2015" else code.astype(np.int32),
        "area": shapely.area(np.asarray(outlines, object)).astype(np.float64),
        "class_name": code.astype("str").map(_CLASS_NAMES_2015 if convention == "2015" else _CLASS_NAMES).astype("str"),
        "slf_type": largest["slf_type"].astype("str"),
        "slf_class": largest["slf_class"].astype(np.int16),
        "parts": sums.size().astype(np.int32),
        "width_m": (cells / length).astype(np.float64),
        "length_m": length.astype(np.float64),
        **{name: _weighted(table, name) for name in _MEANS},
        "truncated": sums["truncated"].any().astype(bool),
    }
    return gpd.GeoDataFrame(columns, geometry=outlines, crs=features.crs)


def codes_of_features(features: gpd.GeoDataFrame, convention: Convention) -> NDArray[np.int32]:
    """Return the code that each feature has in a release, as a number."""
    if convention != "2015":
        return np.full(len(features), CODE, np.int32)
    kinds = features["slf_class"].to_numpy()
    additional = ~np.isin(kinds, (Kind.LINEAR, Kind.PATCHY))
    return np.where(additional, ADDITIONAL, kinds).astype(np.int32)


def drawn(features: gpd.GeoDataFrame, woody: NDArray[np.uint8], grid: Grid, window: Window) -> NDArray[np.uint8]:
    """Return the 5 m layer: 1 where a cell's centre lies in a polygon, 0 elsewhere, 255 where ``woody`` is unknown.

    The layer is drawn from the polygons, as the method description of 2021 does, so that both say the same. Additional
    woody features of 2015 are 3; linear and patchy ones are 1 alike, as in the files of that year.
    """
    result = np.zeros(window.shape, np.uint8)
    if len(features):
        additional = features["code"].astype(str) == str(ADDITIONAL)
        shapes = zip(features.geometry, np.where(additional, ADDITIONAL, CODE).tolist(), strict=True)
        rasterio.features.rasterize(shapes, out=result, transform=grid.transform(window))
    result[woody == OUTSIDE] = OUTSIDE
    return result


def touching_pairs(geometries: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of geometries that have a point in common, each pair once."""
    first, second = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    once = first < second
    return first[once], second[once]


def _groups(geometries: NDArray[np.object_], codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return a number per geometry, the same for those of one code that hang together by shared borders."""
    first, second = touching_pairs(geometries)
    alike = codes[first] == codes[second]
    first, second = first[alike], second[alike]
    border = shapely.length(shapely.intersection(geometries[first], geometries[second])) > _ROUNDING
    size = len(geometries)
    links = coo_array((np.ones(int(border.sum()), np.int8), (first[border], second[border])), shape=(size, size))
    if not size:
        return np.zeros(0, np.int32)
    _, group = connected_components(links, directed=False)
    return np.asarray(pd.factorize(group)[0], np.int32)


def _union(parts: NDArray[np.object_]) -> shapely.Polygon:
    return parts[0] if len(parts) == 1 else shapely.orient_polygons(shapely.union_all(parts))


def _weighted(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the mean of a column per group, weighted with the area of the rows that have a value."""
    known = table[column].notna()
    weight = table["area"].where(known, 0.0)
    total = (table[column].fillna(0.0) * weight).groupby(table["group"]).sum()
    area = weight.groupby(table["group"]).sum()
    return (total / area.where(area > 0)).astype(np.float64)

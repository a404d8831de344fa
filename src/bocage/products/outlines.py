"""From Bocage's features, of which a hedge and the grove that it leads to are two, to the polygons of the service.

The service has one code and allows no two polygons of one code to share a border, so features that do are merged.
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

from bocage.features.derivation import CLASS_NAME, CODE
from bocage.grid import Grid, Window
from bocage.products.colours import OUTSIDE
from bocage.products.conformance.polygons import touching_pairs

# Shorter shared borders, in metres, come from rounding of coordinates.
_ROUNDING = 1e-4
_MEANS = ("height_m", "crop_share", "confidence")


def merged(features: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Merge features that share a border; those that meet in a point only stay apart.

    Returns
    -------
    geopandas.GeoDataFrame
        ``code``, ``area`` (m2, of the geometry), ``class_name``; ``slf_type``, ``slf_class`` and ``feature_id`` of the
        largest part; ``parts`` (their number); ``length_m`` (sum), ``width_m`` (area / length before simplification);
        ``height_m``, ``crop_share`` and ``confidence`` (means weighted with area, NaN where no part has one);
        ``truncated`` (whether any part is).
    """
    geometries = np.asarray(features.geometry.values, object)
    group = _groups(geometries)
    table = pd.DataFrame(features.drop(columns=["geometry", "code", "class_name"])).assign(group=group)
    largest = table.sort_values(["area", "feature_id"], ascending=[False, True]).groupby("group").first()
    sums = table.assign(cells=table["width_m"] * table["length_m"]).groupby("group")
    length, cells = sums["length_m"].sum(), sums["cells"].sum()
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(len(largest) + 1))
    outlines = [_union(geometries[order[start:stop]]) for start, stop in pairwise(bounds)]
    columns = {
        "feature_id": largest["feature_id"].astype("str"),
        "code": np.full(len(largest), CODE, np.int32),
        "area": shapely.area(np.asarray(outlines, object)).astype(np.float64),
        "class_name": pd.Series([CLASS_NAME] * len(largest), dtype="str"),
        "slf_type": largest["slf_type"].astype("str"),
        "slf_class": largest["slf_class"].astype(np.int16),
        "parts": sums.size().astype(np.int32),
        "width_m": (cells / length).astype(np.float64),
        "length_m": length.astype(np.float64),
        **{name: _weighted(table, name) for name in _MEANS},
        "truncated": sums["truncated"].any().astype(bool),
    }
    return gpd.GeoDataFrame(columns, geometry=outlines, crs=features.crs)


def drawn(features: gpd.GeoDataFrame, woody: NDArray[np.uint8], grid: Grid, window: Window) -> NDArray[np.uint8]:
    """Return the 5 m layer: 1 where a cell's centre lies in a polygon, 0 elsewhere, 255 where ``woody`` is unknown.

    The layer is drawn from the polygons, as the method description of 2021 does, so that both say the same.
    """
    result = np.zeros(window.shape, np.uint8)
    if len(features):
        rasterio.features.rasterize(features.geometry, out=result, transform=grid.transform(window), default_value=1)
    result[woody == OUTSIDE] = OUTSIDE
    return result


def _groups(geometries: NDArray[np.object_]) -> NDArray[np.int32]:
    """Return a number per geometry, the same for those that hang together by shared borders, in order of first row."""
    first, second = touching_pairs(geometries)
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

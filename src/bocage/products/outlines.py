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
from bocage.products.rounding import compactness, rounded

# Shorter shared borders, in metres, come from rounding of coordinates.
_ROUNDING = 1e-4
# Code of additional woody features in 2015.
ADDITIONAL = 3
# The quality tool's limits on the shapes of 2015: compactness of a linear feature, area of a patchy one in m2.
_MOST_COMPACT, _PATCHY_2015 = 0.75, (200.0, 5000.0)
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
        The columns of the service: ``code``, ``area`` (m2, of the geometry) and ``class_name``.
    """
    geometries = np.asarray(features.geometry.values, object)
    if convention == "2015":
        geometries = _rounded_patches(geometries, features["slf_class"].to_numpy())
    codes = codes_of_features(geometries, features, convention)
    group, outlines = _united(geometries, codes)
    while convention == "2015":
        # A union may have another shape than its parts: what is of neither kind any more is an additional feature.
        unfit = _unfit(outlines, codes[np.unique(group, return_index=True)[1]])
        if not unfit.any():
            break
        codes[unfit[group]] = ADDITIONAL
        group, outlines = _united(geometries, codes)
    code = pd.Series(codes[np.unique(group, return_index=True)[1]])
    names = _CLASS_NAMES_2015 if convention == "2015" else _CLASS_NAMES
    columns = {
        "code": code.astype("str") if convention == "2015" else code.astype(np.int32),
        "area": shapely.area(np.asarray(outlines, object)).astype(np.float64),
        "class_name": code.astype("str").map(names).astype("str"),
    }
    return gpd.GeoDataFrame(columns, geometry=outlines, crs=features.crs)


def codes_of_features(
    geometries: NDArray[np.object_], features: gpd.GeoDataFrame, convention: Convention
) -> NDArray[np.int32]:
    """Return the code that each feature has in a release, as a number, by its outline as it is delivered."""
    if convention != "2015":
        return np.full(len(features), CODE, np.int32)
    kinds = features["slf_class"].to_numpy()
    found = np.isin(kinds, (Kind.LINEAR, Kind.PATCHY))
    compact = compactness(geometries) > _MOST_COMPACT
    # The quality tool goes by the outline alone. A patch that is not compact is neither: it is too wide for a line.
    codes = np.full(len(features), ADDITIONAL, np.int32)
    codes[found & compact] = Kind.PATCHY
    codes[(kinds == Kind.LINEAR) & ~compact] = Kind.LINEAR
    return codes


def _rounded_patches(geometries: NDArray[np.object_], kinds: NDArray[np.int_]) -> NDArray[np.object_]:
    """Round the patches that are not compact but for the steps of their outline; those that touch others stay."""
    result = geometries.copy()
    steps = (kinds == Kind.PATCHY) & (compactness(geometries) <= _MOST_COMPACT)
    steps[np.concatenate(touching_pairs(geometries))] = False
    for row in np.flatnonzero(steps):
        result[row] = rounded(geometries[row])
    no_use = steps & (compactness(result) <= _MOST_COMPACT)
    result[no_use] = geometries[no_use]
    moved = np.concatenate(touching_pairs(result)) if steps.any() else np.zeros(0, np.int64)
    back = moved[steps[moved]]
    result[back] = geometries[back]
    return result


def _unfit(outlines: list[shapely.Polygon], codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which outlines are not what their code of 2015 says: linear, or patchy of 200 to 5000 m2."""
    shapes = np.asarray(outlines, object)
    compact, area = compactness(shapes) > _MOST_COMPACT, shapely.area(shapes)
    patchy = compact & (area >= _PATCHY_2015[0]) & (area <= _PATCHY_2015[1])
    return np.asarray(((codes == Kind.LINEAR) & compact) | ((codes == Kind.PATCHY) & ~patchy), bool)


def _united(
    geometries: NDArray[np.object_], codes: NDArray[np.int32]
) -> tuple[NDArray[np.int32], list[shapely.Polygon]]:
    """Return the group of each feature, and the outline of each group of neighbours of one code."""
    group = _groups(geometries, codes)
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(group.max(initial=-1) + 2))
    return group, [_union(geometries[order[start:stop]]) for start, stop in pairwise(bounds)]


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

"""Street trees: woody vegetation within towns (method description of HRL SLF v1.1, 3.3.2 and "Street Tree Layer").

1. Urban mask: artificial surfaces of the Urban Atlas (classes that begin with 1) without roads and railways, dilated
   and eroded again, which takes in the streets within a town and leaves out those between towns. The method
   description does not say how far; here it is a setting.
2. Woody cells within the mask become polygons, simplified with Douglas and Peucker's rule and 5 m.
3. Polygons of less than 500 m2 are dropped. There is no smallest width since 2021.

The rule of Douglas and Peucker moves each outline by up to 5 m, so two trees 5 m apart could come to overlap. Polygons
that would do so are simplified with half the tolerance, and so on, until they do not.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray

from bocage.features.morphology import grow
from bocage.products.pieces import outlines, pieces_of
from bocage.reference.codes import URBAN_ATLAS_ARTIFICIAL

ROADS = (12210, 12220, 12230)
BUILT_UP = tuple(code for code in URBAN_ATLAS_ARTIFICIAL if code not in ROADS)
SMALLEST = 500.0
TOLERANCE = 5.0
# Below this share of the tolerance the cell edges are kept as they are.
_LEAST = 0.05


def urban_mask(built_up: NDArray[np.bool_], gap: float, resolution: float) -> NDArray[np.bool_]:
    """Return built-up cells with the gaps closed that are narrower than twice ``gap`` metres.

    Nothing is known beyond the array's edge, so it should reach ``gap`` beyond the town.
    """
    if not built_up.any():
        return built_up
    # The frame keeps what lies within the array from being eroded at its edge.
    margin = int(np.ceil(gap / resolution)) + 1
    framed = np.pad(grow(built_up, gap, resolution), margin, mode="edge")
    closed = ~grow(~framed, gap, resolution)
    return np.asarray(closed[margin:-margin, margin:-margin] | built_up, bool)


def street_trees(
    woody: NDArray[np.bool_], urban: NDArray[np.bool_], transform: Affine, crs: str, town: tuple[str, str, str]
) -> gpd.GeoDataFrame:
    """Return the street trees of a town.

    Parameters
    ----------
    woody, urban
        (rows, columns): the woody vegetation layer and the urban mask.
    transform
        North up, square cells in metres.
    town
        Country, name and code of the functional urban area.

    Returns
    -------
    geopandas.GeoDataFrame
        ``country``, ``fua_name``, ``fua_code``, ``stl`` 1, ``perimeter`` (m) and ``area`` (m2) of polygons of one part,
        at least 500 m2 each, that do not overlap.
    """
    pieces = pieces_of(woody & urban)
    large = pieces_of(pieces.where(pieces.cells() * transform.a**2 >= SMALLEST))
    shapes = simplified(outlines(large, transform), TOLERANCE)
    shapes = shapes[shapely.area(shapes) >= SMALLEST]
    country, name, code = town
    columns = {
        "country": pd.Series([country] * len(shapes), dtype="str"),
        "fua_name": pd.Series([name] * len(shapes), dtype="str"),
        "fua_code": pd.Series([code] * len(shapes), dtype="str"),
        "stl": np.ones(len(shapes), np.int32),
        "perimeter": shapely.length(shapes).astype(np.float64),
        "area": shapely.area(shapes).astype(np.float64),
    }
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


def simplified(shapes: NDArray[np.object_], tolerance: float) -> NDArray[np.object_]:
    """Return polygons simplified by Douglas and Peucker's rule, valid, of one part and without overlap.

    ``tolerance`` is the largest distance in the units of the coordinates. Where two would come to touch, both are
    simplified less; the polygons themselves must not touch.
    """
    allowed = np.full(len(shapes), tolerance)
    result = shapely.simplify(shapes, allowed, preserve_topology=True)
    while True:
        first, second = shapely.STRtree(result).query(result, predicate="intersects")
        clashing = np.unique(first[first != second])
        if not len(clashing):
            break
        halved = allowed[clashing] / 2
        allowed[clashing] = np.where(halved < tolerance * _LEAST, 0.0, halved)
        result[clashing] = shapely.simplify(shapes[clashing], allowed[clashing], preserve_topology=True)
    return np.asarray(shapely.orient_polygons(result), object)

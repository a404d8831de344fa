"""The pure core: from woody cells to a table of features. It touches no file and needs no project."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from bocage.errors import FeatureError
from bocage.features.classes import Kind, Planes, classify, crop_shares
from bocage.features.frame import TILE, Frame
from bocage.features.masks import UNKNOWN, forest_mask
from bocage.features.measuring import measure
from bocage.features.patches import Layer, Surroundings
from bocage.features.profiles import Profile, profile_of
from bocage.features.sums import ONE, Sums
from bocage.features.types import COLUMNS as TYPE_COLUMNS
from bocage.features.types import type_columns
from bocage.features.vectors import located
from bocage.features.widths import widths_of
from bocage.grid import Window

CLASS_NAME = "Small structures of trees, hedges, bushes and scrub"
CODE = 1
# Planes of one byte per cell are held in memory, about 8 bytes at the peak, beside the features: 5 GB at this size,
# which is a production cell of 100 km at 5 m with its margin.
MOST_CELLS = 500_000_000

_COLUMNS = {
    "feature_id": "str",
    "code": "int32",
    "class_name": "str",
    "area": "float64",
    "slf_class": "int16",
    "width_m": "float64",
    "length_m": "float64",
    "height_m": "float64",
    "crop_share": "float64",
    "confidence": "float64",
    "truncated": "bool",
    **TYPE_COLUMNS,
}


def features_of(
    mask: NDArray[np.bool_],
    transform: Affine,
    crs: str,
    *,
    valid: NDArray[np.bool_] | None = None,
    profile: Profile | str = "2021",
    forest: NDArray[np.bool_] | None = None,
    crop: NDArray[np.uint8] | None = None,
    height: NDArray[np.floating] | None = None,
    probability: NDArray[np.floating] | None = None,
    tile: int | None = None,
    types: bool = True,
) -> gpd.GeoDataFrame:
    """Return the small landscape features among woody cells.

    The mask is worked by tiles; a mask of more than ``MOST_CELLS`` cells is refused.

    Parameters
    ----------
    mask
        (rows, columns), True where woody vegetation stands.
    transform, crs
        Where the mask lies: square cells, north up, a projected system in metres.
    valid
        True where the ground is known. Unknown cells are neither woody nor background: next to them nothing is taken to
        be narrow, and a feature that touches one, or the edge of the array, is flagged ``truncated``; its measures
        are those of the part that is seen.
    profile
        The rules, by name ("2015", "2018", "2021") or as a :class:`Profile`.
    forest
        True inside the forest mask, where nothing is a feature; derived from ``mask`` if not given.
    crop
        1 crops, 0 none, 255 unknown.
    height
        Canopy height in metres, NaN where unknown.
    probability
        Probability of woody vegetation 0 to 1, NaN where unknown.
    tile
        Edge in cells of the tiles by which the mask is worked; the result does not depend on it.
    types
        Whether types are told; without, the table has no columns of :data:`bocage.features.types.COLUMNS`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row per feature, in reading order: ``feature_id`` (column_row of its first cell on the lattice of the
        coordinate reference system), ``code`` 1, ``class_name``, ``area`` (m2, of the geometry), ``slf_class`` (1
        linear, 2 patchy, 3 isolated, 5 connected), ``width_m`` and ``length_m`` = cell area / width, ``height_m``,
        ``crop_share`` and ``confidence`` (means over the feature's known cells; NaN if there are none), ``truncated``,
        ``geometry``, and the type with its measures (:data:`bocage.features.types.COLUMNS`): ``slf_type`` is the
        likeliest by what is known, ``type_confidence`` how likely. Features of unlike class may share a border.

    Raises
    ------
    FeatureError
        If the arrays differ in shape, the cells are not square and north-up, the system is not in metres, or the mask
        is too large.
    """
    rules = profile_of(profile)
    _check(mask, transform, crs, (valid, forest, crop, height, probability))
    resolution = float(transform.a)
    west, north = round(transform.c / resolution), round(-transform.f / resolution)
    frame = Frame(Window(west, north, mask.shape[1], mask.shape[0]), tile or TILE)
    woody = mask.astype(np.uint8)
    if valid is not None:
        woody[~valid] = UNKNOWN
    wooded = (
        forest_mask(woody, resolution, rules, crop=crop, frame=frame) if forest is None else forest.astype(np.uint8)
    )
    planes = Planes(woody, wooded, crop)
    return table_of(
        planes, frame, resolution, crs, rules, cover=_layer(probability, frame), height=_layer(height, frame),
        corner=(transform.c, transform.f), types=types,
    )  # fmt: skip


def table_of(
    planes: Planes,
    frame: Frame,
    resolution: float,
    crs: str,
    profile: Profile,
    *,
    own: Window | None = None,
    cover: Layer | None = None,
    height: Layer | None = None,
    context: Surroundings | None = None,
    corner: tuple[float, float] | None = None,
    types: bool = True,
) -> gpd.GeoDataFrame:
    """Return the features of a region as a table, with the columns of :func:`features_of`.

    Parameters
    ----------
    planes, frame
        The region and how it is cut; the table does not depend on the cut.
    own
        Features are cut at the edge of this window; the region by default.
    cover, height
        Give the probability 0 to 1 and the height in metres, NaN where unknown, for a window of the region.
    context
        Gives what streams, roads, fields and built-up areas are known near a window.
    corner
        x and y of the upper left corner of the region, by default where the lattice has it.
    """
    found = classify(planes.woody, planes.forest, planes.crop, resolution, profile, frame)
    measured = measure(
        found,
        planes.woody,
        planes.crop,
        frame,
        resolution,
        own=own,
        smooth=profile.smooth,
        cover=cover,
        height=height,
        context=context,
        types=types,
    )
    del found
    if not len(measured.first):
        return empty_features(crs, types=types)
    sums, window = measured.sums, frame.window
    kinds = sums.largest["kind"]
    width = widths_of(sums, resolution, profile)
    x, y = corner or (window.column * resolution, -window.row * resolution)
    polygons = located(measured.polygons, Affine(resolution, 0, x, 0, -resolution, y))
    rows, columns = np.divmod(measured.first, window.width)
    places = zip((columns + window.column).tolist(), (rows + window.row).tolist(), strict=True)
    return _table(
        {
            "feature_id": [f"{column}_{row}" for column, row in places],
            "code": CODE,
            "class_name": CLASS_NAME,
            "area": shapely.area(polygons),
            "slf_class": kinds,
            "width_m": width,
            "length_m": sums.added["cells"] * resolution**2 / width,
            "height_m": _mean(sums, "height"),
            "crop_share": crop_shares(sums),
            "confidence": _mean(sums, "cover"),
            "truncated": sums.largest["cut"] > 0,
            **(type_columns(measured.types, resolution, kinds == Kind.LINEAR) if types else {}),
        },
        polygons,
        crs,
    )


def empty_features(crs: str, *, types: bool = True) -> gpd.GeoDataFrame:
    """Return a table of features without a row, with the columns and types of a full one."""
    columns = _COLUMNS if types else {name: kind for name, kind in _COLUMNS.items() if name not in TYPE_COLUMNS}
    return _table({name: [] for name in columns}, np.zeros(0, object), crs)


def _table(columns: dict[str, object], polygons: NDArray[np.object_], crs: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=polygons, crs=crs).astype(
        {name: kind for name, kind in _COLUMNS.items() if name in columns}
    )


def _layer(values: NDArray[np.floating] | None, frame: Frame) -> Layer | None:
    """Return an array of the region as a layer that is read by windows."""
    return None if values is None else lambda window: values[window.slices(frame.window)]


def _mean(sums: Sums, name: str) -> NDArray[np.float64]:
    """Return the mean of a layer over the known cells of each component, NaN without one."""
    known = sums.added[f"{name} known"]
    means = np.full(sums.count, np.nan)
    np.divide(sums.added[name] / ONE, known, out=means, where=known > 0)
    return means


def _check(
    mask: NDArray[np.bool_], transform: Affine, crs: str, others: tuple[NDArray[np.generic] | None, ...]
) -> None:
    if mask.ndim != 2 or mask.size == 0:
        raise FeatureError(f"the woody mask has the shape {mask.shape}", "give rows x columns of cells")
    if mask.size > MOST_CELLS:
        raise FeatureError(
            f"the woody mask has {mask.size} cells, more than the {MOST_CELLS} that are held in memory at once",
            "map and derive a smaller area, or use coarser cells",
        )
    for other in others:
        if other is not None and other.shape != mask.shape:
            raise FeatureError(
                f"a layer of the shape {other.shape} does not match the woody mask of {mask.shape}",
                "bring the layer to the grid of the mask",
            )
    if transform.b or transform.d or transform.a <= 0 or abs(transform.a + transform.e) > 1e-9 * transform.a:
        raise FeatureError(
            f"the transform {tuple(transform)[:6]} has no square north-up cells", "warp the raster with gdalwarp -tr"
        )
    try:
        units = {axis.unit_name for axis in CRS.from_user_input(crs).axis_info}
    except CRSError as error:
        raise FeatureError(f"{crs!r} is not a coordinate reference system", "give one such as EPSG:3035") from error
    if units != {"metre"}:
        raise FeatureError(
            f"{crs} is not in metres but in {', '.join(sorted(units))}",
            "warp the raster to a projected system in metres",
        )

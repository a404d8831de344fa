"""The pure core: from woody cells to a table of features. It touches no file and needs no project."""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from bocage.errors import FeatureError
from bocage.features.borders import Border
from bocage.features.classes import Kind, Planes, classify, crop_shares
from bocage.features.frame import TILE, Frame
from bocage.features.masks import UNKNOWN, forest_mask
from bocage.features.measuring import measure_tiles, put_together
from bocage.features.patches import Layer, Surroundings
from bocage.features.profiles import Profile, profile_of
from bocage.features.sums import ONE, Sums
from bocage.features.types import COLUMNS as TYPE_COLUMNS
from bocage.features.types import type_columns
from bocage.features.widths import widths_of
from bocage.grid import Window

CLASS_NAME = "Small structures of trees, hedges, bushes and scrub"
CODE = 1
# Planes of one byte per cell are held in memory, about 8 bytes at the peak, beside the features: 5 GB at this size,
# which is a production cell of 100 km at 5 m with its margin.
MOST_CELLS = 500_000_000

_COLUMNS = {
    "feature_id": "str",
    "whole_id": "str",
    "pieces": "int32",
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
        coordinate reference system), ``whole_id`` and ``pieces`` (the same and 1, where nothing is cut: see
        :mod:`bocage.features.wholes`), ``code`` 1, ``class_name``, ``area`` (m2, of the geometry), ``slf_class`` (1
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
    return derive(
        _planes(mask, valid, forest, crop, resolution, rules, frame), frame, resolution, crs, rules,
        cover=_layer(probability, frame), height=_layer(height, frame), corner=(transform.c, transform.f), types=types,
    ).table  # fmt: skip


def _planes(
    mask: NDArray[np.bool_],
    valid: NDArray[np.bool_] | None,
    forest: NDArray[np.bool_] | None,
    crop: NDArray[np.uint8] | None,
    resolution: float,
    profile: Profile,
    frame: Frame,
) -> Planes:
    woody = mask.astype(np.uint8)
    if valid is not None:
        woody[~valid] = UNKNOWN
    if forest is not None:
        return Planes(woody, forest.astype(np.uint8), crop)
    return Planes(woody, forest_mask(woody, resolution, profile, crop=crop, frame=frame), crop)


@dataclass(frozen=True, slots=True)
class Derived:
    """The features of a region as a table, and what is known of those that go on beyond it."""

    table: gpd.GeoDataFrame
    border: Border


def derive(
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
) -> Derived:
    """Return the features of a region as a table, with the columns of :func:`features_of`.

    Parameters
    ----------
    planes, frame
        The region and how it is cut; the table does not depend on the cut.
    own
        Features are cut at the edge of this window, the region by default. Their lengths are those of what lies inside,
        their widths and whatever else is measured near the edge those of the ground that is not cut.
    cover, height
        Give the probability 0 to 1 and the height in metres, NaN where unknown, for a window of the region.
    context
        Gives what streams, roads, fields and built-up areas are known near a window.
    corner
        x and y of the upper left corner of the region, by default where the lattice has it.
    """
    window = frame.window
    x, y = corner or (window.column * resolution, -window.row * resolution)
    woody, crop = planes.woody, planes.crop
    found = classify(woody, planes.forest, crop, resolution, profile, frame)
    del planes
    frame = replace(frame, own=own)
    tiles = measure_tiles(
        found, woody, crop, frame, resolution,
        smooth=profile.smooth, cover=cover, height=height, context=context, types=types,
    )  # fmt: skip
    del found, woody, crop
    measured = put_together(tiles, frame, Affine(resolution, 0, x, 0, -resolution, y), smooth=profile.smooth)
    del tiles
    if not len(measured.first):
        return Derived(empty_features(crs, types=types), measured.border)
    rows, columns = np.divmod(measured.first, window.width)
    names = names_of(rows + window.row, columns + window.column)
    table = _table(
        {
            "feature_id": names,
            "whole_id": names,
            "pieces": 1,
            "code": CODE,
            "class_name": CLASS_NAME,
            "area": shapely.area(measured.polygons),
            **columns_of(measured.sums, measured.types if types else None, resolution, profile),
        },
        measured.polygons,
        crs,
    )
    return Derived(table, measured.border)


def names_of(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> list[str]:
    """Return the ids of features whose first cells lie there on the lattice."""
    return [f"{column}_{row}" for column, row in zip(columns.tolist(), rows.tolist(), strict=True)]


def columns_of(sums: Sums, types: Sums | None, resolution: float, profile: Profile) -> dict[str, ArrayLike]:
    """Return the measures of features from their joined sums, those by which types are told included if given."""
    kinds = sums.largest["kind"]
    width = widths_of(sums, resolution, profile)
    told = pd.DataFrame() if types is None else type_columns(types, resolution, kinds == Kind.LINEAR)
    return {
        "slf_class": kinds,
        "width_m": width,
        "length_m": sums.added["cells"] * resolution**2 / width,
        "height_m": _mean(sums, "height"),
        "crop_share": crop_shares(sums),
        "confidence": _mean(sums, "cover"),
        "truncated": sums.largest["cut"] > 0,
        **{name: told[name] for name in TYPE_COLUMNS if types is not None},
    }


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

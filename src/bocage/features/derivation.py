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
from bocage.features.classes import Kind, classify, crop_shares, measured_widths
from bocage.features.components import Labels, label_classes
from bocage.features.masks import UNKNOWN, forest_mask
from bocage.features.morphology import touching
from bocage.features.profiles import Profile, profile_of
from bocage.features.vectors import located, polygons_of, simplified

CLASS_NAME = "Small structures of trees, hedges, bushes and scrub"
CODE = 1
# Everything is held in memory: about 60 bytes per cell at the peak, 3 GB at this size (35 x 35 km of 5 m cells).
MOST_CELLS = 50_000_000

_COLUMNS = {
    "feature_id": "str",
    "code": "int32",
    "class_name": "str",
    "area": "float64",
    "slf_type": "str",
    "slf_class": "int16",
    "width_m": "float64",
    "length_m": "float64",
    "height_m": "float64",
    "crop_share": "float64",
    "confidence": "float64",
    "truncated": "bool",
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
) -> gpd.GeoDataFrame:
    """Return the small landscape features among woody cells.

    The whole mask is held in memory, about 60 bytes per cell; a mask of more than ``MOST_CELLS`` cells is refused.

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

    Returns
    -------
    geopandas.GeoDataFrame
        One row per feature, in reading order: ``feature_id`` (column_row of its first cell on the lattice of the
        coordinate reference system), ``code`` 1, ``class_name``, ``area`` (m2, of the geometry), ``slf_type``,
        ``slf_class`` (1 linear, 2 patchy, 3 isolated, 5 connected), ``width_m`` and ``length_m`` = cell area / width,
        ``height_m``, ``crop_share`` and ``confidence`` (means over the feature's known cells; NaN if there are none),
        ``truncated``, ``geometry``. ``slf_type`` is "tree line" or "hedge", "grove" or "scrub" where the height is
        known (5 m parts them), else "linear" or "patchy". Features of unlike class may share a border.

    Raises
    ------
    FeatureError
        If the arrays differ in shape, the cells are not square and north-up, the system is not in metres, or the mask
        is too large.
    """
    rules = profile_of(profile)
    _check(mask, transform, crs, (valid, forest, crop, height, probability))
    resolution = float(transform.a)
    woody = mask.astype(np.uint8)
    if valid is not None:
        woody[~valid] = UNKNOWN
    wooded = forest_mask(woody, resolution, rules, crop=crop) if forest is None else forest.astype(np.uint8)
    found = classify(woody, wooded, crop, resolution, rules)
    kept = np.where(found.kept, found.kinds, 0).astype(np.uint8)
    labels = label_classes(kept)
    if labels.count == 0:
        return empty_features(crs)
    kinds = kept.ravel()[labels.first()]
    width = _widths_by_kind(labels, kinds, resolution, rules)
    tall = _mean(labels, height)
    polygons = located(simplified(polygons_of(labels), rules.simplification), transform)
    rows, columns = np.divmod(labels.first(), mask.shape[1])
    west, north = round(transform.c / resolution), round(-transform.f / resolution)
    return _table(
        {
            "feature_id": [f"{west + x}_{north + y}" for x, y in zip(columns.tolist(), rows.tolist(), strict=True)],
            "code": CODE,
            "class_name": CLASS_NAME,
            "area": shapely.area(polygons),
            "slf_type": types_of(kinds == Kind.LINEAR, tall, rules.tree_height),
            "slf_class": kinds,
            "width_m": width,
            "length_m": labels.cells() * resolution**2 / width,
            "height_m": tall,
            "crop_share": crop_shares(labels, crop),
            "confidence": _mean(labels, probability),
            "truncated": labels.any(_cut(woody)),
        },
        polygons,
        crs,
    )


def types_of(linear: NDArray[np.bool_], height: NDArray[np.float64], tree_height: float) -> NDArray[np.object_]:
    """Return the type in words of features of that form and mean height (m, NaN unknown)."""
    with np.errstate(invalid="ignore"):
        trees = height >= tree_height
    named = np.where(linear, np.where(trees, "tree line", "hedge"), np.where(trees, "grove", "scrub"))
    return np.where(np.isnan(height), np.where(linear, "linear", "patchy"), named).astype(object)


def empty_features(crs: str) -> gpd.GeoDataFrame:
    """Return a table of features without a row, with the columns and types of a full one."""
    return _table({name: [] for name in _COLUMNS}, np.zeros(0, object), crs)


def _table(columns: dict[str, object], polygons: NDArray[np.object_], crs: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(polygons), crs=crs).astype(_COLUMNS)


def _cut(woody: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the cells next to which knowledge ends: at unknown cells and along the edge of the array."""
    cut = touching(woody == UNKNOWN)
    cut[[0, -1], :] = True
    cut[:, [0, -1]] = True
    return cut


def _widths_by_kind(
    labels: Labels, kinds: NDArray[np.uint8], resolution: float, profile: Profile
) -> NDArray[np.float64]:
    """Return the width of each feature; features of other kinds that it touches are outside of it."""
    result = np.empty(labels.count)
    for kind in np.unique(kinds):
        own = kinds == kind
        array = np.where(labels.spread(own), labels.array, 0).astype(np.int32)
        result[own] = measured_widths(Labels(array, labels.count), resolution, profile)[own]
    return result


def _mean(labels: Labels, values: NDArray[np.floating] | None) -> NDArray[np.float64]:
    if values is None:
        return np.full(labels.count, np.nan)
    return labels.mean(values, ~np.isnan(values))


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

"""What features grow beside: their shares near and along streams, roads, edges of fields and built-up areas.

The distance of a cell is that of its centre to the nearest piece of a line or outline, computed from coordinates of
the reference system alone, so that no tile gives another answer than its neighbour. An axis runs *along* a thing
where it is near and their directions differ by at most 30 degrees. A layer that is not given, and ground beyond the
bounding box of one that is, are unknown: they are left out of the shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.features.direction import Axis
from bocage.features.patch import Patch
from bocage.features.sums import Sums, by_label, fixed
from bocage.settings.context import Theme

NAMES: tuple[Theme, ...] = ("streams", "roads", "fields", "built_up")
# Nothing further away than this matters, in metres.
SPAN = 50.0
_COSINE = np.cos(np.radians(30))
# Lines are cut to pieces of at most this many cells, so that each reaches a small square of cells only.
_PIECE = 4
_CHUNK = 8192
# The key of a cell holds the distance in millimetres and, below it, the direction in 1/1024 of half a turn.
_TURN = 1024
_FAR = np.iinfo(np.int64).max

type Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layer:
    """One theme near an area, in the coordinate reference system of the lattice.

    Attributes
    ----------
    segments
        (n, 4): x, y of the start and of the end of each straight piece of a line or outline.
    polygons
        The polygons, for what is inside.
    extents
        (m, 4): left, bottom, right, top of the files: beyond them the theme is unknown.
    distance
        Metres within which a feature grows beside the thing.
    """

    segments: Points
    polygons: NDArray[np.object_]
    extents: Points
    distance: float

    @classmethod
    def of(cls, shapes: NDArray[np.object_], extents: Points, distance: float) -> Layer:
        """Return a layer of lines and polygons."""
        kinds = shapely.get_type_id(shapes)
        polygons = shapes[np.isin(kinds, (3, 6))]
        lines = np.concatenate([shapes[np.isin(kinds, (1, 5))], shapely.boundary(polygons)])
        points, owner = shapely.get_coordinates(shapely.get_parts(lines.astype(object)), return_index=True)
        linked = owner[1:] == owner[:-1]
        return cls(np.hstack([points[:-1], points[1:]])[linked], polygons, extents.reshape(-1, 4), distance)


@dataclass(frozen=True, slots=True)
class Context:
    """The layers that are known near an area, by theme."""

    layers: dict[Theme, Layer]


def context_sums(patch: Patch, axes: list[Axis], context: Context) -> Sums:
    """Return the sums of a patch for every theme, all zero where its layer is not given.

    ``<theme>_known``, ``_near`` and ``_inside`` are cells of the feature; ``<theme>_axis`` and ``_along`` are lengths
    of its axis in fixed point, over the four turns.
    """
    count = patch.count
    added = {
        f"{theme}_{part}": np.zeros(count, np.int64)
        for theme in NAMES
        for part in ("known", "near", "inside", "axis", "along")
    }
    for theme, layer in context.layers.items():
        added |= {f"{theme}_{part}": values for part, values in _theme_sums(patch, axes, layer).items()}
    return Sums(count, added)


def _theme_sums(patch: Patch, axes: list[Axis], layer: Layer) -> dict[str, NDArray[np.int64]]:
    labels, count, columns = patch.labels, patch.count, patch.labels.shape[1]
    owned = np.zeros(labels.shape, bool)
    owned[patch.core] = labels[patch.core] > 0
    cells = np.flatnonzero(owned)
    keys = nearest(patch, layer)
    centres = _centres(patch, cells)
    known = np.zeros(labels.size, bool)
    known[cells] = _known(centres, layer)
    inside = np.zeros(labels.size, bool)
    inside[cells] = known[cells] & _inside(centres, layer)
    near = keys.ravel() < _FAR
    own = labels.ravel()[cells]
    result = {
        name: by_label(own, values[cells].astype(np.int64), count)
        for name, values in (("known", known), ("near", known & (near | inside)), ("inside", inside))
    }
    result |= {"axis": np.zeros(count, np.int64), "along": np.zeros(count, np.int64)}
    for axis in axes:
        flat = axis.line.flat
        use = axis.owned & known[flat]
        angle = (keys.ravel()[flat] % _TURN) / _TURN * np.pi
        length = np.maximum(np.hypot(axis.right, axis.down), 1e-9)
        cosine = np.abs(axis.right * np.cos(angle) - axis.down * np.sin(angle)) / length
        along = use & near[flat] & (cosine >= _COSINE)
        weight = fixed(axis.weight)
        for name, chosen in (("axis", use), ("along", along)):
            result[name] = result[name] + by_label(axis.line.labels[chosen], weight[chosen], count)
    assert near.size == labels.shape[0] * columns
    return result


def nearest(patch: Patch, layer: Layer) -> NDArray[np.int64]:
    """Return for each cell of the core a key of the nearest piece within the distance, else the largest integer.

    The key orders by distance in millimetres, then by the direction of the piece, so that of two at one distance the
    same one counts everywhere.
    """
    resolution, shape = patch.resolution, patch.labels.shape
    keys = np.full(shape, _FAR, np.int64)
    high, wide = (part.indices(size)[:2] for part, size in zip(patch.core, shape, strict=True))
    left, right = (patch.column + wide[0]) * resolution, (patch.column + wide[1]) * resolution
    top, bottom = -(patch.row + high[0]) * resolution, -(patch.row + high[1]) * resolution
    far = layer.distance
    x, y = layer.segments[:, [0, 2]], layer.segments[:, [1, 3]]
    meets = (x.max(1) >= left - far) & (x.min(1) <= right + far) & (y.max(1) >= bottom - far) & (y.min(1) <= top + far)
    pieces = _cut(layer.segments[meets], _PIECE * resolution)
    span = int(np.ceil((_PIECE * resolution + 2 * far) / resolution)) + 2
    offsets = np.arange(span)
    for first in range(0, len(pieces), _CHUNK):
        some = pieces[first : first + _CHUNK]
        x0, y0, x1, y1 = some.T
        column = np.floor((np.minimum(x0, x1) - far) / resolution).astype(np.int64)
        row = np.floor((-np.maximum(y0, y1) - far) / resolution).astype(np.int64)
        columns, rows = column[:, None] + offsets, row[:, None] + offsets
        # (pieces, rows, columns) of the squares around the pieces.
        px = (columns + 0.5)[:, None, :] * resolution - x0[:, None, None]
        py = -(rows + 0.5)[:, :, None] * resolution - y0[:, None, None]
        dx, dy = (x1 - x0)[:, None, None], (y1 - y0)[:, None, None]
        share = np.clip((px * dx + py * dy) / np.maximum(dx**2 + dy**2, 1e-12), 0, 1)
        distance = np.hypot(px - share * dx, py - share * dy)
        angle = np.rint((np.arctan2(y1 - y0, x1 - x0) % np.pi) / np.pi * _TURN).astype(np.int64) % _TURN
        key = np.rint(distance * 1000).astype(np.int64) * _TURN + angle[:, None, None]
        place_row, place_column = rows - patch.row, columns - patch.column
        inside = (
            (distance <= far)
            & ((place_row >= high[0]) & (place_row < high[1]))[:, :, None]
            & ((place_column >= wide[0]) & (place_column < wide[1]))[:, None, :]
        )
        which, down, across = np.nonzero(inside)
        np.minimum.at(keys, (place_row[which, down], place_column[which, across]), key[inside])
    return keys


def _cut(segments: Points, longest: float) -> Points:
    """Cut straight pieces to equal parts no longer than ``longest``; a part depends on its own piece alone."""
    start, end = segments[:, :2], segments[:, 2:]
    number = np.maximum(np.ceil(np.hypot(*(end - start).T) / longest), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(segments)), number)
    order = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
    one, two = ((order + step)[:, None] / number[owner][:, None] for step in (0, 1))
    across = (end - start)[owner]
    return np.hstack([start[owner] + one * across, start[owner] + two * across])


def _centres(patch: Patch, cells: NDArray[np.int64]) -> Points:
    rows, columns = np.divmod(cells, patch.labels.shape[1])
    return np.stack(
        [(patch.column + columns + 0.5) * patch.resolution, -(patch.row + rows + 0.5) * patch.resolution], axis=1
    )


def _known(centres: Points, layer: Layer) -> NDArray[np.bool_]:
    result = np.zeros(len(centres), bool)
    for left, bottom, right, top in layer.extents:
        x, y = centres.T
        # What lies outside by less than the distance is still seen to be beside something or not.
        edge = layer.distance
        result |= (x >= left - edge) & (x <= right + edge) & (y >= bottom - edge) & (y <= top + edge)
    return result


def _inside(centres: Points, layer: Layer) -> NDArray[np.bool_]:
    result = np.zeros(len(centres), bool)
    if len(layer.polygons) and len(centres):
        points, _ = shapely.STRtree(layer.polygons).query(shapely.points(centres), predicate="intersects")
        result[points] = True
    return result

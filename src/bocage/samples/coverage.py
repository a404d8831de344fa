"""How much of each cell a footprint covers: exactly, for millions of pairs of footprint and cell.

The area of a polygon within a cell is the integral of the clipped x along its border, so every edge is cut at the lines
of the lattice and each piece adds to its own cell and to all cells west of it in the same row. No polygon is
intersected, which makes it some twenty times as fast as clipping cell by cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

# Heights and products are rounded to these steps (in cells): sums of them are exact, so no order of summing matters.
_HEIGHT_STEP, _AREA_STEP = 2.0**-24, 2.0**-40
_DECIMALS = 6

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Pairs of polygon and cell with a share above 0.

    Attributes
    ----------
    polygon
        (n,) index of the polygon, ascending.
    east, north
        (n,) index of the cell: its lower left corner is (east x size, north x size).
    share
        (n,) part of the cell that the polygon covers, above 0 and up to 1, rounded to six decimals.
    """

    polygon: Ints
    east: Ints
    north: Ints
    share: Floats


def cover(polygons: NDArray[np.object_], size: float) -> Coverage:
    """Return what share of each cell of ``size`` each polygon covers.

    Parameters
    ----------
    polygons
        (n,) valid polygons or multipolygons, some of which may be empty.
    """
    left, bottom, right, top = np.nan_to_num(shapely.bounds(polygons) / size).T
    east, north = np.floor(left).astype(np.int64), np.floor(bottom).astype(np.int64)
    wide = np.maximum(np.ceil(right).astype(np.int64) - east, 1)
    # One row more above, for a piece whose rounded height touches the edge.
    high = np.maximum(np.ceil(top).astype(np.int64) - north, 1)
    first = np.concatenate([[0], np.cumsum(wide * high)])

    edge_polygon, start, end = _edges(polygons, size)
    origin = np.column_stack([east, north])[edge_polygon]
    edge, x0, y0, x1, y1 = _cut(start - origin, end - origin)
    owner = edge_polygon[edge]
    column = np.clip(np.floor((x0 + x1) / 2).astype(np.int64), 0, wide[owner] - 1)
    row = np.clip(np.floor((y0 + y1) / 2).astype(np.int64), 0, high[owner] - 1)
    place = first[owner] + row * wide[owner] + column
    rise = y1 - y0
    inside = np.round(rise * ((x0 + x1) / 2 - column) / _AREA_STEP) * _AREA_STEP
    total = int(first[-1])
    own = np.bincount(place, inside, total)
    pieces = np.bincount(place, rise, total)
    # The rises of a row of a closed border sum to 0, so the sum from the end needs no new start for each row.
    west = np.cumsum(pieces[::-1])[::-1] - pieces
    share = np.clip(np.round(own + west, _DECIMALS), 0, 1)

    held = np.flatnonzero(share > 0)
    polygon = np.searchsorted(first, held, side="right") - 1
    within = held - first[polygon]
    return Coverage(
        polygon, east[polygon] + within % wide[polygon], north[polygon] + within // wide[polygon], share[held]
    )


def _edges(polygons: NDArray[np.object_], size: float) -> tuple[Ints, Floats, Floats]:
    """Return the polygon, the start and the end of every edge, in cells; outer rings run counter-clockwise."""
    parts, of_part = shapely.get_parts(shapely.orient_polygons(polygons), return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    points = points / size
    points[:, 1] = np.round(points[:, 1] / _HEIGHT_STEP) * _HEIGHT_STEP
    same = of_point[1:] == of_point[:-1]
    owner = of_part[of_ring[of_point[:-1][same]]]
    return owner.astype(np.int64), points[:-1][same], points[1:][same]


def _cut(start: Floats, end: Floats) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    """Cut edges at the whole numbers of x and y: the edge of each piece, and its two ends."""
    edges = np.arange(len(start))
    owner, along = [edges, edges], [np.zeros(len(start)), np.ones(len(start))]
    for axis in (0, 1):
        low, high = np.minimum(start[:, axis], end[:, axis]), np.maximum(start[:, axis], end[:, axis])
        first = np.floor(low) + 1
        count = np.maximum(np.ceil(high) - first, 0).astype(np.int64)
        edge = np.repeat(edges, count)
        line = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
        owner.append(edge)
        along.append((line - start[edge, axis]) / (end[edge, axis] - start[edge, axis]))
    edge, t = np.concatenate(owner), np.concatenate(along)
    order = np.lexsort((t, edge))
    edge, t = edge[order], t[order]
    x = start[edge, 0] + t * (end[edge, 0] - start[edge, 0])
    y = start[edge, 1] + t * (end[edge, 1] - start[edge, 1])
    y = np.round(y / _HEIGHT_STEP) * _HEIGHT_STEP
    last = t >= 1
    x[last], y[last] = end[edge[last], 0], end[edge[last], 1]
    piece = np.flatnonzero(edge[1:] == edge[:-1])
    return edge[piece], x[piece], y[piece], x[piece + 1], y[piece + 1]

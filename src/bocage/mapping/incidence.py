"""Which scenes show which tiles, and how many chips that makes: exactly, for a continent of footprints in seconds.

A chip is needed where a part of it that lies in the tile shares area with the footprint. Rows of chips are taken as
bands, cut at the tiles. What a polygon covers of a band from west to east is the union of two things: the x that its
edges run through within the band, and the x at which the middle line of the band lies inside. For at any other x no
edge crosses the band, so its middle stands for all of it. That holds for any polygon, and no polygon is intersected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.grid import SNAP, Tiling, Window
from bocage.mapping.lattice import Lattice

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_TOGETHER = 2**21  # places (bands x columns of chips) that are worked on at a time


@dataclass(frozen=True, slots=True)
class Incidence:
    """Pairs of tile and scene that share ground.

    Attributes
    ----------
    down, east
        (n,) the tile: ``down`` counts tiles southward from the origin of the lattice, ``east`` eastward. Ascending, so
        that the pairs of a tile lie together and tiles go from north to south and west to east.
    scene
        (n,) index of the footprint, ascending within a tile.
    chips
        (n,) chips of the tile that share ground with the footprint, at least 1.
    """

    down: Ints
    east: Ints
    scene: Ints
    chips: Ints


@dataclass(frozen=True, slots=True)
class _Targets:
    """The parts of chips within tiles along one axis, from low to high, starts and ends both ascending.

    Attributes
    ----------
    tile
        The tile of each.
    start, end
        Its first pixel, and the first one beyond it.
    first
        Index of the first target of each tile, counted from tile ``lowest``; one more for the end.
    """

    tile: Ints
    start: Ints
    end: Ints
    first: Ints
    lowest: int

    @classmethod
    def of(cls, tiles: range, size: int, lattice: Lattice) -> _Targets:
        tile, start, end = [], [], []
        for number in tiles:
            low, high = number * size, (number + 1) * size
            for chip in lattice.starts(low, high):
                tile.append(number)
                start.append(max(chip, low))
                end.append(min(chip + lattice.chip, high))
        own = np.array(tile, dtype=np.int64)
        first = np.searchsorted(own, np.arange(tiles.start, tiles.stop + 1))
        return cls(own, np.array(start, np.int64), np.array(end, np.int64), first.astype(np.int64), tiles.start)

    def touched(self, low: Floats, high: Floats) -> tuple[Ints, Ints]:
        """Return the first target that shares length with each interval, and the first one behind it."""
        first = np.searchsorted(self.end, low + SNAP, side="right")
        return first, np.maximum(np.searchsorted(self.start, high - SNAP, side="left"), first)


def find_incidence(footprints: NDArray[np.object_], tiling: Tiling, lattice: Lattice, within: Window) -> Incidence:
    """Return which tiles the footprints share ground with, and the chips of each pair.

    Parameters
    ----------
    footprints
        (n,) valid polygons or multipolygons in the coordinates of the grid; empty ones have no pair.
    within
        Only tiles that share a pixel with this window.
    """
    size = tiling.pixels
    downs = range(within.row // size, (within.bottom - 1) // size + 1)
    easts = range(within.column // size, (within.right - 1) // size + 1)
    rows, columns = _Targets.of(downs, size, lattice), _Targets.of(easts, size, lattice)
    bounds = np.nan_to_num(shapely.bounds(footprints)) / tiling.grid.resolution
    first_row, last_row = rows.touched(-bounds[:, 3], -bounds[:, 1])
    first_column, last_column = columns.touched(bounds[:, 0], bounds[:, 2])
    places = (last_row - first_row) * (last_column - first_column)
    there = np.flatnonzero((places > 0) & ~shapely.is_empty(footprints))
    parts = [
        _count(footprints[own], own, tiling.grid.resolution, rows, columns) for own in _portions(there, places[there])
    ]
    down, east, scene, chips = (np.concatenate(each) for each in zip(*parts, strict=True)) if parts else _nothing()
    order = np.lexsort((scene, east, down))
    return Incidence(down[order], east[order], scene[order], chips[order])


def _nothing() -> tuple[Ints, Ints, Ints, Ints]:
    empty = np.zeros(0, dtype=np.int64)
    return empty, empty, empty, empty


def _portions(there: Ints, places: Ints) -> Iterator[Ints]:
    """Yield the scenes in portions of about as many places."""
    of_portion = (np.cumsum(places) - 1) // _TOGETHER
    yield from np.split(there, np.flatnonzero(np.diff(of_portion)) + 1) if len(there) else ()


def _count(
    footprints: NDArray[np.object_], own: Ints, resolution: float, rows: _Targets, columns: _Targets
) -> tuple[Ints, Ints, Ints, Ints]:
    scene, x0, y0, x1, y1 = _edges(footprints, resolution)
    bounds = shapely.bounds(footprints) / resolution
    first_row, last_row = rows.touched(-bounds[:, 3], -bounds[:, 1])
    first_column, last_column = columns.touched(bounds[:, 0], bounds[:, 2])
    # One place more at the end of each band takes the ends of intervals.
    wide, high = last_column - first_column + 1, last_row - first_row
    offset = np.concatenate([[0], np.cumsum(wide * high)])

    low, top = np.minimum(y0, y1), np.maximum(y0, y1)
    first, last = rows.touched(low, top)
    edge = np.repeat(np.arange(len(scene)), last - first)
    band = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[edge]
    start = offset[scene[edge]] + (band - first_row[scene[edge]]) * wide[scene[edge]] - first_column[scene[edge]]

    rise, run = (y1 - y0)[edge], (x1 - x0)[edge]
    steep = np.abs(rise) > SNAP
    slope = np.where(steep, run / np.where(steep, rise, 1), 0)
    # x where the edge enters and leaves the band; an edge along the band is in it from end to end.
    at = [np.clip(line[band], low[edge], top[edge]) for line in (rows.start, rows.end)]
    ends = [
        np.where(steep, x0[edge] + (y - y0[edge]) * slope, x) for y, x in zip(at, (x0[edge], x1[edge]), strict=True)
    ]
    marks = np.zeros(int(offset[-1]) + 1, dtype=np.int64)
    _mark(marks, start, np.minimum(*ends), np.maximum(*ends), columns)

    middle = (rows.start[band] + rows.end[band]) / 2
    crossing = np.flatnonzero((low[edge] <= middle) & (middle < top[edge]))
    x = x0[edge[crossing]] + (middle[crossing] - y0[edge[crossing]]) * run[crossing] / rise[crossing]
    order = np.lexsort((x, start[crossing]))
    # A closed border crosses a line an even number of times; between the first and the second it is inside.
    _mark(marks, start[crossing][order][::2], x[order][::2], x[order][1::2], columns)

    held = np.flatnonzero(np.cumsum(marks)[:-1] > 0)
    of_scene = np.searchsorted(offset, held, side="right") - 1
    place = held - offset[of_scene]
    down = rows.tile[first_row[of_scene] + place // wide[of_scene]]
    east = columns.tile[first_column[of_scene] + place % wide[of_scene]]
    # The tiles of a scene's bounds, numbered row by row and scene after scene.
    top_tile, left_tile = rows.tile[first_row], columns.tile[first_column]
    across, deep = columns.tile[last_column - 1] - left_tile + 1, rows.tile[last_row - 1] - top_tile + 1
    begin = np.concatenate([[0], np.cumsum(across * deep)])
    tile = begin[of_scene] + (down - top_tile[of_scene]) * across[of_scene] + east - left_tile[of_scene]
    chips = np.bincount(tile)
    pair = np.flatnonzero(chips)
    scene = np.searchsorted(begin, pair, side="right") - 1
    inside = pair - begin[scene]
    return (
        top_tile[scene] + inside // across[scene],
        left_tile[scene] + inside % across[scene],
        own[scene],
        chips[pair].astype(np.int64),
    )


def _mark(marks: Ints, start: Ints, low: Floats, high: Floats, columns: _Targets) -> None:
    """Add 1 where an interval of a band begins in the row of marks, and take it off behind its end."""
    first, behind = columns.touched(low, high)
    real = behind > first
    marks += np.bincount((start + first)[real], minlength=len(marks))
    marks -= np.bincount((start + behind)[real], minlength=len(marks))


def _edges(footprints: NDArray[np.object_], resolution: float) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    """Return the footprint and the two ends of every edge of every ring, in pixels; y grows southward."""
    parts, of_part = shapely.get_parts(footprints, return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    points = points / [resolution, -resolution]
    same = of_point[1:] == of_point[:-1]
    owner = of_part[of_ring[of_point[:-1][same]]].astype(np.int64)
    (x0, y0), (x1, y1) = points[:-1][same].T, points[1:][same].T
    return owner, x0, y0, x1, y1

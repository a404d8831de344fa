"""From traced outlines to polygons that are valid, of one part, and share their borders exactly.

Every outline is smoothed alone, by a rule that looks a few edges around, and no two can meet: each smoothed outline
runs through the same gaps between the centres of neighbouring cells as the cell edges did, in the same order. One
outline alone runs through each gap, and of each class. So

- nothing overlaps, whatever lies beside it, and no check over all features is needed;
- a polygon that is drawn onto the cells again gives exactly the cells of which it was made (law 6);
- a border between two features is the same line on both sides, since the rule does not ask on which side it stands;
- the polygons do not depend on the tiling (law 4).

The rule: a step of one cell between two runs in the same direction is cut at its middle, and a run that lies between
two such steps becomes a straight slanting line from middle to middle. The same area lies on both sides of it. All other
corners stay. Where two cells hang together by a corner, the corner is cut by a tenth of a cell on both sides, the
smallest neck that makes one valid polygon of them (1 % of a cell's area). Where a third feature begins, the corner is
kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from bocage.features.tracing import JOINT, SHARED, Lines

# Coordinates of smoothed outlines are whole twentieths of a cell.
UNITS = 20
_HALF = UNITS // 2
# How far from a joint its corner is cut.
_NECK = 2
# How many polygons are made at a time.
_PART = 50_000
_CELLS = Affine.identity()
# How far along its run the corner before a diagonal stair is cut: a sixteenth of a cell's area.
_BALANCE = 5


@dataclass(frozen=True, slots=True)
class Rings:
    """Smoothed closed outlines.

    Attributes
    ----------
    points
        (points, 2) x and y in twentieths of cells from the corner of the region, rows downwards.
    starts
        (rings + 1,) where each ring starts.
    owners
        (rings,) the component.
    """

    points: NDArray[np.int32]
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]

    def owned(self, owner: NDArray[np.intp]) -> Rings:
        """Return the rings of components instead of labels: label ``i + 1`` belongs to ``owner[i]``."""
        return replace(self, owners=owner[self.owners - 1] if len(self.owners) else self.owners)

    def chosen(self, which: NDArray[np.intp]) -> Rings:
        """Return some of the rings, in the order of their numbers."""
        length = np.diff(self.starts)[which]
        starts = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        taken = np.arange(starts[-1]) + np.repeat(self.starts[:-1][which] - starts[:-1], length)
        return Rings(self.points[taken], starts, self.owners[which])

    @classmethod
    def of(cls, parts: list[Rings]) -> Rings:
        """Return several rings together."""
        lengths = np.concatenate([np.diff(part.starts) for part in parts] or [np.zeros(0, np.int64)])
        return cls(
            np.concatenate([part.points for part in parts] or [np.zeros((0, 2), np.int32)]),
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([part.owners for part in parts] or [np.zeros(0, np.int64)]),
        )


def smoothed(lines: Lines, *, smooth: bool = True) -> Rings:
    """Return closed outlines along cell edges with their staircases made straight; ``smooth`` False keeps the edges."""
    if len(lines.owners) == 0:
        return Rings.of([])
    places, x, y, turn, fixed, joint = _corners(lines)
    ring = np.repeat(np.arange(len(lines.owners)), np.diff(lines.starts))[places]
    starts = np.searchsorted(ring, np.arange(len(lines.owners) + 1))
    after, before = _neighbours(starts)
    length = np.abs(x[after] - x) + np.abs(y[after] - y)
    # Run i goes from corner i to the next. On a stair the outline turns one way at one end and the other at the other.
    stair = (turn * turn[after] == -1) & smooth
    step = stair & (length == 2) & ~fixed & ~fixed[after]
    slanted = stair & step[before] & step[after]
    kept = ~(slanted | slanted[before])
    middle = step & (slanted[before] | slanted[after])
    cut = kept & joint & ~fixed
    # On a stair of single cells the dropped corners lie on both sides in turn. Where the first and the last lie on the
    # same side, half of the area of a corner is missing at either end: the last corner that is kept gives it back.
    diagonal = slanted & step
    begins = kept & ~cut & step & diagonal[after]
    ends = kept & ~cut & step[before] & diagonal[before[before]] & ~begins
    number = kept.astype(np.int64) + cut + middle
    offset = np.concatenate([[0], np.cumsum(number)])
    points = np.empty((int(offset[-1]), 2), np.int32)
    held = np.zeros(len(points), bool)
    corner = np.stack([x, y], 1) * _HALF
    into, out = (_direction(x, y, before, into=True), _direction(x, y, after, into=False))
    points[offset[1:][middle] - 1] = (corner[middle] + corner[after[middle]]) // 2
    corner[begins] -= _BALANCE * into[begins]
    corner[ends] += _BALANCE * out[ends]
    plain = kept & ~cut
    points[offset[:-1][plain]] = corner[plain]
    held[offset[:-1][plain & fixed]] = True
    points[offset[:-1][cut]] = corner[cut] - _NECK * into[cut]
    points[offset[:-1][cut] + 1] = corner[cut] + _NECK * out[cut]
    return _without_straight(points, held, offset[starts], lines.owners)


def polygons_of(rings: Rings, count: int, transform: Affine = _CELLS) -> NDArray[np.object_]:
    """Return one polygon per component 0 to ``count`` - 1, exterior rings first.

    The outer ring starts at its northmost, then westmost point, and so do the holes, which are in reading order.

    Parameters
    ----------
    transform
        From cells, counted from the corner of the region with y downwards, to the coordinates of the polygons.
    """
    order = np.argsort(rings.owners, kind="stable")
    owners = rings.owners[order]
    found = np.empty(count, object)
    # Part by part: of all rings at once the numbers would take several times the memory of the polygons.
    for start in range(0, count, _PART):
        stop = min(start + _PART, count)
        part = rings.chosen(order[np.searchsorted(owners, start) : np.searchsorted(owners, stop)])
        own = replace(part, owners=part.owners - start)
        polygons = _polygons(own, stop - start)
        found[start:stop] = polygons if transform is _CELLS else located(polygons, transform)
    return found


def _polygons(rings: Rings, count: int) -> NDArray[np.object_]:
    rings = _turned(rings)
    x, y = rings.points[:, 0].astype(np.int64), rings.points[:, 1].astype(np.int64)
    after, _ = _neighbours(rings.starts)
    area = np.add.reduceat(x * y[after] - x[after] * y, rings.starts[:-1])
    head = rings.points[rings.starts[:-1]]
    # With the feature on the left, outer rings go round one way and holes the other.
    order = np.lexsort((head[:, 0], head[:, 1], area < 0, rings.owners))
    length = np.diff(rings.starts)[order]
    closed = np.concatenate([[0], np.cumsum(length + 1)])
    place = np.arange(closed[-1]) - np.repeat(closed[:-1], length + 1)
    taken = np.repeat(rings.starts[:-1][order], length + 1) + place % np.repeat(length, length + 1)
    coordinates = rings.points[taken].astype(np.float64) / UNITS
    first = np.searchsorted(rings.owners[order], np.arange(count + 1))
    assert (np.diff(first) > 0).all()
    assert (area[order][first[:-1]] > 0).all()
    return np.asarray(shapely.from_ragged_array(shapely.GeometryType.POLYGON, coordinates, (closed, first)), object)


def located(polygons: NDArray[np.object_], transform: Affine) -> NDArray[np.object_]:
    """Return polygons in array coordinates moved to map coordinates by a north-up transform, exterior rings first."""
    scale, corner = np.array([transform.a, transform.e]), np.array([transform.c, transform.f])
    moved = shapely.transform(polygons, lambda xy: xy * scale + corner)
    return np.asarray(shapely.orient_polygons(moved), object)


def _corners(
    lines: Lines,
) -> tuple[
    NDArray[np.intp], NDArray[np.int32], NDArray[np.int32], NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]
]:
    """Return the corners of the outlines in half cells: after which point, x, y, turn, whether fixed, whether a joint.

    The turn is 1 or -1, and 0 where another feature begins beside a straight run.
    """
    after, _ = _neighbours(lines.starts)
    x, y = lines.points[:, 0], lines.points[:, 1]
    shared = lines.marks & SHARED
    fixed = shared != shared[after]
    bent = (x[after] != x) & (y[after] != y)
    places = np.flatnonzero(bent | fixed)
    bent, fixed, after = bent[places], fixed[places], after[places]
    joint = lines.marks[places] & JOINT > 0
    own_x, own_y, next_x, next_y = x[places], y[places], x[after], y[after]
    # The midpoint of a horizontal edge is odd in x and has the y of the corner.
    level = (own_x & 1) == 1
    turn = np.where(level, 1, -1) * np.sign(next_x - own_x) * np.sign(next_y - own_y)
    corner_x = np.where(bent, np.where(level, next_x, own_x), (own_x + next_x) // 2)
    corner_y = np.where(bent, np.where(level, own_y, next_y), (own_y + next_y) // 2)
    return places, corner_x, corner_y, turn.astype(np.int8), fixed, joint


def _neighbours(starts: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of the next and of the previous element on each ring."""
    size = int(starts[-1])
    after, before = np.arange(1, size + 1), np.arange(-1, size - 1)
    after[starts[1:] - 1] = starts[:-1]
    before[starts[:-1]] = starts[1:] - 1
    return after, before


def _direction(x: NDArray[np.int32], y: NDArray[np.int32], other: NDArray[np.intp], *, into: bool) -> NDArray[np.int32]:
    sign = np.int32(1 if into else -1)
    return np.stack([np.sign(x - x[other]), np.sign(y - y[other])], 1) * sign


def _without_straight(
    points: NDArray[np.int32], held: NDArray[np.bool_], starts: NDArray[np.int64], owners: NDArray[np.int64]
) -> Rings:
    """Return rings without the points that lie exactly between their neighbours, those that are held apart."""
    after, before = _neighbours(starts)
    came, goes = (points - points[before]).astype(np.int64), (points[after] - points).astype(np.int64)
    needed = held | (came[:, 0] * goes[:, 1] != came[:, 1] * goes[:, 0])
    left = np.concatenate([[0], np.cumsum(needed)])
    return Rings(points[needed], left[starts], owners)


def _turned(rings: Rings) -> Rings:
    """Return rings that start at their northmost, then westmost point."""
    x, y = rings.points[:, 0].astype(np.int64), rings.points[:, 1].astype(np.int64)
    key = y * (int(x.max()) + 1) + x
    length = np.diff(rings.starts)
    least = np.repeat(np.minimum.reduceat(key, rings.starts[:-1]), length)
    first = np.flatnonzero(key == least)
    place = np.arange(len(key)) - np.repeat(rings.starts[:-1], length)
    shifted = (place + np.repeat(first - rings.starts[:-1], length)) % np.repeat(length, length)
    taken = np.repeat(rings.starts[:-1], length) + shifted
    return Rings(rings.points[taken], rings.starts, rings.owners)

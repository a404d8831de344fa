"""Outlines between cells, traced tile by tile and put together over their borders.

An outline is the list of the cell edges that it follows, each by its midpoint, with the feature on its left (rows count
downwards). A tile traces the corners of the lattice in and at the upper left of its core, so every corner is traced
once. Where an outline leaves the tile it ends in the midpoint of an edge, and goes on from there in another.

Coordinates are whole numbers of half cells, (0, 0) the upper left corner of the region: corners of cells are even in
both, midpoints of edges in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import contourpy
import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.features.labelling import LINEAR, PATCHY, TileLabels

# Heights of ground, linear and patchy cells whose zero line is the outline of a class. The tracer joins two high cells
# across a corner where the four add up to more than nothing: the linear ones always, the patchy ones unless both others
# are linear. The zero lines lie within a cell's edge of its middle and are rounded to it.
_HEIGHTS = {LINEAR: np.full(256, -0.9), PATCHY: np.full(256, -0.9)}
_HEIGHTS[LINEAR][LINEAR] = 1.0
_HEIGHTS[PATCHY][[LINEAR, PATCHY]] = -1.05, 1.0
# What is known of a midpoint, and of the corner that follows it.
SHARED, JOINT = 1, 2


type _Found = tuple[list[NDArray[np.float64] | None], list[NDArray[np.uint32] | None]]


@dataclass(frozen=True, slots=True)
class Lines:
    """Outlines or pieces of them, one after another.

    Attributes
    ----------
    points
        (points, 2) x and y of midpoints, in half cells. The first point of a ring is not repeated.
    marks
        (points,) ``SHARED`` where the edge parts a linear feature from a patchy one, plus ``JOINT`` where the outline
        goes on round a corner at which two cells hang together diagonally.
    starts
        (lines + 1,) where each line starts in ``points``.
    owners
        (lines,) label or component that lies on the left.
    classes
        (lines,) ``LINEAR`` or ``PATCHY``.
    """

    points: NDArray[np.int32]
    marks: NDArray[np.uint8]
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]
    classes: NDArray[np.uint8]

    def chosen(self, which: NDArray[np.bool_]) -> Lines:
        """Return some of the lines."""
        length = np.diff(self.starts)
        inside = np.repeat(which, length)
        starts = np.concatenate([[0], np.cumsum(length[which])])
        return Lines(self.points[inside], self.marks[inside], starts, self.owners[which], self.classes[which])

    def owned(self, owner: NDArray[np.intp]) -> Lines:
        """Return the lines of components instead of labels: label ``i + 1`` belongs to ``owner[i]``."""
        return replace(self, owners=owner[self.owners - 1] if len(self.owners) else self.owners)

    @classmethod
    def of(cls, parts: Sequence[Lines]) -> Lines:
        """Return the lines of several tiles together."""
        lengths = np.concatenate([np.diff(part.starts) for part in parts] or [np.zeros(0, np.int64)])
        return cls(
            np.concatenate([part.points for part in parts] or [np.zeros((0, 2), np.int32)]),
            np.concatenate([part.marks for part in parts] or [np.zeros(0, np.uint8)]),
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([part.owners for part in parts] or [np.zeros(0, np.int64)]),
            np.concatenate([part.classes for part in parts] or [np.zeros(0, np.uint8)]),
        )


def trace(
    classes: NDArray[np.uint8], labels: TileLabels, row: int, column: int, last: tuple[bool, bool]
) -> tuple[Lines, Lines]:
    """Return the outlines of a tile: whole rings, and pieces that go on in other tiles.

    Parameters
    ----------
    classes
        (rows + 2, columns + 2) as from :meth:`bocage.features.frame.Frame.framed`.
    row, column
        Place of the tile's first cell in the region.
    last
        Whether the region ends below the tile and to the right of it: then the corners there are the tile's too.
    """
    height, width = classes.shape
    seen = classes[: height - 1 + last[0], : width - 1 + last[1]]
    rings, pieces = [], []
    for value, heights in _HEIGHTS.items():
        if not (seen == value).any():
            continue
        points, starts = _zero_lines(np.asarray(cv2.LUT(seen, heights), np.float64))
        first, stop = starts[:-1], starts[1:]
        closed = (points[first] == points[stop - 1]).all(axis=1)
        # A ring repeats its first point at its end.
        keep = np.ones(len(points), bool)
        keep[stop[closed] - 1] = False
        lines = _described(points[keep], np.concatenate([[0], np.cumsum(stop - first - closed)]), seen, labels, value)
        lines.points[:] += np.array([2 * column - 1, 2 * row - 1], np.int32)
        rings.append(lines.chosen(closed))
        pieces.append(lines.chosen(~closed))
    return Lines.of(rings), Lines.of(pieces)


def rings_of(pieces: Lines) -> Lines:
    """Return the rings that the pieces of all tiles make; ``owners`` are components by now.

    Raises
    ------
    AssertionError
        If an end has no piece that begins there: the tiles do not cover the region.
    """
    length = np.diff(pieces.starts)
    ends = pieces.points[pieces.starts[1:] - 1]
    begins = pieces.points[pieces.starts[:-1]]
    # At most one outline of each class runs through an edge.
    place = {(x, y, value): number for number, ((x, y), value) in enumerate(_keys(begins, pieces.classes))}
    following = [place[x, y, value] for (x, y), value in _keys(ends, pieces.classes)]
    order: list[int] = []
    sizes: list[int] = []
    owners: list[int] = []
    done = np.zeros(len(length), bool)
    for start in range(len(length)):
        size, number = 0, start
        while not done[number]:
            done[number] = True
            order.append(number)
            size += int(length[number]) - 1
            number = following[number]
        if size:
            assert number == start
            sizes.append(size)
            owners.append(start)
    # The last point of a piece is the first of the next.
    chain = np.array(order, np.int64)
    parts = length[chain] - 1
    before = np.cumsum(parts) - parts
    taken = np.arange(int(parts.sum())) + np.repeat(pieces.starts[:-1][chain] - before, parts)
    heads = np.array(owners, np.int64)
    starts = np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))])
    return Lines(pieces.points[taken], pieces.marks[taken], starts, pieces.owners[heads], pieces.classes[heads])


def _keys(points: NDArray[np.int32], classes: NDArray[np.uint8]) -> zip[tuple[list[int], int]]:
    return zip(points.tolist(), classes.tolist(), strict=True)


def _zero_lines(heights: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the midpoints along the zero lines, in half cells from the first centre, and where each line starts."""
    x, y = _places(heights.shape)
    generator = contourpy.contour_generator(
        x, y, heights, name="threaded", thread_count=1, line_type=contourpy.LineType.ChunkCombinedOffset
    )
    (points,), (starts,) = cast("_Found", generator.lines(0.0))
    if points is None or starts is None:
        return np.zeros((0, 2), np.int32), np.zeros(1, np.int64)
    return np.rint(2 * points).astype(np.int32), starts.astype(np.int64)


@lru_cache(maxsize=8)
def _places(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of all cells; most tiles are of one shape."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def _described(
    points: NDArray[np.int32], starts: NDArray[np.int64], classes: NDArray[np.uint8], labels: TileLabels, value: int
) -> Lines:
    """Return lines with what lies beside and behind each of their points."""
    x, y = points[:, 0], points[:, 1]
    one, other = classes[y >> 1, x >> 1], classes[(y + 1) >> 1, (x + 1) >> 1]
    marks = np.where((one > 0) & (other > 0), SHARED, 0).astype(np.uint8)
    following = np.arange(1, len(points) + 1)
    following[starts[1:] - 1] = starts[:-1]
    # Round a corner both coordinates change by one; the corner is odd in both here.
    turning = np.flatnonzero((np.abs(x[following] - x) == 1) & (np.abs(y[following] - y) == 1))
    after = following[turning]
    corner_x = np.where(x[turning] & 1, x[turning], x[after]) >> 1
    corner_y = np.where(y[turning] & 1, y[turning], y[after]) >> 1
    a, b = classes[corner_y, corner_x], classes[corner_y, corner_x + 1]
    c, d = classes[corner_y + 1, corner_x], classes[corner_y + 1, corner_x + 1]
    falling = (a == d) & (a > 0) & (b != a) & (c != a)
    rising = (b == c) & (b > 0) & (a != b) & (d != b)
    marks[turning[falling | rising]] += JOINT
    head = points[starts[:-1]]
    inside = classes[head[:, 1] >> 1, head[:, 0] >> 1] == value
    rows = np.where(inside, head[:, 1], head[:, 1] + 1) >> 1
    columns = np.where(inside, head[:, 0], head[:, 0] + 1) >> 1
    owners = labels.array[rows, columns].astype(np.int64)
    return Lines(points, marks, starts, owners, np.full(len(owners), value, np.uint8))

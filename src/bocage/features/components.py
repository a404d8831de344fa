"""Connected components of masks and of classes, and means over them.

Two cells of a mask are connected where they share an edge or a corner, so that a hedge that runs diagonally through the
grid is one feature. Between classes a corner connects only where nothing else lies at it; this keeps the outlines of
neighbouring features free of crossings.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True, slots=True)
class Labels:
    """Components of an array: 0 outside, 1 to ``count`` inside."""

    array: NDArray[np.int32]
    count: int

    def cells(self) -> NDArray[np.int64]:
        """Return the number of cells of each component, index 0 for label 1."""
        return np.asarray(np.bincount(self.array.ravel(), minlength=self.count + 1)[1:], np.int64)

    def mean(self, values: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the mean of ``values`` over the valid cells of each component, NaN where none is valid."""
        inside = valid & (self.array > 0)
        owner = self.array[inside]
        number = np.bincount(owner, minlength=self.count + 1)[1:]
        total = np.bincount(owner, weights=values[inside].astype(np.float64), minlength=self.count + 1)[1:]
        result = np.full(self.count, np.nan)
        np.divide(total, number, out=result, where=number > 0)
        return result

    def maximum(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the largest value in each component, at least 0."""
        result = np.zeros(self.count + 1)
        inside = self.array > 0
        np.maximum.at(result, self.array[inside], values[inside])
        return result[1:]

    def any(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which components hold a cell of ``mask``."""
        found = np.zeros(self.count + 1, bool)
        found[self.array[mask]] = True
        return found[1:]

    def first(self) -> NDArray[np.int64]:
        """Return the flat index of the first cell of each component in reading order."""
        found, index = np.unique(self.array, return_index=True)
        result = np.zeros(self.count + 1, np.int64)
        result[found] = index
        return result[1:]

    def spread(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return an array in which each cell has its component's value, and 0 (False) outside."""
        table = np.zeros(self.count + 1, values.dtype)
        table[1:] = values
        return table[self.array]


def label_mask(mask: NDArray[np.bool_]) -> Labels:
    """Return the components of a mask; cells that share an edge or a corner are connected."""
    count, array = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return Labels(np.asarray(array, np.int32), count - 1)


def without_gaps(mask: NDArray[np.bool_], cells: float) -> NDArray[np.bool_]:
    """Return the mask with its gaps of fewer than that many cells filled; cells of a gap share edges."""
    count, array = cv2.connectedComponents((~mask).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    gaps = Labels(np.asarray(array, np.int32), count - 1)
    small = gaps.spread(gaps.cells() < cells).astype(bool)
    return np.asarray(mask | small, bool)


def label_classes(classes: NDArray[np.uint8]) -> Labels:
    """Return the components of equal class, class 0 outside.

    Cells of one class are connected where they share an edge, or a corner at which both other cells are of class 0.
    The labels are numbered in reading order of their first cells.
    """
    array = np.zeros(classes.shape, np.int32)
    count = 0
    for value in np.unique(classes[classes > 0]):
        part = classes == value
        number, found = cv2.connectedComponents(part.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        array[part] = found[part] + count
        count += number - 1
    first, second = _joined(array, classes)
    links = coo_array((np.ones(len(first), np.int8), (first - 1, second - 1)), shape=(count, count))
    _, group = connected_components(links, directed=False) if count else (0, np.zeros(0, np.int32))
    merged = np.concatenate([[0], group + 1]).astype(np.int32)[array]
    found_labels, index = np.unique(merged, return_index=True)
    inside = found_labels > 0
    order = np.argsort(index[inside])
    renumbered = np.zeros(len(group) + 1, np.int32)
    renumbered[found_labels[inside][order]] = np.arange(1, inside.sum() + 1)
    return Labels(renumbered[merged], int(inside.sum()))


@dataclass(frozen=True, slots=True)
class Joints:
    """Corners of the lattice at which two cells of one component touch and nothing else lies.

    ``rows`` and ``columns`` count lattice corners, (0, 0) the upper left of the array; ``labels`` are the components.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    labels: NDArray[np.int32]


def joints(labels: Labels) -> Joints:
    """Return the corners at which components of :func:`label_classes` hang together diagonally."""
    found_rows, found_columns, found_labels = [], [], []
    for first, second, other, another in _diagonals(labels.array):
        rows, columns = np.nonzero((first > 0) & (first == second) & (other == 0) & (another == 0))
        found_rows.append(rows + 1)
        found_columns.append(columns + 1)
        found_labels.append(first[rows, columns])
    return Joints(np.concatenate(found_rows), np.concatenate(found_columns), np.concatenate(found_labels))


def _joined(array: NDArray[np.int32], classes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return pairs of labels of equal class that touch at an otherwise empty corner."""
    firsts, seconds = [], []
    for (first, second, other, another), (one, two, _, _) in zip(_diagonals(array), _diagonals(classes), strict=True):
        joined = (one > 0) & (one == two) & (other == 0) & (another == 0)
        firsts.append(first[joined])
        seconds.append(second[joined])
    return np.concatenate(firsts), np.concatenate(seconds)


def _diagonals[T: np.generic](array: NDArray[T]) -> tuple[tuple[NDArray[T], ...], ...]:
    """Return, for both diagonals of each block of 2 x 2 cells, its two cells and the two others."""
    a, b, c, d = array[:-1, :-1], array[:-1, 1:], array[1:, :-1], array[1:, 1:]
    return (a, d, b, c), (b, c, a, d)

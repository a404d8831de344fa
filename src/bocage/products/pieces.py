"""Pieces of a mask: cells that hang together by an edge or a corner, counted, chosen and outlined.

They are held in memory whole; features of any size are the business of :mod:`bocage.features`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray

from bocage.features.labelling import components_of
from bocage.features.vectors import located

# Half the diagonal of the diamond that joins two cells at a corner, in cells.
_JOINT = 0.1


@dataclass(frozen=True, slots=True)
class Pieces:
    """Labels 1 to ``count``, 0 outside."""

    array: NDArray[np.int32]
    count: int

    def cells(self) -> NDArray[np.int64]:
        """Return the number of cells of each piece, index 0 for label 1."""
        return np.asarray(np.bincount(self.array.ravel(), minlength=self.count + 1)[1:], np.int64)

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the sum of ``values`` over each piece."""
        return np.asarray(np.bincount(self.array.ravel(), values.ravel(), self.count + 1)[1:], np.float64)

    def where(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the cells of the chosen pieces."""
        return np.asarray(np.concatenate([[False], chosen])[self.array], bool)


def pieces_of(mask: NDArray[np.bool_]) -> Pieces:
    """Return the pieces of a mask; cells that share an edge or a corner are of one."""
    return Pieces(*components_of(mask))


def outlines(pieces: Pieces, transform: Affine) -> NDArray[np.object_]:
    """Return each piece as one valid polygon along the cell edges, in map coordinates.

    Cells that only share a corner are joined there by a diamond a fifth of a cell wide, the smallest change that makes
    one polygon of them.
    """
    shapes, owners = [], []
    for geometry, value in rasterio.features.shapes(pieces.array, mask=pieces.array > 0, connectivity=4):
        shapes.append(shapely.Polygon(geometry["coordinates"][0], geometry["coordinates"][1:]))
        owners.append(int(value))
    x, y, labels = _joints(pieces.array)
    ring = np.stack(
        [np.stack([x + dx * _JOINT, y + dy * _JOINT], 1) for dx, dy in ((-1, 0), (0, -1), (1, 0), (0, 1))], axis=1
    )
    parts = np.concatenate([np.array(shapes, object), shapely.polygons(ring) if len(ring) else np.zeros(0, object)])
    owner = np.concatenate([owners, labels]).astype(np.intp)
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(1, pieces.count + 2))
    united = np.array([_united(parts[order[start:stop]]) for start, stop in pairwise(bounds)], object)
    return located(united, transform)


def _joints(array: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Return the corners (column, row) at which two cells of a piece touch and nothing else lies, with its label."""
    a, b, c, d = array[:-1, :-1], array[:-1, 1:], array[1:, :-1], array[1:, 1:]
    found = []
    for first, second, other, another in ((a, d, b, c), (b, c, a, d)):
        rows, columns = np.nonzero((first > 0) & (first == second) & (other == 0) & (another == 0))
        found.append((columns + 1, rows + 1, first[rows, columns]))
    x, y, labels = (np.concatenate(values) for values in zip(*found, strict=True))
    return x, y, labels


def _united(parts: NDArray[np.object_]) -> shapely.Polygon:
    if len(parts) == 1 and shapely.is_valid(parts[0]):
        return parts[0]
    # A ring of cells that closes at a corner touches itself there until the diamond is added.
    return shapely.union_all(shapely.make_valid(parts))

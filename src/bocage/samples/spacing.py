"""Distances between cells, from edge to edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

# Distances in cells within this of each other are equal.
_TOLERANCE = 1e-9
# Looking up every step around a cell is faster than a tree up to so many steps per cell of the ground.
_MOST_STEPS = 4
# The edges of two cells are as far apart as the centre of one and the nearest of these places around the other.
_AROUND = np.array([(east, north) for east in (-1, 0, 1) for north in (-1, 0, 1)], np.int64)

Ints = NDArray[np.int64]


def gaps(places: Ints, others: Ints, most: float = float("inf")) -> NDArray[np.float64]:
    """Return how far each cell lies from the nearest of the others; infinite where that is ``most`` or more.

    Parameters
    ----------
    places, others
        (n, 2) and (m, 2) east and north of cells.
    most
        In cells.

    Returns
    -------
    numpy.ndarray
        (n,) distances from edge to edge in cells. Two cells that touch, and a cell and itself, are 0 apart.
    """
    if not len(others) or not len(places):
        return np.full(len(places), np.inf)
    around = np.unique((others[:, None] + _AROUND).reshape(-1, 2), axis=0)
    found, _ = cKDTree(around.astype(np.float64)).query(places.astype(np.float64), distance_upper_bound=most)
    return np.asarray(found)


def near(places: Ints, others: Ints, distance: float) -> NDArray[np.bool_]:
    """Return which cells lie nearer than ``distance`` (in cells) to one of the others; none if it is 0."""
    if distance <= 0:
        return np.zeros(len(places), np.bool_)
    return np.asarray(gaps(places, others, distance) < distance - _TOLERANCE)


class Ground:
    """Distinct cells, and which of them lie near to some others.

    Parameters
    ----------
    places
        (cells, 2) east and north, ordered from south to north and west to east.
    """

    def __init__(self, places: Ints) -> None:
        self._places = places
        self._low = places.min(axis=0)
        self._high = places.max(axis=0)
        self._keys = self._key(places)

    def near(self, others: Ints, distance: float) -> NDArray[np.intp]:
        """Return the numbers of the cells nearer than ``distance`` (in cells) to one of the others, ascending."""
        if distance <= 0 or not len(others):
            return np.zeros(0, np.intp)
        reach = int(np.ceil(distance))
        if (2 * reach + 1) ** 2 * len(others) > _MOST_STEPS * len(self._places):
            return np.flatnonzero(near(self._places, others, distance))
        east, north = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
        steps = np.column_stack([east.ravel(), north.ravel()])
        gap = np.sqrt((np.maximum(np.abs(steps) - 1, 0) ** 2).sum(axis=1))
        around = (others[:, None] + steps[gap < distance - _TOLERANCE]).reshape(-1, 2)
        around = around[((around >= self._low) & (around <= self._high)).all(axis=1)]
        keys = np.unique(self._key(around))
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray(found[self._keys[found] == keys])

    def _key(self, places: Ints) -> Ints:
        width = int(self._high[0] - self._low[0]) + 1
        return np.asarray((places[:, 1] - self._low[1]) * width + places[:, 0] - self._low[0])


def thin_out(places: Ints, distance: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return cells that keep a distance: taken in random order, each that is not nearer to one taken before."""
    kept: list[int] = []
    for index in rng.permutation(len(places)).tolist():
        gap = np.maximum(np.abs(places[kept] - places[index]) - 1, 0)
        if not kept or np.sqrt((gap**2).sum(axis=1)).min() >= distance - _TOLERANCE:
            kept.append(index)
    return np.array(sorted(kept), np.intp)

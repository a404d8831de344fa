"""Drawing units so that they spread over the ground: the local pivotal method.

Neighbours compete for their inclusion probabilities until every unit is in or out. Two units that stand close are thus
rarely both drawn, and yet each unit is drawn with exactly the probability that it was given: estimates stay unbiased.

Source: A. Grafstroem, N. L. P. Lundstroem, L. Schelin (2012), Spatially balanced sampling through the pivotal method,
Biometrics 68, 514-520; algorithm 2 (LPM2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bocage.errors import SampleError

_EPSILON = 1e-9
_FIRST_NEIGHBOURS = 8


def draw(points: NDArray[np.float64], probabilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw units by the local pivotal method.

    Parameters
    ----------
    points
        (n, dimensions) coordinates; units on one spot compete with each other first.
    probabilities
        (n,) inclusion probabilities, 0 to 1. If they sum to a whole number, so many units are drawn; otherwise
        one of the two nearest whole numbers.

    Returns
    -------
    numpy.ndarray
        Indices of the drawn units, ascending.

    Raises
    ------
    SampleError
        If a probability is outside 0..1 or the shapes do not fit.
    """
    left = np.array(probabilities, np.float64)
    if left.ndim != 1 or points.ndim != 2 or len(points) != len(left):
        raise SampleError(
            f"{len(left)} probabilities do not fit {len(points)} points", "give one probability per point"
        )
    if len(left) and not (np.isfinite(left).all() and left.min() >= -_EPSILON and left.max() <= 1 + _EPSILON):
        raise SampleError("an inclusion probability is outside 0..1", "draw no more units than the frame holds")
    neighbours = _Neighbours(points, rng.permutation(np.flatnonzero(_open(left))))
    while len(neighbours) > 1:
        unit = neighbours.any(rng)
        rival = neighbours.nearest(unit, rng)
        left[unit], left[rival] = _compete(left[unit], left[rival], rng)
        for one in (unit, rival):
            if not _EPSILON < left[one] < 1 - _EPSILON:
                neighbours.remove(one)
    for last in neighbours.remaining():
        left[last] = float(rng.random() < left[last])
    return np.flatnonzero(left > 0.5)


def equal(size: int, count: int) -> NDArray[np.float64]:
    """Return equal inclusion probabilities that sum to ``count``."""
    return np.full(size, count / size)


def _open(probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((probabilities > _EPSILON) & (probabilities < 1 - _EPSILON))


def _compete(one: float, other: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the new probabilities of two units: the sum and both expectations stay, one of the two is settled."""
    total = one + other
    if total < 1:
        return (total, 0.0) if rng.random() < one / total else (0.0, total)
    return (1.0, total - 1) if rng.random() < (1 - other) / (2 - total) else (total - 1, 1.0)


class _Neighbours:
    """The undecided units, with the nearest one of each; the tree is built anew when half of it is decided."""

    def __init__(self, points: NDArray[np.float64], units: NDArray[np.intp]) -> None:
        self._points = points
        self._order = [int(unit) for unit in units]
        self._place = {unit: place for place, unit in enumerate(self._order)}
        self._build()

    def __len__(self) -> int:
        return len(self._order)

    def _build(self) -> None:
        self._units = np.array(self._order, np.intp)
        self._tree = cKDTree(self._points[self._units]) if len(self._units) else None

    def any(self, rng: np.random.Generator) -> int:
        return self._order[int(rng.integers(len(self._order)))]

    def remaining(self) -> list[int]:
        return list(self._order)

    def remove(self, unit: int) -> None:
        place, last = self._place.pop(unit), self._order.pop()
        if last != unit:
            self._order[place] = last
            self._place[last] = place
        if 2 * len(self._order) < len(self._units) and len(self._order) > 1:
            self._build()

    def nearest(self, unit: int, rng: np.random.Generator) -> int:
        """Return the nearest other undecided unit; one of several at the same distance is taken at random."""
        assert self._tree is not None
        wanted = min(_FIRST_NEIGHBOURS, len(self._units))
        while True:
            distances, places = self._tree.query(self._points[unit], k=wanted)
            distances, places = np.atleast_1d(distances), np.atleast_1d(places)
            others = [
                (distance, int(self._units[place]))
                for distance, place in zip(distances, places, strict=True)
                if int(self._units[place]) != unit and int(self._units[place]) in self._place
            ]
            everything = wanted == len(self._units)
            # The list is complete for a distance only if something farther was found too.
            if others and (everything or others[0][0] < distances[-1]):
                ties = [other for distance, other in others if distance <= others[0][0] * (1 + _EPSILON)]
                return ties[int(rng.integers(len(ties)))]
            wanted = min(2 * wanted, len(self._units))

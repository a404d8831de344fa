"""Drawing units so that they spread over the ground, each with exactly the probability that it was given.

Neighbours compete for their inclusion probabilities until every unit is in or out, so two that stand close are rarely
both drawn: the local pivotal method of A. Grafstroem, N. L. P. Lundstroem, L. Schelin (2012), Spatially balanced
sampling through the pivotal method, Biometrics 68, 514-520, algorithm 2 (LPM2).

A continent has too many units for that, so a first phase thins them: pivotal sampling in the order of a Hilbert curve,
which G. Chauvet (2012), On a characterization of ordered pivotal sampling, Bernoulli 18, 1320-1340, shows to be the
systematic sampling of Deville. Both phases give all units the same probability, m / N and n / m; the product is n / N.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bocage.errors import SampleError
from bocage.samples.curve import along_curve

_EPSILON = 1e-9
_NEIGHBOURS = 8
# The second phase chooses among so many units per draw; more of them spread the sample no better (decision 12).
_POOL = 8

Indices = NDArray[np.intp]


def draw_equal(places: NDArray[np.int64], count: int, rng: np.random.Generator) -> Indices:
    """Draw ``count`` of the units with equal probability, spread over the ground; however many units there are.

    Parameters
    ----------
    places
        (n, 2) whole-number coordinates; the result depends on their order.

    Returns
    -------
    numpy.ndarray
        Indices of the drawn units, ascending.

    Raises
    ------
    SampleError
        If more are asked for than there are.
    """
    if not 0 <= count <= len(places):
        raise SampleError(f"cannot draw {count} of {len(places)} units", "draw no more units than the frame holds")
    if count in (0, len(places)):
        return np.arange(count)
    pool = np.arange(len(places))
    if len(places) > _POOL * count:
        order = along_curve(places)
        pool = np.sort(order[thin(len(places), _POOL * count, rng)])
    drawn = draw(places[pool].astype(np.float64), np.full(len(pool), count / len(pool)), rng)
    return pool[drawn]


def thin(size: int, count: int, rng: np.random.Generator) -> Indices:
    """Draw ``count`` of ``size`` units in their order by the ordered pivotal method with equal probabilities.

    Units carry the mass ``count`` each, in parts of ``size``, and fill ``count`` groups of the mass ``size`` one after
    the other: one unit is drawn from each group. The unit on the border of two groups competes in both, and whoever of
    the two does not win the first group carries the rest of the mass into the second. Whole-number arithmetic.

    Parameters
    ----------
    count
        1 to ``size``.

    Returns
    -------
    numpy.ndarray
        Indices of the drawn units in the order of their groups.
    """
    edges = np.arange(count + 1, dtype=np.int64) * size
    # The unit that holds the upper border of each group, and the mass of it that lies below the border.
    border, below = np.divmod(edges[1:], count)
    carried = np.concatenate([[0], np.where(below[:-1] > 0, count - below[:-1], 0)])
    first = -(-edges[:-1] // count)
    wholes = border - first
    # One unit of the group leads it: the carried one by its mass, or one of the whole ones.
    ticket = rng.integers(0, np.maximum(carried + wholes * count, 1))
    leader = np.where(ticket < carried, -1, first + (ticket - carried) // count)
    # Leader (mass size - below) and border unit (mass count) sum to more than one: one of the two wins the group.
    loses = rng.integers(0, np.maximum(size - count + below, 1)) < below
    drawn = np.empty(count, np.intp)
    carry = -1
    steps = zip(leader.tolist(), border.tolist(), below.tolist(), loses.tolist(), strict=True)
    for group, (chosen, on_border, part, leader_loses) in enumerate(steps):
        chief = carry if chosen < 0 else chosen
        if part == 0:
            drawn[group] = chief
        elif leader_loses:
            drawn[group], carry = on_border, chief
        else:
            drawn[group], carry = chief, on_border
    return drawn


def draw(points: NDArray[np.float64], probabilities: NDArray[np.float64], rng: np.random.Generator) -> Indices:
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
    given = np.array(probabilities, np.float64)
    if given.ndim != 1 or points.ndim != 2 or len(points) != len(given):
        raise SampleError(
            f"{len(given)} probabilities do not fit {len(points)} points", "give one probability per point"
        )
    if len(given) and not (np.isfinite(given).all() and given.min() >= -_EPSILON and given.max() <= 1 + _EPSILON):
        raise SampleError("an inclusion probability is outside 0..1", "draw no more units than the frame holds")
    left: list[float] = given.tolist()
    neighbours = _Neighbours(points, rng.permutation(np.flatnonzero((given > _EPSILON) & (given < 1 - _EPSILON))))
    while len(neighbours) > 1:
        unit = neighbours.any(rng)
        rival = neighbours.nearest(unit, rng)
        left[unit], left[rival] = _compete(left[unit], left[rival], rng)
        for one in (unit, rival):
            if not _EPSILON < left[one] < 1 - _EPSILON:
                neighbours.remove(one)
    for last in neighbours.remaining():
        left[last] = float(rng.random() < left[last])
    return np.flatnonzero(np.array(left) > 0.5)


def _compete(one: float, other: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the new probabilities of two units: the sum and both expectations stay, one of the two is settled."""
    total = one + other
    if total < 1:
        return (total, 0.0) if rng.random() < one / total else (0.0, total)
    return (1.0, total - 1) if rng.random() < (1 - other) / (2 - total) else (total - 1, 1.0)


class _Neighbours:
    """The undecided units, with the nearest one of each; the tree is built anew when half of it is decided."""

    def __init__(self, points: NDArray[np.float64], units: Indices) -> None:
        self._points = points
        self._order = [int(unit) for unit in units]
        self._place = {unit: place for place, unit in enumerate(self._order)}
        self._build()

    def __len__(self) -> int:
        return len(self._order)

    def _build(self) -> None:
        self._units = np.sort(np.array(self._order, np.intp))
        self._lists: dict[int, tuple[list[float], list[int]]] = {}
        if not len(self._units):
            return
        points = self._points[self._units]
        self._tree = cKDTree(points)
        self._wanted = min(_NEIGHBOURS, len(self._units))
        distances, places = self._tree.query(points, k=[*range(1, self._wanted + 1)])
        near = self._units[places]
        self._lists = dict(zip(self._units.tolist(), zip(distances.tolist(), near.tolist(), strict=True), strict=True))

    def any(self, rng: np.random.Generator) -> int:
        return self._order[int(rng.integers(len(self._order)))]

    def remaining(self) -> list[int]:
        return sorted(self._order)

    def remove(self, unit: int) -> None:
        place, last = self._place.pop(unit), self._order.pop()
        if last != unit:
            self._order[place] = last
            self._place[last] = place
        if 2 * len(self._order) < len(self._units) and len(self._order) > 1:
            self._build()

    def nearest(self, unit: int, rng: np.random.Generator) -> int:
        """Return the nearest other undecided unit; one of several at the same distance is taken at random."""
        for distances, units, everything in self._wider(unit):
            closest, ties = -1.0, []
            for distance, other in zip(distances, units, strict=True):
                if closest >= 0 and distance > closest * (1 + _EPSILON):
                    break
                if other != unit and other in self._place:
                    closest = distance if closest < 0 else closest
                    ties.append(other)
            # The ties are complete only if something farther was found too.
            if ties and (everything or distances[-1] > closest * (1 + _EPSILON)):
                # In order of their number: a tree may list equal distances in any order.
                return sorted(ties)[int(rng.integers(len(ties)))]
        raise AssertionError("two units or more are undecided")

    def _wider(self, unit: int) -> Iterator[tuple[list[float], list[int], bool]]:
        wanted = self._wanted
        yield (*self._lists[unit], wanted == len(self._units))
        while wanted < len(self._units):
            wanted = min(4 * wanted, len(self._units))
            distances, places = self._tree.query(self._points[unit], k=wanted)
            yield distances.tolist(), self._units[places].tolist(), wanted == len(self._units)

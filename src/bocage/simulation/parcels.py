"""Field parcels: a jittered lattice of roads and borders, whose blocks are split until they have the size of fields.

The lattice has one block per square kilometre. All lines are bent by a smooth warp, so that borders and roads curve as
they do in old farmland; the warp and the corners are hashed, so that neighbouring blocks share their edges exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.simulation.noise import displacement, hashed

PITCH = 1000.0
_JITTER = 0.2
_WARPS = ((2400.0, 290.0), (620.0, 42.0), (170.0, 7.0))
_STEP = 12.0

type Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Border:
    """A straight border between two parcels before the warp; ``level`` counts the splits above it (0 = lattice)."""

    start: Points
    end: Points
    level: int

    def line(self, seed: int, step: float = _STEP) -> Points:
        """Return the border as a warped line of (n, 2) points."""
        return warp(seed, _dense(self.start, self.end, step))


def corner(seed: int, east: int, north: int) -> Points:
    """Return a corner of the lattice before the warp, in metres."""
    jitter = np.concatenate((hashed(seed + 11, east, north), hashed(seed + 12, east, north))).astype(np.float64) - 0.5
    return (np.array([east, north]) + 2 * _JITTER * jitter) * PITCH


def warp(seed: int, points: Points) -> Points:
    """Bend (n, 2) points smoothly; points that are equal before are equal after."""
    return points + displacement(seed + 20, points, _WARPS)


def reach() -> float:
    """Return how far beyond its lattice square a block can reach, in metres."""
    return PITCH * _JITTER + sum(amplitude for _, amplitude in _WARPS)


def ring(seed: int, quad: Points, step: float = _STEP) -> Points:
    """Return a quadrilateral as a warped ring of points."""
    return warp(seed, np.vstack([_dense(quad[k], quad[(k + 1) % 4], step)[:-1] for k in range(4)]))


def _dense(start: Points, end: Points, step: float) -> Points:
    """Return points about ``step`` metres apart on a straight line, its ends included."""
    across = end - start
    count = max(int(float(np.hypot(across[0], across[1])) / step), 2)
    return np.asarray(start + across * (np.arange(count + 1) / count)[:, np.newaxis])


def block(seed: int, east: int, north: int) -> Points:
    """Return the four corners of a block of the lattice, anticlockwise from the south-west, before the warp."""
    return np.array([corner(seed, east + dx, north + dy) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))])


def area(quad: Points) -> float:
    """Return the area of a polygon in square metres."""
    x, y = quad[:, 0] - quad[0, 0], quad[:, 1] - quad[0, 1]
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(y[:-1], x[1:])) / 2)


def split(
    quad: Points, target: float, rng: np.random.Generator, level: int = 1, *, even: float = 0.13
) -> tuple[list[Points], list[Border]]:
    """Split a quadrilateral into parcels of about ``target`` square metres.

    Returns
    -------
    parcels, borders
        Quadrilaterals that cover ``quad`` once, and the lines between them.
    """
    parcels: list[Points] = []
    borders: list[Border] = []
    open_quads = [(quad, level)]
    while open_quads:
        current, depth = open_quads.pop()
        if area(current) < target * rng.uniform(0.75, 1.9):
            parcels.append(current)
            continue
        edges = current[[1, 2, 3, 0]] - current
        sides = np.hypot(edges[:, 0], edges[:, 1])
        along, across = sides[0] + sides[2], sides[1] + sides[3]
        if along * rng.uniform(0.8, 1.25) < across:
            current = current[[1, 2, 3, 0]]
        a, b, c, d = current
        first = rng.uniform(0.5 - even, 0.5 + even)
        second = np.clip(first + rng.normal(0, 0.05), 0.3, 0.7)
        p, q = a + (b - a) * first, d + (c - d) * second
        borders.append(Border(p, q, depth))
        open_quads += [(np.array([a, p, q, d]), depth + 1), (np.array([p, b, c, q]), depth + 1)]
    return parcels, borders

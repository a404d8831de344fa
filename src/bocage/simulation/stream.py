"""Streams: smooth winding lines, one per valley, that any block can follow through its own square."""

from __future__ import annotations

import numpy as np

from bocage.simulation.noise import noise_at
from bocage.simulation.parcels import PITCH, Points

VALLEY = 3 * PITCH
_BENDS = ((1900.0, 620.0), (420.0, 95.0), (130.0, 26.0), (47.0, 7.0))


def course(seed: int, valley: int, x: Points) -> Points:
    """Return the (n, 2) points of a valley's stream at eastings ``x``."""
    y = np.full(len(x), (valley + 0.5) * VALLEY)
    for index, (wavelength, amplitude) in enumerate(_BENDS):
        y += amplitude * noise_at(seed + 40 + index, x, np.full(len(x), valley * 7919.0), wavelength)
    return np.column_stack((x, y))


def reaches(seed: int, east: int, north: int) -> list[Points]:
    """Return the pieces of streams inside a square of the lattice, each a line of points 4 m apart."""
    x = np.arange(east * PITCH, (east + 1) * PITCH + 1e-6, 4.0)
    pieces: list[Points] = []
    middle = int(np.floor(north * PITCH / VALLEY))
    for valley in (middle - 1, middle, middle + 1):
        line = course(seed, valley, x)
        # A segment belongs to the square that holds its first point, so each is drawn exactly once.
        inside = np.floor(line[:-1, 1] / PITCH).astype(int) == north
        edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False])).astype(int)))
        pieces += [line[first : last + 1] for first, last in zip(edges[::2], edges[1::2], strict=True)]
    return pieces

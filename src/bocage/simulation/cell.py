"""What one block of the landscape holds: surfaces to paint in order, and woody objects to plant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from bocage.simulation.parcels import Points
from bocage.simulation.woody import Crowns, WoodyObject

SURFACE = np.dtype(
    [
        ("ground", "u1"),
        ("angle", "f4"),
        ("shift", "f4"),
        ("vigour", "f4"),
        ("soil", "f4"),
        ("tone", "f4"),
    ]
)
"""How a surface looks: its cover, direction of rows (radians), lead of its phenology (days), vigour and soil brightness
(-1..1) and overall brightness (-1..1)."""


class Layer(IntEnum):
    """The order in which surfaces are painted: a later layer covers an earlier one."""

    FIELD = 0
    MARGIN = 1
    VALLEY = 2
    PLOT = 3
    WATER = 4
    YARD = 5
    VERGE = 6
    TRACK = 7
    ROAD = 8
    ROOF = 9


@dataclass(frozen=True, slots=True)
class Surface:
    """A polygon (``width`` 0) or a line of ``width`` metres with one look."""

    layer: Layer
    points: Points
    look: np.void
    width: float = 0.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in metres."""
        low, high = self.points.min(axis=0) - self.width, self.points.max(axis=0) + self.width
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@dataclass(frozen=True, slots=True)
class Cell:
    """One block of the lattice: its index, its surfaces, its woody objects and their crowns."""

    east: int
    north: int
    surfaces: tuple[Surface, ...]
    objects: tuple[WoodyObject, ...]
    crowns: Crowns


def look(ground: int, rng: np.random.Generator, *, angle: float = 0.0, spread: float = 1.0) -> np.void:
    """Return the look of a surface, varied by ``spread``."""
    one = np.zeros(1, SURFACE)
    one["ground"], one["angle"] = ground, angle
    one["shift"] = spread * rng.normal(0, 9)
    for name in ("vigour", "soil", "tone"):
        one[name] = np.clip(spread * rng.normal(0, 0.45), -1, 1)
    value: np.void = one[0]
    return value

"""Woody objects as sets of crowns: how a hedge, a tree line, a grove or a wood is planted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from shapely import contains_xy
from shapely.geometry import Polygon

from bocage.simulation import kinds
from bocage.simulation.kinds import Woody
from bocage.simulation.noise import displacement
from bocage.simulation.parcels import Points

CROWN = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("radius", "f4"),
        ("height", "f4"),
        ("species", "u1"),
        ("tone", "f4"),
        ("phase", "f4"),
        ("item", "i4"),
        ("step", "f4"),
    ]
)
"""A crown: centre (m), radius (m), height (m), species, brightness (-1..1), phase of its lobes, index of its object,
and the length of centre line that it stands for (m; 0 in patches)."""

type Crowns = NDArray[np.void]

LARGEST_RADIUS = 8.0
TALLEST = 32.0


@dataclass(frozen=True, slots=True)
class WoodyObject:
    """A woody object: its type, and whether it stood in 2018 (``before``) and stands on the images (``now``)."""

    code: Woody
    before: bool = True
    now: bool = True


@dataclass(slots=True)
class Planting:
    """Collects the woody objects and crowns of one block of the landscape."""

    rng: np.random.Generator
    seed: int
    objects: list[WoodyObject] = field(default_factory=list)
    _parts: list[Crowns] = field(default_factory=list)

    def crowns(self) -> Crowns:
        """Return all crowns planted so far."""
        return np.concatenate(self._parts) if self._parts else np.zeros(0, CROWN)

    def begin(self, code: Woody, *, change: float = 0.06) -> int:
        """Open a new object and return its index; ``change`` is the chance that it is new or gone since 2018."""
        fate = self.rng.random()
        self.objects.append(WoodyObject(code, before=fate >= change, now=fate < 1 - change))
        return len(self.objects) - 1

    def plant(
        self,
        item: int,
        points: Points,
        radius: NDArray[np.float64] | float,
        height: NDArray[np.float64] | float,
        species: NDArray[np.int64] | int,
        *,
        step: float = 0.0,
        tone: float = 0.0,
    ) -> None:
        """Add one crown per point to an object."""
        if not len(points):
            return
        crowns = np.zeros(len(points), CROWN)
        crowns["x"], crowns["y"] = points[:, 0], points[:, 1]
        crowns["radius"] = np.clip(radius, 0.7, LARGEST_RADIUS)
        crowns["height"] = np.clip(height, 1.2, TALLEST)
        crowns["species"] = species
        crowns["tone"] = np.clip(tone + self.rng.normal(0, 0.45, len(points)), -1, 1)
        crowns["phase"] = self.rng.uniform(0, 2 * np.pi, len(points))
        crowns["item"] = item
        crowns["step"] = step
        self._parts.append(crowns)

    def hedge(self, line: Points, *, tall: bool, gaps: float) -> None:
        """Plant a hedge with gates and missing pieces along a line; a ``tall`` one carries standard trees."""
        rng, item = self.rng, self.begin(Woody.HEDGE)
        width, height = rng.uniform(1.3, 2.8), rng.uniform(1.9, 4.6)
        points, normal = along(line, 1.5)
        keep = _with_gaps(len(points), 1.5, gaps, rng)
        points, normal = points[keep], normal[keep]
        ragged = rng.normal(0, 0.25 * width, (len(points), 1))
        swell = 1 + 0.3 * _slow(len(points), 12, rng)
        self.plant(
            item, points + normal * ragged, width * swell, height * swell * rng.uniform(0.8, 1.15, len(points)),
            _mix(rng, len(points), (kinds.SHRUB, 0.85), (kinds.WILLOW, 0.1), (kinds.OAK, 0.05)), step=1.5,
            tone=rng.normal(0, 0.3),
        )  # fmt: skip
        if tall and len(points) > 8:
            trees = points[np.flatnonzero(rng.random(len(points)) < 1.5 / rng.uniform(14, 40))]
            size = rng.uniform(0.7, 1.25, len(trees))
            self.plant(item, trees, 3.4 * size, 10.5 * size, _mix(rng, len(trees), (kinds.OAK, 0.7), (kinds.ASH, 0.3)))

    def tree_line(self, line: Points, *, offsets: tuple[float, ...] = (0.0,), species: int | None = None) -> None:
        """Plant trees along a line at each of the offsets (m, to the left); two offsets make a double tree line."""
        rng = self.rng
        item = self.begin(Woody.TREE_LINE if len(offsets) == 1 else Woody.DOUBLE_TREE_LINE)
        kind = (
            int(rng.choice([kinds.OAK, kinds.ASH, kinds.ASH, kinds.WILLOW, kinds.SPRUCE]))
            if species is None
            else species
        )
        radius = rng.uniform(2.6, 4.6) * (0.75 if kind == kinds.SPRUCE else 1)
        spacing = radius * rng.uniform(1.35, 2.5)
        height = radius * rng.uniform(2.4, 3.5)
        for offset in offsets:
            points, normal = along(line, spacing)
            keep = rng.random(len(points)) > 0.1
            points = (points + normal * (offset + rng.normal(0, 0.4, (len(points), 1))))[keep]
            size = rng.uniform(0.75, 1.15, len(points))
            self.plant(
                item, points, radius * size, height * size, np.where(rng.random(len(points)) < 0.9, kind, kinds.OAK),
                step=spacing / len(offsets), tone=rng.normal(0, 0.2),
            )  # fmt: skip

    def patch(self, outline: Polygon, code: Woody, *, stand: int | None = None, change: float = 0.06) -> None:
        """Fill an outline with a grove, a scrub or a wood; ``stand`` picks the species of a pure stand."""
        rng, item = self.rng, self.begin(code, change=change)
        low = code is Woody.SCRUB
        pitch = rng.uniform(2.2, 3.2) if low else rng.uniform(3.8, 6.0)
        if stand == kinds.SPRUCE:
            pitch = rng.uniform(3.2, 4.0)
        # The edge of a wood frays; the fraying belongs to the place, so two woods that touch still touch.
        fray = ((120.0, 16.0), (38.0, 7.0)) if code in (Woody.FOREST, Woody.SCRUB) else ((30.0, 3.0),)
        points = _scatter(outline, pitch, rng, self.seed, fray)
        if low:
            points = points[rng.random(len(points)) > rng.uniform(0.05, 0.45)]
        count = len(points)
        size = rng.uniform(0.7, 1.3, count) * (1 + 0.15 * np.sin(points[:, 0] / 31) * np.sin(points[:, 1] / 23))
        if low:
            species = _mix(rng, count, (kinds.SHRUB, 0.7), (kinds.WILLOW, 0.27), (kinds.DYING, 0.03))
            self.plant(item, points, pitch * 0.62 * size, rng.uniform(2.0, 3.8) * size, species)
            return
        if stand is None:
            main = int(rng.choice([kinds.OAK, kinds.ASH, kinds.WILLOW], p=[0.55, 0.35, 0.1]))
            species = _mix(rng, count, (main, 0.68), (kinds.OAK, 0.18), (kinds.SPRUCE, 0.08), (kinds.DYING, 0.06))
        else:
            species = np.where(rng.random(count) < 0.95, stand, kinds.OAK)
        height = rng.uniform(11, 19) if code is Woody.GROVE else rng.uniform(14, 24)
        self.plant(item, points, pitch * 0.68 * size, height * (0.55 + 0.45 * size), species)

    def trees(self, points: Points, code: Woody, *, radius: tuple[float, float], per_object: bool = True) -> None:
        """Plant single trees at points, each its own object or all of them one."""
        rng = self.rng
        item = -1
        for number in range(len(points)):
            if per_object or number == 0:
                item = self.begin(code)
            size = rng.uniform(*radius)
            kind = int(rng.choice([kinds.OAK, kinds.ASH, kinds.FRUIT, kinds.SPRUCE], p=[0.4, 0.3, 0.18, 0.12]))
            height = size * rng.uniform(1.8, 2.8) * (1.5 if kind == kinds.SPRUCE else 1)
            self.plant(item, points[number : number + 1], size, height, kind)

    def orchard(self, outline: Polygon, angle: float) -> None:
        """Plant fruit trees on a square grid inside an outline."""
        rng, item = self.rng, self.begin(Woody.ORCHARD, change=0.03)
        old = rng.random() < 0.5
        spacing = rng.uniform(9, 11.5) if old else rng.uniform(5, 6.5)
        points = _grid(outline.buffer(-3), spacing, angle)
        points = points[rng.random(len(points)) > (0.14 if old else 0.03)]
        points = points + rng.normal(0, 0.35 if old else 0.15, points.shape)
        size = rng.uniform(0.75, 1.2, len(points))
        radius, height = (rng.uniform(2.8, 3.8), 6.0) if old else (rng.uniform(1.6, 2.2), 3.8)
        self.plant(item, points, radius * size, height * size, kinds.FRUIT)


def along(line: Points, spacing: float) -> tuple[Points, Points]:
    """Return points at equal spacing along a line and the unit normal to the left at each."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    distance = np.concatenate(([0.0], np.cumsum(steps)))
    at = np.arange(spacing / 2, distance[-1], spacing)
    points = np.column_stack([np.interp(at, distance, line[:, axis]) for axis in (0, 1)])
    segment = np.clip(np.searchsorted(distance, at, side="right") - 1, 0, len(steps) - 1)
    tangent = np.diff(line, axis=0)[segment] / np.maximum(steps[segment], 1e-6)[:, np.newaxis]
    return points, np.column_stack((-tangent[:, 1], tangent[:, 0]))


def blob(centre: Points, size: float, rng: np.random.Generator) -> Polygon:
    """Return an organic outline of ``size`` square metres around a centre."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    lobes = 1 + sum(rng.uniform(0, 0.42 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in (2, 3, 4, 6))
    radius = np.maximum(lobes, 0.25)
    shape = np.column_stack((np.cos(angle) * radius, np.sin(angle) * radius * rng.uniform(0.55, 1)))
    turn = rng.uniform(0, np.pi)
    shape = shape @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    outline = Polygon(shape)
    return Polygon(shape * np.sqrt(size / outline.area) + centre)


def _mix(rng: np.random.Generator, count: int, *shares: tuple[int, float]) -> NDArray[np.int64]:
    species, weights = zip(*shares, strict=True)
    return np.asarray(rng.choice(species, size=count, p=np.array(weights) / sum(weights)), dtype=np.int64)


def _slow(count: int, period: int, rng: np.random.Generator) -> NDArray[np.float64]:
    knots = rng.uniform(-1, 1, count // period + 3)
    return np.interp(np.arange(count) / period, np.arange(len(knots)), knots)


def _with_gaps(count: int, step: float, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    keep = np.ones(count, dtype=bool)
    place = rng.uniform(20, 120) / step
    while place < count:
        width = rng.uniform(4, 9) if rng.random() < 0.55 else rng.uniform(9, 60)
        keep[int(place) : int(place + width * min(share * 8, 1) / step) + 1] = False
        place += (width + rng.uniform(25, 45) / max(share, 0.05)) / step
    return keep


def _scatter(
    outline: Polygon, pitch: float, rng: np.random.Generator, seed: int, fray: tuple[tuple[float, float], ...]
) -> Points:
    left, bottom, right, top = outline.buffer(fray[0][1]).bounds
    rows = np.arange(bottom, top + pitch, pitch * 0.866)
    columns = np.arange(left, right + pitch, pitch)
    x = (columns[np.newaxis, :] + np.where(np.arange(len(rows)) % 2, pitch / 2, 0)[:, np.newaxis]).ravel()
    y = np.repeat(rows, len(columns))
    points = np.column_stack((x, y)) + rng.normal(0, 0.24 * pitch, (len(x), 2))
    moved = points + displacement(seed + 65, points, fray)
    inside = contains_xy(outline, moved[:, 0], moved[:, 1])
    return np.asarray(points[inside])


def _grid(outline: Polygon, spacing: float, angle: float) -> Points:
    if outline.is_empty:
        return np.zeros((0, 2))
    centre = np.array(outline.centroid.coords[0])
    half = np.hypot(outline.bounds[2] - outline.bounds[0], outline.bounds[3] - outline.bounds[1]) / 2
    steps = np.arange(-half, half + spacing, spacing)
    u, v = (grid.ravel() for grid in np.meshgrid(steps, steps))
    points = centre + np.column_stack((u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)))
    return np.asarray(points[contains_xy(outline, points[:, 0], points[:, 1])])

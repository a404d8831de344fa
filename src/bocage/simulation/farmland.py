"""One block of the landscape: parcels, borders, roads, stream and woody objects, from the seed and its index."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from shapely.geometry import Polygon

from bocage.simulation import kinds, stream, village
from bocage.simulation.cell import Cell, Layer, Surface, look
from bocage.simulation.kinds import Woody
from bocage.simulation.noise import generator, noise_at
from bocage.simulation.parcels import PITCH, Border, Points, block, corner, ring, split
from bocage.simulation.woody import Planting, along, blob

_ROLES = ("village", "forest", "orchards", "wooded", "bocage", "bocage", "open", "open")
_MIDDLE = 4
_TARGET = {
    "village": 16e3,
    "forest": 68e3,
    "orchards": 11e3,
    "wooded": 22e3,
    "bocage": 17e3,
    "open": 52e3,
}
_DENSITY = {"village": 0.55, "forest": 0.45, "orchards": 0.5, "wooded": 0.7, "bocage": 0.92, "open": 0.3}
_ARABLE = (kinds.CEREAL, kinds.MAIZE, kinds.RAPESEED, kinds.BEET, kinds.PLOUGHED, kinds.FALLOW)
_ARABLE_SHARE = (0.36, 0.24, 0.15, 0.12, 0.08, 0.05)
_VILLAGE_RADIUS = 235.0
_LARGEST_ORCHARD = 40e3
# Yards, valleys, fraying woods and crowns reach this far beyond the outline of their block, in metres.
_OVERHANG = 60.0


def role(seed: int, east: int, north: int) -> str:
    """Return what a block is mainly made of; every 3 x 3 blocks hold each role, with bocage in the middle."""
    place = (east % 3) + 3 * (north % 3)
    if place == _MIDDLE:
        return "bocage"
    order = generator(seed, 5, east // 3, north // 3).permutation(len(_ROLES))
    return _ROLES[order[place - (place > _MIDDLE)]]


@lru_cache(maxsize=4096)
def cell_box(seed: int, east: int, north: int) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top (m) of all that a block can hold, without making it."""
    outline = ring(seed, block(seed, east, north))
    # The streams of a block stay in its square, which is not warped.
    low = np.minimum(outline.min(axis=0), (east * PITCH, north * PITCH)) - _OVERHANG
    high = np.maximum(outline.max(axis=0), ((east + 1) * PITCH, (north + 1) * PITCH)) + _OVERHANG
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@lru_cache(maxsize=512)
def build_cell(seed: int, east: int, north: int) -> Cell:
    """Make one block of the landscape; it depends on the seed and its index alone."""
    rng = generator(seed, 1, east, north)
    maker = _Maker(seed, role(seed, east, north), rng, corner_mean(seed, east, north))
    quad = block(seed, east, north)
    parcels, borders = split(quad, _TARGET[maker.role], rng)
    for parcel in parcels:
        maker.parcel(parcel)
    for border in borders:
        maker.border(border)
    sides = (
        (Border(quad[0], quad[1], 0), north % 3 == 0),
        (Border(quad[0], quad[3], 0), east % 3 == 0),
    )
    for side, main in sides:
        maker.side(side, main)
    for reach in stream.reaches(seed, east, north):
        maker.reach(reach)
    planting = maker.planting
    return Cell(east, north, tuple(maker.surfaces), tuple(planting.objects), planting.crowns())


def corner_mean(seed: int, east: int, north: int) -> Points:
    """Return the middle of a block before the warp."""
    return np.asarray(np.mean([corner(seed, east + dx, north + dy) for dx in (0, 1) for dy in (0, 1)], axis=0))


class _Maker:
    """Draws the parts of one block in a fixed order from one generator."""

    def __init__(self, seed: int, kind: str, rng: np.random.Generator, centre: Points) -> None:
        self.seed, self.role, self.rng, self.centre = seed, kind, rng, centre
        self.planting = Planting(rng, seed)
        self.surfaces: list[Surface] = []
        lift = noise_at(seed + 50, centre[:1], centre[1:], 3500.0)[0]
        self.density = float(np.clip(_DENSITY[kind] + 0.15 * lift, 0.05, 0.95))
        self.grassland = float(np.clip(0.42 + 0.3 * lift + (0.12 if kind == "bocage" else -0.1), 0.1, 0.8))

    def parcel(self, quad: Points) -> None:
        rng, middle = self.rng, quad.mean(axis=0)
        away = float(np.hypot(*(middle - self.centre)))
        if self.role == "village" and away < _VILLAGE_RADIUS:
            self.surfaces += village.plots(self.seed, quad, self.planting)
            return
        edges = quad[[1, 2, 3, 0]] - quad
        sides = np.hypot(edges[:, 0], edges[:, 1])
        edge = quad[1] - quad[0] if sides[0] + sides[2] > sides[1] + sides[3] else quad[2] - quad[1]
        angle = float(np.arctan2(edge[1], edge[0]))
        outline = ring(self.seed, quad)
        ground = self._use(outline, angle, away)
        self.surfaces.append(Surface(Layer.FIELD, outline, look(ground, rng, angle=angle)))
        if ground in (kinds.MEADOW, kinds.PASTURE, *_ARABLE):
            self._in_field(Polygon(outline), pasture=ground == kinds.PASTURE, arable=ground in _ARABLE)

    def _use(self, outline: Points, angle: float, away: float) -> int:
        """Choose the use of a parcel and plant the woods, orchards and scrub that cover it."""
        rng, shape = self.rng, Polygon(outline).buffer(0)
        chance = rng.random()
        wooded = {"forest": 0.85 if away < 430 else 0.45, "wooded": 0.16}.get(self.role, 0.012)
        if chance < wooded:
            stand = [None, None, None, kinds.SPRUCE, kinds.ASH, kinds.OAK][int(rng.integers(6))]
            self.planting.patch(shape.buffer(2.5), Woody.FOREST, stand=stand, change=0.02)
            return kinds.FOREST_FLOOR
        vines = self.role == "orchards" and chance < 0.18
        if vines and shape.area < _LARGEST_ORCHARD:
            return kinds.VINES
        fruit = {"orchards": 0.34, "village": 0.14}.get(self.role, 0.0)
        if chance < fruit and shape.area < _LARGEST_ORCHARD:
            self.planting.orchard(shape, angle)
            return kinds.ORCHARD_GRASS
        if chance > 0.985:
            self.planting.patch(shape.buffer(-3), Woody.SCRUB)
            return kinds.ROUGH
        if rng.random() < self.grassland:
            return int(rng.choice([kinds.MEADOW, kinds.PASTURE]))
        return int(rng.choice(_ARABLE, p=_ARABLE_SHARE))

    def _in_field(self, shape: Polygon, *, pasture: bool, arable: bool) -> None:
        """Put groves, scrub, ponds, lone trees and farmsteads inside a field."""
        rng = self.rng
        left, bottom, right, top = shape.bounds
        inner = shape.buffer(-12)
        if inner.is_empty:
            return

        def spot() -> Points:
            return np.array([rng.uniform(left + 10, right - 10), rng.uniform(bottom + 10, top - 10)])

        if rng.random() < (0.1 if arable else 0.22):
            size = float(np.exp(rng.uniform(np.log(220), np.log(4600))))
            grove = blob(spot(), size, rng).intersection(shape).buffer(0)
            if grove.area > 200 and grove.geom_type == "Polygon":
                low = rng.random() < 0.35
                self.planting.patch(grove, Woody.SCRUB if low else Woody.GROVE)
                points = np.array(grove.buffer(2).exterior.coords)
                self.surfaces.append(Surface(Layer.MARGIN, points, look(kinds.ROUGH, rng)))
        if rng.random() < 0.05:
            pond = np.array(blob(spot(), rng.uniform(120, 900), rng).exterior.coords)
            self.surfaces.append(Surface(Layer.WATER, pond, look(kinds.WATER, rng)))
        count = int(rng.poisson(0.25 if arable else 1.5 if pasture else 0.5))
        spots = np.array([spot() for _ in range(count)]).reshape(-1, 2)
        self.planting.trees(spots, Woody.LONE_TREE, radius=(2.8, 7.0))
        if rng.random() < 0.035:
            self.surfaces += village.farmstead(np.array(inner.representative_point().coords[0]), self.planting)

    def border(self, border: Border) -> None:
        """Lay a street, a track, a hedge, a tree line or a margin on the line between two parcels."""
        rng, line = self.rng, border.line(self.seed)
        near = float(np.hypot(*((border.start + border.end) / 2 - self.centre)))
        if self.role == "village" and near < _VILLAGE_RADIUS * 1.1 and border.level <= 7:
            self._strip(Layer.VERGE, line, kinds.LAWN, 8.0)
            self._strip(Layer.ROAD, line, kinds.ASPHALT, 4.6)
            if rng.random() < 0.3:
                self.planting.tree_line(line, offsets=(4.8,), species=kinds.ASH)
            return
        if border.level == 1 and rng.random() < 0.75:
            self.track(line)
            return
        self._edge(line, self.density)

    def side(self, border: Border, main: bool) -> None:
        """Lay a road, a track or a border on a side of the block."""
        rng, line = self.rng, border.line(self.seed)
        if not main:
            self.track(line) if rng.random() < 0.5 else self._edge(line, self.density)
            return
        width = rng.uniform(5.5, 7.5)
        self._strip(Layer.VERGE, line, kinds.VERGE, width + rng.uniform(4, 8))
        self._strip(Layer.ROAD, line, kinds.ASPHALT, width)
        chance = rng.random()
        if chance < 0.3:
            self.planting.tree_line(line, offsets=(width / 2 + 4, -width / 2 - 4))
        elif chance < 0.75:
            for hand in (1, -1):
                if rng.random() < 0.3 + 0.4 * self.density:
                    points, normal = along(line, 10)
                    self.planting.hedge(points + normal * hand * (width / 2 + 5), tall=rng.random() < 0.4, gaps=0.15)

    def track(self, line: Points) -> None:
        """Lay a farm track with grass on its edges, and sometimes hedges or an avenue along it."""
        rng, width = self.rng, self.rng.uniform(2.6, 3.6)
        self._strip(Layer.VERGE, line, kinds.MARGIN if rng.random() < 0.5 else kinds.VERGE, width + rng.uniform(2, 6))
        self._strip(Layer.TRACK, line, kinds.GRAVEL, width)
        chance = rng.random()
        points, normal = along(line, 10)
        if len(points) < 3:
            return
        if chance < 0.14:
            self.planting.tree_line(line, offsets=(width / 2 + 3, -width / 2 - 3))
        elif chance < 0.14 + 0.6 * self.density:
            for hand in (1, -1) if rng.random() < 0.35 else (int(rng.choice([1, -1])),):
                beside = points + normal * hand * (width / 2 + 3.2)
                self.planting.hedge(beside, tall=rng.random() < 0.35, gaps=rng.uniform(0.05, 0.25))

    def _edge(self, line: Points, density: float) -> None:
        rng, chance = self.rng, self.rng.random()
        if chance < 0.70 * density:
            self._strip(Layer.MARGIN, line, kinds.ROUGH, rng.uniform(4, 7))
            self.planting.hedge(line, tall=rng.random() < 0.38, gaps=rng.uniform(0.04, 0.3))
        elif chance < 0.88 * density:
            self._strip(Layer.MARGIN, line, kinds.ROUGH, rng.uniform(2, 5))
            self.planting.tree_line(line)
        elif chance < 0.95 * density:
            strip = Polygon(np.array(_thick(line, rng.uniform(8, 18)))).buffer(0)
            if strip.geom_type == "Polygon":
                self.planting.patch(strip, Woody.SCRUB if rng.random() < 0.5 else Woody.GROVE)
        elif rng.random() < 0.55:
            self._strip(Layer.MARGIN, line, kinds.MARGIN if rng.random() < 0.6 else kinds.ROUGH, rng.uniform(2, 6))

    def reach(self, line: Points) -> None:
        """Lay a piece of a stream with meadows and riparian strips that come and go along both banks."""
        rng = self.rng
        width = rng.uniform(2.6, 4.2)
        self._strip(Layer.VALLEY, line, kinds.MEADOW, rng.uniform(26, 70))
        self._strip(Layer.VALLEY, line, kinds.MARGIN, width + 5)
        self._strip(Layer.WATER, line, kinds.WATER, width)
        item = self.planting.begin(Woody.RIPARIAN, change=0.0)
        for hand in (1, -1):
            for row in range(3):
                points, normal = along(line, rng.uniform(3.0, 4.2))
                wooded = noise_at(self.seed + 60 + hand, points[:, 0], points[:, 1], 70.0)
                broad = noise_at(self.seed + 62 + hand, points[:, 0], points[:, 1], 110.0) * 1.6 + 0.9
                keep = (wooded > -0.42) & (broad > row) & (rng.random(len(points)) > 0.08)
                size = rng.uniform(0.7, 1.25, len(points))
                spots = points + normal * hand * (width / 2 + 1.8 + 3.4 * row + rng.normal(0, 0.8, (len(points), 1)))
                species = rng.choice([kinds.WILLOW, kinds.ASH, kinds.SHRUB], size=len(points), p=[0.6, 0.25, 0.15])
                self.planting.plant(
                    item, spots[keep], (2.8 * size)[keep], (10 * size)[keep], species[keep], step=2.0 if row == 0 else 0
                )

    def _strip(self, layer: Layer, line: Points, ground: int, width: float) -> None:
        direction = line[-1] - line[0]
        style = look(ground, self.rng, angle=float(np.arctan2(direction[1], direction[0])), spread=0.6)
        self.surfaces.append(Surface(layer, line, style, width))


def _thick(line: Points, width: float) -> Points:
    points, normal = along(line, 8)
    swell = width / 2 * (0.75 + 0.25 * np.sin(np.arange(len(points)) * 0.9)[:, np.newaxis])
    return np.vstack((points + normal * swell, (points - normal * swell)[::-1]))

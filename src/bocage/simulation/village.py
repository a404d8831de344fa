"""A village: plots along streets with houses, gardens, garden trees, barns and yards; and lone farmsteads."""

from __future__ import annotations

import numpy as np

from bocage.simulation import kinds
from bocage.simulation.cell import Layer, Surface, look
from bocage.simulation.kinds import Woody
from bocage.simulation.parcels import Points, area, ring, split, warp
from bocage.simulation.woody import Planting

_COARSE = 60.0


def plots(seed: int, quad: Points, planting: Planting) -> list[Surface]:
    """Divide a block between streets into plots with houses and gardens."""
    rng = planting.rng
    surfaces: list[Surface] = []
    parcels, borders = split(quad, rng.uniform(800, 1900), rng, even=0.1)
    for parcel in parcels:
        surfaces += _plot(seed, parcel, planting)
    for border in borders:
        if border.level >= 2 and rng.random() < 0.3:
            line = border.line(seed, 6.0)
            item = planting.begin(Woody.HEDGE, change=0.03)
            points = line[rng.random(len(line)) > 0.1]
            fine = np.vstack([points + shift for shift in rng.normal(0, 0.3, (3, 1, 2))])
            planting.plant(item, fine, 1.5, rng.uniform(1.6, 2.6), kinds.SHRUB, step=2.0)
    return surfaces


def _plot(seed: int, quad: Points, planting: Planting) -> list[Surface]:
    rng = planting.rng
    ground = int(rng.choice([kinds.LAWN, kinds.LAWN, kinds.BED, kinds.ROUGH, kinds.PASTURE]))
    angle = float(np.arctan2(*(quad[1] - quad[0])[::-1]))
    surfaces = [Surface(Layer.PLOT, ring(seed, quad, _COARSE), look(ground, rng, angle=angle))]
    centre = warp(seed, quad.mean(axis=0, keepdims=True))[0]
    if area(quad) > 320 and rng.random() < 0.8:
        place = centre + rng.normal(0, 2.0, 2)
        surfaces += house(place, angle + rng.normal(0, 0.05), rng.uniform(9, 14), rng.uniform(7.5, 10), rng)
        drive = np.array([place, warp(seed, (quad[:1] + quad[1:2]) / 2)[0]])
        surfaces.append(
            Surface(
                Layer.YARD,
                drive,
                look(int(rng.choice([kinds.YARD, kinds.ASPHALT, kinds.GRAVEL])), rng),
                rng.uniform(2, 3.6),
            )
        )
        if rng.random() < 0.3:
            corner = quad[2] + (quad[0] - quad[2]) * 0.2
            surfaces += house(warp(seed, corner[np.newaxis])[0], angle, 5.5, 4.0, rng)
    if rng.random() < 0.4:
        bed = quad.mean(axis=0) + (quad - quad.mean(axis=0)) * 0.35 + (quad[2] - quad.mean(axis=0)) * 0.5
        surfaces.append(Surface(Layer.PLOT, ring(seed, bed, _COARSE), look(kinds.BED, rng, angle=angle)))
    count = int(rng.poisson(5.0))
    share = rng.uniform(0.08, 0.92, (count, 2))
    points = (
        quad[0] * ((1 - share[:, :1]) * (1 - share[:, 1:]))
        + quad[1] * (share[:, :1] * (1 - share[:, 1:]))
        + quad[2] * (share[:, :1] * share[:, 1:])
        + quad[3] * ((1 - share[:, :1]) * share[:, 1:])
    )
    if count:
        points = warp(seed, points)
        apart = np.hypot(*(points - centre).T) > 6
        planting.trees(points[apart], Woody.GARDEN, radius=(1.3, 4.6))
    return surfaces


def house(centre: Points, angle: float, length: float, width: float, rng: np.random.Generator) -> list[Surface]:
    """Return a roof as two slopes, of which one is brighter."""
    roof = int(rng.choice(kinds.ROOFS, p=[0.55, 0.2, 0.22, 0.03]))
    style = look(roof, rng)
    return _roof(centre, angle, length, width, style)


def _roof(centre: Points, angle: float, length: float, width: float, style: np.void) -> list[Surface]:
    along = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * width / 2
    # The slope that faces south is the brighter one on a northern image.
    south = -1 if across[1] > 0 else 1
    surfaces = []
    for side, tone in ((south, 0.5), (-south, -0.5)):
        slope = style.copy()
        slope["tone"] = style["tone"] * 0.6 + tone
        corners = np.array([-along, along, along + side * across, -along + side * across]) + centre
        surfaces.append(Surface(Layer.ROOF, corners, slope))
    return surfaces


def farmstead(centre: Points, planting: Planting) -> list[Surface]:
    """Return a yard with a house and barns, and plant the trees around it."""
    rng = planting.rng
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    outline = np.array([[-32, -25], [30, -28], [34, 24], [-28, 28]]) * rng.uniform(0.8, 1.2) @ turn + centre
    surfaces = [Surface(Layer.PLOT, outline, look(kinds.LAWN, rng, angle=angle))]
    inner = centre + (outline - centre) * 0.55
    surfaces.append(Surface(Layer.YARD, inner, look(int(rng.choice([kinds.YARD, kinds.GRAVEL])), rng)))
    surfaces += house(centre + np.array([-14, 8]) @ turn, angle, 15, 10, rng)
    for place, length in (([12.0, 12.0], rng.uniform(18, 32)), ([6.0, -17.0], rng.uniform(15, 40))):
        style = look(int(rng.choice([kinds.METAL_ROOF, kinds.GREY_ROOF, kinds.RED_ROOF])), rng)
        surfaces += _roof(centre + np.array(place) @ turn, angle, length, rng.uniform(11, 16), style)
    count = int(rng.integers(3, 10))
    bearing = rng.uniform(0, 2 * np.pi, count)
    spots = centre + np.column_stack((np.cos(bearing), np.sin(bearing))) * rng.uniform(26, 40, (count, 1))
    planting.trees(spots, Woody.GARDEN, radius=(2.0, 5.0))
    return surfaces

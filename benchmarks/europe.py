"""A simulated coverage of Europe: 40 000 footprints of nine sensors over a coarse outline of its land.

The outline was drawn by hand, to about half a degree, from the countries that the Copernicus land service maps (EEA38
and the United Kingdom): good for counting tiles, for nothing else. Scenes are 14 to 22 km wide, lie in the UTM zone of
their centre, and their footprints have ragged edges as those of valid pixels do. 15 TB in all, as the coverage of 2021.
Other benchmarks import this; run alone it prints what it simulates.

    python benchmarks/europe.py
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from affine import Affine
from pyproj import Transformer

from bocage.grid import Grid, Tiling
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.scene import BandStatistics, Scene

GRID = Grid("EPSG:3035", 2.0)
TILING = Tiling(GRID, 10_000)
SCENES = 40_000
BYTES = 15e12
# Shares of the coverage by sensor: a few cameras take most of it, as in the production of 2021.
SENSORS = {
    "PHR": 0.3, "SV1": 0.2, "WV2": 0.15, "KS3": 0.1, "SPOT": 0.1, "PNEO": 0.07, "GE1": 0.05, "WV3": 0.02,
    "TRIPLESAT": 0.01,
}  # fmt: skip
# Longitude, latitude.
OUTLINES = {
    "the continent from Portugal to Poland and the Balkans": (
        (-9.2, 38.7), (-8.9, 37.0), (-6.3, 36.6), (-5.4, 36.0), (-2.0, 36.8), (0.2, 38.8), (-0.2, 39.8), (3.2, 41.9),
        (3.2, 43.2), (6.5, 43.2), (8.8, 44.4), (10.3, 43.5), (12.3, 41.7), (15.8, 40.0), (15.7, 38.0), (17.1, 39.0),
        (18.5, 40.2), (16.0, 41.6), (13.6, 43.5), (12.4, 45.3), (13.7, 45.0), (17.0, 43.0), (19.4, 41.5), (20.0, 39.6),
        (21.3, 37.5), (23.0, 36.5), (24.0, 38.0), (23.0, 39.5), (24.5, 40.7), (26.6, 40.7), (29.1, 41.2), (28.0, 42.5),
        (28.7, 44.0), (29.7, 45.3), (28.2, 45.5), (28.0, 47.0), (26.6, 48.2), (24.0, 48.0), (22.3, 48.9), (23.9, 50.8),
        (23.6, 52.6), (23.9, 54.0), (26.5, 54.9), (28.1, 56.2), (27.7, 57.4), (28.1, 59.4), (23.5, 59.2), (24.4, 58.2),
        (24.3, 57.2), (21.1, 57.4), (21.1, 55.3), (18.6, 54.6), (14.3, 53.9), (11.0, 54.1), (10.9, 56.4), (10.5, 57.6),
        (8.2, 57.0), (8.2, 55.6), (8.9, 53.9), (5.0, 53.2), (3.5, 51.5), (1.6, 50.9), (0.2, 49.6), (-1.6, 49.6),
        (-1.5, 48.6), (-4.7, 48.5), (-4.5, 47.9), (-1.2, 46.2), (-1.4, 43.5), (-8.0, 43.7), (-9.2, 43.1), (-8.8, 41.5),
    ),
    "Scandinavia and Finland": (
        (5.3, 59.0), (7.0, 58.0), (8.2, 58.1), (10.6, 59.2), (11.2, 58.9), (12.5, 56.3), (13.0, 55.4), (14.3, 55.5),
        (16.4, 56.6), (16.8, 58.6), (18.9, 60.0), (17.2, 61.3), (17.9, 62.9), (21.5, 64.8), (22.2, 65.8), (25.3, 65.0),
        (21.4, 62.9), (21.4, 60.8), (23.0, 59.9), (27.8, 60.5), (31.5, 62.9), (29.5, 64.9), (29.0, 67.0), (28.5, 68.5),
        (30.9, 69.6), (28.5, 71.0), (25.0, 71.0), (19.0, 69.7), (14.5, 68.0), (12.5, 65.7), (10.0, 63.7), (5.2, 62.0),
    ),
    "Great Britain": (
        (-5.6, 50.1), (-3.5, 50.3), (1.3, 51.2), (1.7, 52.6), (0.2, 53.3), (-1.5, 55.0), (-2.1, 57.6), (-4.0, 57.8),
        (-3.1, 58.6), (-5.0, 58.6), (-6.2, 56.7), (-4.9, 54.8), (-3.1, 54.9), (-3.0, 53.4), (-4.6, 53.3), (-4.4, 52.2),
        (-5.2, 51.8), (-3.0, 51.4),
    ),
    "Ireland": (
        (-10.3, 52.1), (-9.7, 51.5), (-6.4, 52.2), (-6.1, 53.4), (-5.6, 54.5), (-7.3, 55.3), (-8.6, 54.4),
        (-10.0, 54.2), (-9.1, 53.2),
    ),
    "Iceland": (
        (-22.6, 63.9), (-18.8, 63.4), (-14.9, 64.3), (-14.6, 65.3), (-16.2, 66.5), (-20.3, 66.0), (-22.5, 66.4),
        (-24.3, 65.5), (-21.9, 64.7),
    ),
    "Turkey": (
        (26.2, 39.6), (27.3, 37.0), (30.6, 36.8), (32.6, 36.0), (36.0, 36.8), (38.0, 36.8), (42.3, 37.2), (44.8, 37.3),
        (44.4, 39.4), (43.5, 41.1), (41.5, 41.5), (38.3, 40.9), (35.0, 42.0), (31.4, 41.3), (29.1, 41.2), (27.0, 40.4),
    ),
    "Sicily": ((12.5, 37.9), (15.1, 36.7), (15.6, 38.2), (12.7, 38.1)),
    "Sardinia and Corsica": ((8.4, 39.0), (9.6, 39.2), (9.6, 42.9), (8.5, 42.3)),
    "Crete": ((23.5, 35.2), (26.3, 35.0), (26.3, 35.3), (23.6, 35.5)),
    "Cyprus": ((32.3, 34.7), (34.0, 34.9), (34.5, 35.6), (32.9, 35.3)),
}  # fmt: skip


def land() -> Any:
    """Return the outline of the land in EPSG:3035."""
    to_grid = Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True)
    parts = []
    for ring in OUTLINES.values():
        fine = shapely.get_coordinates(shapely.segmentize(shapely.Polygon(ring), 0.2))
        parts.append(shapely.Polygon(np.column_stack(to_grid.transform(fine[:, 0], fine[:, 1]))).buffer(0))
    return shapely.union_all(parts)


def make_sites(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the centres of ``count`` scenes, (count, 2): a grid over the land, shaken."""
    ground = land()
    shapely.prepare(ground)
    left, bottom, right, top = ground.bounds
    step = (ground.area / count) ** 0.5
    while True:
        x, y = np.meshgrid(np.arange(left, right, step), np.arange(bottom, top, step))
        points = np.column_stack([x.ravel(), y.ravel()]) + rng.uniform(-0.3, 0.3, (x.size, 2)) * step
        points = points[shapely.contains_xy(ground, points[:, 0], points[:, 1])]
        if len(points) >= count:
            return np.asarray(points[np.sort(rng.permutation(len(points))[:count])])
        step *= 0.999


def make_scenes(count: int = SCENES, seed: int = 0) -> Iterator[Scene]:
    """Yield catalogued scenes over Europe."""
    rng = np.random.default_rng(seed)
    sites = make_sites(count, rng)
    longitude, _ = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True).transform(sites[:, 0], sites[:, 1])
    zones = np.floor((np.asarray(longitude) + 180) / 6).astype(int) + 1
    sensors = rng.choice(list(SENSORS), count, p=list(SENSORS.values()))
    to_zone = {int(zone): Transformer.from_crs(GRID.crs, f"EPSG:{32600 + zone}", always_xy=True) for zone in set(zones)}
    for number in range(count):
        zone = to_zone[int(zones[number])]
        x, y = zone.transform(*sites[number])
        wide, high = rng.uniform(14e3, 22e3, 2)
        columns, rows = round(wide / 2), round(high / 2)
        # Ragged edges: twelve points a side, up to 300 m inwards.
        steps = np.linspace(0, 1, 13)[:-1]
        inwards = rng.uniform(0, 300, (4, len(steps)))
        ring = np.concatenate([
            np.column_stack([x - wide / 2 + inwards[0], y - high / 2 + steps * high]),
            np.column_stack([x - wide / 2 + steps * wide, y + high / 2 - inwards[1]]),
            np.column_stack([x + wide / 2 - inwards[2], y + high / 2 - steps * high]),
            np.column_stack([x + wide / 2 - steps * wide, y - high / 2 + inwards[3]]),
        ])  # fmt: skip
        outline = shapely.Polygon(np.column_stack(zone.transform(ring[:, 0], ring[:, 1], direction="INVERSE")))
        yield _scene(number, str(sensors[number]), outline.buffer(0), f"EPSG:{32600 + int(zones[number])}",
                     Affine(2, 0, x - wide / 2, 0, -2, y + high / 2), (rows, columns))  # fmt: skip


def _scene(number: int, sensor: str, outline: Any, crs: str, transform: Affine, shape: tuple[int, int]) -> Scene:
    bands = ("blue", "green", "red", "nir")
    part = Part(f"deliveries/{number:05}.tif", 0, 0, *shape, (1, 2, 3, 4))
    clouds = None
    if number % 3 == 0:
        middle = np.array(outline.centroid.coords[0])
        spots = middle + np.random.default_rng(number).uniform(-7000, 7000, (12, 2))
        clouds = shapely.set_precision(shapely.union_all(shapely.buffer(shapely.points(spots), 400, quad_segs=4)), 0.01)
    return Scene(
        id=f"{sensor.lower()}_{number:05}",
        image=Image((part,), shape, 4, "uint16", 0.0, crs, transform),
        sensor=sensor,
        bands=bands,
        gsd=2.0,
        acquired=datetime(2021, 4, 1, tzinfo=UTC) + timedelta(minutes=5 * number),
        stretch=((112.25, 918.5),) * 4,
        footprint=shapely.set_precision(outline, 0.01),
        digest=f"{number:064x}",
        size=round(BYTES / SCENES),
        clouds=clouds,
        statistics=(BandStatistics(1.0, 4095.0, 512.75, 99.5),) * 4,
        valid_share=0.93,
    )


def main() -> None:
    """Print what is simulated."""
    ground = land()
    outlines = shapely.union_all([scene.footprint for scene in make_scenes(4000)])
    print(f"land {ground.area / 1e12:.2f} million km2; 4000 scenes of it show {outlines.area / 1e12:.2f} million km2")


if __name__ == "__main__":
    main()

"""Footprints of scenes without any raster: all that a frame needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from affine import Affine
from shapely.geometry import MultiPolygon, Polygon, box

from bocage.grid import Grid
from bocage.samples.frame import Frame, build_frame, cell_tiling
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.scene import Scene

GRID = Grid("EPSG:3035", 2.0)
CELL = 100.0
EAST, NORTH = 4_000_000.0, 3_000_000.0


def scene(
    name: str, footprint: Polygon | MultiPolygon, sensor: str = "PHR", clouds: Polygon | MultiPolygon | None = None
) -> Scene:
    part = Part(f"/{name}.tif", 0, 0, 1, 1, (1, 2, 3, 4))
    image = Image((part,), (1, 1), 4, "uint8", 0, GRID.crs, Affine.identity(), True)
    bands = ("red", "green", "blue", "nir")
    return Scene(name, image, sensor, bands, 2.0, None, (), footprint, clouds=clouds)


def cells_box(left: float, bottom: float, right: float, top: float) -> Polygon:
    """A rectangle in cells from the south-west corner of the test area."""
    return box(EAST + left * CELL, NORTH + bottom * CELL, EAST + right * CELL, NORTH + top * CELL)


def frame_of(scenes: Sequence[Scene], minimum_valid: float = 0.5) -> Frame:
    return build_frame(scenes, cell_tiling(GRID, CELL), minimum_valid=minimum_valid)


def row() -> Frame:
    """Three cells in a row; the one in the middle is shown by another sensor."""
    return frame_of(
        [
            scene("a", cells_box(0, 0, 1, 1), "PHR"),
            scene("b", cells_box(1, 0, 2, 1), "SPOT"),
            scene("c", cells_box(2, 0, 3, 1), "PHR"),
        ]
    )


def patchwork(seed: int, width: int, scenes: int, sensors: Sequence[str] = ("PHR", "SPOT", "GE1")) -> list[Scene]:
    """Overlapping footprints on a square of ``width`` cells; the first one covers it all."""
    rng = np.random.default_rng(seed)
    found = [scene("s000", cells_box(0, 0, width, width), sensors[0])]
    for number in range(1, scenes):
        left, bottom = rng.integers(0, width - 2, 2).tolist()
        wide, high = rng.integers(2, width, 2).tolist()
        shape = cells_box(left, bottom, min(left + wide, width), min(bottom + high, width))
        found.append(scene(f"s{number:03d}", shape, sensors[int(rng.integers(len(sensors)))]))
    return found

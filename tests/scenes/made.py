"""Scenes without files, for tests that bring their own readers."""

from __future__ import annotations

from affine import Affine
from shapely import box

from bocage.grid import Grid
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.scene import Scene

GRID = Grid("EPSG:3035", 2.0)


def scene_at(name: str, left: float, top: float, size: float = 4000.0, bands: int = 4) -> Scene:
    """A scene of ``size`` metres whose stretch leaves 8-bit values as they are."""
    image = Image((Part("none.tif", 0, 0, 1, 1, (1, 2, 3, 4)),), (1, 1), 4, "uint8", 0, GRID.crs, Affine.identity())
    return Scene(
        id=name,
        image=image,
        sensor="GENERIC",
        bands=("red", "green", "blue", "nir")[:bands],
        gsd=2.0,
        acquired=None,
        stretch=((1.0, 255.0),) * bands,
        footprint=box(left, top - size, left + size, top),
    )

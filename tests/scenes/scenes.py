"""Scenes that were never rasters, and rasters that were damaged, for the tests of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from shapely.geometry import box

from bocage.scenes import BANDS, Scene
from bocage.scenes.deliveries.image import Image, Part


def make_image(name: str, *, parts: int = 1, bands: int = 4, **changes: Any) -> Image:
    """An image of 60 columns in equal parts."""
    width = 60 // parts
    held = tuple(range(1, bands + 1))
    names = [f"{name}.tif"] if parts == 1 else [f"{name}_{number}.tif" for number in range(parts)]
    files = tuple(Part(each, 0, number * width, 40, width, held) for number, each in enumerate(names))
    given: dict[str, Any] = {
        "parts": files, "shape": (40, 60), "count": bands, "dtype": "uint16", "nodata": 0.0, "crs": "EPSG:32631",
        "transform": Affine(2, 0, 500_000, 0, -2, 5_400_000),
    }  # fmt: skip
    return Image(**(given | changes))


def make_scene(name: str, x: float = 4_000_000, y: float = 3_000_000, *, edge: float = 100, **changes: Any) -> Scene:
    """A scene with a square footprint on EPSG:3035."""
    bands: tuple[str, ...] = changes.get("bands", BANDS)
    given: dict[str, Any] = {
        "id": name,
        "image": make_image(f"/data/{name}", bands=len(bands)),
        "sensor": "GENERIC",
        "bands": bands,
        "gsd": 2.0,
        "acquired": None,
        "stretch": ((1.0, 255.0),) * (4 if "nir" in bands else 3),
        "footprint": box(x, y, x + edge, y + edge),
    }
    return Scene(**(given | changes))


def break_block(path: Path) -> None:
    """Damage the first bytes of a block of a tiled GeoTIFF; its headers stay as they are."""
    with rasterio.open(path) as file:
        offset = int(file.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[offset : offset + 16] = b"\xff" * 16
    path.write_bytes(content)

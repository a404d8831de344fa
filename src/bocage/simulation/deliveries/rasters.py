"""The bytes of delivered rasters: GeoTIFF and lossless JPEG 2000, as plain as makers write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile

_BLOCK = 256
_JPEG_BLOCK = 1024


def tiff_bytes(numbers: NDArray[np.uint16], crs: str, transform: Affine, *, descriptions: Sequence[str] = ()) -> bytes:
    """Return a tiled GeoTIFF of (bands, rows, columns).

    It declares no nodata and has no overviews, as those of the makers: that 0 is nodata stands in their metadata.
    """
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", count=len(numbers), height=numbers.shape[1], width=numbers.shape[2], dtype="uint16",
            crs=crs, transform=transform, tiled=True, blockxsize=_BLOCK, blockysize=_BLOCK, interleave="pixel",
            compress="DEFLATE", predictor=2, photometric="MINISBLACK",
        ) as file:  # fmt: skip
            file.write(numbers)
            for index, name in enumerate(descriptions, start=1):
                file.set_band_description(index, name)
        return bytes(memory.getbuffer())


def jpeg_bytes(numbers: NDArray[np.uint16], crs: str, transform: Affine, *, bits: int) -> bytes:
    """Return a lossless JPEG 2000 of (bands, rows, columns) with ``bits`` significant bits."""
    with MemoryFile(ext=".jp2") as memory:
        with memory.open(
            driver="JP2OpenJPEG", count=len(numbers), height=numbers.shape[1], width=numbers.shape[2], dtype="uint16",
            crs=crs, transform=transform, QUALITY="100", REVERSIBLE="YES", YCC="NO", NBITS=str(bits),
            BLOCKXSIZE=str(_JPEG_BLOCK), BLOCKYSIZE=str(_JPEG_BLOCK),
        ) as file:  # fmt: skip
            file.write(numbers)
        return bytes(memory.getbuffer())


def shifted(transform: Affine, rows: slice, columns: slice) -> Affine:
    """Return the transform of a part of an image."""
    return transform @ Affine.translation(columns.start, rows.start)

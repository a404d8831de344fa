"""A raster under test: its header and the count of every value, read once, strip by strip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.windows import Window

from bocage.products.conformance.completeness import missing_bytes
from bocage.products.conformance.names import Layer

# Pixels that are read at once.
_STRIP = 4_000_000
_EXACT = 1e-6

type Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class RasterFile:
    """What is known of a raster after one look over all its pixels.

    Attributes
    ----------
    counts
        How often each value occurs; empty where the pixels are no whole numbers.
    palette
        The embedded table of colours, None without one.
    statistics
        Minimum, maximum, mean and standard deviation as they are recorded; keys as GDAL writes them.
    """

    path: Path
    layer: Layer
    driver: str
    crs: str | None
    epsg: int | None
    transform: Affine
    width: int
    height: int
    bands: int
    dtype: str
    compression: str
    block: tuple[int, int]
    tiled: bool
    nodata: float | None
    palette: dict[int, tuple[int, int, int]] | None
    statistics: dict[str, str]
    counts: dict[int, int] = field(repr=False)

    @property
    def bounds(self) -> Box:
        """Left, bottom, right and top in the units of the file."""
        left, top = self.transform.c, self.transform.f
        return left, top + self.height * self.transform.e, left + self.width * self.transform.a, top

    @property
    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel."""
        return self.transform.a, -self.transform.e

    @property
    def regular(self) -> bool:
        """Whether the pixels can be compared with other layers: one band of bytes, upright, of the size of the name."""
        size = self.layer.pixel
        upright = self.transform.b == self.transform.d == 0
        right = size is not None and all(abs(edge - size) < _EXACT for edge in self.pixel)
        return upright and right and self.bands == 1 and self.dtype == "uint8"

    def area_of(self, values: tuple[int, ...]) -> float:
        """Return the area of the pixels that hold one of the values, in square units of the file."""
        return sum(self.counts.get(value, 0) for value in values) * abs(self.transform.a * self.transform.e)


def open_raster(path: Path, layer: Layer) -> RasterFile:
    """Read the header and count the values of the first band.

    Raises
    ------
    RasterioError, OSError
        If the file cannot be opened, its end is missing, or a block of it cannot be read.
    """
    missing = missing_bytes(path)
    if missing:
        raise OSError(f"{missing} bytes at the end of the file are missing")
    with rasterio.open(path) as file:
        try:
            palette = {value: tuple(colour[:3]) for value, colour in file.colormap(1).items()}
        except ValueError:
            palette = None
        wkt = file.crs.to_wkt() if file.crs else None
        return RasterFile(
            path,
            layer,
            file.driver,
            wkt,
            epsg_code(wkt),
            file.transform,
            file.width,
            file.height,
            file.count,
            file.dtypes[0],
            file.compression.value.upper() if file.compression else "NONE",
            tuple(reversed(file.block_shapes[0])),
            bool(file.profile.get("tiled", False)),
            file.nodata,
            palette,
            {key: value for key, value in file.tags(1).items() if key.startswith("STATISTICS_")},
            _count(file),
        )


def strips(file: rasterio.DatasetReader, step: int | None = None) -> Iterator[Window]:
    """Yield windows over the whole width, a bounded number of pixels each.

    Parameters
    ----------
    step
        Heights are multiples of it; the height of a block by default.
    """
    step = step or file.block_shapes[0][0]
    height = max(1, _STRIP // max(1, file.width * step)) * step
    for row in range(0, file.height, height):
        yield Window(0, row, file.width, min(height, file.height - row))


def _count(file: rasterio.DatasetReader) -> dict[int, int]:
    if not np.issubdtype(np.dtype(file.dtypes[0]), np.integer):
        for window in strips(file):  # read all the same: a block that is damaged must come out
            file.read(1, window=window)
        return {}
    counts: dict[int, int] = {}
    for window in strips(file):
        for value, count in _histogram(file.read(1, window=window)):
            counts[value] = counts.get(value, 0) + count
    return dict(sorted(counts.items()))


def _histogram(array: NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    if array.dtype == np.uint8:
        counts = np.bincount(array.ravel(), minlength=256)
        yield from ((int(value), int(counts[value])) for value in np.flatnonzero(counts))
    else:
        values, numbers = np.unique(array, return_counts=True)
        yield from zip(values.tolist(), numbers.tolist(), strict=True)


@lru_cache(maxsize=256)
def epsg_code(crs: str | None) -> int | None:
    """Return the EPSG code of a system written as WKT, or None; older spellings are known by their terms."""
    if crs is None:
        return None
    try:
        code = CRS.from_user_input(crs).to_epsg(min_confidence=25)
    except CRSError:
        return None
    return None if code is None else int(code)

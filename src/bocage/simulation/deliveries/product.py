"""One simulated image before it has a layout, and what every metadata file says of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from bocage.simulation.sensor import Take, hash_text

type Files = Mapping[str, bytes]
"""The files of one delivery: content by relative name, with slashes."""

TILE_EDGE = 2048
"""Pixels; a larger image is cut into tiles R1C1, R1C2 and so on where its layout does so."""

_EARTH = 6371.0
_ALTITUDE = 680.0
_LETTERS = ("UL", "UR", "LR", "LL")


@dataclass(frozen=True, slots=True)
class Product:
    """An image ready to be delivered.

    Attributes
    ----------
    take
        How it was acquired.
    numbers
        (bands, rows, columns) uint16 in the order of the delivered file; 0 is nodata.
    transform, crs
        Where it lies; ``crs`` is ``EPSG:...``.
    clouds
        Outline of clouds and their shadows in ``crs``, or None for a clear image.
    cloud_cover
        Percent of the footprint.
    tile_edge
        Edge of a tile in pixels.
    """

    take: Take
    numbers: NDArray[np.uint16]
    transform: Affine
    crs: str
    clouds: BaseGeometry | None = None
    cloud_cover: float = 0.0
    tile_edge: int = TILE_EDGE

    @property
    def rows(self) -> int:
        """Rows of the image."""
        return int(self.numbers.shape[1])

    @property
    def columns(self) -> int:
        """Columns of the image."""
        return int(self.numbers.shape[2])

    @property
    def pixel(self) -> float:
        """Edge of a pixel in metres."""
        return float(self.transform.a)

    @property
    def epsg(self) -> int:
        """Number of the coordinate reference system."""
        return int(self.crs.removeprefix("EPSG:"))

    @property
    def crs_name(self) -> str:
        """Name of the coordinate reference system."""
        return str(CRS.from_user_input(self.crs).name)

    @property
    def utm_zone(self) -> int | None:
        """Number of the northern UTM zone on WGS 84, or None on another projection."""
        zone = self.epsg - 32600
        return zone if 1 <= zone <= 60 else None

    @property
    def incidence(self) -> float:
        """Angle of incidence on the ground in degrees, from the angle at the satellite on a round earth."""
        return math.degrees(math.asin((_EARTH + _ALTITUDE) / _EARTH * math.sin(math.radians(self.take.off_nadir))))

    def serial(self, digits: int) -> str:
        """Return a number for an order or a job, which differs from take to take."""
        return f"{hash_text(self.take.id) * 7919:0{digits}d}"[-digits:]

    def corners(self) -> Iterator[tuple[str, float, float, float, float]]:
        """Yield UL, UR, LR, LL with x, y, longitude and latitude of the outer corners."""
        places = ((0, 0), (self.columns, 0), (self.columns, self.rows), (0, self.rows))
        for letters, place in zip(_LETTERS, places, strict=True):
            x, y = self.transform @ place
            yield letters, x, y, *self.geographic(x, y)

    @property
    def centre(self) -> tuple[float, float, float, float]:
        """Return x, y, longitude and latitude of the middle."""
        x, y = self.transform @ (self.columns / 2, self.rows / 2)
        return x, y, *self.geographic(x, y)

    def geographic(self, x: float, y: float) -> tuple[float, float]:
        """Return longitude and latitude of a point of the image's projection, to a millionth of a degree."""
        longitude, latitude = _transformer(self.crs).transform(x, y)
        return round(longitude, 6), round(latitude, 6)

    def tiles(self) -> Iterator[tuple[int, int, slice, slice]]:
        """Yield row and column of each tile, counted from 1, with the rows and columns of the image that it holds."""
        for row, top in enumerate(range(0, self.rows, self.tile_edge), start=1):
            for column, left in enumerate(range(0, self.columns, self.tile_edge), start=1):
                yield (
                    row,
                    column,
                    slice(top, min(top + self.tile_edge, self.rows)),
                    slice(left, min(left + self.tile_edge, self.columns)),
                )


@lru_cache
def _transformer(crs: str) -> Transformer:
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)

"""A scene: one delivered raster, with all that later stages need to know without opening it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from affine import Affine
from shapely.geometry import MultiPolygon, Polygon

from bocage.files import digest_json

Stretch = tuple[tuple[float, float], ...]
"""Lowest and highest digital number of red, green, blue, nir; they become 1 and 255."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A recognised raster.

    Attributes
    ----------
    id
        Stem of the file's name; unique in a catalogue.
    path
        The raster.
    sensor
        A code of ``SENSORS``, or ``GENERIC``.
    bands
        Names of the bands in file order: red, green, blue, nir or other.
    crs
        Coordinate reference system of the raster itself, as ``EPSG:32631`` or WKT.
    shape
        Rows and columns of the raster.
    transform
        Affine transform of the raster.
    gsd
        Edge of a pixel in metres, measured on the grid at the centre of the scene.
    acquired
        Time of acquisition (UTC), or None where the delivery does not say.
    dtype
        Data type of the raster, as numpy names it.
    nodata
        The value that the file declares as nodata, or None.
    stretch
        Lowest and highest digital number of red, green, blue, nir.
    footprint
        Where the raster has valid pixels, in the CRS of the grid. It holds every valid pixel; it may be wider by
        about two cells of a 512 x 512 thumbnail.
    sun_elevation, sun_azimuth, off_nadir
        Angles in degrees.
    cloud_cover
        Percent of the scene, 0 to 100.
    digest
        SHA-256 of the file.
    clouds
        Vector file of clouds and their shadows whose pixels count as invalid, or None.
    clouds_digest
        SHA-256 of that file, "" without one.
    """

    id: str
    path: Path
    sensor: str
    bands: tuple[str, ...]
    crs: str
    shape: tuple[int, int]
    transform: Affine
    gsd: float
    acquired: datetime | None
    dtype: str
    nodata: float | None
    stretch: Stretch
    footprint: Polygon | MultiPolygon
    sun_elevation: float | None = None
    sun_azimuth: float | None = None
    off_nadir: float | None = None
    cloud_cover: float | None = None
    digest: str = ""
    clouds: Path | None = None
    clouds_digest: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides what a reader returns: file, bands, stretch and cloud mask."""
        return digest_json([self.digest, self.bands, self.crs, self.nodata, self.stretch, self.clouds_digest])

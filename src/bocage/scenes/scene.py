"""A scene: one delivered image, with all that later stages need to know without opening it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from affine import Affine
from shapely.geometry import MultiPolygon, Polygon

from bocage.files import digest_json
from bocage.scenes.calibration import Calibration
from bocage.scenes.deliveries.image import Image

Stretch = tuple[tuple[float, float], ...]
"""Lowest and highest digital number of red, green, blue and, where there is one, nir; they become 1 and 255."""


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """Digital numbers of the valid pixels of a band outside clouds, as an overview of the image shows them."""

    minimum: float
    maximum: float
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A recognised image.

    Attributes
    ----------
    id
        Name of the scene; unique in a catalogue and safe as a file name.
    image
        The raster files, and the grid of pixels that they make together.
    sensor
        A code of ``SENSORS``, or ``GENERIC``.
    bands
        Names of the bands in the order of the image: red, green, blue, nir or other. Near infrared may be missing.
    gsd
        Edge of a pixel in metres, measured on the grid at the centre of the scene.
    acquired
        Time of acquisition (UTC), or None where the delivery does not say.
    stretch
        Lowest and highest digital number of red, green, blue and, where there is one, nir.
    footprint
        Where the raster has valid pixels, in the CRS of the grid. It may be wider by about two cells of a 512 x 512
        thumbnail.
    platform
        The satellite.
    sun_elevation, sun_azimuth, off_nadir, view_azimuth
        Angles in degrees.
    cloud_cover
        Percent of the scene, 0 to 100.
    digest
        What identifies the content: SHA-256 of the sizes, of samples of the rasters and of the whole metadata.
    size
        Bytes of all raster files.
    clouds
        Outline of clouds and their shadows in the CRS of the grid; pixels under it count as invalid. None without any.
    calibration
        From digital numbers to reflectance at the top of the atmosphere, or None where the metadata do not allow it.
    saturation
        The digital number at which the sensor is saturated, or None.
    mask_saturated
        Whether saturated pixels count as invalid.
    statistics
        Of red, green, blue and, where there is one, nir.
    valid_share, saturated_share
        Shares of all pixels and of the valid pixels, 0 to 1.
    documents
        Where the metadata files lie.
    quicklook
        A small picture of the scene, or None.
    """

    id: str
    image: Image
    sensor: str
    bands: tuple[str, ...]
    gsd: float
    acquired: datetime | None
    stretch: Stretch
    footprint: Polygon | MultiPolygon
    platform: str = ""
    sun_elevation: float | None = None
    sun_azimuth: float | None = None
    off_nadir: float | None = None
    view_azimuth: float | None = None
    cloud_cover: float | None = None
    digest: str = ""
    size: int = 0
    clouds: Polygon | MultiPolygon | None = None
    calibration: Calibration | None = None
    saturation: float | None = None
    mask_saturated: bool = False
    statistics: tuple[BandStatistics, ...] = ()
    valid_share: float | None = None
    saturated_share: float | None = None
    documents: tuple[str, ...] = ()
    quicklook: Path | None = None

    @property
    def href(self) -> str:
        """The first raster file: what a person knows the scene by."""
        return self.image.parts[0].href

    @property
    def has_nir(self) -> bool:
        """Whether there is a near infrared band."""
        return "nir" in self.bands

    @property
    def crs(self) -> str:
        """Coordinate reference system of the raster itself, as ``EPSG:32631`` or WKT."""
        return self.image.crs

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the raster."""
        return self.image.shape

    @property
    def transform(self) -> Affine:
        """Affine transform of the raster."""
        return self.image.transform

    @property
    def nodata(self) -> float | None:
        """The value that stands for no pixel, or None."""
        return self.image.nodata

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides what a reader returns: files, place, bands, stretch and masks."""
        return digest_json(
            [
                self.digest,
                self.bands,
                self.crs,
                self.shape,
                tuple(self.transform)[:6],
                self.nodata,
                self.stretch,
                None if self.clouds is None else self.clouds.wkb_hex,
                self.saturation if self.mask_saturated else None,
            ]
        )

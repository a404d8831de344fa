"""What the metadata of a delivery say, whatever their dialect: the common form that every parser returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from affine import Affine

from bocage.scenes.sensors import GENERIC

Numbers = Literal["counts", "radiance", "reflectance"]


@dataclass(frozen=True, slots=True)
class BandRecord:
    """One band as the metadata describe it.

    Attributes
    ----------
    name
        Common name: red, green, blue, nir or other.
    label
        The maker's own name, such as ``B2`` or ``BAND_R``.
    gain, offset
        ``gain * DN + offset`` is radiance at the sensor in W m-2 sr-1 um-1, or reflectance where the numbers of the
        product are reflectance. Both None where the metadata do not calibrate the band.
    solar_irradiance
        Outside the atmosphere at the mean distance of the sun in W m-2 um-1, as the metadata state it, or None.
    """

    name: str
    label: str = ""
    gain: float | None = None
    offset: float | None = None
    solar_irradiance: float | None = None


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One raster file of an image.

    Attributes
    ----------
    name
        Path of the file relative to the folder of the metadata file, with slashes; never absolute, never with ``..``.
    bands
        Which bands of the image it holds, in its own order, counted from 1 in :attr:`ProductMetadata.bands`. Empty:
        all.
    tile
        Row and column of the tile, counted from 1, where the image is cut into R1C1 parts; the pixel offset follows
        from the sizes of the tiles before it.
    offset
        Row and column of its upper-left pixel in the image where the metadata state them (tile index files); it goes
        before ``tile``.
    """

    name: str
    bands: tuple[int, ...] = ()
    tile: tuple[int, int] = (1, 1)
    offset: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ProductMetadata:
    """What one metadata file (with its companions) says of one multispectral image. None or empty: it is silent.

    Attributes
    ----------
    dialect
        Name of the parser, such as ``dimap2``.
    sensor
        A code of ``SENSORS``, or ``GENERIC``.
    platform
        The satellite, as the sensor table spells it.
    product
        The product's own identifier, safe as a file name.
    acquired
        Time of acquisition, UTC.
    bands
        All bands of the image in the order in which its file (or the stack of its files) holds them.
    parts
        The raster files. Empty where the metadata name none; the finder then takes the rasters of the same name.
    numbers
        What the digital numbers are before any gain.
    sun_elevation, sun_azimuth, off_nadir, view_azimuth
        Degrees, at the centre of the image. ``off_nadir`` is the angle at the satellite where the metadata give it,
        else the angle of incidence on the ground (they differ by less than 3 degrees up to 30).
    cloud_cover
        Percent of the scene.
    nodata, saturation
        Digital numbers with these meanings.
    bit_depth
        Significant bits.
    orthorectified
        Whether the product lies on a map projection; None where the metadata do not say.
    georeference
        CRS (``EPSG:...`` or WKT) and transform of the image that the metadata state, for rasters that have none.
    cloud_masks
        Paths of vector masks of clouds and shadows, relative as those of the parts.
    stretched
        Whether Bocage itself has stretched the numbers to 8 bits.
    """

    dialect: str
    sensor: str = GENERIC
    platform: str = ""
    product: str = ""
    acquired: datetime | None = None
    bands: tuple[BandRecord, ...] = ()
    parts: tuple[PartRecord, ...] = ()
    numbers: Numbers = "counts"
    sun_elevation: float | None = None
    sun_azimuth: float | None = None
    off_nadir: float | None = None
    view_azimuth: float | None = None
    cloud_cover: float | None = None
    nodata: float | None = None
    saturation: float | None = None
    bit_depth: int | None = None
    orthorectified: bool | None = None
    georeference: tuple[str, Affine] | None = None
    cloud_masks: tuple[str, ...] = ()
    stretched: bool = False

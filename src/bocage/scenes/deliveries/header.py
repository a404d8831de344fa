"""What the header of one raster file says."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from dataclasses import dataclass

import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from bocage.errors import SceneError
from bocage.scenes.deliveries.companions import companions, holds_pixels
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.locations import gdal_name
from bocage.scenes.projection import crs_text

TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
"""Data types of pixels that can be used."""

RASTER_ERRORS = (RasterioError, CPLE_BaseError)
"""What rasterio raises over a damaged file: its own errors, and some of GDAL's that it lets through."""

_EDGE = 1_000_000
_BANDS = 65
_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
}
_REDELIVER = "deliver the file again"

# A file without a position is refused in our own words. The filter is global since files are opened in threads, among
# which a filter for a while would be lost or stay.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


@dataclass(frozen=True, slots=True)
class Header:
    """One raster file before its pixels are read.

    Attributes
    ----------
    href
        Where it lies.
    shape
        Rows and columns.
    count
        Bands before those that are marked alpha.
    dtype
        Data type of the bands, as numpy names it.
    nodata
        Its nodata value, or None.
    crs
        Coordinate reference system as text, empty where it has none.
    transform
        Its transform, or None where it has none.
    raw
        Whether it has ground control points or a camera model.
    masked
        Whether it has a mask.
    extra
        Bands at the end that are marked alpha.
    """

    href: str
    shape: tuple[int, int]
    count: int
    dtype: str
    nodata: float | None
    crs: str
    transform: Affine | None
    raw: bool
    masked: bool
    extra: int


def open_plain(name: str, driver: str | None = None) -> rasterio.DatasetReader:
    """Open a file by its GDAL name as GeoTIFF or JPEG 2000, never as another format.

    Raises
    ------
    rasterio.errors.RasterioError
        If it is neither.
    """
    if driver is not None:
        return rasterio.open(name, driver=driver)
    try:
        return rasterio.open(name, driver="GTiff")
    except RasterioError:
        if not name.lower().endswith((".jp2", ".j2k")):
            raise
        return rasterio.open(name, driver="JP2OpenJPEG")


def contains(files: DeliveryFiles, name: str) -> bool:
    """Say whether a file is among those listed."""
    names = files.names
    at = bisect_left(names, name)
    return at < len(names) and names[at] == name


def read_header(files: DeliveryFiles, name: str) -> Header:
    """Read the header of a raster file.

    Raises
    ------
    SceneError
        If it is missing, is not a GeoTIFF or JPEG 2000, is of absurd size or holds values that cannot be used.
    """
    href = files.href(name)
    start = files.head(name, 12)
    driver = next((driver for magic, driver in _DRIVERS.items() if start.startswith(magic)), None)
    if driver is None:
        raise SceneError(f"{href} is not a GeoTIFF or JPEG 2000 file", _REDELIVER)
    try:
        _check_companions(files, name)
        with open_plain(gdal_name(href), driver) as file:
            return _header(file, href)
    except RASTER_ERRORS as error:
        raise SceneError(f"{href} is not a raster that can be read: {error.__cause__ or error}", _REDELIVER) from error


def _header(file: rasterio.DatasetReader, href: str) -> Header:
    _check_overviews(file, href)
    rows, columns = file.shape
    if not (0 < rows <= _EDGE and 0 < columns <= _EDGE and 0 < file.count <= _BANDS):
        raise SceneError(
            f"{href} states {columns} x {rows} pixels and {file.count} bands, which cannot be true", _REDELIVER
        )
    extra = 0
    colours = file.colorinterp
    while extra < file.count - 1 and colours[-1 - extra] == ColorInterp.alpha:
        extra += 1
    types = set(file.dtypes[: file.count - extra])
    if len(types) > 1 or not types <= set(TYPES):
        raise SceneError(
            f"{href} holds {' and '.join(sorted(types))} values, which cannot be used",
            f"deliver all bands in one of {', '.join(TYPES)}",
        )
    flags = file.mask_flag_enums[0]
    placed = not (file.transform.is_identity or file.transform.is_degenerate)
    return Header(
        href=href,
        shape=(rows, columns),
        count=file.count - extra,
        dtype=str(types.pop()),
        nodata=file.nodata,
        crs=crs_text(file.crs) if file.crs else "",
        transform=file.transform if placed else None,
        raw=bool(file.gcps[0]) or file.rpcs is not None,
        masked=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        extra=extra,
    )


def _check_companions(files: DeliveryFiles, name: str) -> None:
    """Refuse files beside a raster that GDAL would read with it and that could name further files."""
    beside = companions(files, name)
    for each in beside:
        files.state(each)  # Refuses a link that leads out of the delivery.
        if holds_pixels(each) and _DRIVERS.get(files.head(each, 4)) != "GTiff":
            raise SceneError(f"{files.href(each)} is not a TIFF file", "deliver it again or remove it")
    for each in beside:
        if holds_pixels(each):
            with open_plain(gdal_name(files.href(each)), "GTiff") as file:
                _check_overviews(file, files.href(each))


def _check_overviews(file: rasterio.DatasetReader, href: str) -> None:
    # GDAL would take its overviews from any file or address that is named here, in the file or in its .aux.xml.
    if any("FILE" in key.upper() for key in file.tags(ns="OVERVIEWS")):
        raise SceneError(f"{href} names another file for its overviews, which is not read", _REDELIVER)

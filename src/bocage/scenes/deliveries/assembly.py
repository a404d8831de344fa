"""From a delivery to an image: the headers of its files are opened and must fit together.

Several files become one dataset through a virtual raster of GDAL, whose document is made here in memory. A file is
opened as GeoTIFF or as JPEG 2000 and as nothing else: among the other formats of GDAL are those that read further
files or addresses which the file names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import rasterio
from affine import Affine

from bocage.errors import SceneError
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.header import RASTER_ERRORS, Header, open_plain, read_header
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.deliveries.locations import gdal_name
from bocage.scenes.deliveries.mosaic import place
from bocage.scenes.deliveries.virtual import document
from bocage.scenes.sensors import SENSORS

_REDELIVER = "deliver the file again"
_ORTHO = "orthorectify it before it is catalogued, or deliver the orthorectified product"


def assemble(delivery: Delivery) -> Image:
    """Return the image that the files of a delivery make. Only their headers are read.

    Raises
    ------
    SceneError
        If a file is not a GeoTIFF or JPEG 2000, the files do not fit together (data types, grids, tiles, bands), the
        sizes are absurd, or the image lies nowhere.
    """
    if not delivery.parts:
        raise SceneError(f"{delivery.id} names no raster file", "deliver its image with the metadata")
    headers = [read_header(delivery.files, part.name) for part in delivery.parts]
    first = headers[0]
    metadata = delivery.metadata
    count = len(metadata.bands) if metadata is not None and metadata.bands else 0
    if not count:
        stated = [max(part.bands, default=0) for part in delivery.parts]
        # Many images of four bands are marked red, green, blue, alpha: names alone say what a band is.
        count = max(stated) or first.count + first.extra
    for header in headers[1:]:
        _agree(first, header)
    parts, shape = place(delivery.parts, headers, count, delivery.id)
    crs, transform, own = _georeference(delivery, parts, headers)
    nodata, described = _nodata(delivery, parts, headers)
    alone = len(parts) == 1 and parts[0].bands[:count] == tuple(range(1, count + 1))
    if not (own and described and alone) and any(header.masked for header in headers):
        hidden = next(header.href for header in headers if header.masked)
        raise SceneError(
            f"{hidden} hides pixels by a mask, which would be lost where several files make one image",
            "write nodata into its bands instead of the mask",
        )
    return Image(
        parts=parts,
        shape=shape,
        count=count,
        dtype=first.dtype,
        nodata=nodata,
        crs=crs,
        transform=transform,
        described=own and described and alone,
    )


def dataset_name(image: Image) -> str:
    """Return what GDAL opens the image by: the name of its file, or the document of a virtual raster.

    Raises
    ------
    SceneError
        If a file lies where GDAL cannot read it.
    """
    if image.described and len(image.parts) == 1:
        return gdal_name(image.parts[0].href)
    return document(replace(image, parts=tuple(replace(part, href=gdal_name(part.href)) for part in image.parts)))


@contextmanager
def open_image(image: Image) -> Iterator[rasterio.DatasetReader]:
    """Open an image for reading; an error of the library becomes ours, with the file's name.

    A dataset is for the thread that opened it. Masks and alpha bands are those of a single file that is opened as it
    is; a virtual raster has a nodata value at most.

    Raises
    ------
    SceneError
        If a file is missing, is not what it was, or a block cannot be decoded while it is open.
    """
    subject = image.parts[0].href if len(image.parts) == 1 else f"{image.parts[0].href} (of {len(image.parts)} files)"
    name = dataset_name(image)
    opened = False
    try:
        with rasterio.open(name, driver="VRT") if name.startswith("<VRT") else open_plain(name) as file:
            opened = True
            yield file
    except RASTER_ERRORS as error:
        if opened:
            raise SceneError(f"{subject} is damaged or truncated: {_cause(error)}", _REDELIVER) from error
        raise SceneError(f"{subject} is not a raster that can be read: {_cause(error)}", _REDELIVER) from error


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def _agree(first: Header, other: Header) -> None:
    if other.dtype != first.dtype:
        raise SceneError(f"{other.href} holds {other.dtype} values but {first.href} {first.dtype}", _REDELIVER)
    if first.crs and other.crs and first.crs != other.crs:
        raise SceneError(f"{other.href} lies on another map projection than {first.href}", _REDELIVER)


def _georeference(delivery: Delivery, parts: Sequence[Part], headers: Sequence[Header]) -> tuple[str, Affine, bool]:
    """Return CRS and transform of the image, and whether its first file itself has both."""
    stated = delivery.metadata.georeference if delivery.metadata is not None else None
    crs = next((header.crs for header in headers if header.crs), "")
    transform: Affine | None = None
    for part, header in zip(parts, headers, strict=True):
        if header.transform is None:
            continue
        here = header.transform @ Affine.translation(-part.column, -part.row)
        if transform is None:
            transform = here
        elif _distance(transform, here, part) > 0.5:
            raise SceneError(f"{header.href} does not lie where its place in the image is", _REDELIVER)
    own = bool(headers[0].crs) and headers[0].transform is not None
    if not crs and stated is not None:
        crs = stated[0]
        if transform is not None and _distance(transform, stated[1], parts[0]) > 1:
            raise SceneError(
                f"{headers[0].href} has a position that its metadata contradict", "deliver the product again"
            )
    if transform is None and stated is not None and crs == stated[0]:
        transform = stated[1]
    if crs and transform is not None:
        return crs, transform, own
    href = headers[0].href
    if any(header.raw for header in headers):
        raise SceneError(f"{href} has ground control points or a camera model but no map projection", _ORTHO)
    if transform is not None:
        raise SceneError(f"{href} has no coordinate reference system", "assign one: gdal_edit -a_srs EPSG:... FILE")
    if crs:
        raise SceneError(f"{href} has a CRS but no position", "deliver the orthorectified product")
    raise SceneError(f"{href} has no coordinate reference system and no position", _ORTHO)


def _distance(one: Affine, other: Affine, part: Part) -> float:
    """Return how far a part's corners lie apart under two transforms of the image, in pixels."""
    if one.is_degenerate:
        return float("inf")
    back = ~one
    corners = ((part.column, part.row), (part.column + part.width, part.row + part.height))
    found = [(back @ (other @ corner), corner) for corner in corners]
    return float(max(max(abs(x - column), abs(y - row)) for (x, y), (column, row) in found))


def _nodata(delivery: Delivery, parts: Sequence[Part], headers: Sequence[Header]) -> tuple[float | None, bool]:
    """Return the nodata value, and whether it is that of the files themselves."""
    values = {str(header.nodata): header.nodata for header in headers if header.nodata is not None}
    if len(values) > 1:
        raise SceneError(f"{headers[0].href} and its other files declare different nodata values", _REDELIVER)
    if values:
        return next(iter(values.values())), True
    stated = _stated_nodata(delivery)
    masked = any(header.masked for header in headers) or any(0 in part.bands for part in parts)
    if stated is None or masked:
        return None, True
    return stated, False


def _stated_nodata(delivery: Delivery) -> float | None:
    """Return the nodata value of the metadata; where they are silent, that with which the maker fills the frame."""
    if delivery.metadata is None or delivery.metadata.nodata is not None:
        return delivery.metadata.nodata if delivery.metadata is not None else None
    sensor = SENSORS.get(delivery.metadata.sensor)
    return None if sensor is None else sensor.fill

"""From a delivery to a scene, or to the reason why it cannot be one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from bocage.errors import SceneError
from bocage.grid import Grid
from bocage.scenes.bands import band_indexes, check_bands, common_names
from bocage.scenes.calibration import Calibration, find_calibration
from bocage.scenes.clouds import read_clouds
from bocage.scenes.deliveries.assembly import assemble, open_image
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.finding import find_deliveries
from bocage.scenes.deliveries.header import RASTER_ERRORS, open_plain
from bocage.scenes.deliveries.identity import content_digest
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.deliveries.locations import gdal_name
from bocage.scenes.footprint import outline, polygonal, project_outline, transformer
from bocage.scenes.metadata import ProductMetadata
from bocage.scenes.quicklook import picture
from bocage.scenes.scene import BandStatistics, Scene
from bocage.scenes.stretch import STRETCH_TAG, Method, find_stretch
from bocage.scenes.structure import check_blocks, check_codestream, check_extent
from bocage.scenes.survey import Survey, decode, survey

# Metres: from drones to maps of the globe; a damaged georeference gives pixels of other orders.
_FINEST, _COARSEST = 1e-3, 100_000.0
_NONE = ProductMetadata("none")


@dataclass(frozen=True, slots=True)
class Rules:
    """How deliveries become scenes.

    Attributes
    ----------
    stretch, percentiles
        How the low and high digital number of each band are found.
    default_bands
        Band names in file order for an image of which nobody says anything else.
    mask_saturated
        Whether saturated pixels count as invalid.
    decode
        Whether every pixel is decoded, to find damage that the headers do not show.
    """

    stretch: Method = "percentile"
    percentiles: tuple[float, float] = (0.005, 0.995)
    default_bands: tuple[str, ...] | None = None
    mask_saturated: bool = False
    decode: bool = False


@dataclass(frozen=True, slots=True)
class Recognition:
    """A scene, and a small picture of it: (rows, columns, 3) uint8 red, green, blue, 0 where nothing was seen."""

    scene: Scene
    picture: NDArray[np.uint8]


def recognise(
    path: Path | str,
    grid: Grid,
    *,
    bands: Sequence[str] | None = None,
    rules: Rules | None = None,
) -> Scene:
    """Recognise the one scene that a raster, a metadata file, a folder, an archive or a URL of storage holds.

    Parameters
    ----------
    path
        What was delivered.
    grid
        The working lattice; the footprint is in its CRS.
    bands, rules
        As in :func:`recognise_delivery`.

    Raises
    ------
    SceneError
        If it holds none or several, and as :func:`recognise_delivery` does.
    """
    return recognise_delivery(find_one(path), grid, rules or Rules(), bands).scene


def find_one(path: Path | str) -> Delivery:
    """Return the one delivery that a raster, a metadata file, a folder, an archive or a URL of storage holds.

    Raises
    ------
    SceneError
        If it holds none or several, or one that cannot be used.
    """
    found, refused = find_deliveries(str(path))
    if refused:
        raise SceneError(refused[0].reason, refused[0].mend)
    if len(found) != 1:
        raise SceneError(f"{path} holds {len(found) or 'no'} scenes, not one", "name the raster or the metadata file")
    return found[0]


def recognise_delivery(delivery: Delivery, grid: Grid, rules: Rules, bands: Sequence[str] | None = None) -> Recognition:
    """Recognise a delivery: check it, look over it and return what later stages need.

    Parameters
    ----------
    delivery
        The files and what their metadata say.
    grid
        The working lattice; the footprint is in its CRS.
    rules
        How deliveries become scenes.
    bands
        Band names in file order as a person states them. They must not contradict what the delivery says.

    Raises
    ------
    SceneError
        If a file is missing, is not a raster, is truncated, has no CRS, its bands are unknown or incomplete, it was
        stretched by Bocage before, it holds no valid pixel or lies outside the domain of the grid's CRS.
    """
    metadata = delivery.metadata or _NONE
    subject = (
        f"{delivery.files.root}: {delivery.id}" if len(delivery.parts) > 1 else delivery.files.href(_first(delivery))
    )
    image = assemble(delivery)
    sizes = _check_parts(delivery, image)
    check_extent(image.shape, np.dtype(image.dtype).itemsize * image.count, sum(sizes), subject)
    with open_image(image) as file:
        names = _bands(_descriptions(image, file), metadata, bands, rules.default_bands, subject)
        indexes = band_indexes(names)
        if rules.stretch != "none" and (metadata.stretched or STRETCH_TAG in _tags(image, file)):
            raise SceneError(
                f"{subject} was already stretched to 8 bits by Bocage",
                'use the original delivery, or stretch = "none"',
            )
        if rules.decode:
            decode(file)
        clouds = read_clouds(delivery.files, delivery.masks, image.crs)
        if clouds is not None and not clouds.intersects(_frame(image)):
            raise SceneError(
                f"{subject}: its cloud mask lies nowhere near the image",
                "check the coordinate reference system of the mask and the order of its axes",
            )
        found = survey(file, indexes, clouds, saturation=metadata.saturation, factors=_factors(image))
        if not found.cells.any():
            raise SceneError(f"{subject} has no valid pixel", "remove it from the delivery")
        calibration = _calibration(metadata, names, subject)
        stretch = find_stretch(found.samples, rules.stretch, rules.percentiles, subject, calibration)

    scene = Scene(
        id=delivery.id,
        image=image,
        sensor=metadata.sensor,
        platform=metadata.platform,
        bands=names,
        gsd=_ground_sample(image, grid, subject),
        acquired=metadata.acquired,
        stretch=stretch,
        footprint=_footprint(image, found, grid, subject),
        sun_elevation=metadata.sun_elevation,
        sun_azimuth=metadata.sun_azimuth,
        off_nadir=metadata.off_nadir,
        view_azimuth=metadata.view_azimuth,
        cloud_cover=metadata.cloud_cover,
        digest=content_digest(delivery),
        size=sum(sizes),
        clouds=_clouds(clouds, image, grid, subject),
        calibration=calibration,
        saturation=metadata.saturation,
        mask_saturated=rules.mask_saturated,
        statistics=tuple(_statistics(band) for band in found.samples),
        valid_share=found.valid_share,
        saturated_share=found.saturated_share,
        documents=tuple(delivery.files.href(name) for name in (*delivery.documents, *delivery.masks)),
    )
    return Recognition(scene, picture(found, stretch))


def _frame(image: Image) -> Polygon:
    """Return the outline of all pixels in the image's own CRS."""
    rows, columns = image.shape
    return Polygon([image.transform @ corner for corner in ((0, 0), (columns, 0), (columns, rows), (0, rows))])


def _clouds(
    clouds: Polygon | MultiPolygon | None, image: Image, grid: Grid, subject: str
) -> Polygon | MultiPolygon | None:
    if clouds is None:
        return None
    # Masks are drawn to the pixel; half a pixel of the lattice is lost in resampling anyway.
    simple = _snapped(project_outline(clouds, image.crs, grid.crs, subject).simplify(grid.resolution / 2))
    return None if simple.is_empty else simple


def _first(delivery: Delivery) -> str:
    return delivery.parts[0].name


def _check_parts(delivery: Delivery, image: Image) -> list[int]:
    """Check that the files are whole and return their sizes in bytes."""
    sizes = []
    for record, part in zip(delivery.parts, image.parts, strict=True):
        name, size = record.name, delivery.files.state(record.name).size
        sizes.append(size)
        with _open_part(part) as file:
            tiff = file.driver == "GTiff"
            if tiff:
                check_blocks(file, size, part.href)
        if not tiff:
            check_codestream(lambda at, count, name=name: delivery.files.read_range(name, at, count), size, part.href)  # type: ignore[misc]
    return sizes


@contextmanager
def _open_part(part: Part) -> Iterator[rasterio.DatasetReader]:
    try:
        with open_plain(gdal_name(part.href)) as file:
            yield file
    except RASTER_ERRORS as error:
        raise SceneError(f"{part.href} is damaged: {error.__cause__ or error}", "deliver the file again") from error


def _tags(image: Image, file: rasterio.DatasetReader) -> dict[str, str]:
    """Return the tags of the file itself; a virtual raster over it does not hand them on."""
    if image.described and len(image.parts) == 1:
        return dict(file.tags())
    found: dict[str, str] = {}
    for part in image.parts:
        with _open_part(part) as own:
            found |= own.tags()
    return found


def _factors(image: Image) -> tuple[int, ...]:
    """Return the reductions of which every part has an overview."""
    found: set[int] | None = None
    for part in image.parts:
        with _open_part(part) as file:
            own = set(file.overviews(1))
        found = own if found is None else found & own
    return tuple(sorted(found or ()))


def _descriptions(image: Image, file: rasterio.DatasetReader) -> tuple[str | None, ...]:
    """Return what the file says of its bands; a virtual raster over it does not hand that on."""
    if len(image.parts) != 1 or image.described:
        return tuple(file.descriptions)
    with _open_part(image.parts[0]) as own:
        return tuple(own.descriptions) if own.count == file.count else tuple(file.descriptions)


def _bands(
    descriptions: Sequence[str | None],
    metadata: ProductMetadata,
    stated: Sequence[str] | None,
    default: Sequence[str] | None,
    subject: str,
) -> tuple[str, ...]:
    own = tuple(record.name for record in metadata.bands) or common_names(descriptions)
    if stated is not None:
        names = check_bands(stated, len(descriptions), subject)
        if own is not None and own != names:
            raise SceneError(
                f"{subject} itself names its bands {', '.join(own)}, not {', '.join(names)}",
                "leave the band names out for this delivery, or correct those in it",
            )
        return names
    names_or_none = own or default
    if names_or_none is None:
        raise SceneError(
            f"{subject}: band order unknown; nothing names its {len(descriptions)} bands red, green, blue or nir",
            "set scenes.bands (or --bands red,green,blue,nir), or name them in a STAC Item beside the file",
        )
    return check_bands(names_or_none, len(descriptions), subject)


def _calibration(metadata: ProductMetadata, names: Sequence[str], subject: str) -> Calibration | None:
    """Return the calibration of the metadata; where a person has named the bands, theirs is the order that counts."""
    if tuple(record.name for record in metadata.bands) != tuple(names):
        return None
    return find_calibration(metadata, subject)


def _statistics(band: NDArray[np.generic]) -> BandStatistics:
    values = band.astype(np.float64)
    return BandStatistics(
        float(values.min()), float(values.max()), float(np.round(values.mean(), 4)), float(np.round(values.std(), 4))
    )


def _footprint(image: Image, found: Survey, grid: Grid, subject: str) -> Polygon | MultiPolygon:
    own = outline(found.cells, found.step, image.shape, image.transform)
    return _snapped(project_outline(own, image.crs, grid.crs, subject))


def _snapped(area: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """Return an area with its points on whole centimetres, so that it is the same after it was written as text."""
    return polygonal(shapely.set_precision(area, 0.01))


def _ground_sample(image: Image, grid: Grid, subject: str) -> float:
    """Return the edge of a pixel at the scene's centre on the grid: the root of the area of its parallelogram."""
    row, column = image.shape[0] / 2, image.shape[1] / 2
    corners = [image.transform @ (column + x, row + y) for x, y in ((0, 0), (1, 0), (0, 1))]
    to_grid = transformer(image.crs, grid.crs)
    (x0, y0), (x1, y1), (x2, y2) = (to_grid.transform(x, y) for x, y in corners)
    area = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
    if not (math.isfinite(area) and area > 0):
        raise SceneError(
            f"{subject} lies outside the domain of {grid.crs}", "leave the scene out or choose another grid.crs"
        )
    size = math.sqrt(area)
    if not _FINEST <= size <= _COARSEST:
        raise SceneError(
            f"{subject} has pixels of {size:g} m, which cannot be true", "correct the georeference of the file"
        )
    return float(np.round(size, 9))

"""Which pixels of an image are read: its own, or those of an overview that is still as fine as the lattice.

An overview is an average that was made once, so what a lattice pixel holds comes out nearly the same at a fraction of
the decoding. It is chosen for the whole scene, never for a window. What counts are overviews that treat unseen pixels
as the reader does: those of GeoTIFF files which declare a nodata value themselves or have no unseen pixel. Beside a
mask or an alpha band GDAL averages what they hide into its neighbours. The reduced resolutions of JPEG 2000 do so too,
and lie half a pixel off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from bocage.grid import Grid
from bocage.scenes.deliveries.assembly import dataset_name
from bocage.scenes.deliveries.header import open_plain
from bocage.scenes.deliveries.image import Image
from bocage.scenes.deliveries.locations import gdal_name
from bocage.scenes.deliveries.virtual import document
from bocage.scenes.resampling import marked_by_value
from bocage.scenes.scene import Scene

# An overview may be coarser than the lattice by this share of a pixel.
_COARSER = 0.01


@dataclass(frozen=True, slots=True)
class Level:
    """The pixels that are read.

    Attributes
    ----------
    name
        What GDAL opens.
    overview
        Number of the overview of that file, counted from 0; None for the pixels themselves.
    shape
        Rows and columns.
    """

    name: str
    overview: int | None
    shape: tuple[int, int]

    def open(self, threads: int = 1) -> rasterio.DatasetReader:
        """Open a handle, for the thread that calls; ``threads`` decode the blocks of one request.

        Raises
        ------
        rasterio.errors.RasterioError
            If it cannot be opened.
        """
        options = {"NUM_THREADS": threads} if threads > 1 else {}
        if self.name.startswith("<VRT"):
            return rasterio.open(self.name, driver="VRT", **options)
        if self.overview is not None:
            return rasterio.open(self.name, driver="GTiff", OVERVIEW_LEVEL=self.overview, **options)
        file = open_plain(self.name)
        if options and file.driver == "GTiff":
            file.close()
            file = rasterio.open(self.name, driver="GTiff", **options)
        return file


def find_level(scene: Scene, grid: Grid, indexes: Sequence[int], *, overviews: bool = True) -> Level:
    """Return what to read of a scene: the overview with the largest reduction that is as fine as the lattice, or all.

    Parameters
    ----------
    indexes
        Numbers of the bands that are read.
    overviews
        False takes the pixels themselves.

    Raises
    ------
    rasterio.errors.RasterioError
        If a file cannot be opened.
    """
    whole = Level(dataset_name(scene.image), None, scene.shape)
    coarsest = grid.resolution * (1 + _COARSER) / scene.gsd
    if not overviews or coarsest < 2 or (scene.mask_saturated and scene.saturation is not None):
        # A saturated pixel does not show in an average, so it could not be left out of it.
        return whole
    if scene.image.described and len(scene.image.parts) == 1:
        return _of_file(whole, coarsest, indexes)
    return _of_parts(scene.image, coarsest) or whole


def _of_file(whole: Level, coarsest: float, indexes: Sequence[int]) -> Level:
    with whole.open() as file:
        # The shape tells whether the file is the one that was catalogued; the caller refuses another.
        levels = _levels(file, whole.name, coarsest) if file.shape == whole.shape else []
        if not levels or any(file.overviews(index) != file.overviews(indexes[0]) for index in indexes):
            return whole
        if not _averages_what_is_seen(file, indexes):
            return whole
    return Level(whole.name, *levels[-1])


def _averages_what_is_seen(file: rasterio.DatasetReader, indexes: Sequence[int]) -> bool:
    """Say whether the overviews of these bands leave out what the reader does.

    Of a band that is tagged as alpha GDAL leaves out the pixels that are 0, whatever other nodata value the file
    declares; and a near infrared that is written as the fourth band is often tagged so.
    """
    tagged = any(file.colorinterp[index - 1] == ColorInterp.alpha for index in indexes)
    return marked_by_value(file, indexes) and not (tagged and file.nodata not in {None, 0})


def _levels(file: rasterio.DatasetReader, name: str, coarsest: float) -> list[tuple[int, tuple[int, int]]]:
    """Return number and shape of the overviews that are fine enough, finest first.

    GDAL states a rounded factor; what counts is the size, of which 1001 pixels have an overview of 501.
    """
    found: list[tuple[int, tuple[int, int]]] = []
    if file.driver != "GTiff":
        return found
    for index, factor in enumerate(file.overviews(1)):
        if factor > coarsest + 1:
            continue
        with rasterio.open(name, driver="GTiff", OVERVIEW_LEVEL=index) as overview:
            shape = overview.shape
        if max(file.height / shape[0], file.width / shape[1]) <= coarsest:
            found.append((index, shape))
    return sorted(found, key=lambda level: -level[1][0])


def _of_parts(image: Image, coarsest: float) -> Level | None:
    """Return a virtual raster over the overviews of all files, where they fit together without a remainder."""
    for factor in (2**power for power in range(math.floor(math.log2(coarsest)), 0, -1)):
        edges = [(part.row, part.column, part.height, part.width) for part in image.parts]
        if any(value % factor for edge in edges for value in edge):
            continue
        parts = []
        for part in image.parts:
            name = gdal_name(part.href)
            with open_plain(name) as file:
                shape = part.height // factor, part.width // factor
                levels = [index for index, found in _levels(file, name, factor) if found == shape]
                own = file.nodata == image.nodata and _averages_what_is_seen(file, file.indexes)
            # The name of the overview is a connection string, of which these are the separators.
            if not levels or not own or any(mark in name for mark in "?&,"):
                break
            parts.append(
                replace(
                    part,
                    href=f"vrt://{name}?ovr={levels[0]}",
                    row=part.row // factor,
                    column=part.column // factor,
                    height=shape[0],
                    width=shape[1],
                )
            )
        if len(parts) == len(image.parts):
            rows, columns = image.shape[0] // factor, image.shape[1] // factor
            reduced = replace(
                image,
                parts=tuple(parts),
                shape=(rows, columns),
                transform=image.transform @ Affine.scale(factor),
            )
            return Level(document(reduced), None, (rows, columns))
    return None

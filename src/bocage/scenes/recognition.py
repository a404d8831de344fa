"""From a raster file to a scene, or to the reason why it cannot be one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from shapely.geometry import MultiPolygon, Polygon

from bocage.errors import SceneError
from bocage.files import digest_file
from bocage.grid import Grid
from bocage.scenes.bands import band_indexes, check_bands, common_names
from bocage.scenes.clouds import read_clouds
from bocage.scenes.footprint import outline, project_outline, transformer
from bocage.scenes.projection import crs_text
from bocage.scenes.scene import Scene
from bocage.scenes.sidecar import Sidecar, read_sidecar
from bocage.scenes.stretch import STRETCH_TAG, Method, find_stretch
from bocage.scenes.survey import Survey, survey

_TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_REDELIVER = "deliver the file again"

# A file without a position is refused in our own words. The filter is global since files are opened in threads, among
# which a filter for a while would be lost or stay.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


@contextmanager
def open_dataset(path: Path) -> Iterator[rasterio.DatasetReader]:
    """Open a raster for reading; an error of the library becomes ours, with the file's name.

    Raises
    ------
    SceneError
        If the file is missing, is not a raster, or a block cannot be decoded while it is open.
    """
    if not path.is_file():
        raise SceneError(f"{path} is not there", "check scenes.paths and the delivery")
    opened = False
    try:
        with rasterio.open(path) as file:
            opened = True
            yield file
    except RasterioError as error:
        if opened:
            raise SceneError(f"{path} is damaged or truncated: {_cause(error)}", _REDELIVER) from error
        raise SceneError(f"{path} is not a raster that can be read: {_cause(error)}", _REDELIVER) from error


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def recognise(
    path: Path,
    grid: Grid,
    *,
    bands: Sequence[str] | None = None,
    default_bands: Sequence[str] | None = None,
    stretch: Method = "percentile",
    percentiles: tuple[float, float] = (0.005, 0.995),
    digest: str | None = None,
) -> Scene:
    """Recognise a raster: decode all of it and return what later stages need.

    Parameters
    ----------
    path
        The raster; a STAC Item of the same stem beside it is read too.
    grid
        The working lattice; the footprint is in its CRS.
    bands
        Band names in file order as a person states them. They must not contradict what the file or its sidecar says.
    default_bands
        Band names for a file that says nothing itself.
    stretch, percentiles
        How the low and high digital number of each band are found.
    digest
        SHA-256 of the file where it is known already.

    Raises
    ------
    SceneError
        If the file is missing, is not a raster, is truncated, has no CRS, its bands are unknown or incomplete, it was
        stretched by Bocage before, it holds no valid pixel or lies outside the domain of the grid's CRS.
    """
    if not path.is_file():
        raise SceneError(f"{path} is not there", "check scenes.paths and the delivery")
    sidecar = read_sidecar(path)
    with open_dataset(path) as file:
        crs = _georeference(file, path)
        names = _bands(file, sidecar, bands, default_bands, path)
        indexes = band_indexes(names)
        dtype = _type(file, indexes, path)
        if stretch != "none" and (sidecar.stretched or STRETCH_TAG in file.tags()):
            raise SceneError(
                f"{path} was already stretched to 8 bits by Bocage", 'use the original delivery, or stretch = "none"'
            )
        clouds = read_clouds(sidecar.clouds, crs) if sidecar.clouds else None
        found = survey(file, indexes, clouds)
        if not found.cells.any():
            raise SceneError(f"{path} has no valid pixel", "remove it from the delivery")
        footprint = _footprint(file, found, crs, grid, path)
        return Scene(
            id=path.stem,
            path=path,
            sensor=sidecar.sensor,
            bands=names,
            crs=crs,
            shape=(file.height, file.width),
            transform=file.transform,
            gsd=_ground_sample(file, crs, grid, path),
            acquired=sidecar.acquired,
            dtype=dtype,
            nodata=file.nodata,
            stretch=find_stretch(found.samples, stretch, percentiles, str(path)),
            footprint=footprint,
            sun_elevation=sidecar.sun_elevation,
            sun_azimuth=sidecar.sun_azimuth,
            off_nadir=sidecar.off_nadir,
            cloud_cover=sidecar.cloud_cover,
            digest=digest or digest_file(path),
            clouds=sidecar.clouds,
            clouds_digest=digest_file(sidecar.clouds) if sidecar.clouds else "",
        )


def _georeference(file: rasterio.DatasetReader, path: Path) -> str:
    if file.crs is None or not file.crs:
        if file.gcps[0]:
            raise SceneError(
                f"{path} has ground control points but no map projection", "orthorectify it before it is catalogued"
            )
        raise SceneError(f"{path} has no coordinate reference system", "assign one: gdal_edit -a_srs EPSG:... FILE")
    if file.transform.is_identity or file.transform.is_degenerate:
        raise SceneError(f"{path} has a CRS but no position", "deliver the orthorectified product")
    return crs_text(file.crs)


def _bands(
    file: rasterio.DatasetReader,
    sidecar: Sidecar,
    stated: Sequence[str] | None,
    default: Sequence[str] | None,
    path: Path,
) -> tuple[str, ...]:
    own = sidecar.bands or common_names(file.descriptions)
    if stated is not None:
        names = check_bands(stated, file.count, str(path))
        if own is not None and own != names:
            raise SceneError(
                f"{path} itself names its bands {', '.join(own)}, not {', '.join(names)}",
                "leave the band names out for this file, or correct those in it",
            )
        return names
    names_or_none = own or default
    if names_or_none is None:
        raise SceneError(
            f"{path}: band order unknown; the file names none of its {file.count} bands red, green, blue or nir",
            "set scenes.bands (or --bands red,green,blue,nir), or name them in a STAC Item beside the file",
        )
    return check_bands(names_or_none, file.count, str(path))


def _type(file: rasterio.DatasetReader, indexes: Sequence[int], path: Path) -> str:
    types = {file.dtypes[index - 1] for index in indexes}
    if len(types) > 1 or not types <= set(_TYPES):
        raise SceneError(
            f"{path} holds {' and '.join(sorted(types))} values, which cannot be used",
            f"deliver all bands in one of {', '.join(_TYPES)}",
        )
    return str(types.pop())


def _footprint(file: rasterio.DatasetReader, found: Survey, crs: str, grid: Grid, path: Path) -> Polygon | MultiPolygon:
    own = outline(found.cells, found.step, file.shape, file.transform)
    return project_outline(own, crs, grid.crs, str(path))


def _ground_sample(file: rasterio.DatasetReader, crs: str, grid: Grid, path: Path) -> float:
    """Return the edge of a pixel at the scene's centre on the grid: the root of the area of its parallelogram."""
    row, column = file.height / 2, file.width / 2
    corners = [file.transform @ (column + x, row + y) for x, y in ((0, 0), (1, 0), (0, 1))]
    to_grid = transformer(crs, grid.crs)
    (x0, y0), (x1, y1), (x2, y2) = (to_grid.transform(x, y) for x, y in corners)
    area = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
    if not (math.isfinite(area) and area > 0):
        raise SceneError(
            f"{path} lies outside the domain of {grid.crs}", "leave the scene out or choose another grid.crs"
        )
    return float(np.round(math.sqrt(area), 9))

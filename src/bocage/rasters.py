"""Writing cloud-optimised GeoTIFFs whole, and reading one back onto a lattice window.

The file is made in memory and then written by :mod:`bocage.files`: GDAL reports a full disk only when it closes a file,
and by then the caller may believe the write succeeded. A raster that Bocage writes is a tile or a chip, so it fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from bocage.errors import StorageError
from bocage.files import write_bytes
from bocage.grid import SNAP, Grid, Window
from bocage.storage import Storage

Compression = Literal["DEFLATE", "LZW", "ZSTD"]


def write_cog(
    path: Path,
    array: NDArray[np.generic],
    *,
    grid: Grid,
    window: Window,
    nodata: float | None = None,
    descriptions: Sequence[str] = (),
    colours: Mapping[int, tuple[int, int, int]] | None = None,
    tags: Mapping[str, str] | None = None,
    compression: Compression = "DEFLATE",
    level: int | None = None,
    overviews: Literal["average", "mode", "nearest"] = "average",
) -> None:
    """Write an array that covers ``window`` as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    array
        (rows, columns) or (bands, rows, columns).
    nodata
        The value declared as nodata, or None.
    descriptions
        One name per band.
    colours
        A colour table for a one-band byte raster: value to (red, green, blue), 0 to 255.
    level
        Of the compression: 1 is fast, 9 small; GDAL's own where None.

    Raises
    ------
    StorageError
        If the file cannot be written; an older file of that name stays as it was.
    """
    write_bytes(
        path,
        cog_bytes(
            array,
            grid.crs,
            grid.transform(window),
            nodata=nodata,
            descriptions=descriptions,
            colours=colours,
            tags=tags,
            compression=compression,
            level=level,
            overviews=overviews,
        ),
    )


def cog_bytes(
    array: NDArray[np.generic],
    crs: str,
    transform: Affine,
    *,
    nodata: float | None = None,
    descriptions: Sequence[str] = (),
    colours: Mapping[int, tuple[int, int, int]] | None = None,
    tags: Mapping[str, str] | None = None,
    compression: Compression = "DEFLATE",
    level: int | None = None,
    overviews: Literal["average", "mode", "nearest"] = "average",
) -> bytes:
    """Return the bytes of a cloud-optimised GeoTIFF; the parameters are those of :func:`write_cog`."""
    bands = array[np.newaxis] if array.ndim == 2 else array
    with MemoryFile() as plain, MemoryFile() as cog:
        with plain.open(
            driver="GTiff",
            count=len(bands),
            height=bands.shape[1],
            width=bands.shape[2],
            dtype=bands.dtype,
            crs=crs,
            transform=transform,
            nodata=nodata,
            tiled=True,
            blockxsize=512,
            blockysize=512,
            BIGTIFF="IF_SAFER",
        ) as file:
            # The colour table comes first: GDAL fixes the photometric tag with the first pixels.
            if colours is not None:
                file.write_colormap(1, {value: (*colour, 255) for value, colour in colours.items()})
            file.write(bands)
            for index, name in enumerate(descriptions, start=1):
                file.set_band_description(index, name)
            if tags:
                file.update_tags(**tags)
        # GDAL would compress the overviews while it makes them, only to unpack them again: half of the whole time.
        with rasterio.Env(COG_TMP_COMPRESSION="NONE"):
            rasterio.shutil.copy(
                plain.name,
                cog.name,
                driver="COG",
                compress=compression,
                blocksize=512,
                overview_resampling=overviews,
                predictor="STANDARD" if compression != "LZW" else "NO",
                num_threads="ALL_CPUS",
                **({} if level is None else {"level": level}),
            )
        return bytes(cog.getbuffer())


def read_window(path: Path, grid: Grid, window: Window, *, band: int = 1, fill: float = 0) -> NDArray[np.generic]:
    """Read the pixels of a raster that already lies on the lattice; pixels beyond its edge become ``fill``.

    Returns
    -------
    numpy.ndarray
        (rows, columns) in the raster's own data type.

    Raises
    ------
    StorageError
        If the file cannot be opened or read.
    """
    with _errors(str(path)), rasterio.open(path) as file:
        return window_of(file, grid, window, band=band, fill=fill)


@contextmanager
def open_stored(storage: Storage, name: str) -> Iterator[rasterio.DatasetReader]:
    """Open a raster of a storage, which has no files beside it.

    Raises
    ------
    StorageError
        If it cannot be opened, or read while it is open.
    """
    href = storage.href(name)
    # GDAL would list the whole storage for files beside this one, and remember a tile that is written anew meanwhile.
    alone = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", CPL_VSIL_CURL_NON_CACHED=href)
    with _errors(f"{storage.root}/{name}"), alone, rasterio.open(href) as file:
        yield file


@contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except RasterioError as error:
        raise StorageError(
            f"{name} cannot be read: {error}", "see that its storage answers, or remove it and run the stage again"
        ) from error


def window_of(
    file: rasterio.DatasetReader, grid: Grid, window: Window, *, band: int = 1, fill: float = 0
) -> NDArray[np.generic]:
    """Read a window of an open raster as :func:`read_window` does.

    Raises
    ------
    StorageError
        If the raster does not lie on the lattice.
    """
    own = _lattice_window(file, grid)
    result = np.full(window.shape, fill, dtype=file.dtypes[band - 1])
    shared = window.intersection(own)
    if shared is not None:
        rows, columns = shared.slices(own)
        result[shared.slices(window)] = file.read(band, window=((rows.start, rows.stop), (columns.start, columns.stop)))
    return result


def _lattice_window(file: rasterio.DatasetReader, grid: Grid) -> Window:
    """Return the lattice window of an open raster, refusing one that lies between the lattice's pixels."""
    transform = file.transform
    column, row = transform.c / grid.resolution, -transform.f / grid.resolution
    aligned = abs(transform.a - grid.resolution) < SNAP * grid.resolution and transform.b == transform.d == 0
    if not aligned or max(abs(column - round(column)), abs(row - round(row))) > 100 * SNAP:
        raise StorageError(
            f"{file.name} does not lie on the lattice of {grid.resolution} m", "remove it and run the stage again"
        )
    return Window(round(column), round(row), file.width, file.height)

"""One pass over all pixels of a raster: which are valid, what their values are, and whether the file is whole.

A truncated GeoTIFF opens without complaint; only decoding every block shows the damage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.windows import Window as PixelWindow
from shapely import MultiPolygon, Polygon

# The thumbnail of validity has at most this many cells on its long side.
_CELLS = 512
# About this many pixels decide the stretch.
_SAMPLES = 1_000_000
# Pixels decoded at a time.
_STRIP = 4_000_000


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a raster found.

    Attributes
    ----------
    cells
        (rows, columns) true where a cell of ``step`` x ``step`` pixels holds a valid pixel.
    step
        Edge of a cell in pixels.
    samples
        (4, pixels) digital numbers of a regular sample of the valid pixels outside clouds: red, green, blue, nir.
    valid_share
        Share of the pixels that are valid, 0 to 1.
    """

    cells: NDArray[np.bool_]
    step: int
    samples: NDArray[np.generic]
    valid_share: float


def valid_pixels(
    file: rasterio.DatasetReader, numbers: NDArray[np.generic], window: PixelWindow, indexes: Sequence[int]
) -> NDArray[np.bool_]:
    """Return where a pixel was seen: any band differs from nodata, none is NaN or infinite, and no mask hides it.

    Parameters
    ----------
    file
        The open raster, for its nodata value and its mask or alpha band.
    numbers
        (4, rows, columns) values of the window.
    window
        The pixels that ``numbers`` holds.
    indexes
        Band numbers of ``numbers`` in the file. A band that is named near infrared is not an alpha band, whatever the
        file says of its colour.
    """
    valid = np.ones(numbers.shape[1:], dtype=np.bool_)
    if np.issubdtype(numbers.dtype, np.floating):
        valid &= np.isfinite(numbers).all(axis=0)
    if file.nodata is not None and not np.isnan(file.nodata):
        valid &= (numbers != file.nodata).any(axis=0)
    mask = _mask_band(file, indexes)
    if mask is not None:
        valid &= mask_values(file, mask, window) != 0
    return valid


def _mask_band(file: rasterio.DatasetReader, indexes: Sequence[int]) -> int | None:
    """Return the number of the alpha band, 0 for a mask of the whole dataset, or None."""
    for index, colour in enumerate(file.colorinterp, start=1):
        if colour == rasterio.enums.ColorInterp.alpha and index not in indexes:
            return index
    flags = file.mask_flag_enums[indexes[0] - 1]
    masked = rasterio.enums.MaskFlags.per_dataset in flags and rasterio.enums.MaskFlags.alpha not in flags
    return 0 if masked else None


def mask_values(file: rasterio.DatasetReader, mask: int, window: PixelWindow) -> NDArray[np.generic]:
    """Return the values of the alpha band with that number, or of the mask of the dataset for 0."""
    values: NDArray[np.generic] = file.dataset_mask(window=window) if mask == 0 else file.read(mask, window=window)
    return values


def survey(
    file: rasterio.DatasetReader, indexes: Sequence[int], clouds: Polygon | MultiPolygon | None = None
) -> Survey:
    """Decode the whole raster and return what is in it.

    Parameters
    ----------
    file
        The open raster.
    indexes
        Numbers of the red, green, blue and near infrared bands.
    clouds
        Outline of the clouds in the raster's CRS: no pixel under it enters the sample, since a cloud is brighter than
        any ground and would decide the stretch.

    Raises
    ------
    rasterio.errors.RasterioError
        If a block cannot be decoded.
    """
    rows, columns = file.shape
    step = max(1, -(-max(rows, columns) // _CELLS))
    stride = max(1, int((rows * columns / _SAMPLES) ** 0.5))
    cells = np.zeros((-(-rows // step), -(-columns // step)), dtype=np.bool_)
    samples: list[NDArray[np.generic]] = []
    count = 0
    for window in _strips(file, step):
        numbers = file.read(list(indexes), window=window)
        valid = valid_pixels(file, numbers, window, indexes)
        count += int(valid.sum())
        row = window.row_off // step
        reduced = _any_in_cells(valid, step)
        cells[row : row + len(reduced)] = reduced
        offset = -window.row_off % stride
        picked = valid[offset::stride, ::stride]
        if clouds is not None and picked.any():
            grid = file.transform @ Affine.translation(0, window.row_off + offset) @ Affine.scale(stride)
            picked &= geometry_mask([clouds], picked.shape, grid)
        samples.append(numbers[:, offset::stride, ::stride][:, picked])
    found = np.concatenate(samples, axis=1)
    if count and found.shape[1] == 0:
        # So few pixels are valid that the sample missed all: read them whole, they are few.
        found = np.concatenate([_all_valid(file, window, indexes) for window in _strips(file, step)], axis=1)
    return Survey(cells, step, found, count / (rows * columns))


def _all_valid(file: rasterio.DatasetReader, window: PixelWindow, indexes: Sequence[int]) -> NDArray[np.generic]:
    numbers: NDArray[np.generic] = file.read(list(indexes), window=window)
    return numbers[:, valid_pixels(file, numbers, window, indexes)]


def _strips(file: rasterio.DatasetReader, step: int) -> Iterator[PixelWindow]:
    """Yield full-width strips that are whole rows of blocks and of cells wherever that fits in memory."""
    rows, columns = file.shape
    block = max(int(shape[0]) for shape in file.block_shapes)
    wanted = max(1, _STRIP // columns)
    height = max(1, wanted // block) * block if block <= wanted * 4 else wanted
    height = max(step, height // step * step)
    for row in range(0, rows, height):
        yield PixelWindow(0, row, columns, min(height, rows - row))


def _any_in_cells(valid: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    rows, columns = valid.shape
    by_rows = np.logical_or.reduceat(valid, np.arange(0, rows, step), axis=0)
    return np.logical_or.reduceat(by_rows, np.arange(0, columns, step), axis=1)

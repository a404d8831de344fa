"""One look over a raster: which pixels are valid and what their values are.

Where the raster has overviews, the smallest that still shows enough is read: adding a scene then costs what reading its
headers costs. A raster without overviews is read whole.

What hides pixels is often known to Bocage alone (the fill value of a maker, a mask), so that an overview mixes hidden
pixels into their neighbours. Values near unseen pixels of an overview are therefore left out of the sample.
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

# The thumbnail of validity has at most this many cells on its long side; the overview that is read has more.
_CELLS = 512
_OVERVIEW = 1024
# About this many pixels decide the stretch.
_SAMPLES = 1_000_000
# A value of an overview counts if this many pixels of it on every side were seen. An average mixes one pixel; at a
# reduced resolution of JPEG 2000 the longer wavelet spreads a value over four on each side of an edge, of which those
# beyond the edge look as if they were seen.
_REACH = 8
# Pixels decoded at a time.
_STRIP = 4_000_000


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look over a raster found.

    Attributes
    ----------
    cells
        (rows, columns) true where a cell of ``step`` x ``step`` pixels holds a valid pixel.
    step
        Edge of a cell in pixels.
    samples
        (bands, pixels) digital numbers of a regular sample of the valid pixels outside clouds, or under them where no
        other is found: red, green, blue and, where there is one, nir. No pixel that was not seen is mixed into them.
    valid_share
        Share of the pixels that are valid, 0 to 1.
    thumbnail
        (bands, rows, columns) one digital number of each cell.
    thumbnail_valid
        (rows, columns) true where that pixel is valid.
    saturated_share
        Share of the valid pixels that are saturated in any band, 0 to 1; None where nobody says what saturation is.
    """

    cells: NDArray[np.bool_]
    step: int
    samples: NDArray[np.generic]
    valid_share: float
    thumbnail: NDArray[np.generic]
    thumbnail_valid: NDArray[np.bool_]
    saturated_share: float | None = None


def valid_pixels(
    file: rasterio.DatasetReader, numbers: NDArray[np.generic], window: PixelWindow, indexes: Sequence[int]
) -> NDArray[np.bool_]:
    """Return where a pixel was seen: any band differs from nodata, none is NaN or infinite, and no mask hides it.

    Parameters
    ----------
    file
        The open raster, for its nodata value and its mask or alpha band.
    numbers
        (bands, rows, columns) values of the window, which may be an overview of it.
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
        # As a whole number where it is one: against a float numpy would turn every integer band into floats.
        nodata = int(file.nodata) if float(file.nodata).is_integer() else file.nodata
        valid &= (numbers != nodata).any(axis=0)
    mask = _mask_band(file, indexes)
    if mask is not None:
        valid &= _mask_values(file, mask, window, numbers.shape[1:]) != 0
    return valid


def _mask_band(file: rasterio.DatasetReader, indexes: Sequence[int]) -> int | None:
    """Return the number of the alpha band, 0 for a mask of the whole dataset, or None."""
    for index, colour in enumerate(file.colorinterp, start=1):
        if colour == rasterio.enums.ColorInterp.alpha and index not in indexes:
            return index
    flags = file.mask_flag_enums[indexes[0] - 1]
    masked = rasterio.enums.MaskFlags.per_dataset in flags and rasterio.enums.MaskFlags.alpha not in flags
    return 0 if masked else None


def _mask_values(
    file: rasterio.DatasetReader, mask: int, window: PixelWindow, shape: tuple[int, ...]
) -> NDArray[np.generic]:
    """Return the values of the alpha band with that number, or of the mask of the dataset for 0."""
    values: NDArray[np.generic] = (
        file.dataset_mask(window=window, out_shape=shape)
        if mask == 0
        else file.read(mask, window=window, out_shape=shape)
    )
    return values


def survey(
    file: rasterio.DatasetReader,
    indexes: Sequence[int],
    clouds: Polygon | MultiPolygon | None = None,
    *,
    saturation: float | None = None,
    factors: Sequence[int] = (),
) -> Survey:
    """Look over the whole raster, by an overview where there is one, and return what is in it.

    Parameters
    ----------
    file
        The open raster.
    indexes
        Numbers of the red, green, blue and near infrared bands.
    clouds
        Outline of the clouds in the raster's CRS: no pixel under it enters the sample, since a cloud is brighter than
        any ground and would decide the stretch.
    saturation
        The digital number at which the sensor is saturated.
    factors
        The reductions of which the raster has overviews. Empty: it is read whole.

    Raises
    ------
    rasterio.errors.RasterioError
        If a block cannot be decoded.
    """
    rows, columns = file.shape
    factor = _factor(max(rows, columns), factors)
    reduced = -(-rows // factor), -(-columns // factor)
    step = max(1, -(-max(reduced) // _CELLS))
    stride = max(1, int((reduced[0] * reduced[1] / _SAMPLES) ** 0.5))
    cells = np.zeros((-(-reduced[0] // step), -(-reduced[1] // step)), dtype=np.bool_)
    samples: list[NDArray[np.generic]] = []
    shown: list[NDArray[np.generic]] = []
    seen: list[NDArray[np.bool_]] = []
    count = clear = saturated = 0
    for window in _strips(file, step, factor):
        numbers, valid, pure = _read(file, indexes, window, factor)
        count += int(valid.sum())
        clear += int(pure.sum())
        if saturation is not None:
            saturated += int((np.greater_equal(numbers, saturation).any(axis=0) & valid).sum())
        first = window.row_off // factor
        filled = _any_in_cells(valid, step)
        cells[first // step : first // step + len(filled)] = filled
        # Copies: a view would keep its whole strip, and the strips are all of the scene.
        shown.append(numbers[:, ::step, ::step].copy())
        seen.append(valid[::step, ::step].copy())
        offset = -first % stride
        picked = pure[offset::stride, ::stride]
        if clouds is not None and picked.any():
            grid = file.transform @ Affine.scale(factor) @ Affine.translation(0, first + offset)
            picked &= geometry_mask([clouds], picked.shape, grid @ Affine.scale(stride))
        samples.append(numbers[:, offset::stride, ::stride][:, picked])
    if count and not clear:
        # What was seen is too narrow for the overview to show a value of its own.
        return survey(file, indexes, clouds, saturation=saturation)
    found = np.concatenate(samples, axis=1)
    if count and found.shape[1] == 0 and clouds is not None:
        # All that was picked lies under clouds, which are then better than nothing.
        return survey(file, indexes, saturation=saturation, factors=factors)
    if count and found.shape[1] == 0:
        # So few pixels are valid that the sample missed all: take them whole, they are few.
        pieces = [_read(file, indexes, window, factor) for window in _strips(file, step, factor)]
        found = np.concatenate([numbers[:, pure] for numbers, _, pure in pieces], axis=1)
    share = saturated / count if saturation is not None and count else None
    return Survey(
        cells,
        step * factor,
        found,
        count / (reduced[0] * reduced[1]),
        np.concatenate(shown, axis=1),
        np.concatenate(seen, axis=0),
        share,
    )


def decode(file: rasterio.DatasetReader) -> None:
    """Decode every block of every band, as nothing else shows damage within a block.

    Raises
    ------
    rasterio.errors.RasterioError
        If a block cannot be decoded.
    """
    for window in _strips(file, 1, 1):
        file.read(window=window)


def _factor(edge: int, factors: Sequence[int]) -> int:
    """Return the largest reduction that leaves enough to see."""
    return max((factor for factor in factors if factor >= 1 and edge / factor >= _OVERVIEW), default=1)


def _read(
    file: rasterio.DatasetReader, indexes: Sequence[int], window: PixelWindow, factor: int
) -> tuple[NDArray[np.generic], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the numbers of a strip, where they are valid, and where nothing unseen is mixed into them."""
    reach = 0 if factor == 1 else _REACH
    first = max(0, window.row_off - reach * factor)
    last = min(file.height, window.row_off + window.height + reach * factor)
    wide = PixelWindow(0, first, window.width, last - first)
    shape = (len(indexes), -(-wide.height // factor), -(-wide.width // factor))
    numbers: NDArray[np.generic] = file.read(list(indexes), window=wide, out_shape=shape)
    valid = valid_pixels(file, numbers, wide, indexes)
    top = (window.row_off - first) // factor
    own = slice(top, top - (-window.height // factor))
    return numbers[:, own], valid[own], (_shrunk(valid, reach)[own] if reach else valid[own])


def _shrunk(valid: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return where all pixels of the square around a pixel are valid; what lies outside the raster does not count."""
    import cv2  # slow to import

    kernel = np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    return cv2.erode(valid.astype(np.uint8), kernel).astype(np.bool_)


def _strips(file: rasterio.DatasetReader, step: int, factor: int) -> Iterator[PixelWindow]:
    """Yield full-width strips that are whole rows of blocks and of cells wherever that fits in memory."""
    rows, columns = file.shape
    block = max(int(shape[0]) for shape in file.block_shapes)
    wanted = max(1, _STRIP * factor * factor // columns)
    height = max(1, wanted // block) * block if block <= wanted * 4 else wanted
    cell = step * factor
    height = max(cell, height // cell * cell)
    for row in range(0, rows, height):
        yield PixelWindow(0, row, columns, min(height, rows - row))


def _any_in_cells(valid: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    rows, columns = valid.shape
    by_rows = np.logical_or.reduceat(valid, np.arange(0, rows, step), axis=0)
    return np.logical_or.reduceat(by_rows, np.arange(0, columns, step), axis=1)

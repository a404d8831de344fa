"""From the probability mosaic to woody cells at the resolution of the features, with nodata as the third state.

A pixel of the mosaic and a cell need no common measure (2 m pixels, 5 m cells): a cell takes the mean of the pixels
that it overlaps, each weighted with the shared area, which separates into a weight per row and a weight per column.
Pixels without data take no part in the mean, and a cell that is observed on less than half of its area has none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bocage.grid import SNAP, Grid, Window

NODATA = 255
# The mosaic stores probability as 0 to 254.
FULL = 254
# Smallest observed share of a cell's area for the cell to have a value.
LEAST_OBSERVED = 0.5
# The mean of pixels that all equal the threshold may fall below it by rounding.
_ROUNDING = 1e-5
_BLOCK = 1024


def overlaps(source: Grid, start: int, size: int, target: Grid, first: int, number: int) -> csr_array:
    """Return the share of each target cell's edge that each source pixel covers, along one axis.

    Parameters
    ----------
    source, start, size
        The lattice of the pixels, global index of the first pixel and how many there are.
    target, first, number
        The lattice of the cells, global index of the first cell and how many there are.

    Returns
    -------
    scipy.sparse.csr_array
        (number, size); a row sums to 1 where the pixels cover the whole cell.
    """
    ratio = source.resolution / target.resolution
    edges = (start + np.arange(size + 1)) * ratio - first
    rows, columns, shares = [], [], []
    for pixel in range(size):
        left, right = edges[pixel], edges[pixel + 1]
        for cell in range(max(int(np.floor(left + SNAP)), 0), min(int(np.ceil(right - SNAP)), number)):
            rows.append(cell)
            columns.append(pixel)
            shares.append(min(right, cell + 1) - max(left, cell))
    return csr_array((np.array(shares, np.float32), (rows, columns)), shape=(number, size))


def average(
    values: NDArray[np.floating], valid: NDArray[np.bool_], rows: csr_array, columns: csr_array
) -> NDArray[np.float32]:
    """Return the area-weighted mean of the valid pixels of each cell, NaN where too little of it is valid.

    Parameters
    ----------
    values, valid
        (source rows, source columns); values of pixels that are not valid are ignored.
    rows, columns
        The weights of :func:`overlaps` along each axis.
    """
    seen = np.asarray(rows @ (columns @ valid.T.astype(np.float32)).T, np.float32)
    total = np.asarray(rows @ (columns @ np.where(valid, values, 0).T.astype(np.float32)).T, np.float32)
    known = seen >= LEAST_OBSERVED - _ROUNDING
    return np.divide(total, seen, out=np.full(seen.shape, np.nan, np.float32), where=known)


def woody_state(probability: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """Return 1 where the probability (0 to 1) reaches the threshold, 0 where not, 255 where it is NaN."""
    state = (probability >= threshold - _ROUNDING).astype(np.uint8)
    state[np.isnan(probability)] = NODATA
    return state


def cell_probability(
    read: Callable[[Window], NDArray[np.uint8]], source: Grid, target: Grid, window: Window
) -> NDArray[np.float32]:
    """Return the mean probability (0 to 1, NaN without data) of the cells of ``window`` of the target lattice.

    ``read`` gives the mosaic for a window of the source lattice, 0 to 254 and 255 without data. It is called for
    blocks, so that the finer mosaic is never held whole.
    """
    result = np.empty(window.shape, np.float32)
    for block in window.blocks(_BLOCK):
        pixels = source.window(target.bounds(block))
        mosaic = read(pixels)
        rows = overlaps(source, pixels.row, pixels.height, target, block.row, block.height)
        columns = overlaps(source, pixels.column, pixels.width, target, block.column, block.width)
        result[block.slices(window)] = average(mosaic / np.float32(FULL), mosaic != NODATA, rows, columns)
    return result

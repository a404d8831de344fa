"""The share of 100 m cells that small woody features cover, from valid 5 m cells only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.products.colours import OUTSIDE
from bocage.products.writers import CELL, DENSITY_CELL

STEP = round(DENSITY_CELL / CELL)


def density(features: NDArray[np.uint8], codes: tuple[int, ...] = (1,)) -> NDArray[np.uint8]:
    """Return the cover of 100 m cells in per cent: the mean of their valid 5 m cells, halves rounded up.

    Parameters
    ----------
    features
        (rows, columns) in multiples of 20; codes, and 255 outside, which takes no part in the mean.
    codes
        The codes that count as cover.

    Returns
    -------
    numpy.ndarray
        0 to 100; 255 where no 5 m cell is valid.
    """
    blocks = in_blocks(features)
    valid = (blocks != OUTSIDE).sum(axis=(1, 3))
    found = np.isin(blocks, codes).sum(axis=(1, 3))
    # Whole numbers throughout: (200 found + valid) // (2 valid) is 100 found / valid, rounded half up.
    share = (200 * found + valid) // np.maximum(2 * valid, 1)
    return np.where(valid > 0, share, OUTSIDE).astype(np.uint8)


def in_blocks[T: np.generic](array: NDArray[T]) -> NDArray[T]:
    """Return 5 m cells as (rows, 20, columns, 20) of 100 m cells."""
    return array.reshape(array.shape[0] // STEP, STEP, array.shape[1] // STEP, STEP)


def coarse(window: Window) -> Window:
    """Return the 100 m cells of a window of 5 m cells whose edges lie on them."""
    return Window(window.column // STEP, window.row // STEP, window.width // STEP, window.height // STEP)

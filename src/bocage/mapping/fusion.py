"""How overlapping scenes become one map: the mean probability of the valid observations of a pixel.

Each scene's probability becomes a whole number before it is added, so the sum does not depend on the order of the
scenes to the last bit. A pixel that is invalid in a scene does not count for that scene; a pixel without any valid
observation is nodata, never background.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window

SCALE = 254
"""Probability 1 in the written map."""
NODATA = 255
"""No valid observation."""
_ROWS = 64
_FINE = 256  # Steps per written step: rounding once per scene then moves the mean by at most 1/512 of a step.


class Fusion:
    """Sums and counts of the observations of every pixel of ``window``."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._sum = np.zeros(window.shape, dtype=np.uint32)
        self._count = np.zeros(window.shape, dtype=np.uint16)

    def add(self, window: Window, probability: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Add what one scene says about the pixels of ``window``, a part of the fusion's own window.

        Parameters
        ----------
        probability
            (rows, columns), 0..1; values where ``valid`` is False are not read.
        valid
            (rows, columns), True where the scene saw the ground.
        """
        part = window.slices(self.window)
        total, count = self._sum[part], self._count[part]

        def add(rows: slice) -> None:
            steps = np.rint(np.clip(probability[rows], 0, 1) * np.float32(SCALE * _FINE))
            # np.where, not multiplication: an invalid pixel may hold anything, NaN included.
            total[rows] += np.where(valid[rows], steps, 0).astype(np.uint32)
            count[rows] += valid[rows]

        _in_bands(window.height, add)

    @property
    def probability(self) -> NDArray[np.uint8]:
        """Mean probability 0..254 (254 is 1), 255 where no scene saw the ground."""
        result = np.empty(self._sum.shape, dtype=np.uint8)

        def divide(rows: slice) -> None:
            unit = self._count[rows].astype(np.uint32) * _FINE
            seen = unit > 0
            mean = (self._sum[rows] + unit // 2) // np.where(seen, unit, 1)
            result[rows] = np.where(seen, mean, NODATA)

        _in_bands(len(result), divide)
        return result

    @property
    def observations(self) -> NDArray[np.uint8]:
        """Number of scenes that saw the ground, 0 where none did; 254 stands for 254 and more."""
        result = np.empty(self._count.shape, dtype=np.uint8)

        def limit(rows: slice) -> None:
            result[rows] = np.minimum(self._count[rows], SCALE)

        _in_bands(len(result), limit)
        return result


def _in_bands(rows: int, work: Callable[[slice], None]) -> None:
    """Do some rows at a time, in two threads: what is made of them on the way stays in the processor's cache.

    The model waits for nothing else at the end of a scene, so the second core would be idle.
    """
    bands = [slice(first, first + _ROWS) for first in range(0, rows, _ROWS)]
    with ThreadPoolExecutor(2, "bocage-fusion") as pool:
        list(pool.map(work, bands))

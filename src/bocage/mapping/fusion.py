"""How overlapping scenes become one map: the mean probability of the valid observations of a pixel.

Each scene's probability becomes a whole number before it is added, so the sum does not depend on the order of the
scenes to the last bit. A pixel that is invalid in a scene does not count for that scene; a pixel without any valid
observation is nodata, never background.
"""

from __future__ import annotations

from collections.abc import Iterator

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
        self._probability = np.empty(window.shape, dtype=np.uint8)
        self._observations = np.empty(window.shape, dtype=np.uint8)
        self._settled = 0

    def add(self, window: Window, probability: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Add what one scene says about the pixels of ``window``, a part of the fusion's own window.

        Parameters
        ----------
        probability
            (rows, columns), 0..1; values where ``valid`` is False are not read.
        valid
            (rows, columns), True where the scene saw the ground.
        """
        total, count = self._part(window)
        for rows in _bands(0, window.height):
            total[rows] += _steps(probability[rows], valid[rows])
            count[rows] += valid[rows]

    def remove(self, window: Window, probability: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Take back what was added with the same arguments: whole numbers leave nothing behind."""
        total, count = self._part(window)
        for rows in _bands(0, window.height):
            total[rows] -= _steps(probability[rows], valid[rows])
            count[rows] -= valid[rows]

    def settle(self, stop: int) -> None:
        """Make the result of the rows above ``stop`` now. Where something is added later, they are made again."""
        for rows in _bands(self._settled, stop):
            unit = self._count[rows].astype(np.uint32) * _FINE
            seen = unit > 0
            mean = (self._sum[rows] + unit // 2) // np.where(seen, unit, 1)
            self._probability[rows] = np.where(seen, mean, NODATA)
            self._observations[rows] = np.minimum(self._count[rows], SCALE)
        self._settled = max(self._settled, stop)

    @property
    def probability(self) -> NDArray[np.uint8]:
        """Mean probability 0..254 (254 is 1), 255 where no scene saw the ground; not a copy."""
        self.settle(self.window.height)
        return self._probability

    @property
    def observations(self) -> NDArray[np.uint8]:
        """Number of scenes that saw the ground, 0 where none did; 254 stands for 254 and more; not a copy."""
        self.settle(self.window.height)
        return self._observations

    def _part(self, window: Window) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        part = window.slices(self.window)
        self._settled = min(self._settled, part[0].start)
        return self._sum[part], self._count[part]


def _steps(probability: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.uint32]:
    steps = np.rint(np.clip(probability, 0, 1) * np.float32(SCALE * _FINE))
    # np.where, not multiplication: an invalid pixel may hold anything, NaN included.
    return np.where(valid, steps, 0).astype(np.uint32)


def _bands(first: int, stop: int) -> Iterator[slice]:
    """Yield some rows at a time: what is made of them on the way stays in the processor's cache."""
    for row in range(first, stop, _ROWS):
        yield slice(row, min(row + _ROWS, stop))

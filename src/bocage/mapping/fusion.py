"""How overlapping scenes become one map: the mean probability of the valid observations of a pixel.

Each scene's probability becomes a whole number before it is added, so the sum does not depend on the order of the
scenes to the last bit. A pixel that is invalid in a scene does not count for that scene; a pixel without any valid
observation is nodata, never background.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window

SCALE = 254
"""Probability 1 in the written map."""
NODATA = 255
"""No valid observation."""
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
        steps = np.rint(np.clip(probability, 0, 1) * np.float32(SCALE * _FINE))
        # np.where, not multiplication: an invalid pixel may hold anything, NaN included.
        self._sum[part] += np.where(valid, steps, 0).astype(np.uint32)
        self._count[part] += valid

    @property
    def probability(self) -> NDArray[np.uint8]:
        """Mean probability 0..254 (254 is 1), 255 where no scene saw the ground."""
        unit = self._count.astype(np.uint32) * _FINE
        seen = unit > 0
        mean = (self._sum + unit // 2) // np.where(seen, unit, 1)
        return np.where(seen, mean, NODATA).astype(np.uint8)

    @property
    def observations(self) -> NDArray[np.uint8]:
        """Number of scenes that saw the ground, 0 where none did; 254 stands for 254 and more."""
        return np.minimum(self._count, SCALE).astype(np.uint8)

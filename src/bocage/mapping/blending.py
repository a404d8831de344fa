"""How overlapping chips become one surface: fixed weights, largest in the middle of a chip.

A pixel's probability is the weighted mean over all chips of the lattice that cover it. The lattice repeats every
stride, so the sum of the weights at a pixel is known beforehand; dividing the weights by it once makes them a partition
of unity, and blending is a plain sum with no second array.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.lattice import Lattice

FLOOR = 0.01
"""Weight at the very edge of a chip relative to its middle: positive, so that every covered pixel has a value."""


def raised_cosine(size: int) -> NDArray[np.float64]:
    """Return a raised cosine of ``size`` values from about ``FLOOR`` at the ends to about 1 in the middle."""
    phase = (np.arange(size) + 0.5) / size
    return FLOOR + (1 - FLOOR) * (0.5 - 0.5 * np.cos(2 * np.pi * phase))


def edge_weights(lattice: Lattice) -> NDArray[np.float64]:
    """Return the weights along one edge of a chip; over all chips that cover a pixel they sum to 1."""
    weights = raised_cosine(lattice.chip)
    phase = np.arange(lattice.chip) % lattice.stride
    total = np.bincount(phase, weights=weights, minlength=lattice.stride)
    return weights / total[phase]


def chip_weights(lattice: Lattice) -> NDArray[np.float32]:
    """Return the weights of a chip, (chip, chip): the product of the weights along its two edges."""
    edge = edge_weights(lattice)
    return np.outer(edge, edge).astype(np.float32)


class Blend:
    """The weighted sum of the chips that cover ``window``.

    Chips may reach beyond the window; what lies outside is dropped. Where a chip was left out, the sum is too small
    and means nothing: chips are left out only where the scene has no valid pixel.
    """

    def __init__(self, window: Window, weights: NDArray[np.float32]) -> None:
        self.window = window
        self._weights = weights
        self._sum = np.zeros(window.shape, dtype=np.float32)

    def add(self, chip: Window, probability: NDArray[np.float32]) -> None:
        """Add the probability (chip, chip) that the model gave for a chip."""
        inside = chip.intersection(self.window)
        if inside is None:
            return
        part = inside.slices(chip)
        self._sum[inside.slices(self.window)] += probability[part] * self._weights[part]

    @property
    def probability(self) -> NDArray[np.float32]:
        """The blended probability, (rows, columns), meaningful where every covering chip was added."""
        return self._sum

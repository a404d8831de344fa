"""The order of places along a Hilbert curve: what is near in the order is near on the ground.

Source: D. Hilbert (1891), Ueber die stetige Abbildung einer Linie auf ein Flaechenstueck, Mathematische Annalen 38.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def hilbert(places: Ints) -> Ints:
    """Return the position of each place on the curve through the smallest square around all of them.

    Parameters
    ----------
    places
        (n, 2) whole numbers within 2**31 of each other.
    """
    if not len(places):
        return np.zeros(0, np.int64)
    x, y = (places - places.min(axis=0)).astype(np.int64).T.copy()
    position = np.zeros(len(places), np.int64)
    side = 1 << max(int(max(x.max(), y.max())).bit_length() - 1, 0)
    while side:
        right, upper = (x & side) > 0, (y & side) > 0
        # The four quarters follow each other as a U; the first and the last of them are turned.
        position = position * 4 + np.where(right, np.where(upper, 2, 3), np.where(upper, 1, 0))
        x, y = x & (side - 1), y & (side - 1)
        flipped = right & ~upper
        x, y = np.where(flipped, side - 1 - x, x), np.where(flipped, side - 1 - y, y)
        x, y = np.where(upper, x, y), np.where(upper, y, x)
        side >>= 1
    return position


def along_curve(places: Ints) -> NDArray[np.intp]:
    """Return the indices of the places in the order of the curve; those on one spot keep their order."""
    return np.argsort(hilbert(places), kind="stable")

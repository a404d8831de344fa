"""How sure a cell of the woody vegetation layer is of its class, 0 to 100.

The manual of the service says "confidence in WVL classification", 0 to 100, and no more. Here it is the distance of the
probability from the threshold that decided, as a share of the largest distance that is possible on that side: 0 where
the other class was as likely, 100 where the model left no doubt. For the threshold 0.5 it is ``|2p - 1|``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.products.colours import OUTSIDE

_NO_ROOM = 1e-9


def confidence(probability: NDArray[np.floating], threshold: float) -> NDArray[np.uint8]:
    """Return the confidence of each cell in per cent, halves rounded up.

    Parameters
    ----------
    probability
        0 to 1, NaN where nothing was seen.
    threshold
        The probability from which a cell is woody, 0 to 1.

    Returns
    -------
    numpy.ndarray
        0 to 100, 255 where the probability is NaN.
    """
    known = ~np.isnan(probability)
    distance = np.where(known, probability, threshold) - np.float32(threshold)
    # A threshold of 0 or 1 leaves one side without room; what lies on it is exactly at the threshold.
    share = np.where(distance >= 0, distance / max(1 - threshold, _NO_ROOM), -distance / max(threshold, _NO_ROOM))
    return np.where(known, np.floor(np.clip(share, 0, 1) * 100 + 0.5), OUTSIDE).astype(np.uint8)

"""Which training images an image resembles: by the statistics of its bands, as an operator would choose them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_RED, _NIR = 0, 3

SIGNATURE = (4 + 1) * len(_QUANTILES)
"""Length of a signature."""


def signature(image: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return quantiles of the four bands and of NDVI (-1..1 as 0..255) over the valid pixels: ``SIGNATURE`` values.

    There must be a valid pixel. The quantiles are values that occur, not interpolated.
    """
    pixels = image[:, valid].astype(np.float32)
    index = (pixels[_NIR] - pixels[_RED]) / np.maximum(pixels[_NIR] + pixels[_RED], 1)
    layers = np.vstack([pixels, (index + 1) * np.float32(127.5)])
    values: NDArray[np.float32] = np.quantile(layers, _QUANTILES, axis=1, method="lower").T.ravel().astype(np.float32)
    return values


def resembling(
    own: NDArray[np.float32], signatures: NDArray[np.float32], members: NDArray[np.int64], count: int
) -> list[int]:
    """Return the training images whose forests answer for an image, the most similar first.

    The difference of two images is the mean absolute difference of their signatures; that to a training image is the
    difference to the nearest of its chips. A chip that was trained on differs by 0 from itself: its own image answers
    alone. Any other image is answered by the ``count`` training images with the least difference.

    Parameters
    ----------
    own
        (``SIGNATURE``,) of the image.
    signatures, members
        (chips, ``SIGNATURE``) of the training chips, and the number of the training image that each belongs to.
    """
    difference = np.abs(signatures - own).mean(axis=1)
    nearest = np.full(int(members.max()) + 1, np.inf)
    np.minimum.at(nearest, members, difference)
    order = [int(image) for image in np.argsort(nearest, kind="stable")]
    if nearest[order[0]] == 0:
        return order[:1]
    return order[:count]

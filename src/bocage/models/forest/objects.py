"""Image objects: where a valid image falls into pieces of one kind, which the forest then judges whole.

The algorithm is that of Felzenszwalb and Huttenlocher (2004), doi 10.1023/B:VISI.0000022288.19776.77, as scikit-image
keeps it. It was chosen by measurement against SLIC, watersheds and higra's hierarchies: see decision 17.
"""

from __future__ import annotations

import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import felzenszwalb

# Whole numbers below 2 ** 24 are exact in float32, so a sum of bytes under these weights does not depend on its order:
# a shifted image falls into the same objects.
_KERNEL = np.array([1, 2, 1], np.float32)
# The contrast, on the 0..1 scale, between valid and invalid ground: no object may cross it.
_GULF = 100.0


def image_objects(
    image: NDArray[np.uint8], valid: NDArray[np.bool_], *, scale: float, smallest: int
) -> NDArray[np.int32]:
    """Return the object of every pixel, 0 to the number of objects - 1, and -1 where invalid.

    Parameters
    ----------
    image
        (bands, rows, columns), 0 to 255.
    valid
        (rows, columns); what lies outside has no influence on the objects inside, but for its shape.
    scale
        Preference for large objects: contrast on the 0..1 scale by which a piece of one pixel still merges.
    smallest
        Pixels that an object has at least, unless invalid ground isolates it.

    Returns
    -------
    numpy.ndarray
        (rows, columns) int32, numbered in the order of their first pixel.
    """
    weight = _smooth(valid.astype(np.float32))
    smooth = [_smooth(np.where(valid, band, 0).astype(np.float32)) / np.maximum(weight, 1) / 255 for band in image]
    bands = np.stack([np.where(valid, band, np.float32(_GULF)) for band in smooth], axis=-1)
    with warnings.catch_warnings():
        # scikit-image warns of more than three bands, which its algorithm takes as well as three.
        warnings.filterwarnings("ignore", "Got image with third dimension", RuntimeWarning)
        labels = felzenszwalb(bands, scale=scale, sigma=0, min_size=smallest, channel_axis=-1)
    inside = labels[valid]
    # A piece smaller than `smallest` may have been joined to invalid ground, and by it to another: it stays what it is.
    _, first, number = np.unique(inside, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int32)
    rank[np.argsort(first)] = np.arange(first.size, dtype=np.int32)
    result = np.full(valid.shape, -1, np.int32)
    result[valid] = rank[number]
    return result


def _smooth(band: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = cv2.sepFilter2D(band, -1, _KERNEL, _KERNEL, borderType=cv2.BORDER_CONSTANT)
    return smooth.astype(np.float32, copy=False)

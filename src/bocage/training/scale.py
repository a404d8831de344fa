"""Ground sampling distance: a crop as a sensor of larger or smaller pixels would show it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def draw_factor(rng: np.random.Generator, largest: float) -> float:
    """Return a factor between 1 / largest and largest; to double is as likely as to halve."""
    return float(np.exp(rng.uniform(-1, 1) * np.log(largest)))


def resample(
    image: NDArray[np.uint8], label: NDArray[np.uint8], edge: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a square crop and its labels at another number of pixels.

    Parameters
    ----------
    image
        (bands, rows, columns), 0 in all bands where invalid. It is averaged where it becomes smaller and interpolated
        where it becomes larger; an invalid pixel lends nothing to its neighbours.
    label
        (layers, rows, columns) that move with the image: the nearest value is taken.
    edge
        Rows and columns of what is returned.

    Returns
    -------
    tuple
        Image (bands, edge, edge), 1 to 255 where valid, and (layers, edge, edge). A pixel is valid where the
        nearest one was.
    """
    if image.shape[-1] == edge and image.shape[-2] == edge:
        return image, label
    return _resampled(image, edge), _resize(label, edge, "nearest")


def _resampled(image: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    valid = image.any(axis=0)
    if valid.all():
        # Bytes are averaged and rounded as floats are, in a third of the time.
        return np.maximum(_resize_bands(image, edge), np.uint8(1))
    share = _resize(valid[np.newaxis].astype(np.float32), edge, "smooth")
    values = _resize(image.astype(np.float32), edge, "smooth") / np.maximum(share, np.float32(1e-6))
    stays = _resize(valid[np.newaxis].astype(np.uint8), edge, "nearest").astype(bool)
    values = np.where(stays & (share > 0), np.clip(values, 1, 255), np.float32(0))
    return np.rint(values).astype(np.uint8)


def coarsen(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Return an image (bands, edge, edge) as pixels ``factor`` times as large would show it, resampled to its own.

    A pixel that is invalid stays so, and one that is valid, too.
    """
    edge = image.shape[-1]
    small = max(1, round(edge / factor))
    if small >= edge:
        return image
    valid = image.any(axis=0)
    few = _resampled(image, small)
    if valid.all():
        return _resampled(few, edge)
    share = _resize(few.any(axis=0)[np.newaxis].astype(np.float32), edge, "smooth")
    values = _resize(few.astype(np.float32), edge, "smooth") / np.maximum(share, 1e-6)
    # Where all around was left out the pixel itself is kept: it is valid, and something has to be there.
    values = np.where(share > 1e-3, np.clip(values, 1, 255), image)
    return np.where(valid, np.rint(values), 0).astype(np.uint8)


def _resize_bands(image: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Resize an image smoothly, all bands at once: the same bytes as one by one, in two thirds of the time."""
    pixels = cv2.merge([np.ascontiguousarray(band) for band in image])
    return np.stack(cv2.split(cv2.resize(pixels, (edge, edge), interpolation=_method(image, edge, "smooth")))).astype(
        np.uint8, copy=False
    )


def _method(array: NDArray[np.generic], edge: int, how: str) -> int:
    if how == "nearest":
        return cv2.INTER_NEAREST_EXACT
    return cv2.INTER_AREA if edge < array.shape[-1] else cv2.INTER_LINEAR


def _resize[T: np.generic](array: NDArray[T], edge: int, how: str) -> NDArray[T]:
    """Resize every layer of (layers, rows, columns)."""
    method = _method(array, edge, how)
    layers = [cv2.resize(np.ascontiguousarray(one), (edge, edge), interpolation=method) for one in array]
    return np.stack(layers).astype(array.dtype)

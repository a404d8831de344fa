"""Making crops of a few scenes look like crops of many: orientation, light, haze, blur and missing colour.

What is changed is what differs between sensors, dates and places; what a tree is, is not. All that changes a byte by
its value alone is one table per band, so that it costs next to nothing.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

_NIR = 3
# Ranges of the changes at strength 1, in shares of the full range of a band.
_BAND_GAIN, _GAIN, _BIAS, _GAMMA, _NOISE = 0.1, 0.15, 0.06, 0.25, 0.02
_HAZE, _HAZE_CHANCE, _HAZE_COLOUR = 0.3, 0.15, (0.75, 0.8, 0.9, 0.7)
_BLUR, _BLUR_CHANCE = 1.0, 0.2
_DROP_CHANCE = 0.03
_NOISE_VALUES = 1 << 21
# A visible band is lost this much more rarely than the near infrared.
_VISIBLE_DROP = 0.1
_BYTES = np.arange(256, dtype=np.float32) / 255

type Crop = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8]]


def augment(
    image: NDArray[np.uint8],
    label: NDArray[np.uint8],
    rng: np.random.Generator,
    strength: float = 1.0,
    *,
    band_dropout: float = 0.0,
) -> Crop:
    """Return a varied (image, valid, label) of a square crop.

    Parameters
    ----------
    image
        (4, edge, edge) red, green, blue, nir, 1 to 255 where valid, 0 in all bands where not.
    label
        (..., edge, edge), 0, 1 or 255; whatever moves with the image.
    strength
        0 changes only the orientation; 1 is the usual variation of light.
    band_dropout
        Share of crops whose near infrared is replaced by one value, at least 3 % at strength 1; a tenth as often
        another band is.

    Returns
    -------
    tuple
        Image float32 0..255, 0 where invalid; validity; label. Labels and validity move with the image and are
        otherwise untouched.
    """
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    image, label = orient(image, turns, mirror), orient(label, turns, mirror)
    valid: NDArray[np.bool_] = image.any(axis=0)
    table = light_table(rng, strength)
    lost = lost_bands(rng, max(band_dropout, _DROP_CHANCE * strength), len(image))
    light = look_up(table, image)
    if strength > 0:
        light = _add_noise(_blur(light, valid, rng, strength), rng, strength)
    for band, value in lost.items():
        light[band] = value
    light *= 255
    if not valid.all():
        light *= valid
    return light, valid, np.ascontiguousarray(label)


def orient[T: np.generic](array: NDArray[T], turns: int, mirror: bool) -> NDArray[T]:
    """Return the array turned by quarter turns over its last two axes, then mirrored along the last."""
    turned = np.rot90(array, turns, axes=(-2, -1))
    return turned[..., ::-1] if mirror else turned


def look_up[T: np.generic](table: NDArray[T], image: NDArray[np.uint8]) -> NDArray[T]:
    """Return an image (bands, rows, columns) whose bytes are replaced by those of ``table`` (bands, 256).

    OpenCV takes bytes for places in a table as they are, where numpy makes eight bytes of each first.
    """
    result = np.empty(image.shape, table.dtype)
    for band, one, into in zip(image, table, result, strict=True):
        cv2.LUT(np.ascontiguousarray(band), one, dst=into)
    return result


def light_table(rng: np.random.Generator, strength: float, bands: int = 4) -> NDArray[np.float32]:
    """Return what each byte becomes in each band, (bands, 256) of 0..1: gain, bias, gamma, and sometimes haze.

    At strength 0 it is byte / 255.
    """
    light: NDArray[np.float32] = np.tile(_BYTES, (bands, 1))
    if strength <= 0:
        return light
    gain = (1 + strength * rng.uniform(-_BAND_GAIN, _BAND_GAIN, (bands, 1))) * (
        1 + strength * rng.uniform(-_GAIN, _GAIN)
    )
    light = light * gain.astype(np.float32) + (strength * rng.uniform(-_BIAS, _BIAS, (bands, 1))).astype(np.float32)
    light = np.clip(light, 0, 1) ** np.float32(np.exp(strength * rng.uniform(-_GAMMA, _GAMMA)))
    if rng.random() < _HAZE_CHANCE * strength:
        thick = np.float32(rng.uniform(0, _HAZE))
        haze = np.array(_HAZE_COLOUR, np.float32)[:bands, np.newaxis]
        light = (light * (1 - thick) + thick * haze).astype(np.float32)
    return light.astype(np.float32)


def lost_bands(rng: np.random.Generator, chance: float, bands: int = 4) -> dict[int, float]:
    """Return the bands that a crop loses and the value, 0..1, that stands in for each.

    The near infrared is lost with that chance; a crop that keeps it loses one of the others with a tenth of it.
    """
    if chance <= 0:
        return {}
    if rng.random() < chance:
        return {_NIR: float(rng.random())}
    if rng.random() < chance * _VISIBLE_DROP:
        return {int(rng.integers(bands - 1)): float(rng.random())}
    return {}


def _add_noise(light: NDArray[np.float32], rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    noise = _noise(light.size, int(rng.integers(_NOISE_VALUES))).reshape(light.shape)
    light += noise * np.float32(strength * _NOISE * rng.uniform(0, 1))
    return np.clip(light, 0, 1, out=light)


def _noise(count: int, start: int) -> NDArray[np.float32]:
    """Return normal deviates from one long row of them, beginning anywhere.

    To draw them anew took a third of the time of a crop; which of them a crop gets is as good as new.
    """
    row = _row_of_noise()
    if start + count <= len(row):
        return row[start : start + count]
    return np.take(row, np.arange(start, start + count), mode="wrap")


@cache
def _row_of_noise() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(_NOISE_VALUES, dtype=np.float32)


def _blur(
    light: NDArray[np.float32], valid: NDArray[np.bool_], rng: np.random.Generator, strength: float
) -> NDArray[np.float32]:
    """Sometimes blur as a coarser sensor would; invalid pixels lend nothing to their neighbours."""
    if rng.random() >= _BLUR_CHANCE * strength:
        return light
    sigma = rng.uniform(0.3, max(0.3, _BLUR * strength))

    def smooth(array: NDArray[np.float32]) -> NDArray[np.float32]:
        blurred = cv2.GaussianBlur(np.ascontiguousarray(array), (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(blurred, np.float32)

    if valid.all():
        return np.stack([smooth(band) for band in light])
    share = smooth(valid.astype(np.float32))
    bands = [smooth(band * valid) / np.maximum(share, 1e-6) for band in light]
    return np.stack(bands).astype(np.float32)

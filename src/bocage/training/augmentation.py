"""Making crops of a few scenes look like crops of many: orientation, light, haze, blur and missing colour.

What is changed is what differs between sensors, dates and places; what a tree is, is not.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_NIR = 3
# Ranges of the changes at strength 1, in shares of the full range of a band.
_BAND_GAIN, _GAIN, _BIAS, _GAMMA, _NOISE = 0.1, 0.15, 0.06, 0.25, 0.02
_HAZE, _HAZE_CHANCE, _HAZE_COLOUR = 0.3, 0.15, (0.75, 0.8, 0.9, 0.7)
_BLUR, _BLUR_CHANCE = 1.0, 0.2
_DROP_CHANCE = 0.03

type Crop = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8]]


def augment(
    image: NDArray[np.uint8], label: NDArray[np.uint8], rng: np.random.Generator, strength: float = 1.0
) -> Crop:
    """Return a varied (image, valid, label) of a square crop.

    Parameters
    ----------
    image
        (4, edge, edge) red, green, blue, nir, 1 to 255 where valid, 0 in all bands where not.
    label
        (edge, edge), 0, 1 or 255.
    strength
        0 changes only the orientation; 1 is the usual variation of light.

    Returns
    -------
    tuple
        Image float32 0..255, 0 where invalid; validity; label. Labels and validity move with the image and are
        otherwise untouched.
    """
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    image, label = orient(image, turns, mirror), orient(label, turns, mirror)
    valid: NDArray[np.bool_] = image.any(axis=0)
    light: NDArray[np.float32] = np.divide(image, 255, dtype=np.float32)
    if strength > 0:
        light = _blur(light, valid, rng, strength)
        light = _relight(light, rng, strength)
    return np.where(valid, light * 255, 0).astype(np.float32), valid, np.ascontiguousarray(label)


def orient[T: np.generic](array: NDArray[T], turns: int, mirror: bool) -> NDArray[T]:
    """Return the array turned by quarter turns over its last two axes, then mirrored along the last."""
    turned = np.rot90(array, turns, axes=(-2, -1))
    return turned[..., ::-1] if mirror else turned


def _relight(light: NDArray[np.float32], rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """Vary gain, bias and gamma per band and in all, add haze and noise, and rarely lose the near infrared."""
    bands = (len(light), 1, 1)
    gain = (1 + strength * rng.uniform(-_BAND_GAIN, _BAND_GAIN, bands)) * (1 + strength * rng.uniform(-_GAIN, _GAIN))
    light = light * gain.astype(np.float32) + (strength * rng.uniform(-_BIAS, _BIAS, bands)).astype(np.float32)
    light = np.clip(light, 0, 1) ** np.float32(np.exp(strength * rng.uniform(-_GAMMA, _GAMMA)))
    if rng.random() < _HAZE_CHANCE * strength:
        thick = np.float32(rng.uniform(0, _HAZE))
        light = light * (1 - thick) + thick * np.array(_HAZE_COLOUR, np.float32).reshape(bands)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    light = light + np.float32(strength * _NOISE * rng.uniform(0, 1)) * noise
    if rng.random() < _DROP_CHANCE * strength:
        light[_NIR] = rng.random()
    lit: NDArray[np.float32] = np.clip(light, 0, 1)
    return lit


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

    share = smooth(valid.astype(np.float32))
    bands = [smooth(band * valid) / np.maximum(share, 1e-6) for band in light]
    return np.stack(bands).astype(np.float32)

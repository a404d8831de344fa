"""What is measured at every valid pixel before it is gathered by objects: indices, texture and wider ground.

Sums over windows are of whole numbers below 2 ** 24 in float32, hence exact and the same wherever the window lies; only
valid pixels enter them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FINE = 5
"""Edge of the window of texture, pixels."""

WIDE = (12.0, 48.0)
"""Edges of the windows of the wider ground, metres."""

_RED, _GREEN, _BLUE, _NIR = range(4)


@dataclass(frozen=True, slots=True)
class Layers:
    """Values of the valid pixels, (pixels,) each, in the order of the rows.

    Attributes
    ----------
    bands
        (4, pixels) uint8.
    values
        The rest by name, float32.
    brightness
        (rows, columns) uint8, the mean of the bands, which profiles are made of.
    """

    bands: NDArray[np.uint8]
    values: dict[str, NDArray[np.float32]]
    brightness: NDArray[np.uint8]


def measure_pixels(image: NDArray[np.uint8], valid: NDArray[np.bool_], resolution: float) -> Layers:
    """Measure an image (4, rows, columns) of red, green, blue, near infrared; ``resolution`` in metres per pixel."""
    image = np.where(valid, image, 0).astype(np.uint8)
    red, green, blue, nir = (band.astype(np.float32) for band in image)
    total = red + green + blue + nir
    brightness = (total / 4).astype(np.uint8)
    index = _ratio(nir - red, nir + red)
    # NDVI as whole numbers, for sums that do not depend on their order.
    greenness = ((index + 1) * np.float32(127.5)).astype(np.uint8)
    values = {
        "ndvi": index,
        "gndvi": _ratio(nir - green, nir + green),
        "red_share": _ratio(red, red + green + blue),
        "blue_share": _ratio(blue, red + green + blue),
    }
    inside = valid.astype(np.float32)
    for name, band in (("nir", image[_NIR]), ("brightness", brightness), ("greenness", greenness)):
        values |= _texture(name, np.where(valid, band, 0).astype(np.float32), inside)
    for metres in WIDE:
        edge = 2 * max(1, round(metres / resolution / 2)) + 1
        number = _sum(inside, edge)
        for name, band in (("nir", image[_NIR]), ("brightness", brightness), ("greenness", greenness)):
            total = _sum(np.where(valid, band, 0).astype(np.float32), edge)
            values[f"{name}_wide_{int(metres)}"] = _ratio(total, number)
        rough = np.minimum(values["nir_rough"], 255).astype(np.uint8).astype(np.float32) * inside
        values[f"nir_rough_wide_{int(metres)}"] = _ratio(_sum(rough, edge), number)
    return Layers(image[:, valid], {name: value[valid] for name, value in values.items()}, brightness)


def _texture(name: str, band: NDArray[np.float32], inside: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return local variation, roughness (as the co-occurrence matrix's dissimilarity at distance 1) and coherence."""
    number = np.maximum(_sum(inside, FINE), 1)
    mean = _sum(band, FINE) / number
    variance = np.maximum(_sum(band * band, FINE) / number - mean * mean, 0)
    across = _step(band, 1) * _pairs(inside, 1)
    down = _step(band, 0) * _pairs(inside, 0)
    number = np.maximum(_sum(_pairs(inside, 1) + _pairs(inside, 0), FINE), 1)
    rough = _sum(np.abs(across) + np.abs(down), FINE) / number
    # Structure tensor: the share of the gradient's energy that points one way; 1 along an edge, 0 in a crown's speckle.
    xx, yy, xy = (_sum(product, FINE) for product in (across * across, down * down, across * down))
    coherence = _ratio(np.sqrt((xx - yy) ** 2 + 4 * xy * xy), xx + yy)
    return {f"{name}_varied": np.sqrt(variance), f"{name}_rough": rough, f"{name}_coherence": coherence}


def _step(band: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the difference to the next pixel along an axis, 0 at the end."""
    step = np.zeros_like(band)
    if axis:
        step[:, :-1] = np.diff(band, axis=1)
    else:
        step[:-1] = np.diff(band, axis=0)
    return step


def _pairs(inside: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return 1 where a pixel and the next along an axis are both valid."""
    pairs = np.zeros_like(inside)
    if axis:
        pairs[:, :-1] = inside[:, 1:] * inside[:, :-1]
    else:
        pairs[:-1] = inside[1:] * inside[:-1]
    return pairs


def _sum(band: NDArray[np.float32], edge: int) -> NDArray[np.float32]:
    total = cv2.boxFilter(band, cv2.CV_32F, (edge, edge), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return total.astype(np.float32, copy=False)


def _ratio(part: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    ratio: NDArray[np.float32] = np.divide(part, np.maximum(whole, 1), dtype=np.float32)
    return ratio

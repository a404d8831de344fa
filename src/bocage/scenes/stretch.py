"""From digital numbers to 8 bits: one linear stretch per scene and band.

Sensors differ in gain, bit depth and haze; a stretch between two low and high digital numbers of the scene itself makes
them comparable without calibration. The product's own production did the same. Where the metadata calibrate a scene,
the same two numbers can stand for fixed reflectances instead. 0 is kept for "no valid pixel".
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bocage.errors import SceneError
from bocage.scenes.bands import BANDS
from bocage.scenes.calibration import Calibration
from bocage.scenes.scene import Stretch

Method = Literal["percentile", "minmax", "reflectance", "none"]

REFLECTANCE_LIMITS: Stretch = ((0.0, 0.35), (0.0, 0.35), (0.0, 0.35), (0.0, 0.60))
"""Reflectance at the top of the atmosphere that becomes 1 and 255: red, green, blue, nir.

Vegetation, soil and most roofs lie between; cloud and snow saturate. They are fixed, so that a model sees the same byte
for the same reflectance."""

STRETCH_TAG = "BOCAGE_STRETCH"
"""GeoTIFF tag of a raster that already holds stretched values; such a raster is refused as a scene."""

IDENTITY: Stretch = ((1.0, 255.0),) * len(BANDS)
"""The stretch that leaves 8-bit values as they are (a valid 0 becomes 1)."""

# Bytes of the integers that are looked up in a table.
_TABLED = 2
# Pixels at a time: they stay in the cache, and are too few for OpenCV to wake threads of its own.
_CHUNK = 1 << 16


def find_stretch(
    samples: NDArray[np.generic],
    method: Method,
    percentiles: tuple[float, float],
    subject: str,
    calibration: Calibration | None = None,
) -> Stretch:
    """Return the low and high digital number per band.

    Parameters
    ----------
    samples
        (bands, pixels) digital numbers of valid pixels, red, green, blue and, where there is one, nir.
    method
        ``percentile`` between two shares of the pixels, ``minmax``, ``reflectance`` between ``REFLECTANCE_LIMITS``, or
        ``none`` for scenes that are 8 bits already.
    percentiles
        Low and high share, 0 to 1.
    subject
        The scene, for the message.
    calibration
        What reflectance the digital numbers stand for, where that is known.

    Returns
    -------
    tuple
        (low, high) per band with low < high. A band whose percentiles coincide uses its minimum and maximum; a constant
        band uses its value and the next one.

    Raises
    ------
    SceneError
        If there is no sample, ``none`` is asked for values beyond 8 bits, ``reflectance`` for a scene without
        calibration, or the percentiles are not in order.
    """
    if method == "none":
        if samples.dtype != np.uint8:
            raise SceneError(
                f"{subject} holds {samples.dtype} values, which cannot be used without a stretch",
                'set scenes.stretch to "percentile" or "minmax"',
            )
        return IDENTITY[: len(samples)]
    if method == "reflectance":
        return _reflectance_limits(calibration, subject)
    if samples.shape[-1] == 0:
        raise SceneError(f"{subject} has no valid pixel", "remove it from the delivery")
    low_share, high_share = (0.0, 1.0) if method == "minmax" else percentiles
    if not 0 <= low_share < high_share <= 1:
        raise SceneError(
            f"{subject}: percentiles {low_share}, {high_share} are not in order", "give two shares of 0 to 1, low first"
        )
    return tuple(_limits(band, low_share, high_share) for band in samples)


def _reflectance_limits(calibration: Calibration | None, subject: str) -> Stretch:
    if calibration is None:
        raise SceneError(
            f"{subject} cannot be calibrated: its metadata lack gains, the time or the height of the sun",
            'deliver it with its metadata, or set scenes.stretch to "percentile"',
        )
    limits = REFLECTANCE_LIMITS[: len(calibration.scale)]
    lows = calibration.numbers(tuple(low for low, _ in limits))
    highs = calibration.numbers(tuple(high for _, high in limits))
    return tuple(zip(lows, highs, strict=True))


def _limits(band: NDArray[np.generic], low_share: float, high_share: float) -> tuple[float, float]:
    for shares in ((low_share, high_share), (0.0, 1.0)):
        low, high = (float(value) for value in np.quantile(band.astype(np.float64), shares))
        if low < high:
            return low, high
    return low, low + 1.0


def apply_stretch(
    numbers: NDArray[np.generic],
    valid: NDArray[np.bool_],
    stretch: Stretch,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return 8-bit values: 1 at the low digital number or below, 255 at the high one or above, 0 where invalid.

    Halves are rounded up. Integers of up to 16 bits go through a table of all their values, which gives what the
    arithmetic gives.

    Parameters
    ----------
    numbers
        (bands, rows, columns) digital numbers, finite where valid.
    valid
        (rows, columns) true where a pixel was seen.
    stretch
        (low, high) of each band.
    out
        Where to write the result, which may be ``numbers`` itself; a new array where None.
    """
    result = np.empty(numbers.shape, dtype=np.uint8) if out is None else out
    tabled = numbers.dtype.kind in "ui" and numbers.dtype.itemsize <= _TABLED
    for band, (low, high), target in zip(numbers, stretch, result, strict=True):
        values, stretched = np.ascontiguousarray(band).reshape(-1), target.reshape(-1)
        for first in range(0, values.size, _CHUNK):
            part, into = values[first : first + _CHUNK], stretched[first : first + _CHUNK]
            if tabled:
                _look_up(part, low, high, into)
            else:
                _scale(part, low, high, into)
    if not valid.all():
        result *= valid
    return result


def _look_up(numbers: NDArray[np.generic], low: float, high: float, result: NDArray[np.uint8]) -> None:
    import cv2  # slow to import

    kind = numbers.dtype
    if kind.itemsize == 1 and numbers.size % 2:
        _look_up(numbers[:-1], low, high, result[:-1])
        _scale(numbers[-1:], low, high, result[-1:])
    elif kind.itemsize == 1 and numbers.size:
        cv2.LUT(numbers.view(np.uint16)[None], _pairs(kind.str, low, high), result.view(np.uint16)[None])
    elif numbers.size:
        cv2.LUT(numbers.view(f"u{kind.itemsize}")[None], _table(kind.str, low, high), result[None])


@functools.lru_cache(maxsize=256)
def _pairs(kind: str, low: float, high: float) -> NDArray[np.uint16]:
    """Return the bytes of every two values of an integer of one byte; looking up both at once takes half the time."""
    table = _table(kind, low, high)
    both = np.empty((256, 256, 2), dtype=np.uint8)
    every = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(256, 256, 2)
    np.take(table, every, out=both)
    pairs: NDArray[np.uint16] = both.reshape(-1).view(np.uint16)
    return pairs


@functools.lru_cache(maxsize=256)
def _table(kind: str, low: float, high: float) -> NDArray[np.uint8]:
    """Return the byte of every value of an integer type, in the order of its bits read as an unsigned number."""
    size = np.dtype(kind).itemsize
    values = np.arange(1 << 8 * size, dtype=np.uint32).astype(f"u{size}").view(kind)
    table = np.empty(values.shape, dtype=np.uint8)
    _scale(values, low, high, table)
    return table


def _scale(numbers: NDArray[np.generic], low: float, high: float, result: NDArray[np.uint8]) -> None:
    # What is invalid may be no number here, or beyond any; its byte is set to 0 by the caller.
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.subtract(numbers, np.float32(low), dtype=np.float32, casting="unsafe")
        scaled *= np.float32(254.0 / (high - low))
        # 1.5 is the offset 1 and one half for rounding, since the cast below cuts the fraction off.
        scaled += np.float32(1.5)
        np.clip(scaled, 1.0, 255.0, out=scaled)
        np.copyto(result, scaled, casting="unsafe")

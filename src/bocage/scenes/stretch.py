"""From digital numbers to 8 bits: one linear stretch per scene and band.

Sensors differ in gain, bit depth and haze; a stretch between two low and high digital numbers of the scene itself makes
them comparable without calibration. The product's own production did the same. 0 is kept for "no valid pixel".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bocage.errors import SceneError
from bocage.scenes.bands import BANDS
from bocage.scenes.scene import Stretch

Method = Literal["percentile", "minmax", "none"]

STRETCH_TAG = "BOCAGE_STRETCH"
"""GeoTIFF tag of a raster that already holds stretched values; such a raster is refused as a scene."""

IDENTITY: Stretch = ((1.0, 255.0),) * len(BANDS)
"""The stretch that leaves 8-bit values as they are (a valid 0 becomes 1)."""


def find_stretch(
    samples: NDArray[np.generic],
    method: Method,
    percentiles: tuple[float, float],
    subject: str,
) -> Stretch:
    """Return the low and high digital number per band.

    Parameters
    ----------
    samples
        (4, pixels) digital numbers of valid pixels, red, green, blue, nir.
    method
        ``percentile`` between two shares of the pixels, ``minmax``, or ``none`` for scenes that are 8 bits already.
    percentiles
        Low and high share, 0 to 1.
    subject
        The scene, for the message.

    Returns
    -------
    tuple
        (low, high) per band with low < high. A band whose percentiles coincide uses its minimum and maximum; a constant
        band uses its value and the next one.

    Raises
    ------
    SceneError
        If there is no sample, ``none`` is asked for values beyond 8 bits or the percentiles are not in order.
    """
    if method == "none":
        if samples.dtype != np.uint8:
            raise SceneError(
                f"{subject} holds {samples.dtype} values, which cannot be used without a stretch",
                'set scenes.stretch to "percentile" or "minmax"',
            )
        return IDENTITY
    if samples.shape[-1] == 0:
        raise SceneError(f"{subject} has no valid pixel", "remove it from the delivery")
    low_share, high_share = (0.0, 1.0) if method == "minmax" else percentiles
    if not 0 <= low_share < high_share <= 1:
        raise SceneError(
            f"{subject}: percentiles {low_share}, {high_share} are not in order", "give two shares of 0 to 1, low first"
        )
    return tuple(_limits(band, low_share, high_share) for band in samples)


def _limits(band: NDArray[np.generic], low_share: float, high_share: float) -> tuple[float, float]:
    for shares in ((low_share, high_share), (0.0, 1.0)):
        low, high = (float(value) for value in np.quantile(band.astype(np.float64), shares))
        if low < high:
            return low, high
    return low, low + 1.0


def apply_stretch(numbers: NDArray[np.generic], valid: NDArray[np.bool_], stretch: Stretch) -> NDArray[np.uint8]:
    """Return 8-bit values: 1 at the low digital number or below, 255 at the high one or above, 0 where invalid.

    Parameters
    ----------
    numbers
        (4, rows, columns) digital numbers, finite where valid.
    valid
        (rows, columns) true where a pixel was seen.
    stretch
        (low, high) of each band.
    """
    result = np.zeros(numbers.shape, dtype=np.uint8)
    scaled = np.empty(numbers.shape[1:], dtype=np.float32)
    for index, (low, high) in enumerate(stretch):
        np.subtract(numbers[index], np.float32(low), out=scaled, dtype=np.float32, casting="unsafe")
        scaled *= np.float32(254.0 / (high - low))
        # 1.5 is the offset 1 and one half for rounding, since the cast below cuts the fraction off.
        scaled += np.float32(1.5)
        scaled[~valid] = 0
        np.clip(scaled, 1.0, 255.0, out=scaled, where=valid)
        result[index] = scaled
    return result

"""The rhythm of crowns along a line: whether its height or cover comes back after a fixed distance.

Trees of a planted line stand at one spacing, so a profile along its centre line repeats itself; a hedge or a bank
does not. The sums are the covariance of a profile with itself at every lag, once its slow changes (a mean over 40 m)
are taken off. They add up over the cells of a line and over tiles. A period shorter than two cells cannot be seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.features.direction import Axis
from bocage.features.patch import Patch
from bocage.features.sums import Sums, by_label

# Longest lag, and half of the window of the mean, in metres.
LONGEST = 30.0
_WINDOW = 20.0
# Profiles are integers, so that their sums are exact: 1/64 m of height, 1/256 of the cover.
_HEIGHT, _COVER = 64, 256

type Index = NDArray[np.int64]


def lag_bins(resolution: float) -> int:
    """Return the number of lags, of one cell's edge each."""
    return int(LONGEST / resolution)


def rhythm_steps(resolution: float) -> int:
    """Return the number of steps that the longest lag and a mean beyond it take."""
    return lag_bins(resolution) + round(_WINDOW / resolution)


def rhythm_sums(axis: Axis, patch: Patch) -> Sums:
    """Return the sums of the height along the lines of a patch, or of the cover where the patch has no height.

    ``rhythm_n`` cells and ``rhythm_square``, the sum of their squared differences to the slow mean; by lag, (count,
    lags), ``rhythm_pairs`` and ``rhythm_lag``, the sum of products. Each pair of cells is met from both of its ends.
    """
    count, bins = patch.count, lag_bins(patch.resolution)
    layer, scale = (patch.cover, _COVER) if patch.height is None else (patch.height, _HEIGHT)
    if layer is None:
        nothing, by_lag = np.zeros(count, np.int64), np.zeros((count, bins), np.int64)
        added = {"rhythm_n": nothing, "rhythm_square": nothing, "rhythm_pairs": by_lag, "rhythm_lag": by_lag}
        return Sums(count, added)
    profile = layer.ravel()[axis.line.flat]
    known = ~np.isnan(profile)
    values = np.rint(np.where(known, profile, 0) * scale).astype(np.int64)
    rest = _without_trend(values, known, axis, round(_WINDOW / patch.resolution))
    own = axis.owned & known
    labels = axis.line.labels
    pairs, products = np.zeros((2, (count + 1) * bins), np.int64)
    for step, _, place, moved in axis.line.walk(bins):
        lag = np.rint(step * axis.step).astype(np.int64)
        use = np.flatnonzero(own & moved & known[place] & (lag <= bins) & (labels <= count))
        slot = labels[use].astype(np.int64) * bins + lag[use] - 1
        np.add.at(pairs, slot, 1)
        np.add.at(products, slot, rest[use] * rest[place[use]])
    return Sums(
        count,
        {
            "rhythm_n": by_label(labels[own], np.ones(int(own.sum()), np.int64), count),
            "rhythm_square": by_label(labels[own], rest[own] ** 2, count),
            "rhythm_pairs": pairs.reshape(-1, bins)[1:],
            "rhythm_lag": products.reshape(-1, bins)[1:],
        },
    )


def _without_trend(values: Index, known: NDArray[np.bool_], axis: Axis, steps: int) -> Index:
    """Return what is left of a profile when the mean over some cells on either side is taken off."""
    total, number = np.where(known, values, 0), known.astype(np.int64)
    for _, _, place, moved in axis.line.walk(steps):
        use = moved & known[place]
        total = total + np.where(use, values[place], 0)
        number = number + use
    return np.where(known, values - np.rint(total / np.maximum(number, 1)).astype(np.int64), 0)

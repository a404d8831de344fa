"""The rhythm of crowns along a line: whether its width, cover or height comes back after a fixed distance.

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
# Profiles are integers, so that their sums are exact: 1/64 of a cell, 1/64 m, 1/256 of the cover.
_SCALES = {"width": 64, "cover": 256, "height": 64}

type Index = NDArray[np.int64]


def lag_bins(resolution: float) -> int:
    """Return the number of lags, of one cell's edge each."""
    return int(LONGEST / resolution)


def rhythm_steps(resolution: float) -> int:
    """Return the number of steps that the longest lag and a mean beyond it take."""
    return lag_bins(resolution) + round(_WINDOW / resolution)


def rhythm_sums(axis: Axis, patch: Patch) -> Sums:
    """Return for each profile the sums ``<profile>_n``, ``_sum`` and ``_square`` and, by lag, ``_pairs`` and ``_lag``.

    A profile that the patch does not have is there with zeros.
    """
    profiles: dict[str, NDArray[np.floating]] = {"width": 2 * axis.line.radius}
    for name, layer in (("cover", patch.cover), ("height", patch.height)):
        if layer is not None:
            profiles[name] = layer.ravel()[axis.line.flat]
    missing = np.full(len(axis.line.flat), np.nan)
    added: dict[str, NDArray[np.int64]] = {}
    for name, scale in _SCALES.items():
        added |= _profile_sums(name, profiles.get(name, missing), scale, axis, patch)
    return Sums(patch.count, added)


def _profile_sums(
    name: str, profile: NDArray[np.floating], scale: int, axis: Axis, patch: Patch
) -> dict[str, NDArray[np.int64]]:
    count, bins = patch.count, lag_bins(patch.resolution)
    added = {f"{name}_{part}": np.zeros(count, np.int64) for part in ("n", "sum", "square")}
    pairs, lagged = np.zeros((count, bins), np.int64), np.zeros((count, bins), np.int64)
    known = ~np.isnan(profile)
    if known.any():
        values = np.rint(np.where(known, profile, 0) * scale).astype(np.int64)
        rest = _without_trend(values, known, axis, round(_WINDOW / patch.resolution))
        own = axis.owned & known
        labels = axis.line.labels[own]
        for part, figure in (("n", np.ones_like(values)), ("sum", values), ("square", rest * rest)):
            added[f"{name}_{part}"] = by_label(labels, figure[own], count)
        for step, _, place, moved in axis.line.walk(bins):
            lag = np.rint(step * axis.step).astype(np.int64)
            use = own & moved & known[place] & (lag <= bins)
            slot = (axis.line.labels[use], lag[use] - 1)
            inside = slot[0] <= count
            where = (slot[0][inside] - 1, slot[1][inside])
            np.add.at(pairs, where, 1)
            np.add.at(lagged, where, (rest * rest[place])[use][inside])
    return added | {f"{name}_pairs": pairs, f"{name}_lag": lagged}


def _without_trend(values: Index, known: NDArray[np.bool_], axis: Axis, steps: int) -> Index:
    """Return what is left of a profile when the mean over some cells on either side is taken off."""
    total, number = np.where(known, values, 0), known.astype(np.int64)
    for _, _, place, moved in axis.line.walk(steps):
        use = moved & known[place]
        total = total + np.where(use, values[place], 0)
        number = number + use
    return np.where(known, values - np.rint(total / np.maximum(number, 1)).astype(np.int64), 0)

"""A curve that never falls, and where it reaches a height: more annotations do not make a model worse on average."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bocage.training.curve.results import Floats


def isotonic(values: Sequence[float] | Floats) -> Floats:
    """Return the rising sequence nearest to the values by least squares, by pooling adjacent violators.

    Source: M. Ayer et al. (1955), An empirical distribution function for sampling with incomplete information, Annals
    of Mathematical Statistics 26, 641-647.
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    return np.array([mean for mean, size in blocks for _ in range(size)], np.float64)


def reach(log_budgets: Floats, rising: Floats, targets: Floats) -> Floats:
    """Return the smallest logarithm of a budget at which a rising curve, linear between budgets, reaches each target.

    NaN below the curve's first value and above its last: nothing is extrapolated.
    """
    index = np.searchsorted(rising, targets, side="left")
    inside = (targets >= rising[0]) & (targets <= rising[-1])
    index = np.clip(index, 1, len(rising) - 1) if len(rising) > 1 else np.zeros_like(index)
    if len(rising) == 1:
        return np.where(inside, log_budgets[0], np.nan)
    low, high = rising[index - 1], rising[index]
    share = np.where(high > low, (targets - low) / np.where(high > low, high - low, 1.0), 0.0)
    result = log_budgets[index - 1] + share * (log_budgets[index] - log_budgets[index - 1])
    return np.where(inside, result, np.nan)

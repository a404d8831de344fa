"""Which values of many stand out: the generalised extreme Studentised deviate of Rosner (1983), for large values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

CHANCE = 0.05
"""Largest chance that a value is named where all are of one normal distribution."""


def deviate(values: Sequence[float], least_spread: float) -> tuple[int, float]:
    """Return the index of the largest value, and by how many standard deviations it exceeds the mean of all.

    Parameters
    ----------
    least_spread
        A smaller standard deviation counts as this much.
    """
    array = np.asarray(values, dtype=np.float64)
    largest = int(array.argmax())
    return largest, float((array[largest] - array.mean()) / max(array.std(ddof=1), least_spread))


def critical(count: int, step: int, chance: float = CHANCE) -> float:
    """Return what the deviate of the largest value has to exceed once ``step`` of ``count`` values were taken out.

    Equation 2.5 of Rosner (1983), Technometrics 25(2), for one side.
    """
    left = count - step
    freedom = left - 2
    if freedom < 1:
        return math.inf
    quantile = float(student.isf(chance / left, freedom))
    return (left - 1) * quantile / math.sqrt((freedom + quantile**2) * left)


def outlying(values: Sequence[float], *, most: int, least_spread: float) -> list[int]:
    """Return the indexes of the values that stand out, the largest first; at most ``most``.

    A value counts also where larger ones hid it: the last step that exceeds its critical value decides.
    """
    left = list(range(len(values)))
    taken: list[int] = []
    kept = 0
    while len(taken) < most and len(left) > 2:
        place, size = deviate([values[index] for index in left], least_spread)
        taken.append(left.pop(place))
        if size > critical(len(values), len(taken) - 1):
            kept = len(taken)
    return taken[:kept]

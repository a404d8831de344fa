"""Resampling of orders and test scenes: how far a result would move with other annotations and other ground.

Every order is tested on the same scenes, so both are drawn with replacement independently of each other, and a draw of
scenes holds for all orders and arms: A. B. Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics 1,
386-411. To draw scenes anew within each order would average the difference between scenes away. Pairing is kept: arms
are resampled together.

A bootstrap of few orders is too narrow, since the variance of a mean of K resampled values is that of K - 1 and its
tails are those of Student's t: deviations are therefore widened by t(K - 1) / z sqrt(K / (K - 1)), where K is the
smaller number of orders and scenes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from bocage.training.curve.results import Floats, measure

# Where a value is undefined in more of the resamples than this, an interval would describe the others only.
_MOST_LOST = 0.1


@dataclass(frozen=True, slots=True)
class Resamples:
    """Draws of orders and scenes, the same for every arm.

    Attributes
    ----------
    orders
        (resamples, orders) indices.
    scenes
        (resamples, scenes) how often each scene was drawn.
    """

    orders: NDArray[np.intp]
    scenes: Floats

    @classmethod
    def draw(cls, count: int, orders: int, scenes: int, seed: int = 0) -> Resamples:
        """Draw ``count`` resamples."""
        rng = np.random.default_rng(seed)
        return cls(
            rng.integers(orders, size=(count, orders)),
            rng.multinomial(scenes, np.full(scenes, 1 / scenes), size=count).astype(np.float64),
        )

    @property
    def least(self) -> int:
        """The smaller number of orders and scenes, on which the width of an interval hangs."""
        return int(min(self.orders.shape[1], self.scenes.shape[1]))

    def curves(self, counts: Floats, name: str) -> Floats:
        """Return the mean over orders of a measure, (resamples, budgets), in every resample.

        Parameters
        ----------
        counts
            (orders, budgets, scenes, counts) of one arm, without gaps.
        """
        values = measure(np.einsum("rs,kbsc->rkbc", self.scenes, counts), name)
        picked = np.take_along_axis(values, self.orders[:, :, np.newaxis], axis=1)
        return np.asarray(picked.mean(axis=1))


def defined(resampled: Floats) -> Floats | None:
    """Return the resamples that are no NaN, or None where too many are: a draw of treeless scenes has no IoU."""
    known: Floats = resampled[~np.isnan(resampled)]
    return None if len(known) < (1 - _MOST_LOST) * len(resampled) else known


def curve(counts: Floats, name: str) -> Floats:
    """Return the mean over orders of a measure, (budgets,), from counts (orders, budgets, scenes, counts)."""
    return np.asarray(measure(counts.sum(axis=2), name).mean(axis=0))


def widening(number: int, level: float) -> float:
    """Return by what deviations of a bootstrap of few are to be multiplied.

    Parameters
    ----------
    number
        Of what was resampled, 2 or more.
    level
        Quantile of the bound, such as 0.95 for a one-sided and 0.975 for a two-sided interval of 95 %.
    """
    return float(t.ppf(level, number - 1) / norm.ppf(level)) * sqrt(number / (number - 1))


def interval(estimate: float, resampled: Floats, number: int, confidence: float) -> tuple[float, float]:
    """Return a two-sided interval: quantiles of the resamples, their distance to the estimate widened for few.

    Parameters
    ----------
    resampled
        (resamples,) of the estimate, on a scale on which it is symmetric: a factor as its logarithm.
    number
        Of what was resampled.
    """
    level = (1 + confidence) / 2
    low, high = np.quantile(resampled, [1 - level, level])
    wide = widening(number, level)
    return estimate - wide * max(estimate - float(low), 0.0), estimate + wide * max(float(high) - estimate, 0.0)


def standard_error(resampled: Floats, number: int) -> float:
    """Return the standard error from resamples, with the variance of a bootstrap of few mended."""
    return float(resampled.std(ddof=1)) * sqrt(number / (number - 1))

"""The test of the claim: an arm with N / factor annotations is as good as the baseline with N, less a margin.

One comparison that is fixed before anything is trained: N is the largest budget of the baseline. It needs no curve to
be inverted. The difference is paired by order; its standard error is that of the bootstrap over orders and test scenes,
and its bound that of Student's t with one degree of freedom fewer than the smaller number of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t

from bocage.training.curve.bootstrap import Resamples, curve, defined, standard_error
from bocage.training.curve.results import Floats

Decision = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """What the test found.

    Attributes
    ----------
    budget
        N, of the baseline.
    fewer
        N / factor, of the arm; between two budgets its score is interpolated on the logarithm.
    arm, baseline
        Their mean scores there.
    difference, low, high
        Arm less baseline, and the one-sided bounds of it; the bounds are None where nothing could be resampled.
    p
        Of the hypothesis that the arm is worse by the margin or more.
    decision
        "holds" where the lower bound is above minus the margin, "fails" where the upper bound is below it.
    """

    budget: int
    fewer: float
    arm: float
    baseline: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    decision: Decision


def test_budgets(budgets: Sequence[int], factor: float) -> tuple[int, float] | None:
    """Return N and N / factor, or None where no budget divided by the factor is one that was measured or between."""
    fewer = budgets[-1] / factor
    return (budgets[-1], fewer) if fewer >= budgets[0] else None


def noninferiority(
    budgets: Sequence[int],
    arm: Floats,
    baseline: Floats,
    resamples: Resamples | None,
    *,
    factor: float,
    margin: float,
    confidence: float,
    name: str = "iou",
) -> NonInferiority | None:
    """Test the claim, or return None where the budgets do not reach from N down to N / factor.

    Parameters
    ----------
    arm, baseline
        Counts (orders, budgets, scenes, counts) of the same orders, without gaps.
    resamples
        None where there are too few orders or scenes.
    """
    asked = test_budgets(budgets, factor)
    if asked is None:
        return None
    budget, fewer = asked
    own = _at(budgets, curve(arm, name)[np.newaxis], fewer)[0]
    other = curve(baseline, name)[-1]
    difference = float(own - other)
    low = high = p = None
    decision: Decision = "undecided"
    spread = None
    if resamples is not None:
        spread = defined(_at(budgets, resamples.curves(arm, name), fewer) - resamples.curves(baseline, name)[:, -1])
    if resamples is not None and spread is not None:
        error = standard_error(spread, resamples.least)
        freedom = resamples.least - 1
        reach = float(t.ppf(confidence, freedom)) * error
        low, high = difference - reach, difference + reach
        p = float(t.sf((difference + margin) / error, freedom)) if error > 0 else float(difference <= -margin)
        decision = "holds" if low > -margin else "fails" if high < -margin else "undecided"
    return NonInferiority(budget, fewer, float(own), float(other), difference, low, high, p, decision)


def _at(budgets: Sequence[int], curves: Floats, budget: float) -> Floats:
    """Return the height of curves (n, budgets) at a budget, linear on its logarithm."""
    logs = np.log(np.array(budgets, np.float64))
    place = float(np.interp(np.log(budget), logs, np.arange(len(budgets))))
    left = min(int(place), len(budgets) - 2) if len(budgets) > 1 else 0
    right = min(left + 1, len(budgets) - 1)
    share = place - left
    return np.asarray(curves[:, left] * (1 - share) + curves[:, right] * share)

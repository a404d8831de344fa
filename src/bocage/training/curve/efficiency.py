"""How many times fewer annotations an arm needs than the baseline: the label-efficiency factor.

LEF(t) is the number of annotations with which the baseline reaches a score t over the number with which the arm does,
both read from isotonic fits by linear interpolation on the logarithm of the budget. It is defined for scores that both
curves reach within the budgets that were measured. Beyond them it is censored, never extrapolated: power laws are known
to misjudge how much data is needed (R. Mahmood et al. 2022, arXiv 2207.01725).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bocage.training.curve.bootstrap import Resamples, curve, defined, interval
from bocage.training.curve.isotonic import isotonic, reach
from bocage.training.curve.results import Floats

# Scores, evenly spaced over what both curves reach, at which the factor is read and averaged.
TARGETS = 25


@dataclass(frozen=True, slots=True)
class Match:
    """With how many annotations an arm equals the baseline at one of its budgets.

    Attributes
    ----------
    sign
        "=" where it was reached between the budgets; ">" where the arm's smallest budget is already better, so that the
        factor is larger than the one given; "<" where its largest budget is still worse.
    """

    budget: int
    target: float
    factor: float
    sign: str


@dataclass(frozen=True, slots=True)
class Efficiency:
    """The factor of an arm.

    Attributes
    ----------
    factor
        Geometric mean of LEF over the scores that both curves reach; None where they share none.
    low, high
        Of its interval; None where it cannot be given, for the reason in ``reason``.
    targets, factors
        LEF at single scores.
    matches
        By budget of the baseline.
    """

    factor: float | None
    low: float | None
    high: float | None
    targets: tuple[float, ...]
    factors: tuple[float, ...]
    matches: tuple[Match, ...]
    reason: str


def efficiency(
    budgets: Sequence[int],
    arm: Floats,
    baseline: Floats,
    resamples: Resamples | None,
    confidence: float,
    name: str = "iou",
) -> Efficiency:
    """Return the factor of an arm over the baseline.

    Parameters
    ----------
    budgets
        Rising.
    arm, baseline
        Counts (orders, budgets, scenes, counts) of the same orders, without gaps.
    resamples
        None where there are too few orders or scenes to resample.
    """
    logs = np.log(np.array(budgets, np.float64))
    own, other = isotonic(curve(arm, name)), isotonic(curve(baseline, name))
    matches = tuple(_match(budgets, own, target, budget) for budget, target in zip(budgets, other, strict=True))
    targets, factors = _factors(logs, own, other)
    if not len(targets):
        reason = "the curves meet at a single score, if at all"
        if own[-1] != other[0] and own[0] != other[-1]:
            worse = own[-1] < other[0]
            reason = f"the arm is {'worse' if worse else 'better'} with any budget than the baseline with any other"
        return Efficiency(None, None, None, (), (), matches, reason)
    mean = float(factors.mean())
    low, high, reason = None, None, ""
    if resamples is None:
        reason = "there are too few orders or test scenes to resample"
    else:
        pairs = zip(resamples.curves(arm, name), resamples.curves(baseline, name), strict=True)
        means = np.array(
            [one.mean() if len(one := _factors(logs, isotonic(a), isotonic(b))[1]) else np.nan for a, b in pairs]
        )
        known = defined(means)
        if known is None:
            reason = f"the curves share no score in {np.isnan(means).mean():.0%} of the resamples"
        else:
            low, high = (float(np.exp(one)) for one in interval(mean, known, resamples.least, confidence))
    return Efficiency(
        float(np.exp(mean)),
        low,
        high,
        tuple(float(one) for one in targets),
        tuple(float(one) for one in np.exp(factors)),
        matches,
        reason,
    )


def _factors(logs: Floats, own: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Return scores that both rising curves reach and the logarithm of the factor at each; empty without any."""
    low, high = max(own[0], other[0]), min(own[-1], other[-1])
    if not low < high:
        return np.zeros(0), np.zeros(0)
    # The middles of equal parts: at the very ends one of the curves may be flat.
    targets = low + (high - low) * (np.arange(TARGETS) + 0.5) / TARGETS
    return targets, reach(logs, other, targets) - reach(logs, own, targets)


def _match(budgets: Sequence[int], own: Floats, target: float, budget: int) -> Match:
    if target < own[0]:
        return Match(budget, float(target), budget / budgets[0], ">")
    if target > own[-1]:
        return Match(budget, float(target), budget / budgets[-1], "<")
    logs = np.log(np.array(budgets, np.float64))
    needed = float(np.exp(reach(logs, own, np.array([target]))[0]))
    return Match(budget, float(target), budget / needed, "=")

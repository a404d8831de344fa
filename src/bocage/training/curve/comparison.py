"""Every arm against the baseline: all that the cells of a benchmark show, as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from bocage.settings import BenchmarkSettings
from bocage.training.curve.bootstrap import Resamples, defined, interval
from bocage.training.curve.efficiency import Efficiency, efficiency
from bocage.training.curve.multiplicity import holm
from bocage.training.curve.noninferiority import NonInferiority, noninferiority
from bocage.training.curve.results import MEASURES, Floats, Results, measure

# Fewer orders or scenes than this cannot be resampled.
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Point:
    """The scores of an arm at a budget.

    Attributes
    ----------
    orders
        How many cells there are.
    mean, spread
        Over orders, by measure; spread is the standard deviation, None for a single order.
    low, high
        Interval of the mean IoU over orders and test scenes, None where there are too few to resample.
    """

    arm: str
    budget: int
    orders: int
    mean: dict[str, float | None]
    spread: dict[str, float | None]
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Contest:
    """An arm against the baseline, over the orders in which both are complete.

    Attributes
    ----------
    test, efficiency
        None where there is no such order; ``test`` also where the budgets do not reach.
    adjusted_p
        That of the test by Holm over all arms that were tested.
    """

    arm: str
    orders: int
    test: NonInferiority | None = None
    adjusted_p: float | None = None
    efficiency: Efficiency | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a benchmark shows.

    Attributes
    ----------
    missing
        By arm: how many of its cells have no result.
    """

    baseline: str
    budgets: tuple[int, ...]
    orders: int
    scenes: tuple[str, ...]
    factor: float
    margin: float
    confidence: float
    points: tuple[Point, ...]
    contests: tuple[Contest, ...]
    missing: dict[str, int]

    def of_arm(self, arm: str) -> list[Point]:
        """Return the points of an arm that have a result, by rising budget."""
        return [point for point in self.points if point.arm == arm and point.orders]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        return asdict(self)


def compare(results: Results, settings: BenchmarkSettings) -> Comparison:
    """Return what the results show: points, and every arm against the baseline."""
    points = tuple(
        _point(results, arm, index, budget, settings)
        for arm in results.arms
        for index, budget in enumerate(results.budgets)
    )
    rivals = [arm for arm in results.arms if arm != settings.baseline and settings.baseline in results.arms]
    contests = [_contest(results, arm, settings) for arm in rivals]
    adjusted = holm({one.arm: one.test.p for one in contests if one.test is not None and one.test.p is not None})
    return Comparison(
        settings.baseline,
        results.budgets,
        results.orders,
        results.scenes,
        settings.factor,
        settings.margin,
        settings.confidence,
        points,
        tuple(_decide(one, adjusted.get(one.arm), settings.confidence) for one in contests),
        {arm: int(np.count_nonzero(~results.there(arm))) for arm in results.arms},
    )


def _point(results: Results, arm: str, index: int, budget: int, settings: BenchmarkSettings) -> Point:
    there = results.there(arm)[:, index]
    count = int(there.sum())
    if not count:
        empty: dict[str, float | None] = dict.fromkeys(MEASURES)
        return Point(arm, budget, 0, empty, dict(empty), None, None)
    counts = results.of_arm(arm)[there][:, [index]]
    values = {name: measure(counts.sum(axis=2), name)[:, 0] for name in MEASURES}
    low, high = None, None
    resamples = _resamples(counts, settings)
    means = None if resamples is None else defined(resamples.curves(counts, "iou")[:, 0])
    if resamples is not None and means is not None:
        low, high = interval(float(values["iou"].mean()), means, resamples.least, settings.confidence)
        low, high = max(low, 0.0), min(high, 1.0)
    return Point(
        arm,
        budget,
        count,
        {name: _number(float(value.mean())) for name, value in values.items()},
        {name: _number(float(value.std(ddof=1))) if count > 1 else None for name, value in values.items()},
        low,
        high,
    )


def _contest(results: Results, arm: str, settings: BenchmarkSettings) -> Contest:
    orders = results.complete(arm, settings.baseline)
    if not len(orders):
        return Contest(arm, 0)
    own, other = results.of_arm(arm)[orders], results.of_arm(settings.baseline)[orders]
    resamples = _resamples(own, settings)
    test = noninferiority(
        results.budgets,
        own,
        other,
        resamples,
        factor=settings.factor,
        margin=settings.margin,
        confidence=settings.confidence,
    )
    factor = efficiency(results.budgets, own, other, resamples, settings.confidence)
    return Contest(arm, len(orders), test, None, factor)


def _decide(contest: Contest, adjusted: float | None, confidence: float) -> Contest:
    """Return the contest with its p value adjusted; what does not withstand that is undecided."""
    test = contest.test
    if test is None or adjusted is None:
        return contest
    if test.decision == "holds" and adjusted >= 1 - confidence:
        test = replace(test, decision="undecided")
    return replace(contest, test=test, adjusted_p=adjusted)


def _resamples(counts: Floats, settings: BenchmarkSettings) -> Resamples | None:
    orders, _, scenes, _ = counts.shape
    if min(orders, scenes) < _LEAST:
        return None
    return Resamples.draw(settings.resamples, orders, scenes, settings.seed)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)

"""The test of the claim: worked examples, its level and what it refuses to decide."""

from functools import partial
from math import sqrt

import numpy as np
import pytest
from scipy.stats import t

from bocage.training.curve.bootstrap import Resamples
from bocage.training.curve.noninferiority import NonInferiority, noninferiority
from bocage.training.curve.noninferiority import test_budgets as budgets_of_test
from bocage.training.curve.results import Results
from tests.training.curve.simulated import BUDGETS, logistic, simulate


def run(true: float, seed: int = 0, noise: float = 0.01, margin: float = 0.01) -> NonInferiority:
    curves = {"unet": partial(logistic, half=100), "model": partial(logistic, half=100 / true)}
    records = simulate(curves, order_noise=noise, seed=seed)
    results = Results.of(records, list(curves), 5, BUDGETS)
    draws = Resamples.draw(300, 5, 6, seed)
    found = noninferiority(
        BUDGETS,
        results.of_arm("model"),
        results.of_arm("unet"),
        draws,
        factor=20.0,
        margin=margin,
        confidence=0.95,
    )
    assert found is not None
    return found


def test_the_budgets_are_the_largest_and_a_twentieth_of_it() -> None:
    assert budgets_of_test((5, 25, 125, 500), 20.0) == (500, 25.0)
    assert budgets_of_test((5, 100), 20.0) == (100, 5.0)
    assert budgets_of_test((5, 25), 20.0) is None


def test_a_far_better_model_passes_and_a_far_worse_one_fails() -> None:
    better, worse = run(100.0), run(2.0)
    assert better.decision == "holds"
    assert better.p is not None
    assert better.p < 0.01
    assert worse.decision == "fails"
    assert worse.high is not None
    assert worse.high < -0.01


def test_much_noise_is_not_decided() -> None:
    found = run(20.0, noise=0.08)
    assert found.decision == "undecided"
    assert found.low is not None
    assert found.high is not None
    assert found.low < -0.01 < found.high


def test_a_model_at_the_margin_seldom_passes() -> None:
    # Truly worse by just the margin: the one-sided level is 5 %.
    passes = 0
    for seed in range(60):
        curves = {"unet": lambda _: 0.6, "model": lambda _: 0.59}
        records = simulate(curves, order_noise=0.02, seed=seed)
        results = Results.of(records, list(curves), 5, BUDGETS)
        found = noninferiority(
            BUDGETS,
            results.of_arm("model"),
            results.of_arm("unet"),
            Resamples.draw(200, 5, 6, seed),
            factor=20.0,
            margin=0.01,
            confidence=0.95,
        )
        passes += found is not None and found.decision == "holds"
    assert passes <= 8


def test_the_bounds_are_those_of_student_when_scenes_do_not_scatter() -> None:
    one, two = np.array([0.6, 0.64, 0.62, 0.66, 0.58]), np.array([0.61, 0.6, 0.6, 0.62, 0.59])
    counts = np.zeros((2, 5, 2, 6, 8))
    counts[0, :, :, :, 0], counts[1, :, :, :, 0] = one[:, None, None], two[:, None, None]
    counts[..., 1] = 1 - counts[..., 0]
    found = noninferiority(
        (5, 100), counts[0], counts[1], Resamples.draw(40_000, 5, 6), factor=20.0, margin=0.01, confidence=0.95
    )
    assert found is not None
    difference = one - two
    error = difference.std(ddof=1) / sqrt(5)
    assert found.difference == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - t.ppf(0.95, 4) * error, abs=5e-4)
    assert found.p == pytest.approx(t.sf((difference.mean() + 0.01) / error, 4), abs=5e-3)


def test_a_budget_between_two_is_read_on_the_logarithm() -> None:
    counts = np.zeros((1, 3, 1, 8))
    counts[0, :, 0, 0] = [0.4, 0.6, 0.7]
    counts[..., 1] = 1 - counts[..., 0]
    # 1000 / 31.6 = 31.6, midway between 10 and 100.
    found = noninferiority((10, 100, 1000), counts, counts, None, factor=1000 / 10**1.5, margin=0.01, confidence=0.95)
    assert found is not None
    assert found.arm == pytest.approx(0.5)
    assert found.baseline == pytest.approx(0.7)
    assert found.decision == "undecided"
    assert found.low is None

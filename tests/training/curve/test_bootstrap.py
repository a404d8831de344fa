"""Resampling: its widths against formulas, its coverage against a known truth."""

from math import sqrt

import numpy as np
import pytest

from bocage.training.curve.bootstrap import Resamples, curve, interval, standard_error, widening
from bocage.training.curve.results import Results
from tests.training.curve.simulated import simulate


def test_the_widening_of_few_is_that_of_student() -> None:
    # t(4, 0.975) = 2.776, z(0.975) = 1.960.
    assert widening(5, 0.975) == pytest.approx(2.7764 / 1.9600 * sqrt(5 / 4), abs=1e-3)
    assert widening(2000, 0.975) == pytest.approx(1.0, abs=2e-3)


def test_an_interval_is_the_widened_quantiles() -> None:
    resampled = np.linspace(-1, 1, 2001)
    low, high = interval(0.0, resampled, 5, 0.95)
    assert high == pytest.approx(0.95 * widening(5, 0.975), abs=1e-3)
    assert low == pytest.approx(-high)


def test_the_standard_error_of_a_mean_is_the_textbooks() -> None:
    values = np.array([0.1, 0.4, 0.2, 0.7, 0.6])
    rng = np.random.default_rng(0)
    means = values[rng.integers(5, size=(40_000, 5))].mean(axis=1)
    assert standard_error(means, 5) == pytest.approx(values.std(ddof=1) / sqrt(5), rel=0.02)


def test_resamples_are_the_same_for_every_arm() -> None:
    records = simulate({"one": lambda _: 0.5, "two": lambda _: 0.5}, order_noise=0.0)
    results = Results.of(records, ["one", "two"], 5, (5, 25, 125, 500))
    draws = Resamples.draw(50, 5, 6)
    one, two = (draws.curves(results.of_arm(arm), "iou") for arm in ("one", "two"))
    # Both arms have the same scenes, and these scatter; their difference does not.
    np.testing.assert_allclose(one, two)
    assert one.std() > 0.002


def test_the_curve_is_the_mean_over_orders_of_all_pixels() -> None:
    counts = np.zeros((2, 1, 2, 8))
    # Order 0: 6 of 10 and 0 of 10, 6 / 20 together; order 1: 5 of 10 and 5 of 10.
    counts[0, 0, :, 0], counts[0, 0, :, 1] = [6, 0], [4, 10]
    counts[1, 0, :, 0], counts[1, 0, :, 1] = [5, 5], [5, 5]
    assert curve(counts, "iou") == pytest.approx([(0.3 + 0.5) / 2])
    # Only the first scene is drawn, in both orders.
    draws = Resamples(np.array([[0, 1]]), np.array([[2.0, 0.0]]))
    assert draws.curves(counts, "iou")[0] == pytest.approx([(0.6 + 0.5) / 2])


def test_the_interval_of_a_mean_covers_the_truth() -> None:
    covered, plain, trials = 0, 0, 150
    truth = 0.6
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        ground, noise = rng.normal(0, 0.04, 6), rng.normal(0, 0.03, 5)
        iou = truth + ground + noise[:, np.newaxis]
        counts = np.zeros((5, 1, 6, 8))
        counts[:, 0, :, 0], counts[:, 0, :, 1] = iou, 1 - iou
        draws = Resamples.draw(200, 5, 6, seed)
        means = draws.curves(counts, "iou")[:, 0]
        low, high = interval(float(curve(counts, "iou")[0]), means, draws.least, 0.95)
        covered += low <= truth <= high
        plain += bool(np.quantile(means, 0.025) <= truth <= np.quantile(means, 0.975))
    # 95 % is asked; the plain bootstrap of so few falls short of it.
    assert covered / trials >= 0.91
    assert plain < covered

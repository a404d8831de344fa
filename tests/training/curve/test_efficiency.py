"""The label-efficiency factor: a true factor is found, and what was not measured is not said."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from bocage.training.curve.bootstrap import Resamples
from bocage.training.curve.efficiency import Efficiency, efficiency
from bocage.training.curve.results import Results
from tests.training.curve.simulated import logistic, simulate

GRID = (5, 15, 45, 135, 400, 1200)


def factor(true: float, seed: int = 0, noise: float = 0.008) -> Efficiency:
    """Two curves of one form, the second of which needs ``true`` times fewer annotations."""
    curves = {"unet": partial(logistic, half=300), "model": partial(logistic, half=300 / true)}
    records = simulate(curves, orders=5, scenes=6, budgets=GRID, order_noise=noise, seed=seed)
    results = Results.of(records, list(curves), 5, GRID)
    draws = Resamples.draw(300, 5, 6, seed)
    return efficiency(GRID, results.of_arm("model"), results.of_arm("unet"), draws, 0.95)


@pytest.mark.parametrize("true", [1.0, 4.0, 20.0])
def test_a_true_factor_is_found(true: float) -> None:
    found = factor(true)
    assert found.factor == pytest.approx(true, rel=0.25)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= true <= found.high


def test_the_interval_of_a_true_factor_of_20_covers_it() -> None:
    found = [factor(20.0, seed, noise=0.02) for seed in range(12)]
    covered = sum(one.low is not None and one.high is not None and one.low <= 20 <= one.high for one in found)
    assert covered >= 10
    middle = np.median([one.factor for one in found if one.factor is not None])
    assert middle == pytest.approx(20, rel=0.2)


def plain(*heights: float) -> np.ndarray:
    """Counts of one order and one scene with these IoU, by budget."""
    counts = np.zeros((1, len(heights), 1, 8))
    counts[0, :, 0, 0], counts[0, :, 0, 1] = heights, 1 - np.array(heights)
    return counts


def test_a_worked_example() -> None:
    # The baseline reaches 0.5 with 100 and 0.7 with 10 000; the arm 0.5 with 10 and 0.7 with 1000: ten times fewer.
    budgets = (10, 100, 1000, 10_000)
    found = efficiency(budgets, plain(0.5, 0.6, 0.7, 0.8), plain(0.4, 0.5, 0.6, 0.7), None, 0.95)
    assert found.factor == pytest.approx(10)
    assert found.factors == pytest.approx([10] * len(found.factors))
    assert found.low is None
    assert "too few" in found.reason
    assert [(match.sign, round(match.factor, 6)) for match in found.matches] == [
        (">", 1.0),
        ("=", 10.0),
        ("=", 10.0),
        ("=", 10.0),
    ]


def test_curves_that_share_no_score_have_no_factor() -> None:
    budgets = (10, 100)
    better = efficiency(budgets, plain(0.7, 0.8), plain(0.4, 0.5), None, 0.95)
    assert better.factor is None
    assert "better" in better.reason
    assert [(match.sign, match.factor) for match in better.matches] == [(">", 1.0), (">", 10.0)]
    worse = efficiency(budgets, plain(0.4, 0.5), plain(0.7, 0.8), None, 0.95)
    assert worse.factor is None
    assert "worse" in worse.reason
    assert [(match.sign, match.factor) for match in worse.matches] == [("<", 0.1), ("<", 1.0)]


@pytest.mark.parametrize("heights", [(0.5,), (0.5, 0.5)])
def test_equal_flat_curves_are_not_called_better(heights: tuple[float, ...]) -> None:
    found = efficiency((10, 100)[: len(heights)], plain(*heights), plain(*heights), None, 0.95)
    assert found.factor is None
    assert "better" not in found.reason
    assert "single score" in found.reason


def test_a_flat_curve_gives_no_interval_rather_than_a_narrow_one() -> None:
    curves: dict[str, Callable[[float], float]] = {"unet": partial(logistic, half=300), "model": lambda _: 0.78}
    records = simulate(curves, budgets=GRID, order_noise=0.02)
    results = Results.of(records, list(curves), 5, GRID)
    found = efficiency(GRID, results.of_arm("model"), results.of_arm("unet"), Resamples.draw(200, 5, 6), 0.95)
    assert found.low is None
    assert found.reason

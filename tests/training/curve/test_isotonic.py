"""The rising fit: a worked example, its laws, and where it reaches a height."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.training.curve.isotonic import isotonic, reach


def test_a_worked_example() -> None:
    # 3 and 2 pool to 2.5; 6, 5 and 4 pool to 5.
    assert isotonic([1, 3, 2, 6, 5, 4, 7]) == pytest.approx([1, 2.5, 2.5, 5, 5, 5, 7])


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12))
def test_it_rises_keeps_the_mean_and_is_its_own_fit(values: list[float]) -> None:
    fit = isotonic(values)
    assert (np.diff(fit) >= 0).all()
    assert fit.mean() == pytest.approx(np.mean(values), abs=1e-9)
    np.testing.assert_allclose(isotonic(fit), fit)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_no_rising_sequence_is_nearer(values: list[float], other: list[float]) -> None:
    rival = np.sort(np.array(other[: len(values)]))
    assert ((isotonic(values) - values) ** 2).sum() <= ((rival - values) ** 2).sum() + 1e-12


def test_a_height_is_reached_between_budgets_and_never_beyond_them() -> None:
    logs, rising = np.log([10.0, 100.0, 1000.0]), np.array([0.4, 0.6, 0.6])
    found = np.exp(reach(logs, rising, np.array([0.4, 0.5, 0.6, 0.39, 0.61])))
    assert found[:3] == pytest.approx([10, 10**1.5, 100])
    assert np.isnan(found[3:]).all()


def test_a_single_budget_reaches_its_own_height_only() -> None:
    found = reach(np.log([10.0]), np.array([0.5]), np.array([0.5, 0.6]))
    assert found[0] == pytest.approx(np.log(10))
    assert np.isnan(found[1])

"""Laws of the draw: sizes, inclusion probabilities, spread, seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bocage.errors import SampleError
from bocage.samples.drawing import draw, equal


@given(st.integers(1, 60), st.data())
@settings(max_examples=60, deadline=None)
def test_the_size_is_exact_for_equal_probabilities(size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, size))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    found = draw(rng.integers(0, 5, (size, 2)).astype(float), equal(size, count), rng)
    assert len(found) == count
    assert len(set(found.tolist())) == count


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_unequal_probabilities_keep_their_sum(probabilities: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = draw(rng.random((len(probabilities), 2)), np.array(probabilities), rng)
    assert np.floor(sum(probabilities) - 1e-6) <= len(found) <= np.ceil(sum(probabilities) + 1e-6)
    assert {index for index, one in enumerate(probabilities) if one == 1} <= set(found.tolist())
    assert not {index for index, one in enumerate(probabilities) if one == 0} & set(found.tolist())


def test_each_unit_is_drawn_as_often_as_its_probability_says() -> None:
    rng = np.random.default_rng(3)
    points = rng.random((12, 2))
    probabilities = np.array([0.1, 0.9, 0.5, 0.25, 0.75, 0.4, 0.6, 0.2, 0.8, 0.05, 0.95, 0.5])
    runs = 1500
    times = np.zeros(12)
    for _ in range(runs):
        times[draw(points, probabilities, rng)] += 1
    spread = np.sqrt(probabilities * (1 - probabilities) / runs)
    assert (np.abs(times / runs - probabilities) < 4.5 * spread).all()


def test_it_spreads_better_than_a_simple_random_draw() -> None:
    east, north = np.meshgrid(np.arange(20.0), np.arange(20.0))
    points = np.column_stack([east.ravel(), north.ravel()])

    def imbalance(chosen: NDArray[np.intp]) -> float:
        """Mean squared deviation of the probability in each Voronoi polygon from 1 (Stevens and Olsen 2004)."""
        _, owner = cKDTree(points[chosen]).query(points)
        return float(np.mean((np.bincount(owner, minlength=len(chosen)) * 0.1 - 1) ** 2))

    balanced = [imbalance(draw(points, equal(400, 40), np.random.default_rng(seed))) for seed in range(10)]
    simple = [imbalance(np.random.default_rng(seed).choice(400, 40, replace=False)) for seed in range(10)]
    assert np.mean(balanced) < 0.5 * np.mean(simple)


def test_the_seed_decides() -> None:
    points = np.random.default_rng(0).random((80, 2))
    one, again, other = (draw(points, equal(80, 9), np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_impossible_probabilities_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SampleError):
        draw(np.zeros((2, 2)), np.array([0.5, 1.5]), rng)
    with pytest.raises(SampleError):
        draw(np.zeros((2, 2)), np.array([0.5]), rng)

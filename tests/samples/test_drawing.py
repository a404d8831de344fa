"""Laws of the draw: sizes, inclusion probabilities, spread, seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.samples.footprints import cells_box, frame_of, scene

from bocage.errors import SampleError
from bocage.samples import drawing
from bocage.samples.balance import imbalance
from bocage.samples.drawing import draw, draw_equal, thin


def square(side: int) -> NDArray[np.int64]:
    east, north = np.meshgrid(np.arange(side), np.arange(side))
    return np.column_stack([east.ravel(), north.ravel()])


@given(st.integers(1, 90), st.data())
@settings(max_examples=60)
def test_the_size_is_exact_for_equal_probabilities(size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, size))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    found = draw_equal(rng.integers(0, 5, (size, 2)), count, rng)
    assert len(found) == len(set(found.tolist())) == count
    assert (np.diff(found) > 0).all()


@given(st.integers(1, 200), st.data())
@settings(max_examples=200)
def test_thinning_takes_one_of_each_group_in_order(size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, size))
    found = thin(size, count, np.random.default_rng(data.draw(st.integers(0, 1000))))
    assert len(set(found.tolist())) == count
    # Of every stretch of units there are as many as its mass, to less than two.
    inside = np.zeros(size, np.int64)
    inside[found] = 1
    assert (np.abs(np.cumsum(inside) - np.arange(1, size + 1) * count / size) < 1 + 1e-9).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(0, 1000))
@settings(max_examples=80)
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


@pytest.mark.parametrize(("size", "count"), [(12, 5), (12, 7), (13, 1), (30, 4), (10, 10), (9, 8)])
def test_thinning_gives_every_unit_the_same_probability(size: int, count: int) -> None:
    rng = np.random.default_rng(size)
    runs = 6000
    times = np.bincount(np.concatenate([thin(size, count, rng) for _ in range(runs)]), minlength=size)
    share = count / size
    assert (np.abs(times / runs - share) <= 4.5 * np.sqrt(share * (1 - share) / runs)).all()


def test_both_phases_together_give_every_unit_the_same_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_POOL", 2)
    # Two units on each of five spots, and a row of others: 40 units, of which 6 are drawn from a pool of 12.
    places = np.vstack([square(5), np.array([[x, 9] for x in range(5)]), np.repeat(square(5)[::5], 2, axis=0)])
    rng = np.random.default_rng(8)
    runs = 3000
    times = np.bincount(np.concatenate([draw_equal(places, 6, rng) for _ in range(runs)]), minlength=len(places))
    share = 6 / len(places)
    assert (np.abs(times / runs - share) < 4.5 * np.sqrt(share * (1 - share) / runs)).all()


def test_estimates_are_unbiased_and_better_than_from_a_simple_random_draw() -> None:
    places = square(40)
    values = places[:, 0] + 3.0 * (places[:, 1] > 17)
    estimates, rivals = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        estimates.append(values[draw_equal(places, 25, rng)].mean())
        rivals.append(values[rng.choice(len(places), 25, replace=False)].mean())
    assert abs(np.mean(estimates) - values.mean()) < 4.5 * np.std(estimates) / np.sqrt(150)
    assert np.std(estimates) < 0.5 * np.std(rivals)


def test_it_spreads_better_than_a_simple_random_draw() -> None:
    frame = frame_of([scene("a", cells_box(0, 0, 60, 60))])
    one = np.zeros(len(frame), np.int64)

    def spread(chosen: NDArray[np.intp]) -> float:
        return imbalance(frame, one, np.isin(np.arange(len(frame)), chosen))

    balanced = [spread(draw_equal(frame.places, 40, np.random.default_rng(seed))) for seed in range(8)]
    whole = [
        spread(draw(frame.places.astype(np.float64), np.full(3600, 1 / 90), np.random.default_rng(seed)))
        for seed in range(4)
    ]
    simple = [spread(np.random.default_rng(seed).choice(3600, 40, replace=False)) for seed in range(8)]
    assert np.mean(balanced) < 0.4 * np.mean(simple)
    # The pool of the second phase loses little against the local pivotal method on everything.
    assert np.mean(balanced) < 1.5 * np.mean(whole)


def test_the_seed_decides() -> None:
    places = np.random.default_rng(0).integers(0, 99, (800, 2))
    one, again, other = (draw_equal(places, 9, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_impossible_draws_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SampleError, match=r"outside 0\.\.1"):
        draw(np.zeros((2, 2)), np.array([0.5, 1.5]), rng)
    with pytest.raises(SampleError, match="1 probabilities do not fit 2 points"):
        draw(np.zeros((2, 2)), np.array([0.5]), rng)
    with pytest.raises(SampleError, match="cannot draw 3 of 2 units"):
        draw_equal(np.zeros((2, 2), np.int64), 3, rng)

"""Balancing a block of scenes: exact stretches, no drift, no order, no effect where nothing overlaps."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.scenes.harmonisation import GAINS, LARGEST_SHIFT, apply, median_difference, solve
from bocage.scenes.matching import Floats, Match, Pair, match_histogram
from bocage.scenes.scene import Stretch
from bocage.scenes.stretch import apply_stretch


def line(first: str, second: str, slope: float, centres: tuple[float, float], weight: float = 10_000) -> Match:
    """The same line in four bands."""
    return Match(
        first,
        second,
        *(np.full(4, value) for value in (slope, *centres, weight, weight)),
    )


def views(gains: list[float], offsets: list[float], seed: int = 0) -> tuple[list[Pair], list[str]]:
    """One ground seen by several scenes, each through its own gain and offset."""
    ground = np.random.default_rng(seed).normal(120, 25, (4, 3000))
    names = [f"s{index}" for index in range(len(gains))]
    values = {
        name: np.clip(gain * (ground - 120) + 120 + offset, 1, 255).astype(np.float32)
        for name, gain, offset in zip(names, gains, offsets, strict=True)
    }
    return [Pair(a, b, values[a], values[b]) for a, b in itertools.combinations(names, 2)], names


limits = st.tuples(st.floats(-500, 5000), st.floats(0.5, 8000)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(
    stretch=st.lists(limits, min_size=3, max_size=4).map(tuple),
    gain=st.floats(*GAINS),
    shift=st.floats(-LARGEST_SHIFT, LARGEST_SHIFT),
    share=st.floats(-0.5, 1.5),
)
def test_the_new_stretch_is_the_old_one_adjusted(stretch: Stretch, gain: float, shift: float, share: float) -> None:
    """Exact on every value, clipped or not: a stretch is a straight line, and so is the adjustment."""
    changed = apply(stretch, np.tile([gain, shift], (4, 1)))
    assert len(changed) == len(stretch)
    for (low, high), (new_low, new_high) in zip(stretch, changed, strict=True):
        assert new_low < new_high
        number = low + share * (high - low)
        old = 1 + 254 * (number - low) / (high - low)
        new = 1 + 254 * (number - new_low) / (new_high - new_low)
        assert new == pytest.approx(gain * old + shift, rel=1e-6, abs=1e-6)


def test_a_reader_with_the_new_stretch_gives_the_adjusted_values() -> None:
    numbers = np.random.default_rng(0).integers(300, 1800, (4, 40, 40)).astype(np.uint16)
    valid = np.ones((40, 40), dtype=bool)
    stretch = ((200.0, 2000.0),) * 4
    adjustment = np.array([[1.2, -10.0], [0.8, 25.0], [1.0, 0.0], [0.6, 60.0]])
    old = 1 + (numbers - 200) / 1800 * 254
    expected = np.clip(adjustment[:, 0, None, None] * old + adjustment[:, 1, None, None], 1, 255)
    result = apply_stretch(numbers, valid, apply(stretch, adjustment))
    assert np.abs(result - expected).max() <= 0.51


def test_scenes_of_the_same_ground_become_alike_and_the_mean_stays() -> None:
    gains, offsets = [1.0, 1.3, 0.7, 1.1], [0.0, 15.0, -20.0, 10.0]
    pairs, names = views(gains, offsets)
    solution = solve([match_histogram(pair) for pair in pairs], names)
    before, after = median_difference(pairs), median_difference(pairs, solution.adjustments)
    assert before is not None
    assert after is not None
    assert before.overall > 10
    assert after.overall < 1
    assert max(after.bands) < 1
    found = np.array([solution.adjustments[name] for name in names])
    assert np.log(found[:, :, 0]).mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    shifts = found[:, :, 0] * (120 + np.array(offsets))[:, None] + found[:, :, 1] - (120 + np.array(offsets))[:, None]
    assert shifts.mean(axis=0) == pytest.approx(np.zeros(4), abs=1)
    assert solution.bounded == ()


@given(seed=st.integers(0, 2**16), data=st.data())
def test_neither_order_of_scenes_nor_of_pairs_matters(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    names = [f"s{index}" for index in range(7)]
    edges = [edge for edge in itertools.combinations(names, 2) if rng.random() < 0.4]
    matches = [
        line(a, b, float(rng.uniform(0.6, 1.6)), (float(rng.uniform(60, 190)), float(rng.uniform(60, 190))),
             float(rng.uniform(100, 20_000)))
        for a, b in edges
    ]  # fmt: skip
    expected = solve(matches, names)
    shuffled = data.draw(st.permutations(matches))
    turned = [match.turned() if index % 2 else match for index, match in enumerate(shuffled)]
    found = solve(turned, data.draw(st.permutations(names)))
    assert found.bounded == expected.bounded
    for name in names:
        assert found.adjustments[name] == pytest.approx(expected.adjustments[name], rel=1e-9, abs=1e-9)
    met = {name for edge in edges for name in edge}
    for name in set(names) - met:
        assert np.array_equal(found.adjustments[name], np.tile([1.0, 0.0], (4, 1)))


def test_groups_that_do_not_touch_do_not_move_each_other() -> None:
    left, right = line("a", "b", 1.4, (100, 130)), line("c", "d", 0.8, (150, 90))
    both = solve([left, right], ["a", "b", "c", "d"]).adjustments
    for match in (left, right):
        names = [match.first, match.second]
        alone = solve([match], names).adjustments
        for name in names:
            assert both[name] == pytest.approx(alone[name])
        assert np.log([both[name][0, 0] for name in names]).sum() == pytest.approx(0, abs=1e-12)


def test_nothing_overlaps_nothing_changes() -> None:
    solution = solve([], ["a", "b"])
    assert all(np.array_equal(value, np.tile([1.0, 0.0], (4, 1))) for value in solution.adjustments.values())
    assert median_difference([]) is None
    assert solve([], []).adjustments == {}


def test_a_pair_of_few_pixels_yields_to_one_of_many() -> None:
    strong, weak = line("a", "b", 1.0, (100, 120), 20_000), line("a", "b", 1.0, (100, 180), 100)

    def gap(adjustments: dict[str, Floats]) -> float:
        return float((adjustments["a"][0] - adjustments["b"][0])[1])

    assert gap(solve([strong, weak], ["a", "b"]).adjustments) == pytest.approx(20, abs=0.5)
    assert 0 < gap(solve([weak], ["a", "b"]).adjustments) < 60


def test_bounds_hold_and_are_reported() -> None:
    solution = solve([line("a", "b", 9.0, (60, 60)), line("c", "d", 1.0, (20, 240))], ["a", "b", "c", "d", "e"])
    assert solution.bounded == ("a", "b", "c", "d")
    for adjustment in solution.adjustments.values():
        assert np.all((adjustment[:, 0] >= GAINS[0]) & (adjustment[:, 0] <= GAINS[1]))
    assert solution.adjustments["c"][0] == pytest.approx([1, LARGEST_SHIFT])
    assert solution.adjustments["d"][0] == pytest.approx([1, -LARGEST_SHIFT])


def test_drift_along_a_chain_is_bounded() -> None:
    """Sixty scenes in a row, each a little brighter than the last by mistake: the ends must not run away."""
    names = [f"s{index:02}" for index in range(60)]
    matches = [line(a, b, 1.0, (120, 123), 500) for a, b in itertools.pairwise(names)]
    solution = solve(matches, names)
    assert max(abs(value[0, 1]) for value in solution.adjustments.values()) < 10
    assert solution.bounded == ()


def test_a_scene_without_near_infrared_leaves_that_band_to_the_others() -> None:
    pairs, names = views([1.0, 1.2, 0.9], [0.0, 10.0, -5.0])
    cut = [
        replace(pair, first_values=pair.first_values[:3], second_values=pair.second_values[:3])
        if "s2" in {pair.first, pair.second}
        else pair
        for pair in pairs
    ]
    solution = solve([match_histogram(pair) for pair in cut], names)
    assert solution.adjustments["s2"][3].tolist() == [1, 0]
    assert solution.adjustments["s0"][3, 0] != 1
    after = median_difference(cut, solution.adjustments)
    assert after is not None
    assert len(after.bands) == 4
    assert after.overall < 1


def test_the_difference_is_that_of_the_values_a_reader_would_give() -> None:
    first, second = np.array([[10, 100, 250]], np.float32), np.array([[20, 90, 240]], np.float32)
    pair = Pair("a", "b", first.repeat(4, axis=0), second.repeat(4, axis=0))
    found = median_difference([pair])
    assert found is not None
    assert found.overall == 10
    assert found.pixels == 3
    lifted = {"a": np.tile([1.0, 200.0], (4, 1)), "b": np.tile([1.0, 235.0], (4, 1))}
    clipped = median_difference([pair], lifted)
    assert clipped is not None
    assert clipped.overall == 0

"""The line between two scenes: found again on made pixels, the same from either side, blind to what changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.scenes.matching import MATCHERS, Match, MatchMethod, Pair

GAIN = np.array([1.3, 0.8, 1.1, 0.9])
OFFSET = np.array([-20.0, 30.0, 5.0, 15.0])
METHODS: tuple[MatchMethod, ...] = ("histogram", "invariant")


def ground(pixels: int, seed: int = 0) -> NDArray[np.float64]:
    """Grey values of farmland: three visible bands that go together, and near infrared against them."""
    rng = np.random.default_rng(seed)
    shade, green = rng.normal(0, 1, (2, pixels))
    bands = np.array([shade + 0.2 * green, 0.9 * shade + 0.3 * green, 0.8 * shade, green - 0.5 * shade])
    return np.asarray(110 + 22 * bands + rng.normal(0, 4, bands.shape))


def seen(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a reader gives of grey values."""
    return np.clip(np.rint(values), 1, 255).astype(np.float32)


def pair_of(before: NDArray[np.float64], after: NDArray[np.float64], seed: int = 1) -> Pair:
    rng = np.random.default_rng(seed)
    first = before + rng.normal(0, 3, before.shape)
    second = GAIN[:, None] * after + OFFSET[:, None] + rng.normal(0, 3, after.shape)
    return Pair("a", "b", seen(first), seen(second))


def error(match: Match, values: NDArray[np.float64]) -> float:
    """The largest error of the line in grey values between the first and last tenth of the values."""
    x = np.quantile(values, [0.1, 0.5, 0.9], axis=1).T
    line = match.second_centre[:, None] + match.slope[:, None] * (x - match.first_centre[:, None])
    return float(np.abs(line - (GAIN[:, None] * x + OFFSET[:, None])).max())


@pytest.mark.parametrize("method", METHODS)
def test_the_line_is_found_where_nothing_changed(method: MatchMethod) -> None:
    values = ground(6000)
    match = MATCHERS[method](pair_of(values, values))
    assert error(match, values) < 1.5
    assert match.slope == pytest.approx(GAIN, rel=0.04)
    assert np.all(match.level_weight == pytest.approx(6000, rel=0.1))


@pytest.mark.parametrize("kind", ["green", "bare"])
def test_change_of_two_fifths_misleads_the_distributions_but_not_the_invariant_pixels(kind: str) -> None:
    values = ground(6000)
    later = values.copy()
    changed = np.random.default_rng(2).random(6000) < 0.4
    noise = np.random.default_rng(3).normal(0, 10, (4, changed.sum()))
    if kind == "green":
        later[:, changed] += np.array([-30, -15, -20, 45])[:, None] + noise
    else:
        later[:, changed] = np.array([150, 140, 130, 120])[:, None] + noise
    pair = pair_of(values, later)
    assert error(MATCHERS["invariant"](pair), values) < 1.5
    assert error(MATCHERS["histogram"](pair), values) > 8


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 2**16), pixels=st.integers(60, 400))
def test_scenes_of_a_pair_have_no_order(method: MatchMethod, seed: int, pixels: int) -> None:
    values = ground(pixels, seed)
    pair = pair_of(values, values[:, ::-1] if seed % 3 == 0 else values, seed)
    turned = Pair(pair.second, pair.first, pair.second_values, pair.first_values)
    match, other = MATCHERS[method](pair), MATCHERS[method](turned).turned()
    assert (match.first, match.second) == (other.first, other.second)
    for name in ("slope", "first_centre", "second_centre", "level_weight", "slope_weight"):
        assert getattr(other, name) == pytest.approx(getattr(match, name), rel=1e-6, abs=1e-6)


def test_clipped_values_do_not_bend_the_line() -> None:
    values = ground(20_000)
    dark = values - 75
    pair = Pair("a", "b", seen(values), seen(dark))
    assert (pair.second_values == 1).mean() > 0.05
    for method in METHODS:
        match = MATCHERS[method](pair)
        assert match.slope == pytest.approx(np.ones(4), abs=0.05)
        assert match.second_centre - match.first_centre == pytest.approx(np.full(4, -75.0), abs=1)


@pytest.mark.parametrize("method", METHODS)
def test_few_or_flat_pixels_claim_nothing(method: MatchMethod) -> None:
    few = ground(40)
    assert not MATCHERS[method](pair_of(few, few)).level_weight.any()
    none = Pair("a", "b", np.zeros((4, 0), np.float32), np.zeros((4, 0), np.float32))
    assert not MATCHERS[method](none).level_weight.any()
    water = Pair("a", "b", np.full((4, 500), 30, np.float32), np.full((4, 500), 42, np.float32))
    match = MATCHERS[method](water)
    assert match.slope == pytest.approx(np.ones(4))
    assert not match.slope_weight.any()
    assert match.second_centre - match.first_centre == pytest.approx(np.full(4, 12))
    white = Pair("a", "b", np.full((4, 500), 255, np.float32), np.full((4, 500), 42, np.float32))
    assert not MATCHERS[method](white).level_weight.any()


@pytest.mark.parametrize("method", METHODS)
def test_scenes_without_near_infrared_are_matched_in_three_bands(method: MatchMethod) -> None:
    values = ground(2000)
    pair = pair_of(values, values)
    match = MATCHERS[method](Pair("a", "b", pair.first_values[:3], pair.second_values[:3]))
    assert match.slope == pytest.approx(GAIN[:3], rel=0.05)

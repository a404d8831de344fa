"""From digital numbers to 1 to 255."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import SceneError
from bocage.scenes.stretch import IDENTITY, apply_stretch, find_stretch


def test_percentiles_are_those_of_the_pixels() -> None:
    samples = np.broadcast_to(np.arange(1001, dtype=np.uint16), (4, 1001))
    assert find_stretch(samples, "percentile", (0.01, 0.99), "a") == ((10.0, 990.0),) * 4
    assert find_stretch(samples, "minmax", (0.01, 0.99), "a") == ((0.0, 1000.0),) * 4


def test_constant_and_nearly_constant_bands_have_a_range() -> None:
    samples = np.full((4, 1000), 7, dtype=np.uint16)
    samples[1, 0] = 90
    low_high = find_stretch(samples, "percentile", (0.01, 0.99), "a")
    assert low_high[0] == (7.0, 8.0)
    assert low_high[1] == (7.0, 90.0)


def test_no_stretch_only_for_bytes() -> None:
    assert find_stretch(np.zeros((4, 9), dtype=np.uint8), "none", (0, 1), "a") == IDENTITY
    with pytest.raises(SceneError, match="uint16"):
        find_stretch(np.zeros((4, 9), dtype=np.uint16), "none", (0, 1), "a")


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1)])
def test_percentiles_out_of_order_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(SceneError, match="not in order"):
        find_stretch(np.zeros((4, 9), dtype=np.uint8), "percentile", shares, "a")


def test_identity_keeps_bytes() -> None:
    numbers = np.broadcast_to(np.arange(256, dtype=np.uint8), (4, 1, 256))
    result = apply_stretch(numbers, np.ones((1, 256), dtype=bool), IDENTITY)
    assert np.array_equal(result[0, 0], np.maximum(np.arange(256), 1))


@given(
    values=st.lists(st.floats(-1e5, 1e5, width=32), min_size=1, max_size=50),
    low=st.floats(-1000, 1000),
    width=st.floats(1, 5000),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_valid_is_never_zero_invalid_is_always_zero(values: list[float], low: float, width: float, seed: int) -> None:
    numbers = np.broadcast_to(np.array(values, dtype=np.float32), (4, 1, len(values)))
    valid = np.random.default_rng(seed).random((1, len(values))) < 0.7
    result = apply_stretch(numbers, valid, ((low, low + width),) * 4)
    assert (result[:, valid] >= 1).all()
    assert not result[:, ~valid].any()
    exact = 1 + np.clip((numbers[0] - low) / width, 0, 1) * 254
    assert np.abs(result[0] - exact)[valid].max(initial=0) <= 0.52


@given(
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int16", ">u2"]),
    low=st.floats(-40_000, 70_000),
    width=st.one_of(st.floats(0.5, 5000), st.sampled_from([254.0, 127.0, 508.0])),
    whole=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_table_gives_what_arithmetic_gives(dtype: str, low: float, width: float, whole: bool) -> None:
    """Every value of a type, beside its float: halves included, as low numbers without a fraction make them."""
    low = float(round(low)) if whole else low
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1)
    numbers = np.stack([values, values[::-1]]).reshape(2, 16, -1)
    valid = np.random.default_rng(0).random(numbers.shape[1:]) < 0.9
    stretch = ((low, low + width), (low - 3, low + width))
    expected = apply_stretch(numbers.astype(np.float64), valid, stretch)
    assert np.array_equal(apply_stretch(numbers.astype(dtype), valid, stretch), expected)
    if dtype == "uint8":
        own = numbers.astype(dtype)
        apply_stretch(own, valid, stretch, own)
        assert np.array_equal(own, expected)
    # An odd number of pixels, not one beside the other.
    numbers, valid, expected = numbers[:, :15], valid[:15], expected[:, :15]
    columns = slice(-13, None, 2)
    part = apply_stretch(numbers.astype(dtype)[:, :, columns], valid[:, columns], stretch)
    assert np.array_equal(part, expected[:, :, columns])


def test_halves_are_rounded_up() -> None:
    for dtype in ("uint16", "float32"):
        numbers = np.array([[[0, 1, 2, 3, 508, 509, 600]]] * 3).astype(dtype)
        result = apply_stretch(numbers, np.ones((1, 7), dtype=bool), ((0.0, 508.0),) * 3)
        assert result[0, 0].tolist() == [1, 2, 2, 3, 255, 255, 255]


def test_what_is_invalid_may_be_no_number() -> None:
    numbers = np.full((4, 2, 3), np.nan, dtype=np.float32)
    numbers[:, 0, 0], numbers[:, 1, 1] = 7, np.inf
    valid = np.zeros((2, 3), dtype=bool)
    valid[0, 0] = True
    result = apply_stretch(numbers, valid, ((7.0, 8.0),) * 4)
    assert result[0].tolist() == [[1, 0, 0], [0, 0, 0]]

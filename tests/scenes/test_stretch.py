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

"""Exhaustive comparison: known counts, nodata as a third state, and sums that do not depend on the cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.accuracy.exhaustive import BOUNDARY_PIXELS, Tally, compare, tally


def test_counts_of_a_known_pair() -> None:
    truth = np.array([[1, 1, 0, 0, 255]], dtype=np.uint8)
    mapped = np.array([[1, 0, 1, 0, 1]], dtype=np.uint8)
    result = tally(compare(mapped, truth))
    assert (result.hit, result.missed, result.false, result.rejected, result.no_reference) == (1, 1, 1, 1, 1)
    assert result.iou == pytest.approx(1 / 3)
    assert result.f1 == result.precision == result.recall == result.overall == 0.5


def test_nodata_of_the_map_is_neither_tree_nor_background() -> None:
    truth = np.ones((4, 4), dtype=np.uint8)
    mapped = np.full((4, 4), 255, dtype=np.uint8)
    result = tally(compare(mapped, truth))
    assert result.no_map == 16
    assert result.decided == 0
    assert result.iou is None
    assert result.boundary_f1 is None


@pytest.mark.parametrize(("shift", "fits"), [(0, True), (2, True), (3, False)])
def test_boundary_tolerates_two_pixels(shift: int, fits: bool) -> None:
    truth = np.zeros((60, 60), dtype=np.uint8)
    truth[:, 20:40] = 1
    result = tally(compare(np.roll(truth, shift, axis=1), truth))
    assert result.boundary_f1 == (1.0 if fits else 0.0)


def test_edge_of_the_data_is_no_boundary() -> None:
    truth = np.ones((10, 10), dtype=np.uint8)
    truth[:, :3] = 255
    result = tally(compare(np.ones((10, 10), dtype=np.uint8), truth))
    assert result.edge_truth == result.edge_map == 0


@given(st.integers(0, 2**32 - 1), st.integers(12, 40), st.integers(5, 35))
@settings(max_examples=40, deadline=None)
def test_tallies_of_parts_add_up(seed: int, size: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    choices = np.array([0, 1, 255], dtype=np.uint8)
    mapped, truth = (rng.choice(choices, (size, size), p=(0.5, 0.4, 0.1)) for _ in range(2))
    cut = min(cut, size - 1)
    whole = tally(compare(mapped, truth))
    margin = BOUNDARY_PIXELS + 1
    total = Tally()
    for first, last in ((0, cut), (cut, size)):
        start, end = max(first - margin, 0), min(last + margin, size)
        flags = compare(mapped[start:end], truth[start:end])
        total += tally(flags[first - start : last - start])
    assert total == whole
    inside = rng.random((size, size)) < 0.5
    flags = compare(mapped, truth)
    assert tally(flags, inside) + tally(flags, ~inside) == whole

"""Boundary F1: worked examples, and laws that hold for any mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.training.boundary import BoundaryAgreement, outline, widen


def square(size: int, top: int, left: int, edge: int) -> NDArray[np.uint8]:
    mask = np.zeros((size, size), np.uint8)
    mask[top : top + edge, left : left + edge] = 1
    return mask


def test_the_outline_of_a_square_is_its_rim() -> None:
    mask = square(12, 3, 3, 5) == 1
    rim = outline(mask, np.ones_like(mask))
    assert rim.sum() == 16
    assert not rim[4:7, 4:7].any()


def test_a_square_that_is_moved_by_the_tolerance_is_found_whole() -> None:
    label = square(30, 8, 8, 10)
    moved = square(30, 8, 10, 10) == 1
    assert BoundaryAgreement.of(moved, label).f1 == 1.0
    # Three pixels aside: nine of ten pixels of the upper and lower sides still match, and of the left side the two
    # next to each of them.
    further = BoundaryAgreement.of(square(30, 8, 11, 10) == 1, label)
    assert (further.predicted, further.true) == (36, 36)
    assert further.right == further.found == 2 * 9 + 2 * 2
    assert further.f1 == pytest.approx(22 / 36)


def test_the_harmonic_mean_of_a_worked_example() -> None:
    assert BoundaryAgreement(predicted=10, right=5, true=4, found=3).f1 == pytest.approx(2 * 0.5 * 0.75 / 1.25)


def test_what_is_undefined_is_none_and_what_is_missed_is_zero() -> None:
    empty = np.zeros((8, 8), np.uint8)
    assert BoundaryAgreement.of(empty == 1, empty).f1 is None
    assert BoundaryAgreement.of(empty == 1, square(8, 2, 2, 3)).f1 == 0.0
    assert BoundaryAgreement.of(square(8, 2, 2, 3) == 1, empty).f1 == 0.0


def test_the_edge_of_a_chip_is_no_boundary() -> None:
    label = np.ones((9, 9), np.uint8)
    assert BoundaryAgreement.of(label == 1, label) == BoundaryAgreement()


def test_a_boundary_with_the_unknown_is_none() -> None:
    label = np.full((10, 10), 255, np.uint8)
    label[:, :4] = 1
    says = label == 1
    assert BoundaryAgreement.of(says, label) == BoundaryAgreement()
    # What is predicted where nothing is known changes nothing.
    assert BoundaryAgreement.of(np.ones_like(says), label) == BoundaryAgreement()


def test_the_tolerance_is_a_disk() -> None:
    point = np.zeros((9, 9), np.bool_)
    point[4, 4] = True
    rows, columns = np.nonzero(widen(point, 2.0))
    assert sorted({(int(r) - 4) ** 2 + (int(c) - 4) ** 2 for r, c in zip(rows, columns, strict=True)}) == [0, 1, 2, 4]
    assert np.array_equal(widen(point, 0.0), point)


masks = st.integers(0, 10_000).map(
    lambda seed: (
        np.random.default_rng(seed).random((14, 11)) < 0.5,
        np.random.default_rng(seed + 1).choice(np.array([0, 1, 255], np.uint8), (14, 11), p=[0.45, 0.45, 0.1]),
    )
)


@given(pair=masks, turns=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_turning_both_changes_nothing(pair: tuple[NDArray[np.bool_], NDArray[np.uint8]], turns: int) -> None:
    says, label = pair
    assert BoundaryAgreement.of(says, label) == BoundaryAgreement.of(np.rot90(says, turns), np.rot90(label, turns))


@given(pair=masks, tolerance=st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_swapping_both_swaps_the_counts_and_a_wider_tolerance_finds_no_less(
    pair: tuple[NDArray[np.bool_], NDArray[np.uint8]], tolerance: float
) -> None:
    says, label = pair
    known = label != 255
    one = BoundaryAgreement.of(says, label, tolerance)
    swapped = np.where(known, says, 255).astype(np.uint8)
    two = BoundaryAgreement.of(label == 1, swapped, tolerance)
    assert (one.predicted, one.right, one.true, one.found) == (two.true, two.found, two.predicted, two.right)
    wider = BoundaryAgreement.of(says, label, tolerance + 1)
    assert wider.right >= one.right
    assert wider.found >= one.found
    assert one.right <= one.predicted
    assert one.found <= one.true


@given(pair=masks)
@settings(max_examples=25, deadline=None)
def test_the_unknown_may_hold_anything(pair: tuple[NDArray[np.bool_], NDArray[np.uint8]]) -> None:
    says, label = pair
    assert BoundaryAgreement.of(says | (label == 255), label) == BoundaryAgreement.of(says & (label != 255), label)

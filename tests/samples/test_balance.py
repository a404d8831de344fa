"""The measure of spread, on cases small enough to count by hand."""

import numpy as np
import pytest
from tests.samples.footprints import cells_box, frame_of, scene

from bocage.samples.balance import imbalance, simple_random


def test_a_row_of_four_by_hand() -> None:
    frame = frame_of([scene("a", cells_box(0, 0, 4, 1))])
    one = np.zeros(4, np.int64)
    # Two of four: each unit counts 0.5, so even halves sum to 1 each.
    assert imbalance(frame, one, np.array([True, False, False, True])) == 0
    # The first holds itself only (0.5), the second the other three (1.5).
    assert imbalance(frame, one, np.array([True, True, False, False])) == pytest.approx(0.25)
    # The middle unit of three is as near to both ends and is shared.
    three = frame_of([scene("a", cells_box(0, 0, 3, 1))])
    assert imbalance(three, one[:3], np.array([True, False, True])) == 0


def test_strata_are_counted_apart() -> None:
    frame = frame_of([scene("a", cells_box(0, 0, 4, 1))])
    stratum = np.array([0, 0, 1, 1])
    assert imbalance(frame, stratum, np.array([True, False, False, True])) == 0
    assert imbalance(frame, stratum, np.array([True, False, False, False])) == 0


def test_a_cell_in_two_scenes_counts_twice() -> None:
    frame = frame_of([scene("a", cells_box(0, 0, 2, 1)), scene("b", cells_box(0, 0, 1, 1))])
    # Two of three units: the twice shown cell sums to 4/3, the other to 2/3.
    assert imbalance(frame, np.zeros(3, np.int64), np.array([True, True, False])) == pytest.approx(1 / 9)


def test_the_rival_draws_as_many_of_each_stratum() -> None:
    stratum = np.repeat([0, 1, 2], [10, 20, 5])
    drawn = np.zeros(35, np.bool_)
    drawn[[0, 1, 12, 13, 14]] = True
    rival = simple_random(stratum, drawn, np.random.default_rng(0))
    assert np.bincount(stratum[rival], minlength=3).tolist() == [2, 3, 0]

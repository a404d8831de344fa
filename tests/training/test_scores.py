"""Scores follow from counts, and counts add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.training.scores import Agreement


def test_a_worked_example() -> None:
    predicted = np.array([[True, True, False, False, True]])
    label = np.array([[1, 0, 1, 0, 255]], np.uint8)
    agreement = Agreement.of(predicted, label)
    assert agreement == Agreement(found=1, missed=1, false=1, right=1)
    scores = agreement.scores()
    assert scores["iou"] == pytest.approx(1 / 3, abs=1e-6)
    assert (scores["f1"], scores["precision"], scores["recall"]) == (0.5, 0.5, 0.5)
    assert (scores["tree_share"], scores["pixels"]) == (0.5, 4)


def test_what_is_undefined_is_none() -> None:
    assert Agreement(right=5).scores()["iou"] is None
    assert Agreement().scores()["tree_share"] is None


@given(seed=st.integers(0, 10_000), cut=st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_parts_add_up_to_the_whole(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    predicted = rng.random((12, 5)) < 0.5
    label = rng.choice(np.array([0, 1, 255], np.uint8), (12, 5))
    parts = Agreement.of(predicted[:cut], label[:cut]) + Agreement.of(predicted[cut:], label[cut:])
    assert parts == Agreement.of(predicted, label)

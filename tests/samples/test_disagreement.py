"""Places where model and label disagree: borders are none, certainty weighs, what a person corrected does not count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.samples.disagreement import chance_of_error, compare

SIDE = 40
NONE = np.zeros((SIDE, SIDE), np.bool_)


def ground() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A wood of 20 x 20 pixels that model and label share, with a confidence of 60."""
    label, confidence = np.zeros((SIDE, SIDE), np.uint8), np.full((SIDE, SIDE), 60, np.uint8)
    label[10:30, 10:30] = 1
    return label, confidence, np.where(label == 1, 0.9, 0.1).astype(np.float32)


def test_agreement_and_borders_are_no_places() -> None:
    label, confidence, probability = ground()
    same = compare(label, confidence, probability, NONE)
    assert (same.gain, same.places, same.largest, same.centre) == (0, 0, 0, None)
    assert same.difference == pytest.approx(0.1)
    # The model draws the wood two pixels wider on every side.
    wider = probability.copy()
    wider[8:32, 8:32] = 0.9
    assert compare(label, confidence, wider, NONE).gain == 0
    assert compare(label, confidence, wider, NONE).difference > same.difference


def test_places_are_counted_measured_and_found() -> None:
    label, confidence, probability = ground()
    probability[0:5, 0:6] = 0.9
    probability[20:26, 12:20] = 0.1
    found = compare(label, confidence, probability, NONE)
    assert (found.missing, found.false, found.places, found.largest) == (30, 48, 2, 48)
    assert found.centre is not None
    row, column = found.centre
    assert 21 <= row < 25
    assert 13 <= column < 19
    # Bayes with q = 0.5 + 0.6 * 0.45 = 0.77 and m = 0.9.
    chance = 0.23 * 0.9 / (0.23 * 0.9 + 0.77 * 0.1)
    assert found.gain == pytest.approx(78 * chance, rel=1e-4)


def test_what_is_undecided_or_corrected_counts_for_nothing() -> None:
    label, confidence, probability = ground()
    probability[0:5, 0:6] = 0.9
    corrected = NONE.copy()
    corrected[:8, :8] = True
    assert compare(label, confidence, probability, corrected).gain == 0
    label[:8, :8] = 255
    found = compare(label, confidence, probability, NONE)
    assert found.gain == 0
    assert found.decided == SIDE * SIDE - 64
    nothing = compare(np.full((SIDE, SIDE), 255, np.uint8), confidence, probability, NONE)
    assert (nothing.gain, nothing.difference, nothing.decided) == (0, 0, 0)


def test_even_a_certain_label_may_be_wrong() -> None:
    one = np.ones((1, 1))
    sure = chance_of_error((one * 0).astype(np.uint8), (one * 100).astype(np.uint8), one.astype(np.float32))
    assert sure[0, 0] == pytest.approx(0.5)


@given(
    st.sampled_from([0, 1]), st.integers(0, 100), st.integers(0, 100), st.floats(0, 1, width=32),
    st.floats(0, 1, width=32),
)  # fmt: skip
def test_a_surer_model_and_a_less_sure_label_are_more_suspicious(
    code: int, low: int, high: int, one: float, other: float
) -> None:
    low, high = sorted((low, high))
    less, more = sorted((one, other))

    def chance(confidence: int, against: float) -> float:
        probability = 1 - against if code else against
        label, given = np.full((1, 1), code, np.uint8), np.full((1, 1), confidence, np.uint8)
        return float(chance_of_error(label, given, np.full((1, 1), probability, np.float32))[0, 0])

    assert 0 <= chance(high, less) <= chance(low, less) + 1e-6
    assert chance(low, less) <= chance(low, more) + 1e-6 <= 1 + 2e-6

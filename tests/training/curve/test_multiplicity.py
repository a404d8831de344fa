"""Holm: a worked example and its laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.training.curve.multiplicity import holm


def test_a_worked_example() -> None:
    # 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which may not fall below the one before it.
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(found) == ["a", "b", "c", "d"]


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1), max_size=8))
def test_it_keeps_the_order_and_never_lowers(values: dict[str, float]) -> None:
    found = holm(values)
    for name, value in values.items():
        assert value <= found[name] <= 1
        assert found[name] <= min(1, value * len(values)) or any(
            found[other] >= found[name] for other, own in values.items() if own <= value
        )

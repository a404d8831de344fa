"""Counts of cells become one array, and measures follow from counts."""

from typing import Any

import numpy as np
import pytest

from bocage.errors import StorageError
from bocage.training.curve.cell import Cell, CellRecord
from bocage.training.curve.results import COUNTS, MEASURES, Results, measure
from bocage.training.scores import Agreement
from tests.training.curve.simulated import BUDGETS, counts, simulate


def test_measures_are_those_of_the_scores() -> None:
    numbers = {name: 3 + 7 * index for index, name in enumerate(COUNTS)} | {"boundary_right": 20, "boundary_found": 33}
    scores = Agreement.from_counts(numbers).scores()
    array = np.array([numbers[name] for name in COUNTS], np.float64)
    for name in MEASURES:
        assert float(measure(array, name)) == pytest.approx(scores[name], abs=1e-6), name
    assert Agreement.from_counts(numbers).counts() == numbers


def test_what_is_undefined_is_nan() -> None:
    empty = np.zeros(len(COUNTS))
    assert all(np.isnan(measure(empty, name)) for name in MEASURES)
    gone = np.full(len(COUNTS), np.nan)
    assert all(np.isnan(measure(gone, name)) for name in MEASURES)
    missed = np.array([0, 5, 0, 5, 0, 0, 8, 0], np.float64)
    assert float(measure(missed, "boundary_f1")) == 0.0
    with pytest.raises(ValueError, match="not one of"):
        measure(empty, "kappa")


def test_gaps_are_known() -> None:
    records = simulate({"one": lambda _: 0.5, "two": lambda _: 0.6}, orders=3)
    gone = Cell("two", 1, 125)
    failed = CellRecord(gone, "inputs", {}, "it broke", "mend it")
    results = Results.of([one for one in records if one.cell != gone] + [failed], ["one", "two"], 3, BUDGETS)
    assert results.there("one").all()
    assert np.argwhere(~results.there("two")).tolist() == [[1, 2]]
    assert results.complete("one", "two").tolist() == [0, 2]


def test_what_was_not_asked_for_is_left_out() -> None:
    records = simulate({"one": lambda _: 0.5, "two": lambda _: 0.6}, orders=3)
    results = Results.of(records, ["two"], 2, (5, 500))
    assert results.counts.shape == (1, 2, 2, 6, len(COUNTS))
    assert not Results.of([], ["two"], 2, (5, 500)).there("two").any()


def test_other_test_scenes_are_refused() -> None:
    records = simulate({"one": lambda _: 0.5}, orders=1)
    odd = CellRecord(records[0].cell, "inputs", {"test": {"scenes": {"elsewhere": {"counts": counts(0.5)}}}})
    with pytest.raises(StorageError, match="other scenes"):
        Results.of([records[1], odd], ["one"], 1, BUDGETS)


@pytest.mark.parametrize("figures", [{}, {"test": "x"}, {"test": {"scenes": {"scene0": {}}}}, {"test": {"scenes": 3}}])
def test_a_cell_that_lacks_what_it_measured_is_named(figures: dict[str, Any]) -> None:
    records = simulate({"one": lambda _: 0.5}, orders=1)
    odd = CellRecord(records[0].cell, "inputs", figures)
    with pytest.raises(StorageError, match=r"one, order 0, 5 annotations lacks(.|\n)*cells/one/0/5\.json"):
        Results.of([odd, *records[1:]], ["one"], 1, BUDGETS)

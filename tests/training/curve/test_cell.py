"""A cell is a small file that says what it hangs on."""

from pathlib import Path

import pytest

from bocage.errors import StorageError
from bocage.training.curve.cell import Cell, CellRecord, cell_inputs
from tests.training.fakes import short_run

CELL = Cell("forest", 2, 25)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert CellRecord.read(tmp_path, CELL) is None
    for record in (
        CellRecord(CELL, "abc", {"test": {"iou": 0.5}}),
        CellRecord(CELL, "abc", {}, "one class only", "take more"),
    ):
        record.write(tmp_path)
        assert CellRecord.read(tmp_path, CELL) == record
    assert (tmp_path / "cells" / "forest" / "2" / "25.json").is_file()
    assert not record.done


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"arm": "forest", "order": 2}', "3"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = CELL.path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StorageError, match=r"25\.json"):
        CellRecord.read(tmp_path, CELL)


def test_a_file_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    CellRecord(Cell("forest", 1, 25), "abc", {}).write(tmp_path)
    path = CELL.path(tmp_path)
    path.parent.mkdir(parents=True)
    Cell("forest", 1, 25).path(tmp_path).rename(path)
    with pytest.raises(StorageError, match="order 1"):
        CellRecord.read(tmp_path, CELL)


def test_inputs_are_all_that_the_result_hangs_on() -> None:
    base = cell_inputs(short_run(), ["a", "b"], "ground")
    assert base == cell_inputs(short_run(name="other"), ["b", "a"], "ground")
    others = {
        cell_inputs(short_run(steps=7), ["a", "b"], "ground"),
        cell_inputs(short_run(seed=1), ["a", "b"], "ground"),
        cell_inputs(short_run(), ["a"], "ground"),
        cell_inputs(short_run(), ["a", "b"], "other"),
    }
    assert len(others | {base}) == 5

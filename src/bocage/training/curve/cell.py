"""One cell of the benchmark: an arm trained on one subset, and the small file that says how it went.

A cell is done when its file is there and names the inputs that the cell would have today. So a benchmark resumes by
looking at its folder, and cells that another machine or an earlier session made are continued.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage.errors import StorageError
from bocage.files import digest_json, write_json
from bocage.settings import RunSettings

CELLS = "cells"
# Raised when what a cell is changes, so that cells of an older version are made again.
_RECIPE = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a training stands in the benchmark: its arm, the number of its order from 0, and its annotations."""

    arm: str
    order: int
    budget: int

    def path(self, folder: Path) -> Path:
        """Return the file of the cell below the benchmark's folder."""
        return folder / CELLS / self.arm / str(self.order) / f"{self.budget}.json"

    def __str__(self) -> str:
        return f"{self.arm}, order {self.order}, {self.budget} annotations"


@dataclass(frozen=True, slots=True)
class CellRecord:
    """What the file of a cell says.

    Attributes
    ----------
    inputs
        Digest of all that the result hangs on.
    figures
        Of the training: its seconds and, under "test", the scores and counts of every test scene. Empty if it failed.
    reason, mend
        Why it failed; empty if it did not.
    """

    cell: Cell
    inputs: str
    figures: dict[str, Any]
    reason: str = ""
    mend: str = ""

    @property
    def done(self) -> bool:
        """Whether the cell has a result."""
        return not self.reason

    def write(self, folder: Path) -> None:
        """Write the file of the cell, whole or not at all."""
        cell = self.cell
        content = {"arm": cell.arm, "order": cell.order, "budget": cell.budget, "inputs": self.inputs}
        outcome = {"status": "done"} if self.done else {"status": "failed", "reason": self.reason, "mend": self.mend}
        write_json(cell.path(folder), content | outcome | {"figures": self.figures})

    @classmethod
    def read(cls, folder: Path, cell: Cell) -> CellRecord | None:
        """Return what the file of a cell says, or None where there is none.

        Raises
        ------
        StorageError
            If the file is not one of a cell.
        """
        path = cell.path(folder)
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            where = Cell(content["arm"], content["order"], content["budget"])
            reason, mend = content.get("reason", ""), content.get("mend", "")
            record = cls(where, content["inputs"], content["figures"], reason, mend)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(
                f"{path} is not the file of a cell: {error}", "remove it; the cell is then trained again"
            ) from error
        if where != cell:
            raise StorageError(f"{path} is the file of {where}", "put it where it belongs, or remove it")
        return record


def cell_inputs(run: RunSettings, units: Sequence[str], ground: str) -> str:
    """Return the digest of all that the result of a cell hangs on.

    Parameters
    ----------
    run
        The settings of the arm with the seed of the order; its name does not count, nor where a model to start from
        lies, nor a setting that is left at its default, so that one that is new does not undo what was trained before.
    units
        Names of the annotations.
    ground
        Digest of the chips, of what was done to the imagery, and of what the arm begins with.
    """
    settings = run.model_dump(mode="json", exclude_defaults=True, exclude={"name", "start"})
    return digest_json({"recipe": _RECIPE, "run": settings, "units": sorted(units), "ground": ground})

"""The results of all cells as one array of counts, and the measures that follow from counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bocage.errors import StorageError
from bocage.training.curve.cell import CellRecord

Floats = NDArray[np.float64]

COUNTS = (
    "found",
    "missed",
    "false",
    "right",
    "boundary_predicted",
    "boundary_right",
    "boundary_true",
    "boundary_found",
)
MEASURES = ("accuracy", "f1", "iou", "boundary_f1")


@dataclass(frozen=True, slots=True)
class Results:
    """What the cells of a benchmark measured, NaN where there is no cell.

    Attributes
    ----------
    counts
        (arms, orders, budgets, scenes, counts) numbers of pixels, the last axis in the order of ``COUNTS``.
    """

    arms: tuple[str, ...]
    orders: int
    budgets: tuple[int, ...]
    scenes: tuple[str, ...]
    counts: Floats

    @classmethod
    def of(cls, records: Iterable[CellRecord], arms: Sequence[str], orders: int, budgets: Sequence[int]) -> Results:
        """Gather the records of cells that are done; others than those of the arms, orders and budgets are left out.

        Raises
        ------
        StorageError
            If two cells were tested on different scenes, or one lacks what it measured.
        """
        found = [one for one in records if one.done and one.cell.arm in arms and one.cell.budget in budgets]
        found = [one for one in found if one.cell.order < orders]
        measured = [_counts(record) for record in found]
        scenes = tuple(sorted(measured[0])) if found else ()
        counts = np.full((len(arms), orders, len(budgets), len(scenes), len(COUNTS)), np.nan)
        for record, own in zip(found, measured, strict=True):
            if tuple(sorted(own)) != scenes:
                raise StorageError(
                    f"the cell {record.cell} was tested on other scenes than {found[0].cell}",
                    "remove its file and run the benchmark again",
                )
            cell = record.cell
            counts[arms.index(cell.arm), cell.order, budgets.index(cell.budget)] = [own[scene] for scene in scenes]
        return cls(tuple(arms), orders, tuple(budgets), scenes, counts)

    def of_arm(self, arm: str) -> Floats:
        """Return the counts (orders, budgets, scenes, counts) of one arm."""
        counts: Floats = self.counts[self.arms.index(arm)]
        return counts

    def there(self, arm: str) -> NDArray[np.bool_]:
        """Return which cells (orders, budgets) of an arm have a result."""
        if not self.scenes:
            return np.zeros((self.orders, len(self.budgets)), np.bool_)
        return ~np.isnan(self.of_arm(arm)).any(axis=(2, 3))

    def complete(self, *arms: str) -> NDArray[np.intp]:
        """Return the orders in which every cell of all these arms has a result."""
        return np.flatnonzero(np.logical_and.reduce([self.there(arm).all(axis=1) for arm in arms]))


def _counts(record: CellRecord) -> dict[str, list[float]]:
    """Return the counts of a cell by test scene, in the order of ``COUNTS``."""
    try:
        scenes = record.figures["test"]["scenes"].items()
        return {scene: [float(own["counts"][name]) for name in COUNTS] for scene, own in scenes}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            f"the file of the cell {record.cell} lacks what was measured: {error!r}",
            f"remove {record.cell.path(Path('benchmark'))}; the cell is then trained again",
        ) from error


def measure(counts: Floats, name: str) -> Floats:
    """Return a measure of agreement, 0 to 1, NaN where undefined.

    Parameters
    ----------
    counts
        (..., counts) in the order of ``COUNTS``, summed over scenes: every pixel counts the same.
    name
        One of ``MEASURES``.
    """
    found, missed, false, right, predicted, near, true, hit = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        match name:
            case "accuracy":
                value = (found + right) / (found + missed + false + right)
            case "f1":
                value = 2 * found / (2 * found + missed + false)
            case "iou":
                value = found / (found + missed + false)
            case "boundary_f1":
                precision = np.where(predicted > 0, near / predicted, 0.0)
                recall = np.where(true > 0, hit / true, 0.0)
                sums = precision + recall
                score = np.where(sums > 0, 2 * precision * recall / sums, 0.0)
                known = ~np.isnan(predicted) & (predicted + true > 0)
                value = np.where(known, score, np.nan)
            case _:
                raise ValueError(f"{name} is not one of {', '.join(MEASURES)}")
    return np.asarray(value, np.float64)

"""The training chips as they look when only some units have been annotated: the image whole, labels there alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bocage.training.chips import Chip, ChipStore, relabelled
from bocage.training.curve.units import Unit
from bocage.training.loss import IGNORE

Pixels = NDArray[np.uint8]


class AnnotatedStore(ChipStore):
    """The chips of another store that hold one of some units; every other label is 255.

    The image around a unit stays as context, so a crop may be larger than a unit. Pixels are kept by the other store,
    which many subsets share.

    Parameters
    ----------
    every_chip
        Hold all chips of the other store, those without a unit with no label at all.
    """

    def __init__(self, base: ChipStore, units: Sequence[Unit], *, every_chip: bool = False) -> None:
        self._base = base
        self._chosen = list(range(len(base))) if every_chip else sorted({unit.chip for unit in units})
        self._units = {chip: [unit for unit in units if unit.chip == chip] for chip in self._chosen}
        super().__init__([self._look(chip) for chip in self._chosen], memory=0)

    def everywhere(self) -> AnnotatedStore:
        """Return the same annotations among all chips of the other store."""
        units = [unit for members in self._units.values() for unit in members]
        return AnnotatedStore(self._base, units, every_chip=True)

    def read(self, index: int) -> tuple[Pixels, Pixels]:
        """Return the whole image (4, rows, columns) and label (rows, columns) of a chip."""
        image, label = self._base.read(self._chosen[index])
        return image, self._mask(index, label, 0, 0)

    def crop(self, index: int, row: int, column: int, edge: int) -> tuple[Pixels, Pixels]:
        """Return a square crop; where it leaves the chip, the image is 0 and the label 255."""
        image, label = self._base.crop(self._chosen[index], row, column, edge)
        return image, self._mask(index, label, row, column)

    def _look(self, chip: int) -> Chip:
        return relabelled(self._base.chips[chip], _keep(self._base.read(chip)[1], self._units[chip], 0, 0))

    def _mask(self, index: int, label: Pixels, row: int, column: int) -> Pixels:
        return _keep(label, self._units[self._chosen[index]], row, column)


def _keep(label: Pixels, units: Sequence[Unit], row: int, column: int) -> Pixels:
    """Return a label that begins at a row and column of its chip, with 255 outside the units."""
    kept = np.full_like(label, IGNORE)
    for unit in units:
        top, left = unit.row - row, unit.column - column
        here = np.s_[max(top, 0) : max(top + unit.edge, 0), max(left, 0) : max(left + unit.edge, 0)]
        kept[here] = label[here]
    return kept

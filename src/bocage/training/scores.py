"""Counts of agreement between prediction and label, and the scores that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bocage.training.loss import IGNORE


@dataclass(frozen=True, slots=True)
class Agreement:
    """Numbers of decided pixels: trees found, trees missed, others called tree, others left alone."""

    found: int = 0
    missed: int = 0
    false: int = 0
    right: int = 0

    @classmethod
    def of(cls, predicted: NDArray[np.bool_], label: NDArray[np.uint8]) -> Self:
        """Compare a mask of trees with a label 0, 1 or 255 of the same shape; 255 does not count."""
        decided = label != IGNORE
        says, is_tree = predicted[decided], label[decided] == 1
        found, positive, trees = int((says & is_tree).sum()), int(says.sum()), int(is_tree.sum())
        return cls(found, trees - found, positive - found, int(decided.sum()) - trees - positive + found)

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.found + other.found, self.missed + other.missed, self.false + other.false, self.right + other.right
        )

    @property
    def iou(self) -> float | None:
        """Intersection over union of the tree class, or None where there is neither a tree nor a false one."""
        return _share(self.found, self.found + self.missed + self.false)

    def scores(self) -> dict[str, float | int | None]:
        """Return IoU, F1, precision, recall (0..1, or None where undefined), the tree share and the pixels."""
        total = self.found + self.missed + self.false + self.right
        return {
            "iou": self.iou,
            "f1": _share(2 * self.found, 2 * self.found + self.missed + self.false),
            "precision": _share(self.found, self.found + self.false),
            "recall": _share(self.found, self.found + self.missed),
            "tree_share": _share(self.found + self.missed, total),
            "pixels": total,
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None

"""Counts of agreement between prediction and label, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bocage.training.boundary import BoundaryAgreement
from bocage.training.loss import IGNORE


@dataclass(frozen=True, slots=True)
class Agreement:
    """Numbers of decided pixels: trees found, trees missed, others called tree, others left alone; and the outlines.

    The outlines are not those of ``of``: they belong to whole chips, and parts of one do not add up to them.
    """

    found: int = 0
    missed: int = 0
    false: int = 0
    right: int = 0
    boundary: BoundaryAgreement = field(default_factory=BoundaryAgreement)

    @classmethod
    def of(cls, predicted: NDArray[np.bool_], label: NDArray[np.uint8]) -> Self:
        """Compare a mask of trees with a label 0, 1 or 255 of the same shape; 255 does not count."""
        decided = label != IGNORE
        says, is_tree = predicted[decided], label[decided] == 1
        found, positive, trees = int((says & is_tree).sum()), int(says.sum()), int(is_tree.sum())
        return cls(found, trees - found, positive - found, int(decided.sum()) - trees - positive + found)

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.found + other.found,
            self.missed + other.missed,
            self.false + other.false,
            self.right + other.right,
            self.boundary + other.boundary,
        )

    @property
    def iou(self) -> float | None:
        """Intersection over union of the tree class, or None where there is neither a tree nor a false one."""
        return _share(self.found, self.found + self.missed + self.false)

    def scores(self) -> dict[str, float | int | None]:
        """Return accuracy, IoU, F1, precision, recall, boundary F1, the tree share and the pixels.

        Shares are 0..1, or None where undefined: boundary F1 is where no outline was compared.
        """
        total = self.found + self.missed + self.false + self.right
        return {
            "accuracy": _share(self.found + self.right, total),
            "iou": self.iou,
            "f1": _share(2 * self.found, 2 * self.found + self.missed + self.false),
            "precision": _share(self.found, self.found + self.false),
            "recall": _share(self.found, self.found + self.missed),
            "boundary_f1": None if self.boundary.f1 is None else round(self.boundary.f1, 6),
            "tree_share": _share(self.found + self.missed, total),
            "pixels": total,
        }

    def counts(self) -> dict[str, int]:
        """Return the numbers of pixels from which the scores follow, so that scenes can be summed anew."""
        pixels = {"found": self.found, "missed": self.missed, "false": self.false, "right": self.right}
        outlines = {f"boundary_{name}": value for name, value in asdict(self.boundary).items()}
        return pixels | outlines

    @classmethod
    def from_counts(cls, counts: Mapping[str, int]) -> Self:
        """Return the agreement that :meth:`counts` describes."""
        outlines = BoundaryAgreement(*(counts[f"boundary_{one.name}"] for one in fields(BoundaryAgreement)))
        return cls(counts["found"], counts["missed"], counts["false"], counts["right"], outlines)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None

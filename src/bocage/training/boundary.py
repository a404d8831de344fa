"""How well the outline of the trees is found: boundary F1 within a tolerance, from counts that add up over chips.

The boundary of a mask is its tree pixels that have a pixel of the other class beside, above or below them. A boundary
pixel of the prediction is right if one of the truth lies within the tolerance, and one of the truth is found if one of
the prediction does; precision and recall are the shares of these, and F1 their harmonic mean. Sources: G. Csurka,
D. Larlus, F. Perronnin (2013), What is a good evaluation measure for semantic segmentation?, BMVC; F. Perazzi et al.
(2016), A benchmark dataset and evaluation methodology for video object segmentation, CVPR.

Both papers take the mean of the F1 of images. Here the counts are summed first, as they are for IoU, so that a chip
with three boundary pixels does not weigh as much as one with three thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.training.loss import IGNORE

TOLERANCE = 2.0
"""Pixels between the centres of two boundary pixels up to which they are one."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BoundaryAgreement:
    """Numbers of boundary pixels: predicted, of these right, true, of these found."""

    predicted: int = 0
    right: int = 0
    true: int = 0
    found: int = 0

    @classmethod
    def of(cls, predicted: Mask, label: NDArray[np.uint8], tolerance: float = TOLERANCE) -> Self:
        """Compare the outline of a mask of trees with that of a label.

        Parameters
        ----------
        predicted
            (rows, columns), true where tree.
        label
            (rows, columns), 0 other, 1 tree, 255 undecided. What is predicted there makes no boundary: a pixel counts
            only where the neighbour of the other class is decided as well. Beyond the edge of the chip nothing is
            decided.
        tolerance
            Pixels, 0 or more.
        """
        decided = label != IGNORE
        says, truth = outline(predicted, decided), outline(label == 1, decided)
        return cls(
            int(np.count_nonzero(says)),
            int(np.count_nonzero(says & widen(truth, tolerance))),
            int(np.count_nonzero(truth)),
            int(np.count_nonzero(truth & widen(says, tolerance))),
        )

    def __add__(self, other: BoundaryAgreement) -> BoundaryAgreement:
        return BoundaryAgreement(
            self.predicted + other.predicted,
            self.right + other.right,
            self.true + other.true,
            self.found + other.found,
        )

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, 0 to 1; None where neither mask has a boundary."""
        if not self.predicted and not self.true:
            return None
        precision = self.right / self.predicted if self.predicted else 0.0
        recall = self.found / self.true if self.true else 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask: Mask, decided: Mask) -> Mask:
    """Return the decided pixels of a mask with a decided neighbour, of four, that is not in it."""
    inside, outside = mask & decided, decided & ~mask
    beside = np.zeros_like(outside)
    beside[1:] |= outside[:-1]
    beside[:-1] |= outside[1:]
    beside[:, 1:] |= outside[:, :-1]
    beside[:, :-1] |= outside[:, 1:]
    result: Mask = inside & beside
    return result


def widen(mask: Mask, tolerance: float) -> Mask:
    """Return the pixels whose centre is within the tolerance of one in the mask."""
    reach = int(tolerance)
    steps = np.arange(-reach, reach + 1)
    disk = (steps[:, np.newaxis] ** 2 + steps**2 <= tolerance**2).astype(np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disk, borderType=cv2.BORDER_CONSTANT, borderValue=0)) > 0

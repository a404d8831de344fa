"""Where a model and a label disagree, and how much of the label is then likely to be wrong: pure, on arrays.

A difference pixel by pixel is mostly borders: a model and a label never draw a crown alike. What an analyst can mend
are places at least three pixels wide in which the model says the opposite.

How likely a label is wrong there is Bayes' rule with two witnesses that are taken as independent. The label is right
with probability ``q``, which its confidence c (0 to 100) tells: ``q = 1/2 + c/100 (S - 1/2)``. The model says the
opposite with probability ``m``. Then

    P(wrong) = (1 - q) m / ((1 - q) m + q (1 - m)),

with ``m`` and ``q`` at most ``S`` = 0.95: labels are most often out of date where they were once certain, and a network
is surer than it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TREE, IGNORE = 1, 255
# No witness is believed more than this.
_SUREST = 0.95
_WIDTH = np.ones((3, 3), np.bool_)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What two witnesses say differently about a piece of ground.

    Attributes
    ----------
    gain
        Pixels of the label that are likely to be wrong, within places of disagreement: what correcting would mend.
    missing, false
        Pixels of places where only the model says tree, and where only the label does.
    places
        Number of places.
    largest
        Pixels of the largest place.
    centre
        Row and column of a pixel of the largest place, the one that lies deepest in it; None without a place.
    difference
        Mean of |probability - label| over the decided pixels, 0 to 1; 0 where none is decided.
    decided
        Pixels that have an image and a label of 0 or 1, and were not corrected by a person yet.
    """

    gain: float
    missing: int
    false: int
    places: int
    largest: int
    centre: tuple[int, int] | None
    difference: float
    decided: int


def chance_of_error(
    label: NDArray[np.uint8], confidence: NDArray[np.uint8], probability: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how likely each label is wrong, 0 to 1; 0 where the label is 255.

    Parameters
    ----------
    label
        (rows, columns) 0, 1 or 255.
    confidence
        (rows, columns) 0 to 100; 255, nothing known, counts as 0.
    probability
        (rows, columns) the model's probability of trees, 0 to 1.
    """
    against = np.clip(_against(label, probability), 1 - _SUREST, _SUREST)
    known = np.where(confidence > 100, 0, confidence).astype(np.float32)
    right = 0.5 + known / 100 * (_SUREST - 0.5)
    wrong = (1 - right) * against / ((1 - right) * against + right * (1 - against))
    return np.where(label == IGNORE, 0, wrong).astype(np.float32)


def compare(
    label: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
    probability: NDArray[np.float32],
    corrected: NDArray[np.bool_],
) -> Disagreement:
    """Compare a label with a model on one piece of ground.

    Parameters
    ----------
    label, confidence, probability
        As for :func:`chance_of_error`.
    corrected
        (rows, columns) where a person has corrected the label already; nothing is to be gained there.
    """
    decided = (label != IGNORE) & ~corrected
    opposite = decided & (_against(label, probability) > 0.5)
    wide = ndimage.binary_opening(opposite, _WIDTH)
    places, count = ndimage.label(wide, _WIDTH)
    sizes = np.bincount(places.ravel(), minlength=1)[1:]
    wrong = chance_of_error(label, confidence, probability)
    tree = label == TREE
    differences = np.abs(probability - tree)[decided]
    return Disagreement(
        gain=float(wrong[wide].sum(dtype=np.float64)),
        missing=int(np.count_nonzero(wide & ~tree)),
        false=int(np.count_nonzero(wide & tree)),
        places=int(count),
        largest=int(sizes.max(initial=0)),
        centre=_deepest(places == int(np.argmax(sizes)) + 1) if count else None,
        difference=float(differences.mean(dtype=np.float64)) if differences.size else 0.0,
        decided=int(np.count_nonzero(decided)),
    )


def _against(label: NDArray[np.uint8], probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the model's probability of the opposite of the label."""
    return np.where(label == TREE, 1 - probability, probability).astype(np.float32)


def _deepest(place: NDArray[np.bool_]) -> tuple[int, int]:
    depth = ndimage.distance_transform_edt(np.pad(place, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return int(row), int(column)

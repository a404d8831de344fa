"""Self-training: what a network has learnt labels the ground that nobody has, and the next one learns from both.

Annotations are few and images are not. A network that has seen 25 squares is right on most of the ground around them;
another one of the same kind that learns from the squares and from what the first one says of all other pixels sees the
whole variety of the scenes (Lee 2013, "Pseudo-Label"; Xie et al. 2020, "Noisy Student"). The crops are varied, the
prediction was made on the image as it is, so the second has to say the same of harsher images. Networks that learnt
from the same few labels differ by chance, and their mean errs less than they do: so several may label together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.models.segmenter import Segmenter
from bocage.progress import track
from bocage.settings import RunSettings
from bocage.training.chips import Chip, ChipStore, relabelled
from bocage.training.crops import Crops, WeightedCrop
from bocage.training.evaluation import THRESHOLD, predict_chip
from bocage.training.loss import IGNORE

type Pixels = NDArray[np.uint8]


class PseudoLabelledStore(ChipStore):
    """The chips of another store, labelled by models where they have no label; where they have one, it stays.

    A pixel is called tree from a mean probability of 0.5 on. Pixels without data stay undecided. What was predicted is
    kept in memory, a bit for each pixel; images and labels are kept by the other store.

    Parameters
    ----------
    description
        Of the progress bar; None shows none.

    Attributes
    ----------
    labelled
        Number of pixels that the models labelled.
    trees
        How many of them they call tree.
    """

    def __init__(self, base: ChipStore, teachers: Sequence[Segmenter], description: str | None = None) -> None:
        self._base = base
        self._predicted: list[Pixels] = []
        self.labelled = self.trees = 0
        chips: list[Chip] = []
        indices: Iterable[int] = range(len(base))
        for index in indices if description is None else track(indices, description, total=len(base)):
            image, label = base.read(index)
            tree = np.mean([predict_chip(teacher, image) for teacher in teachers], axis=0) >= THRESHOLD
            self._predicted.append(np.packbits(tree, axis=1))
            filled = _fill(label, tree, image)
            open_ground = (label == IGNORE) & (filled != IGNORE)
            self.labelled += int(open_ground.sum())
            self.trees += int((open_ground & tree).sum())
            chips.append(relabelled(base.chips[index], filled))
        super().__init__(chips, memory=0)

    def read(self, index: int) -> tuple[Pixels, Pixels]:
        """Return the whole image (4, rows, columns) and label (rows, columns) of a chip."""
        image, label = self._base.read(index)
        return image, _fill(label, self._tree(index), image)

    def crop(self, index: int, row: int, column: int, edge: int) -> tuple[Pixels, Pixels]:
        """Return a square crop; where it leaves the chip, the image is 0 and the label 255."""
        image, label = self._base.crop(index, row, column, edge)
        rows, columns = self.chips[index].shape
        top, left, bottom, right = max(row, 0), max(column, 0), min(row + edge, rows), min(column + edge, columns)
        tree = np.zeros((edge, edge), np.bool_)
        inside = np.s_[top - row : bottom - row, left - column : right - column]
        tree[inside] = self._tree(index, slice(top, bottom))[:, left:right]
        return image, _fill(label, tree, image)

    def _tree(self, index: int, rows: slice = slice(None)) -> NDArray[np.bool_]:
        columns = self.chips[index].shape[1]
        return np.unpackbits(self._predicted[index][rows], axis=1, count=columns).astype(np.bool_)


@dataclass(frozen=True)
class MixedCrops:
    """Crops of two stores in turn, so that half of all are of one and half of the other.

    Annotations are a small part of what is labelled after a model has been asked: drawn from it all alike, they would
    hardly be seen.

    Attributes
    ----------
    annotated, predicted
        Of the same run.
    """

    annotated: Crops
    predicted: Crops

    @property
    def run(self) -> RunSettings:
        """The run, whose crops they are."""
        return self.annotated.run

    def crop(self, number: int) -> WeightedCrop:
        """Return a crop: an even number is one of the annotated ground."""
        return (self.predicted if number % 2 else self.annotated).crop(number)


def _fill(label: Pixels, tree: NDArray[np.bool_], image: Pixels) -> Pixels:
    """Return a label in which the undecided pixels that have data are as predicted."""
    undecided = (label == IGNORE) & image.any(axis=0)
    return np.where(undecided, tree, label).astype(np.uint8)

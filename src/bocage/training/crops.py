"""Random, varied crops of the chips to train with. Crop number ``n`` of a seed is always the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.settings import RunSettings
from bocage.training.augmentation import augment
from bocage.training.chips import BLOCKS, ChipStore, block_edges
from bocage.training.histograms import Histograms
from bocage.training.loss import IGNORE
from bocage.training.scale import coarsen, draw_factor, resample
from bocage.training.weighting import FULL, Weighting

type WeightedCrop = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8], NDArray[np.float32] | None]


@dataclass(frozen=True)
class Crops:
    """The crops of a store, by number.

    A resumed run sees what it would have seen, and several devices see between them what one would have. Every decided
    pixel is as likely to lie in the middle half of a crop, but for those near the edge of a chip.

    Attributes
    ----------
    run
        Its edge, seed and variations are those of the crops.
    weighting
        What pixels count, or None where all count the same.
    """

    store: ChipStore
    run: RunSettings
    weighting: Weighting | None = None
    _until: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        decided = np.concatenate([chip.decided.ravel() for chip in self.store.chips])
        object.__setattr__(self, "_until", np.cumsum(decided))

    @cached_property
    def _histograms(self) -> Histograms:
        return Histograms.of(self.store)

    def crop(self, number: int) -> WeightedCrop:
        """Return a crop: image float32 0..255, validity, label 0, 1 or 255, and weights 0..1 or None."""
        run = self.run
        rng = np.random.default_rng((run.seed, number))
        edge = run.crop if run.zoom == 1 else round(run.crop / draw_factor(rng, run.zoom))
        place = int(np.searchsorted(self._until, rng.integers(self._until[-1]), side="right"))
        index, *blocks = (int(one) for one in np.unravel_index(place, (len(self.store), BLOCKS, BLOCKS)))
        chip = self.store.chips[index]
        row, column = (_corner(size, block, edge, rng) for size, block in zip(chip.shape, blocks, strict=True))
        image, label = self.store.crop(index, row, column, edge)
        layers = label[np.newaxis]
        if self.weighting is not None:
            layers = np.stack([label, self.weighting.crop(chip, row, column, edge)])
        if edge != run.crop:
            image, layers = resample(image, layers, run.crop)
        if run.coarsen > 1:
            image = coarsen(image, float(np.exp(rng.uniform(0, np.log(run.coarsen)))))
        if run.exchange and rng.random() < run.exchange:
            image = self._histograms.exchange(image, chip.scene_id, rng)
        light, valid, layers = augment(image, layers, rng, run.augmentation, band_dropout=run.band_dropout)
        label = without_boundary(layers[0], run.boundary)
        return light, valid, label, np.divide(layers[1], FULL, dtype=np.float32) if len(layers) > 1 else None


def without_boundary(label: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Return a label (rows, columns) that ignores what lies within ``width`` pixels of the other class.

    What is ignored already has no boundary: an edge of the chip is none.
    """
    if not width:
        return label
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    near_tree, near_other = (cv2.dilate((label == code).astype(np.uint8), square) for code in (1, 0))
    return np.where(np.logical_and(near_tree, near_other), IGNORE, label).astype(np.uint8)


def _corner(size: int, block: int, edge: int, rng: np.random.Generator) -> int:
    """Return where a crop begins that has a pixel of the block in its middle half and stays on the chip."""
    begin, end = block_edges(size)[block : block + 2]
    pixel = rng.integers(begin, max(end, begin + 1))
    start = int(pixel - rng.integers(edge // 4, 3 * edge // 4))
    return min(max(start, min(0, size - edge)), max(0, size - edge))

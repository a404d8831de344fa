"""The chips as training reads them: what each split holds, random crops for training, whole chips for scoring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow
from torch.utils.data import Dataset

from bocage.errors import SampleError, TrainingError
from bocage.files import digest_file, digest_json
from bocage.progress import track
from bocage.project import Project
from bocage.samples import Samples, chip_paths
from bocage.training.augmentation import Crop, augment
from bocage.training.loss import IGNORE

SPLITS = ("train", "validation", "test")
# Chips of a split are kept in memory up to this size; beyond it every crop is read from its file.
_MEMORY = 2 << 30
_BYTES_PER_PIXEL = 5
# The survey counts decided pixels in a raster of this many blocks each way, so that crops can be drawn where there are
# some: footprints leave chips partly empty, and an empty crop teaches nothing.
_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Chip:
    """A pair of image and label on disk, and what its label holds.

    Attributes
    ----------
    tree, other
        Numbers of decided pixels.
    decided
        Numbers of decided pixels in 8 x 8 blocks of the chip.
    digest
        SHA-256 of the label file, which names all that the pair was cut from.
    """

    sample_id: str
    scene_id: str
    split: str
    image: Path
    label: Path
    shape: tuple[int, int]
    tree: int
    other: int
    decided: NDArray[np.int64]
    digest: str


def survey(project: Project) -> dict[str, list[Chip]]:
    """Return the chips of every split.

    Raises
    ------
    SampleError
        If a chip cannot be read.
    TrainingError
        If a split is empty, or the chips to train or to validate with hold labels of one class only.
    """
    table = Samples.read(project).cut(project).table
    rows = list(zip(table["sample_id"], table["scene_id"], table["split"], strict=True))
    with ThreadPoolExecutor(4) as pool:
        looks = pool.map(lambda row: _look(project, *(str(value) for value in row)), rows)
        chips = list(track(looks, "chips surveyed", total=len(rows)))
    splits = {split: [chip for chip in chips if chip.split == split] for split in SPLITS}
    for split, members in splits.items():
        if not members:
            raise TrainingError(
                f"the {split} split holds no chip in {project.chips_folder}",
                "run: bocage samples cut; or give samples another split",
            )
    for split in ("train", "validation"):
        tree, other = (sum(getattr(chip, name) for chip in splits[split]) for name in ("tree", "other"))
        if not (tree and other):
            raise TrainingError(
                f"the labels of the {split} split ({len(splits[split])} chips) hold "
                f"{'tree' if tree else 'non-tree'} pixels only",
                "check the codes in `tree` and the thresholds in [reference], or draw other samples",
            )
    return splits


def digest_chips(splits: dict[str, list[Chip]]) -> str:
    """Return the digest of all chips and of the splits they are in."""
    return digest_json([(chip.sample_id, chip.split, chip.digest) for split in SPLITS for chip in splits[split]])


class ChipStore:
    """Reads chips, from memory where all of them fit.

    Raises
    ------
    SampleError
        From its methods, if a chip cannot be read.
    """

    def __init__(self, chips: Sequence[Chip], memory: int = _MEMORY) -> None:
        self.chips = tuple(chips)
        self._keeps = (
            sum(rows * columns for rows, columns in (chip.shape for chip in chips)) * _BYTES_PER_PIXEL <= memory
        )
        self._kept: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the whole image (4, rows, columns) and label (rows, columns) of a chip."""
        if index in self._kept:
            return self._kept[index]
        chip = self.chips[index]
        pair = _read(chip.image), _read(chip.label)[0]
        if self._keeps:
            self._kept[index] = pair
        return pair

    def crop(self, index: int, row: int, column: int, edge: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a square crop; where it leaves the chip, the image is 0 and the label 255."""
        chip = self.chips[index]
        rows, columns = chip.shape
        top, left, bottom, right = max(row, 0), max(column, 0), min(row + edge, rows), min(column + edge, columns)
        image, label = np.zeros((4, edge, edge), np.uint8), np.full((edge, edge), IGNORE, np.uint8)
        there = np.s_[top - row : bottom - row, left - column : right - column]
        if self._keeps:
            whole, labels = self.read(index)
            image[:, *there], label[there] = whole[:, top:bottom, left:right], labels[top:bottom, left:right]
        else:
            window = RasterWindow(left, top, right - left, bottom - top)
            image[:, *there], label[there] = _read(chip.image, window), _read(chip.label, window)[0]
        return image, label

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        return (self.read(index) for index in range(len(self.chips)))

    def __len__(self) -> int:
        return len(self.chips)


class Crops(Dataset[Crop]):
    """Random, augmented crops. Crop number ``n`` of a seed is always the same: a resumed run sees what it would have.

    Every decided pixel is as likely to lie in the middle half of a crop, but for those near the edge of a chip.

    Parameters
    ----------
    first, count
        The number of the first crop, and how many there are.
    """

    def __init__(self, store: ChipStore, *, edge: int, seed: int, strength: float, first: int, count: int) -> None:
        self._store, self._edge, self._seed, self._strength = store, edge, seed, strength
        self._first, self._count = first, count
        decided = np.concatenate([chip.decided.ravel() for chip in store.chips])
        self._until = np.cumsum(decided)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Crop:
        rng = np.random.default_rng((self._seed, self._first + index))
        place = int(np.searchsorted(self._until, rng.integers(self._until[-1]), side="right"))
        chip, row, column = np.unravel_index(place, (len(self._store), _BLOCKS, _BLOCKS))
        corner = [
            self._corner(size, int(block), rng)
            for size, block in zip(self._store.chips[int(chip)].shape, (row, column), strict=True)
        ]
        return augment(*self._store.crop(int(chip), corner[0], corner[1], self._edge), rng, self._strength)

    def _corner(self, size: int, block: int, rng: np.random.Generator) -> int:
        """Return where a crop begins that has a pixel of the block in its middle half and stays on the chip."""
        begin, end = _edges(size)[block : block + 2]
        pixel = rng.integers(begin, max(end, begin + 1))
        start = int(pixel - rng.integers(self._edge // 4, 3 * self._edge // 4))
        return min(max(start, min(0, size - self._edge)), max(0, size - self._edge))


def _look(project: Project, sample_id: str, scene_id: str, split: str) -> Chip:
    image, label = chip_paths(project, sample_id)
    values = _read(label)[0]
    number = np.bincount(values.ravel(), minlength=256)
    rows, columns = values.shape
    decided = count_decided(values)
    tree, other = int(number[1]), int(number[0])
    return Chip(sample_id, scene_id, split, image, label, (rows, columns), tree, other, decided, digest_file(label))


def count_decided(label: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the numbers of decided pixels in 8 x 8 blocks of a label."""
    rows, columns = label.shape
    running = np.pad((label != IGNORE).cumsum(0).cumsum(1), ((1, 0), (1, 0)))[np.ix_(_edges(rows), _edges(columns))]
    return np.diff(np.diff(running, axis=0), axis=1)


def _edges(size: int) -> NDArray[np.int64]:
    """Return the first pixel of every block of a chip's side, and its end."""
    return np.arange(_BLOCKS + 1) * size // _BLOCKS


def _read(path: Path, window: Any = None) -> NDArray[np.uint8]:
    try:
        with rasterio.open(path) as file:
            pixels: NDArray[np.uint8] = file.read(window=window)
            return pixels
    except RasterioError as error:
        raise SampleError(f"{path} cannot be read: {error}", "remove it and run: bocage samples cut") from error

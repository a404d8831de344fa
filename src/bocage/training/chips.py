"""The chips as training reads them: what each split holds, and windows of them or whole chips."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from bocage.errors import SampleError, SceneError, TrainingError
from bocage.files import digest_file, digest_json
from bocage.progress import track
from bocage.project import Project
from bocage.samples import Samples, chip_paths
from bocage.scenes.structure import check_blocks
from bocage.training.loss import IGNORE

SPLITS = ("train", "validation", "test")
# Chips of a split are kept in memory up to this size; beyond it every crop is read from its file.
_MEMORY = 2 << 30
_BYTES_PER_PIXEL = 5
BLOCKS = 8
"""The survey counts decided pixels in a raster of this many blocks each way, so that crops can be drawn where there are
some: footprints leave chips partly empty, and an empty crop teaches nothing."""
_BANDS = 4
_log = logging.getLogger("bocage")


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
    weight
        What the sample stands for: 1 / inclusion probability.
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
    weight: float = 1.0


def survey(project: Project, validates: bool = True) -> dict[str, list[Chip]]:
    """Return the chips of every split.

    Parameters
    ----------
    validates
        Whether chips to validate with are needed.

    Raises
    ------
    SampleError
        If a chip cannot be read, its image is cut short or has other bands or another size than it should, or its
        label holds what is none.
    TrainingError
        If a split is empty, or the chips to train or to validate with hold labels of one class only.
    """
    samples = Samples.read(project)
    table = samples.cut(project).table
    if len(table) < len(samples.table):
        _log.warning(
            "%d of %d samples have no chip and are left out; to cut what can be cut, run: bocage samples cut",
            *(len(samples.table) - len(table), len(samples.table)),
        )
    rows = list(zip(table["sample_id"], table["scene_id"], table["split"], table["weight"], strict=True))
    with ThreadPoolExecutor(4) as pool:
        looks = pool.map(lambda row: _look(project, str(row[0]), str(row[1]), str(row[2]), float(row[3])), rows)
        chips = list(track(looks, "chips surveyed", total=len(rows)))
    splits = {split: [chip for chip in chips if chip.split == split] for split in SPLITS}
    for split, members in splits.items():
        if not members and (validates or split != "validation"):
            raise TrainingError(
                f"the {split} split holds no chip in {project.chips_folder}",
                "run: bocage samples cut; or give samples another split",
            )
    for split in ("train", "validation") if validates else ("train",):
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

    def __getstate__(self) -> dict[str, Any]:
        """Leave the pixels behind: a process that shares the training reads what it needs itself."""
        return self.__dict__ | {"_kept": {}}

    def everywhere(self) -> ChipStore:
        """Return the store of all ground that there are images of, labelled or not: this one, unless it is a part."""
        return self

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


def _look(project: Project, sample_id: str, scene_id: str, split: str, weight: float) -> Chip:
    image, label = chip_paths(project, sample_id)
    values = _read(label)[0]
    number = _count_values(label, values)
    _check_image(image, values.shape)
    tree, other = int(number[1]), int(number[0])
    return Chip(
        sample_id, scene_id, split, image, label, values.shape, tree, other, count_decided(values), digest_file(label),
        weight,
    )  # fmt: skip


def relabelled(chip: Chip, label: NDArray[np.uint8]) -> Chip:
    """Return what is known of a chip if its label were another one, (rows, columns) of 0, 1 or 255."""
    return replace(
        chip,
        tree=int(np.count_nonzero(label == 1)),
        other=int(np.count_nonzero(label == 0)),
        decided=count_decided(label),
    )


def count_decided(label: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the numbers of decided pixels in 8 x 8 blocks of a label."""
    rows, columns = label.shape
    running = np.pad((label != IGNORE).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return np.diff(np.diff(running[np.ix_(block_edges(rows), block_edges(columns))], axis=0), axis=1)


def block_edges(size: int) -> NDArray[np.int64]:
    """Return the first pixel of every block of a chip's side, and its end."""
    return np.arange(BLOCKS + 1) * size // BLOCKS


def _count_values(path: Path, values: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return how many pixels of a label have each value, and refuse what is no label."""
    number = np.bincount(values.ravel(), minlength=256) if values.dtype == np.uint8 else np.zeros(0, np.intp)
    if number.size == 0 or number[2:IGNORE].any():
        what = f"pixels of {values.dtype}" if number.size == 0 else f"the value {2 + int(number[2:IGNORE].argmax())}"
        raise SampleError(
            f"{path} holds {what}; a label is bytes of 0, 1 or {IGNORE}", "remove it and run: bocage samples cut"
        )
    return number


def _check_image(path: Path, shape: tuple[int, ...]) -> None:
    """Refuse an image that is not what its label is of: training would find out hours later."""
    try:
        with rasterio.open(path) as file:
            found = (file.count, *file.shape, file.dtypes[0])
            check_blocks(file, path.stat().st_size, str(path))
    except SceneError as error:
        raise SampleError(error.problem, "remove it and run: bocage samples cut") from error
    except RasterioError as error:
        raise SampleError(f"{path} cannot be read: {error}", "remove it and run: bocage samples cut") from error
    if found != (_BANDS, *shape, "uint8"):
        raise SampleError(
            f"{path} holds {found[0]} bands of {found[1]} x {found[2]} pixels of {found[3]}, and not {_BANDS} bands of "
            f"{shape[0]} x {shape[1]} bytes",
            "remove it and run: bocage samples cut",
        )


def _read(path: Path, window: Any = None) -> NDArray[np.uint8]:
    try:
        with rasterio.open(path) as file:
            pixels: NDArray[np.uint8] = file.read(window=window)
            return pixels
    except RasterioError as error:
        raise SampleError(f"{path} cannot be read: {error}", "remove it and run: bocage samples cut") from error

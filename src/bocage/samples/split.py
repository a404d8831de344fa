"""Which samples train, which validate and which test, so that the same ground never lies in two splits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np

from bocage.errors import SampleError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def split_blocks(
    sizes: Mapping[str, int], test_share: float, validation_share: float, rng: np.random.Generator
) -> dict[str, Split]:
    """Assign whole blocks of ground to splits, the test first, then the validation.

    Blocks are taken in random order as long as each brings the split nearer to its share of the samples. A split that
    is asked for gets at least one block.

    Parameters
    ----------
    sizes
        Number of samples by block.

    Raises
    ------
    SampleError
        If there are fewer blocks than splits, or the shares leave nothing to train with.
    """
    asked = [(name, share) for name, share in (("test", test_share), ("validation", validation_share)) if share > 0]
    if test_share + validation_share >= 1:
        raise SampleError(
            f"test_share {test_share} and validation_share {validation_share} leave nothing to train with",
            "let the two sum to less than 1",
        )
    if len(sizes) <= len(asked):
        raise SampleError(
            f"the samples lie in {len(sizes)} block{'s' if len(sizes) != 1 else ''}, and {len(asked) + 1} splits are "
            "wanted: the same ground would lie in two splits",
            "set a smaller samples.block_size, or a larger area",
        )
    total = sum(sizes.values())
    # Sorted first: the result must not depend on the order in which the frame was built.
    names = sorted(sizes)
    order = [names[place] for place in rng.permutation(len(names))]
    result: dict[str, Split] = {}
    for later, (name, share) in zip(range(len(asked) - 1, -1, -1), asked, strict=True):
        free = [block for block in order if block not in result]
        taken = _take(free, sizes, share * total, most=len(free) - later - 1)
        result |= {block: _split(name) for block in taken}
    return {block: result.get(block, "train") for block in names}


def split_scenes(
    scenes: Collection[str], test_scenes: Sequence[str], validation_scenes: Sequence[str]
) -> dict[str, Split]:
    """Assign whole scenes to splits as the settings name them; the rest trains.

    Raises
    ------
    SampleError
        If a scene is named that does not exist or is named twice, if a split is empty or nothing is left to train with.
    """
    for setting, names in (("test_scenes", test_scenes), ("validation_scenes", validation_scenes)):
        unknown = sorted(set(names) - set(scenes))
        if unknown:
            raise SampleError(
                f"samples.{setting} names scenes that are not in the frame: {', '.join(unknown)}",
                f"scenes with usable cells are: {', '.join(sorted(scenes)[:20])}{' ...' if len(scenes) > 20 else ''}",
            )
        if not names:
            raise SampleError(
                f'samples.split is "scenes" and samples.{setting} is empty',
                f"name one scene or more in samples.{setting}",
            )
    twice = sorted(set(test_scenes) & set(validation_scenes))
    if twice:
        raise SampleError(
            f"scenes are named both in samples.test_scenes and samples.validation_scenes: {', '.join(twice)}",
            "keep each in one of them",
        )
    result: dict[str, Split] = {
        scene: "test" if scene in test_scenes else "validation" if scene in validation_scenes else "train"
        for scene in scenes
    }
    if "train" not in result.values():
        raise SampleError("every scene is kept for test or validation", "leave one scene or more to train with")
    return result


def keep_apart(cells: Sequence[str], splits: Sequence[Split]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which pairs of cell and split may stay: ground that is in the test is in no other split, and so on.

    Where scenes of different splits overlap, the test keeps the cell before the validation, and both before training.
    """
    rank = {"test": 2, "validation": 1, "train": 0}
    highest: dict[str, int] = {}
    for cell, split in zip(cells, splits, strict=True):
        highest[cell] = max(highest.get(cell, 0), rank[split])
    return np.array([rank[split] == highest[cell] for cell, split in zip(cells, splits, strict=True)], np.bool_)


def _take(free: Sequence[str], sizes: Mapping[str, int], target: float, most: int) -> list[str]:
    taken: list[str] = []
    filled = 0
    for block in free:
        if len(taken) < most and abs(filled + sizes[block] - target) < abs(filled - target):
            taken.append(block)
            filled += sizes[block]
    return taken or [min(free, key=lambda block: (sizes[block], free.index(block)))]


def _split(name: str) -> Split:
    return "test" if name == "test" else "validation"

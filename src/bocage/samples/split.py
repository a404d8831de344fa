"""Which samples train, which validate and which test, so that the same ground never lies in two splits.

By blocks: the test is drawn first, then the validation, then what trains (:mod:`bocage.samples.design`). By scenes: the
settings name them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bocage.errors import SampleError
from bocage.samples.allocation import share_out

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

Ints = NDArray[np.int64]


def split_counts(shares: Mapping[str, int], test_share: float, validation_share: float) -> dict[Split, dict[str, int]]:
    """Return how many samples of each stratum test, validate and train.

    Test and validation have their share of all samples, spread over the strata in proportion to their samples. A
    stratum that can spare it has one in each; one with a single sample trains, unless the others cannot fill a split.

    Parameters
    ----------
    shares
        Number of samples by stratum, above 0.
    test_share, validation_share
        0 to 1; a split that is asked for gets at least one sample.

    Raises
    ------
    SampleError
        If the shares leave nothing to train with, or there are fewer samples than splits.
    """
    if test_share + validation_share >= 1:
        raise SampleError(
            f"test_share {test_share} and validation_share {validation_share} leave nothing to train with",
            "let the two sum to less than 1",
        )
    total = sum(shares.values())
    left = dict(shares)
    result: dict[Split, dict[str, int]] = {}
    asked: tuple[tuple[Split, float], ...] = (("test", test_share), ("validation", validation_share))
    wanted = [(split, max(1, round(share * total))) for split, share in asked if share > 0]
    if sum(count for _, count in wanted) >= total:
        raise SampleError(
            f"{total} samples are too few for {len(wanted) + 1} splits", "draw more samples (samples.count)"
        )
    for split, count in wanted:
        room = {name: max(number - 1, 0) for name, number in left.items()}
        if sum(room.values()) < count:
            room = dict(left)
        low = {name: min(1, most) for name, most in room.items()}
        if sum(low.values()) > count:
            low = dict.fromkeys(left, 0)
        result[split] = share_out(left, low, room, count)
        left = {name: left[name] - result[split][name] for name in left}
    return result | {"train": left}


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


def keep_apart(ground: Ints, split: Ints) -> NDArray[np.bool_]:
    """Return which pairs of cell and scene may stay: ground that is in the test is in no other split, and so on.

    Where scenes of different splits overlap, the test keeps the cell before the validation, and both before training.

    Parameters
    ----------
    ground
        (n,) number of the cell, from 0.
    split
        (n,) index into ``SPLITS``, which are ordered from the weakest claim to the strongest.
    """
    highest = np.zeros(int(ground.max(initial=-1)) + 1, np.int64)
    np.maximum.at(highest, ground, split)
    return np.asarray(split == highest[ground])

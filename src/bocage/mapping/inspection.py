"""What is counted of a tile while it is mapped, for the report of homogeneity: it is gone when the scenes are fused.

Two scenes that show the same ground should say the same of it. Their probabilities are compared on every n-th pixel of
the lattice in both directions, n fixed by the size of the tile, so that a tile costs the same memory whatever its size.
The counts are whole numbers, and do not depend on the order of the scenes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.fusion import SCALE
from bocage.mapping.gaps import Gap, find_gaps

MOST_SCENES = 16
"""Scenes of a tile that are compared, the first in its order: 120 pairs at most."""
MOST_SAMPLES = 640
"""Pixels that are compared along the edge of a tile, at most."""
_HALF = SCALE // 2


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two scenes say of the pixels that both saw, in steps of probability (254 is 1).

    Attributes
    ----------
    first, second
        The scenes, in the order of their ids.
    pixels
        Compared pixels that both saw.
    both, one
        Of these, the pixels that both call tree (probability 0.5 or more), and that only one of them does.
    difference
        Sum of the absolute differences.
    shift
        Sum of the differences, second minus first.
    """

    first: str
    second: str
    pixels: int
    both: int
    one: int
    difference: int
    shift: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """The counts of a tile.

    Attributes
    ----------
    observations
        How many pixels were seen by 0, 1, 2, ... scenes.
    tree_pixels
        Pixels with a probability of 0.5 or more.
    step
        Every ``step``-th pixel of the lattice was compared, in both directions.
    overlaps
        One entry per pair of scenes with a pixel in common.
    gaps
        The straight gaps in the seen ground, longest first.
    enclosed
        Pixels that no scene saw and that lie within the seen ground of the tile.
    bytes_read
        Bytes that were read for the tile, or None where the system does not count them.
    """

    observations: tuple[int, ...] = ()
    tree_pixels: int = 0
    step: int = 1
    overlaps: tuple[Overlap, ...] = ()
    gaps: tuple[Gap, ...] = ()
    enclosed: int = 0
    bytes_read: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, JSON-like."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any] | None) -> Self | None:
        """Return the counts of :meth:`as_dict`; None for a receipt without them."""
        if content is None:
            return None
        lists = {
            "observations": tuple(content["observations"]),
            "overlaps": tuple(Overlap(**entry) for entry in content["overlaps"]),
            "gaps": tuple(Gap(**entry) for entry in content["gaps"]),
        }
        return cls(**{**content, **lists})


@dataclass(frozen=True, slots=True)
class _Take:
    """What one scene says of the compared pixels of ``window``, which counts in steps."""

    scene: str
    window: Window
    steps: NDArray[np.uint8]
    valid: NDArray[np.bool_]


class Inspector:
    """Gathers the counts of the tile of ``window``, scene by scene."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._step = max(1, -(-max(window.shape) // MOST_SAMPLES))
        self._takes: list[_Take] = []

    def add(self, scene: str, window: Window, probability: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Note what one scene says about ``window``, a part of the tile.

        Parameters
        ----------
        probability
            (rows, columns), 0..1; values where ``valid`` is False are not read.
        valid
            (rows, columns), True where the scene saw the ground.
        """
        step = self._step
        top, left = -(-window.row // step), -(-window.column // step)
        high, wide = (window.bottom - 1) // step - top + 1, (window.right - 1) // step - left + 1
        if len(self._takes) == MOST_SCENES or high < 1 or wide < 1:
            return
        part = (slice(top * step - window.row, None, step), slice(left * step - window.column, None, step))
        seen = valid[part].copy()
        # An invalid pixel may hold anything, NaN included.
        value = np.where(seen, np.clip(probability[part], 0, 1), 0)
        steps = np.rint(value * np.float32(SCALE)).astype(np.uint8)
        self._takes.append(_Take(scene, Window(left, top, wide, high), steps, seen))

    def finish(
        self, probability: NDArray[np.uint8], observations: NDArray[np.uint8], bytes_read: int | None = None
    ) -> Inspection:
        """Return the counts of the tile.

        Parameters
        ----------
        probability
            (rows, columns), the fused map: 0..254, 255 where nothing was seen.
        observations
            (rows, columns), how many scenes saw the ground.
        bytes_read
            Bytes that were read for the tile, or None where the system does not count them.
        """
        takes = sorted(self._takes, key=lambda take: take.scene)
        pairs = (_compare(one, two) for index, one in enumerate(takes) for two in takes[index + 1 :])
        counts = _count(observations)
        gaps, enclosed = find_gaps(observations > 0) if counts[0] else ((), 0)
        return Inspection(
            tuple(counts.tolist()),
            int(np.count_nonzero((probability >= _HALF) & (observations > 0))),
            self._step,
            tuple(pair for pair in pairs if pair is not None),
            gaps,
            enclosed,
            bytes_read,
        )


def _count(observations: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many pixels hold 0, 1, 2, ...: few values, so that a look for each is faster than counting all."""
    most = int(observations.max(initial=0))
    return np.array([np.count_nonzero(observations == value) for value in range(most + 1)], dtype=np.int64)


def _compare(one: _Take, two: _Take) -> Overlap | None:
    shared = one.window.intersection(two.window)
    if shared is None:
        return None
    part, other = shared.slices(one.window), shared.slices(two.window)
    valid = one.valid[part] & two.valid[other]
    first, second = one.steps[part][valid].astype(np.int64), two.steps[other][valid].astype(np.int64)
    if not len(first):
        return None
    says, says_too, between = first >= _HALF, second >= _HALF, second - first
    return Overlap(
        one.scene,
        two.scene,
        len(first),
        int((says & says_too).sum()),
        int((says ^ says_too).sum()),
        int(np.abs(between).sum()),
        int(between.sum()),
    )


def count_observations(inspections: Sequence[Inspection]) -> list[int]:
    """Return how many pixels of all tiles were seen by 0, 1, 2, ... scenes."""
    total = np.zeros(max((len(each.observations) for each in inspections), default=0), dtype=np.int64)
    for each in inspections:
        total[: len(each.observations)] += each.observations
    return [int(count) for count in total]

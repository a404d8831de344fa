"""Histogram exchange: a crop in the colours of another scene (Yaras et al. 2024, doi 10.1109/JSTARS.2023.3340412).

The histograms are those of whole scenes, not of the crop: a crop of forest takes on what the other scene's light does
to forest, and not the brightness of its fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bocage.training.augmentation import look_up
from bocage.training.chips import ChipStore

# Chips of a scene that are counted, spread over it.
_CHIPS = 4
# Tables of pairs of scenes that are kept, a kilobyte each.
_TABLES = 1 << 14


def count_bytes(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how often each byte occurs in each band of the valid pixels of an image, (bands, 256)."""
    valid = image.any(axis=0)
    return np.stack([np.bincount(band[valid], minlength=256) for band in image])


def match_table(own: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return what each byte becomes, (bands, 256), so that counts ``own`` become those of ``other``.

    A byte goes to that of the same rank. Tables rise, 0 stays 0 and nothing else becomes 0; equal counts leave the
    bytes that occur as they are.
    """
    tables = []
    for mine, theirs in zip(own, other, strict=True):
        # The rank of the middle of a byte's pixels, in each of the two; bytes that do not occur lie between others.
        ranks = [(np.cumsum(counts) - counts / 2) / max(1, counts.sum()) for counts in (mine, theirs)]
        there = np.flatnonzero(theirs)
        table = np.interp(ranks[0], ranks[1][there], there) if len(there) else np.arange(256)
        tables.append(np.rint(np.clip(table, 1, 255)).astype(np.uint8))
    result = np.stack(tables)
    result[:, 0] = 0
    return result


@dataclass(frozen=True, slots=True)
class Histograms:
    """The histograms of the scenes of some chips.

    Attributes
    ----------
    counts
        (bands, 256) by scene id.
    """

    counts: Mapping[str, NDArray[np.int64]]
    _tables: dict[tuple[str, str], NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, store: ChipStore) -> Histograms:
        """Count the bytes of up to four chips of each scene."""
        members: dict[str, list[int]] = {}
        for index, chip in enumerate(store.chips):
            members.setdefault(chip.scene_id, []).append(index)
        return cls({scene: _count(store, indices) for scene, indices in sorted(members.items())})

    def exchange(self, image: NDArray[np.uint8], scene: str, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return an image of one scene in the colours of another, drawn at random; where there is none, as it is."""
        others = [name for name in self.counts if name != scene]
        if not others:
            return image
        return look_up(self._table(scene, others[int(rng.integers(len(others)))]), image)

    def _table(self, scene: str, other: str) -> NDArray[np.uint8]:
        """Return the table of two scenes; the same ones meet again and again."""
        known = self._tables.get((scene, other))
        if known is None:
            known = match_table(self.counts[scene], self.counts[other])
            if len(self._tables) < _TABLES:
                self._tables[scene, other] = known
        return known


def _count(store: ChipStore, indices: Sequence[int]) -> NDArray[np.int64]:
    step = max(1, len(indices) // _CHIPS)
    counts = [count_bytes(store.read(index)[0]) for index in indices[::step][:_CHIPS]]
    total: NDArray[np.int64] = np.sum(counts, axis=0)
    return total

"""The design of the sample: which pairs of the frame are drawn, for which split, and with what probability.

The splits are drawn one after the other: the test, then the validation, then what trains. Each is stratified and spread
over the ground, and each takes ground from the next, so that no block lies in two splits and nothing but the test lies
within the buffer around a test cell.

Where few samples fall to a block, single cells are drawn, and their blocks are theirs. Where many do (a small area),
that would leave no ground to train on: then so many whole blocks are drawn as the split has a share of, those of the
test in runs side by side so that its buffer is short, and the samples of the split within them.

The probability of a pair is n / N of its stratum, for the sample as a whole; docs/decisions/0012-drawing.md says where
this is exact and what a buffer and a minimum distance do to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.errors import SampleError
from bocage.samples.allocation import allocate, share_out, weigh
from bocage.samples.curve import along_curve
from bocage.samples.drawing import draw_equal
from bocage.samples.frame import Frame, blocks_of
from bocage.samples.spacing import Ground, thin_out
from bocage.samples.split import SPLITS, Split, keep_apart, split_counts
from bocage.samples.strata import Strata
from bocage.settings import SamplesSettings

# Blocks of test ground that lie side by side where whole blocks are drawn.
_RUN = 8

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The drawn pairs.

    Attributes
    ----------
    pairs
        (drawn,) index into the frame, ascending.
    split
        (drawn,) index into ``SPLITS``.
    probability
        (drawn,) probability of selection, above 0 and up to 1.
    """

    pairs: NDArray[np.intp]
    split: Ints
    probability: NDArray[np.float64]


def draw_by_blocks(
    frame: Frame,
    strata: Strata,
    given: SamplesSettings,
    count: int,
    rng: np.random.Generator,
    deviations: Mapping[str, float] | None = None,
) -> Drawn:
    """Draw and split by blocks of ground.

    Parameters
    ----------
    deviations
        Standard deviation by stratum, for the allocation "neyman".

    Raises
    ------
    SampleError
        If there are more strata than samples, or no ground is left for a split or a stratum.
    """
    block, places = blocks_of(frame, given.block_size)
    shares = _allocate(strata.sizes, given, count, deviations)
    quotas = split_counts(shares, given.test_share, given.validation_share)
    if len(places) < len(quotas):
        raise SampleError(
            f"the frame lies in {len(places)} block{'s' if len(places) != 1 else ''}, and {len(quotas)} splits are "
            "wanted: the same ground would lie in two splits",
            "set a smaller samples.block_size, or a larger area",
        )
    draw = _Draw(frame, strata, given.minimum_distance / given.cell_size)
    buffer = given.cell_size if given.buffer is None else given.buffer
    asked: tuple[tuple[Split, float], ...] = (("test", given.test_share), ("validation", given.validation_share))
    free = np.ones(len(frame), np.bool_)
    for split, share in asked:
        if split not in quotas:
            continue
        blocks = np.unique(block[free])
        wanted = max(1, round(share * len(places)))
        within = free
        if sum(quotas[split].values()) > wanted:
            # Blocks in a row have a shorter belt around them than as many apart.
            choose = _runs if split == "test" and buffer else draw_equal
            ground = blocks[choose(places[blocks], min(wanted, len(blocks)), rng)]
            within = free & np.isin(block, ground)
        draw.take(split, quotas[split], within, rng)

        def left(split: Split = split, free: Mask = free) -> Mask:
            mine = draw.of(split)
            rest = free & ~np.isin(block, np.unique(block[mine]))
            return rest & ~draw.near(mine, buffer / given.cell_size) if split == "test" else rest

        draw.rescue(split, free, left, rng)
        free = left()
        if not free.any():
            raise SampleError(
                f"no cell is left to train with beside the {split} cells",
                "set a smaller samples.buffer, samples.block_size or samples.test_share",
            )
    done = draw.counts()
    rest = {name: max(shares[name] - done[name], 0) for name in shares}
    draw.take("train", rest, free, rng, total=max(min(count, len(frame)) - sum(done.values()), 1))
    if not buffer:
        # Where the frame is drawn nearly whole, what is left over lies in the blocks of the other splits.
        for split, _ in asked:
            own = np.isin(block, np.unique(block[draw.of(split)]))
            missing = count - sum(draw.counts().values())
            if missing > 0 and split in quotas:
                draw.take(split, quotas[split], own, rng, total=missing)
    return draw.finish()


def draw_by_scenes(
    frame: Frame,
    strata: Strata,
    scene_split: Mapping[str, Split],
    given: SamplesSettings,
    count: int,
    rng: np.random.Generator,
    deviations: Mapping[str, float] | None = None,
) -> Drawn:
    """Draw within each split of whole scenes, so that a small test scene is not missed by chance.

    Ground that scenes of two splits show stays with the stronger claim, see :func:`keep_apart`. A buffer holds only
    where it is set: scenes lie where they lie.

    Raises
    ------
    SampleError
        If there are more strata than samples, or no ground is left for a stratum.
    """
    code = np.array([SPLITS.index(scene_split[name]) for name in frame.scene_ids], np.int64)[frame.scene]
    kept = np.flatnonzero(keep_apart(frame.ground, code))
    part, inside = frame.take(kept), strata.divide(kept, code[kept], SPLITS)
    # The names of the divided strata end with the split.
    spreads = {name: (deviations or {}).get(name.rpartition("/")[0], np.nan) for name in inside.names}
    shares = _allocate(inside.sizes, given, count, spreads)
    draw = _Draw(part, inside, given.minimum_distance / given.cell_size)
    free = np.ones(len(part), np.bool_)
    for split in reversed(SPLITS):
        quota = {name: number if name.endswith(f"/{split}") else 0 for name, number in shares.items()}
        draw.take(split, quota, free & (code[kept] == SPLITS.index(split)), rng)
        if split == "test" and given.buffer:
            free &= ~draw.near(draw.of("test"), given.buffer / given.cell_size)
    drawn = draw.finish()
    return Drawn(kept[drawn.pairs], drawn.split, drawn.probability)


def _runs(places: Ints, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw places in runs of about ``_RUN`` along a Hilbert curve, closed to a circle; each with equal probability."""
    order, runs = along_curve(places), max(1, count // _RUN)
    start = int(rng.integers(len(places)))
    chosen = [
        (start + run * len(places) // runs + np.arange(count * (run + 1) // runs - count * run // runs)) % len(places)
        for run in range(runs)
    ]
    return np.asarray(order[np.concatenate(chosen)])


def _allocate(
    sizes: Mapping[str, int], given: SamplesSettings, count: int, deviations: Mapping[str, float] | None
) -> dict[str, int]:
    weights = weigh(sizes, given.allocation, power=given.power, deviations=deviations)
    return allocate(sizes, count, given.minimum_per_stratum, weights)


class _Draw:
    """A draw in progress: which split each pair was drawn for so far, -1 for none."""

    def __init__(self, frame: Frame, strata: Strata, apart: float) -> None:
        self._places = frame.places
        self._ground = frame.ground
        self._cells = Ground(self._places[frame.distinct()])
        self._strata = strata
        # The least distance between drawn cells, and the cells that lie nearer to one of them.
        self._apart = apart
        self._taken = np.zeros(int(frame.ground.max()) + 1, np.bool_)
        self._split = np.full(len(frame), -1, np.int64)
        order = np.argsort(strata.stratum, kind="stable")
        starts = np.searchsorted(strata.stratum[order], np.arange(1, len(strata.names)))
        self._members = dict(zip(strata.names, np.split(order, starts), strict=True))

    def of(self, split: Split) -> NDArray[np.intp]:
        """Return the pairs of a split."""
        return np.flatnonzero(self._split == SPLITS.index(split))

    def counts(self) -> dict[str, int]:
        """Return the number of drawn pairs by stratum."""
        return {name: int((self._split[members] >= 0).sum()) for name, members in self._members.items()}

    def near(self, pairs: NDArray[np.intp], distance: float) -> Mask:
        """Return which pairs of the frame lie nearer than ``distance`` (in cells) to one of ``pairs``."""
        found = np.zeros(len(self._taken), np.bool_)
        found[self._cells.near(self._places[pairs], distance)] = True
        return np.asarray(found[self._ground])

    def take(
        self, split: Split, quota: Mapping[str, int], within: Mask, rng: np.random.Generator, total: int | None = None
    ) -> None:
        """Draw pairs of ``within``: the quota of each stratum, or what it holds, and the rest from the others.

        Parameters
        ----------
        total
            How many in all; the sum of the quota by default.
        """
        free = {name: members[within[members] & (self._split[members] < 0)] for name, members in self._members.items()}
        room = {name: len(members) for name, members in free.items()}
        done = self.counts()
        low = {name: min(1, room[name]) if split == "train" and not done[name] and quota[name] else 0 for name in quota}
        shares = share_out(quota, low, room, sum(quota.values()) if total is None else total)
        # The small strata first: where cells must keep a distance, the large ones find other places.
        for name in sorted(shares, key=lambda name: (len(self._members[name]), name)):
            self._take(split, free[name], shares[name], rng)

    def _take(self, split: Split, free: NDArray[np.intp], wanted: int, rng: np.random.Generator) -> None:
        code = SPLITS.index(split)
        if self._apart <= 0 or not wanted:
            self._split[free[draw_equal(self._places[free], wanted, rng)]] = code
            return
        free = free[~self._taken[self._ground[free]]]
        while wanted and len(free):
            chosen = free[draw_equal(self._places[free], min(wanted, len(free)), rng)]
            chosen = chosen[thin_out(self._places[chosen], self._apart, rng)]
            self._split[chosen] = code
            self._taken[self._cells.near(self._places[chosen], self._apart)] = True
            wanted -= len(chosen)
            free = free[~self._taken[self._ground[free]]]

    def rescue(self, split: Split, before: Mask, left: Callable[[], Mask], rng: np.random.Generator) -> None:
        """Draw one pair more of every stratum that the ground of this split would swallow whole.

        Parameters
        ----------
        before
            The pairs that could be drawn for this split.
        left
            Returns those that remain after it.
        """
        while True:
            remaining, done = left(), self.counts()
            lost = [name for name, members in self._members.items() if not done[name] and not remaining[members].any()]
            for name in lost:
                members = self._members[name]
                self._take(split, members[before[members] & (self._split[members] < 0)], 1, rng)
            if not lost or self.counts() == done:
                return

    def finish(self) -> Drawn:
        """Return what was drawn, each pair with n / N of its stratum.

        Raises
        ------
        SampleError
            If nothing was drawn of a stratum.
        """
        done = self.counts()
        absent = [name for name, number in done.items() if not number]
        if absent:
            raise SampleError(
                f"no cell of the strata {', '.join(absent[:10])}{' ...' if len(absent) > 10 else ''} keeps its "
                "distance from the others",
                "set a smaller samples.minimum_distance or samples.buffer",
            )
        pairs = np.flatnonzero(self._split >= 0)
        rate = np.array([done[name] / len(members) for name, members in self._members.items()])
        return Drawn(pairs, self._split[pairs], rate[self._strata.stratum[pairs]])

"""Nested subsets of the training samples, for curves of accuracy over the number of samples.

The training samples are put in one order per seed, and a subset is the beginning of it: a smaller subset lies in every
larger one. Every beginning is stratified: of each stratum it holds its share, to less than one sample, as in the
schedule of G. Steiner, S. Yeomans (1993), Level schedules for mixed-model, just-in-time processes, Management Science
39, 728-735. The smallest subsets therefore show the largest strata. Within a stratum the order is that of Stevens and
Olsen (2004): every beginning is spread over the ground.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bocage.errors import SampleError
from bocage.samples.curve import along_curve
from bocage.samples.samples import Samples

_BITS = 32

Seed = int | Sequence[int]


def nested_subsets(samples: Samples, budgets: Iterable[int], seed: Seed) -> dict[int, list[str]]:
    """Return the names of the training samples of each subset.

    Parameters
    ----------
    samples
        All samples; validation and test are left out.
    budgets
        How many samples each subset has, 1 or more. One that is larger than the number of training samples holds all of
        them.
    seed
        Another seed gives another order; the same one gives the same order on any machine, whatever the order of the
        table.

    Returns
    -------
    dict
        By budget, ascending: names of samples, in the order in which they were chosen.

    Raises
    ------
    SampleError
        If there are no training samples, or a budget is below 1.
    """
    asked = sorted(set(budgets))
    if not asked or asked[0] < 1:
        raise SampleError(
            f"subsets of {asked} samples cannot be made", "ask for one or more subsets of 1 sample or more"
        )
    order = training_order(samples, seed)
    return {budget: order[:budget] for budget in asked}


def training_order(samples: Samples, seed: Seed) -> list[str]:
    """Return the names of all training samples in an order of which every beginning is stratified.

    Raises
    ------
    SampleError
        If there are no training samples.
    """
    table = samples.of("train").table.sort_values("sample_id", ignore_index=True)
    if table.empty:
        raise SampleError("none of the samples is for training", "run: bocage samples draw")
    order = stratified_order(table[["column", "row"]].to_numpy(np.int64), table["stratum"].astype(str).tolist(), seed)
    return [str(name) for name in table["sample_id"].to_numpy()[order]]


def stratified_order(places: NDArray[np.int64], strata: Sequence[str], seed: Seed) -> list[int]:
    """Return the indices of places in an order of which every beginning is stratified and spread over the ground.

    Parameters
    ----------
    places
        (n, 2) columns and rows.
    strata
        The stratum of each place.
    """
    rng = np.random.default_rng(seed)
    stratum = np.array(strata, np.str_)
    queues: list[list[int]] = []
    for name in sorted(set(strata)):
        members = np.flatnonzero(stratum == name)
        queues.append(members[spread_order(places[members], rng)].tolist())
    turns = _turns([len(queue) for queue in queues], rng)
    waiting = [iter(queue) for queue in queues]
    return [next(waiting[turn]) for turn in turns]


def spread_order(places: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order of places of which every beginning is spread over the ground.

    The places lie along a Hilbert curve as equal parts of a circle with a random start. The circle is halved until no
    part holds two of them, and halves, quarters and eighths take turns: the order of the parts' numbers with their bits
    reversed.
    """
    order = along_curve(places)
    bits = max(len(places) - 1, 1).bit_length()
    circle = (np.arange(len(places), dtype=np.int64) << _BITS) // len(places)
    part = (circle + int(rng.integers(1 << _BITS))) % (1 << _BITS) >> (_BITS - bits)
    turn = np.zeros_like(part)
    for _ in range(bits):
        turn = turn << 1 | part & 1
        part = part >> 1
    return np.asarray(order[np.argsort(turn, kind="stable")])


def _turns(sizes: list[int], rng: np.random.Generator) -> list[int]:
    """Return which stratum has each turn, so that after every turn each has had its share to less than one.

    The k-th unit of a stratum may not come before the turn after which the stratum's share exceeds k - 1, nor after the
    one at which it reaches k: of those that may come, the one that must come first is taken.
    """
    total = sum(sizes)
    luck = rng.permutation(len(sizes)).tolist()
    early = [(1, index, 1) for index in range(len(sizes))]
    heapq.heapify(early)
    ready: list[tuple[int, int, int, int]] = []
    result: list[int] = []
    for turn in range(1, total + 1):
        while early and early[0][0] <= turn:
            _, index, number = heapq.heappop(early)
            heapq.heappush(ready, (-(-number * total // sizes[index]), luck[index], index, number))
        _, _, index, number = heapq.heappop(ready)
        result.append(index)
        if number < sizes[index]:
            heapq.heappush(early, (number * total // sizes[index] + 1, index, number + 1))
    return result

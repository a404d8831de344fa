"""Thinning to centre lines by a fixed number of steps, so that a centre line does not depend on the tiling.

The rules are those of Guo and Hall (1989, "Parallel thinning with two-subiteration algorithms"), followed by one pass
that takes the inner cells off the steps of a staircase. Each sub-iteration looks at the eight neighbours of a cell
alone, and their number is fixed: what happens further than ``2 * iterations + CORNERS`` cells away has no influence.
A strip is down to its centre line after half its width in iterations; what is broader is left thick.

The rules prefer the sides of the array. They are therefore applied in four turns of 90 degrees, each giving a centre
line of its own, and measures are the mean over the four: then turning the ground changes nothing.

Neighbours are numbered clockwise from the north: 0 N, 1 NE, 2 E, 3 SE, 4 S, 5 SW, 6 W, 7 NW.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TURNS = 4
CORNERS = 4
AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))

type Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells to be thinned, as a graph.

    Attributes
    ----------
    flat
        (n,): flat index of each cell in its array, rising.
    near
        (n, 8): position in ``flat`` of each neighbour of the same label, n where there is none.
    """

    flat: Index
    near: Index


def cells_of(labels: NDArray[np.int32]) -> Cells:
    """Return the labelled cells with their neighbours of the same label; the outermost rows and columns must be 0."""
    flat = np.flatnonzero(labels)
    columns = labels.shape[1]
    place = np.full(labels.size, len(flat), np.int64)
    place[flat] = np.arange(len(flat))
    own, near = labels.ravel()[flat], np.empty((len(flat), 8), np.int64)
    for number, (down, right) in enumerate(AROUND):
        other = flat + down * columns + right
        near[:, number] = np.where(labels.ravel()[other] == own, place[other], len(flat))
    return Cells(flat, near)


def thinned(cells: Cells, iterations: int, turn: int) -> NDArray[np.bool_]:
    """Return which cells remain after ``iterations``; the rules take direction ``turn`` (0 to 3) for north."""
    alive = np.ones(len(cells.flat) + 1, bool)
    alive[-1] = False
    code = np.zeros(len(cells.flat) + 1, np.uint8)
    for number in range(8):
        code[:-1] |= alive[cells.near[:, number]].astype(np.uint8) << np.uint8(number)
    tables = [np.roll(_bits(), -2 * turn, axis=1) for _ in (0, 1)]
    first, second = (_deletable(bits, half) for half, bits in enumerate(tables))
    active = np.flatnonzero(code[:-1] != 255)
    for _ in range(iterations):
        before = np.count_nonzero(alive)
        for table in (first, second):
            active = _remove(active[table[code[active]]], cells, alive, code, active)
        if np.count_nonzero(alive) == before:
            break
    corner = _corner()
    rest = np.flatnonzero(alive[:-1])
    for quarter in range(4):
        bits = np.roll(_bits(), -2 * (turn + quarter), axis=1)
        _remove(rest[corner[_codes(bits)[code[rest]]] & alive[rest]], cells, alive, code, rest)
    return alive[:-1]


def _remove(gone: Index, cells: Cells, alive: NDArray[np.bool_], code: NDArray[np.uint8], active: Index) -> Index:
    """Take cells away and return those that may now be taken: the others of the active ones and all neighbours."""
    if not len(gone):
        return active
    alive[gone] = False
    touched = [active]
    for number in range(8):
        other = cells.near[gone, number]
        code[other] &= np.uint8(255 - (1 << ((number + 4) % 8)))
        touched.append(other)
    fresh = np.zeros(len(alive), bool)
    for some in touched:
        fresh[some] = True
    fresh &= alive
    return np.flatnonzero(fresh)


def _bits() -> NDArray[np.bool_]:
    """Return (256, 8): the bits of every code."""
    return (np.arange(256)[:, np.newaxis] >> np.arange(8)) & 1 > 0


def _codes(bits: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.asarray((bits << np.arange(8)).sum(axis=1), np.intp)


def _deletable(bits: NDArray[np.bool_], half: int) -> NDArray[np.bool_]:
    """Return for every code whether Guo and Hall's first (0) or second (1) sub-iteration takes the cell away."""
    n, ne, e, se, s, sw, w, nw = bits.T
    parts = (~n & (ne | e)).astype(int) + (~e & (se | s)) + (~s & (sw | w)) + (~w & (nw | n))
    one = (nw | n).astype(int) + (ne | e) + (se | s) + (sw | w)
    two = (n | ne).astype(int) + (e | se) + (s | sw) + (w | nw)
    least = np.minimum(one, two)
    side = (n | ne | ~se) & e if half == 0 else (s | sw | ~nw) & w
    return np.asarray((parts == 1) & (least >= 2) & (least <= 3) & ~side, bool)


def _corner() -> NDArray[np.bool_]:
    """Return for every code whether the cell is the inner one of a step: north and east remain, nothing south-west."""
    n, _, e, _, s, sw, w, _ = _bits().T
    return np.asarray(n & e & ~s & ~w & ~sw, bool)

"""Whether the map jumps where two tiles meet: each border against the lines beside it.

No seam can come from the chips, which know nothing of tiles. One can come from all else: a tile that another model
mapped, that lacks a scene, or that was damaged.

Along a border the probability changes from pixel to pixel as it does along any other line of the landscape, unless the
border is a seam. So for each segment of the border the mean absolute difference across it is ranked among those across
the parallel lines nearby. Where no line is special every rank is as likely, whatever the map shows; the ranks of all
segments, centred, add up to z with a known variance (ties included; the test of Friedman, 1937, for one treatment).
Segments are not quite independent, since a hedge may follow a line. How much that adds is measured in the same run, on
as many lines within the tiles, and taken out: z is divided by the spread that it has there, as genomic control does
(Devlin and Roeder, 1999). Holm's method (1979) then holds the chance of any false seam in a run to a limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bocage.grid import Tile, Tiling, Window
from bocage.mapping.fusion import NODATA, SCALE

HALF_WIDTH = 64
"""Pixels that are read on each side of a border."""
NEARBY = 16
"""Parallel lines on each side with which a line is compared."""
SEGMENT = 32
"""Pixels of a border that are ranked together."""
CHANCE = 0.05
"""Largest chance that a run without any seam names one."""
LEAST_JUMP = 0.5 / SCALE
"""A smaller excess is no seam: half a step of the written map."""
_CONTROLS = (-40, 40)  # lines within the tiles that are tested as the border is
_FEWEST_CONTROLS = 8
_THREADS = 8

type Side = Literal["east", "south"]


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured of a line between two rows or columns of pixels.

    Attributes
    ----------
    z
        Of the ranks; large where the line stands out. NaN where too little is known on both sides.
    segments
        Segments that were ranked.
    difference, nearby
        Mean absolute difference of probability across the line, and across the lines nearby.
    change, change_nearby
        Share of the pixels at which the class (0.5 or more) changes across the line, and across those nearby.
    jump
        Mean difference across the line: beyond it (east or south) minus before it.
    """

    z: float
    segments: int
    difference: float
    nearby: float
    change: float
    change_nearby: float
    jump: float

    @property
    def excess(self) -> float:
        """By how much the mean absolute difference exceeds that nearby."""
        return self.difference - self.nearby


@dataclass(frozen=True, slots=True)
class Border:
    """A border of two tiles: the second lies east or south of the first. ``controls`` are lines within them."""

    first: str
    second: str
    side: Side
    line: Line
    controls: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Seams:
    """The borders of a mosaic.

    Attributes
    ----------
    borders
        All that could be measured.
    inflation
        What z is divided by: its spread on lines that are no borders, at least 1.
    significant
        Indexes of the borders that are seams.
    controls, control_flags
        Lines within the tiles, and how many of them would pass as seams.
    """

    borders: tuple[Border, ...]
    inflation: float
    significant: tuple[int, ...]
    controls: int
    control_flags: int

    def z(self, border: Border) -> float:
        """Return the z of a border with the spread taken out."""
        return border.line.z / self.inflation


def measure_line(probability: NDArray[np.uint8], at: int) -> Line:
    """Measure the line before column ``at`` of a strip.

    Parameters
    ----------
    probability
        (rows, columns) 0..254, 255 where nothing is known, with ``NEARBY`` + 1 columns on both sides of the line.
    """
    part = probability[:, at - NEARBY - 1 : at + NEARBY + 1]
    known = part != NODATA
    both = known[:, 1:] & known[:, :-1]
    between = part[:, 1:].astype(np.int16) - part[:, :-1]
    tree = part >= SCALE // 2
    count, size, changes = (
        _by_segment(each) for each in (both, np.abs(between) * both, (tree[:, 1:] != tree[:, :-1]) & both)
    )
    # A line of which little is known would be compared by chance.
    whole = (count >= SEGMENT // 2).all(axis=1)
    count, size, changes = count[whole], size[whole], changes[whole]
    if not len(count):
        return Line(math.nan, 0, math.nan, math.nan, math.nan, math.nan, math.nan)
    ranks = rankdata(size / count, axis=1)
    spread = ranks.var(axis=1).sum()
    middle = (ranks.shape[1] + 1) / 2
    z = float((ranks[:, NEARBY] - middle).sum() / math.sqrt(spread)) if spread > 0 else 0.0
    others = np.arange(count.shape[1]) != NEARBY
    across = both[:, NEARBY]
    return Line(
        z,
        len(count),
        float(size[:, NEARBY].sum() / count[:, NEARBY].sum() / SCALE),
        float(size[:, others].sum() / count[:, others].sum() / SCALE),
        float(changes[:, NEARBY].sum() / count[:, NEARBY].sum()),
        float(changes[:, others].sum() / count[:, others].sum()),
        float(between[:, NEARBY][across].mean() / SCALE),
    )


def _by_segment(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return the sums over the segments along the rows; what is left over at the end belongs to the last one."""
    starts = np.arange(0, max(len(values) - SEGMENT + 1, 1), SEGMENT)
    sums: NDArray[np.int64] = np.add.reduceat(values.astype(np.int64), starts, axis=0)
    return sums


def measure_borders(
    tiles: Iterable[Tile], tiling: Tiling, read: Callable[[Window], NDArray[np.uint8]], *, threads: int = _THREADS
) -> list[Border]:
    """Return what was measured of every border between two of ``tiles``, in their order, the eastern border first.

    Parameters
    ----------
    read
        Returns the probability of a window of the mosaic, 0..254, 255 where nothing is known; called from threads.
    """
    there = {tile.id: tile for tile in tiles}

    def measure(pair: tuple[Tile, Tile, Side]) -> Border | None:
        first, second, side = pair
        own, half = second.window, min(HALF_WIDTH, tiling.pixels)
        if side == "east":
            strip = read(Window(own.column - half, own.row, 2 * half, own.height))
        else:
            strip = read(Window(own.column, own.row - half, own.width, 2 * half)).T
        if half <= NEARBY:
            return None
        places = [half + control for control in _CONTROLS]
        controls = (measure_line(strip, at) for at in places if NEARBY < at < 2 * half - NEARBY)
        line = measure_line(strip, half)
        known = tuple(control for control in controls if not math.isnan(control.z))
        return None if math.isnan(line.z) else Border(first.id, second.id, side, line, known)

    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(measure, _neighbours(there, tiling))
        return [border for border in found if border is not None]


def _neighbours(tiles: dict[str, Tile], tiling: Tiling) -> Iterator[tuple[Tile, Tile, Side]]:
    size = tiling.pixels
    for tile in tiles.values():
        east, down = tile.window.column // size, tile.window.row // size
        sides: tuple[tuple[Side, int, int], ...] = (("east", 1, 0), ("south", 0, 1))
        for side, right, below in sides:
            other = tiles.get(tiling.tile_at(east + right, -(down + below) - 1).id)
            if other is not None:
                yield tile, other, side


def find_seams(borders: Sequence[Border], chance: float = CHANCE) -> Seams:
    """Return which borders are seams.

    Parameters
    ----------
    chance
        Largest chance that any border is named where none is a seam.
    """
    controls = [control for border in borders for control in border.controls]
    inflation = _spread([control.z for control in controls])
    tested = [border.line for border in borders]
    significant = _holm(tested, inflation, chance)
    # Each control as if it were one more border of the run.
    limit = chance / (len(borders) + 1)
    flags = sum(_tail(each.z / inflation) <= limit and each.excess >= LEAST_JUMP for each in controls)
    return Seams(tuple(borders), inflation, tuple(significant), len(controls), flags)


def _spread(scores: Sequence[float]) -> float:
    """Return the standard deviation that the middle of the scores has, at least 1.

    Few scores say little of it: it is then taken to be twice what the test assumes.
    """
    if len(scores) < _FEWEST_CONTROLS:
        return 2.0
    middle = np.median(scores)
    return max(1.0, float(1.4826 * np.median(np.abs(np.asarray(scores) - middle))))


def _holm(lines: Sequence[Line], inflation: float, chance: float) -> list[int]:
    """Return the indexes of the lines that stand out, by Holm's method."""
    found = []
    tails = [_tail(line.z / inflation) for line in lines]
    for place, index in enumerate(sorted(range(len(lines)), key=tails.__getitem__)):
        if tails[index] > chance / (len(lines) - place):
            break
        if lines[index].excess >= LEAST_JUMP:
            found.append(index)
    return sorted(found)


def _tail(z: float) -> float:
    """Return the chance that a standard normal variable exceeds z."""
    return 0.5 * math.erfc(z / math.sqrt(2))

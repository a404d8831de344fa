"""Centre lines of linear features as chains of cells: joined, freed of spurs, and open to be walked along.

A line is a graph: its cells, each linked to the neighbours that follow it. A diagonal link is left out where a cell
stands beside it, so that a cell of a plain line has two links, an end one and a junction three or more.

A branch is a spur where it hardly leaves the largest disk that fits at its junction: the corner of a square end, or a
bulge of the outline. Two rounds take spurs on spurs. A line may also bend into one corner of a square end without a
branch: such a hook is cut back to where the line has its full width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bocage.features.holes import closed, hole_cells
from bocage.features.morphology import Depths
from bocage.features.patch import Patch
from bocage.features.thinning import CORNERS, TURNS, Cells, cells_of, thinned

LARGEST_WIDTH = 30.0
_ROUNDS = 2
# A spur reaches less far than this many radii of the disk at its junction, plus one cell.
_SPUR = 1.5
# Along a hook the distance to the outline shrinks by more than this per cell: by 0.7 towards a square corner. With this
# value the lengths of straight bars of 6 to 30 m at all angles have no bias.
_HOOK = 0.45

type Index = NDArray[np.int64]


@dataclass(frozen=True)
class CentreLine:
    """The centre lines of a piece of ground, in one of the four turns of :mod:`bocage.features.thinning`.

    Attributes
    ----------
    flat
        (n,): flat index of each cell in the arrays of the patch.
    near
        (n, 8): position in ``flat`` of each linked neighbour, n where there is none.
    labels
        (n,): the feature of each cell.
    radius
        (n,): distance in cells from the centre line to the outline.
    columns
        Width of the arrays.
    """

    flat: Index
    near: Index
    labels: NDArray[np.int32]
    radius: NDArray[np.float64]
    columns: int

    @cached_property
    def rows_columns(self) -> Index:
        """(n + 1, 2): row and column of each cell in the arrays; the last is a filler."""
        place = np.stack(np.divmod(self.flat, self.columns), axis=1)
        return np.vstack([place, np.zeros((1, 2), np.int64)])

    @cached_property
    def degree(self) -> Index:
        """(n,): number of links of each cell."""
        return np.asarray((self.near < len(self.flat)).sum(axis=1), np.int64)

    @cached_property
    def links(self) -> Index:
        """(n, 2): two links of each cell, n where there are fewer."""
        return np.partition(self.near, (0, 1), axis=1)[:, :2]

    def walk(self, steps: int) -> Iterator[tuple[int, int, Index, NDArray[np.bool_]]]:
        """Walk from every cell along its line, both ways, until an end or a junction.

        Yields
        ------
        step, way
            1 to ``steps``, and 0 or 1; a junction is not left, and an end is left one way.
        place
            (n,): where the walk stands.
        moved
            (n,): whether the walk came this far.
        """
        count = len(self.flat)
        plain = np.append(self.degree == 2, False)
        total = np.append(np.where(self.degree == 2, self.links.sum(axis=1), 0), 0)
        here = np.arange(count)
        start = self.degree <= 2
        before = [here, here]
        place = [np.where(start & (self.links[:, way] < count), self.links[:, way], here) for way in (0, 1)]
        moved = [place[way] != here for way in (0, 1)]
        for step in range(1, steps + 1):
            for way in (0, 1):
                yield step, way, place[way], moved[way]
                on = moved[way] & plain[place[way]]
                after = np.where(on, total[place[way]] - before[way], place[way])
                before[way], place[way], moved[way] = np.where(on, place[way], before[way]), after, on


def iterations(resolution: float) -> int:
    """Return the number of iterations that thin the widest linear feature to a line."""
    return int(np.ceil(LARGEST_WIDTH / resolution / 2)) + 2


def spur_cells(resolution: float) -> int:
    """Return the largest number of cells in a spur."""
    return int(np.ceil(_SPUR * LARGEST_WIDTH / 2 / resolution)) + 1


def line_reach(resolution: float) -> int:
    """Return the distance in cells beyond which nothing can change a centre line."""
    thinning = 2 * iterations(resolution) + CORNERS
    return hole_cells(resolution) + 1 + thinning + (_ROUNDS + 1) * (spur_cells(resolution) + 2) + 2


def centre_lines(patch: Patch) -> list[CentreLine]:
    """Return the centre lines of the linear features of a patch, one per turn."""
    labels = np.where(patch.linear, patch.labels, 0).astype(np.int32)
    labels[[0, -1], :] = 0
    labels[:, [0, -1]] = 0
    labels = closed(labels, patch.resolution)
    cells = cells_of(labels)
    depths = Depths.of(labels > 0)
    _, largest = depths.at(*np.divmod(cells.flat, labels.shape[1]))
    radius = largest.astype(np.float64)
    owner = labels.ravel()[cells.flat]
    steps, longest = iterations(patch.resolution), spur_cells(patch.resolution)
    lines = []
    for turn in range(TURNS):
        alive = thinned(cells, steps, turn)
        for _ in range(_ROUNDS):
            line = _line(cells, alive, owner, radius, labels.shape[1])
            alive = _without_spurs(line, np.flatnonzero(alive), len(cells.flat), longest)
        line = _line(cells, alive, owner, radius, labels.shape[1])
        alive = _without_hooks(line, np.flatnonzero(alive), len(cells.flat), longest)
        lines.append(_line(cells, alive, owner, radius, labels.shape[1]))
    return lines


def _line(
    cells: Cells, alive: NDArray[np.bool_], owner: NDArray[np.int32], radius: NDArray[np.float64], columns: int
) -> CentreLine:
    kept = np.flatnonzero(alive)
    count = len(kept)
    place = np.full(len(alive) + 1, count, np.int64)
    place[kept] = np.arange(count)
    near = place[cells.near[kept]]
    there = near < count
    for diagonal in (1, 3, 5, 7):
        beside = there[:, diagonal - 1] | there[:, (diagonal + 1) % 8]
        near[beside, diagonal] = count
    return CentreLine(cells.flat[kept], near, owner[kept], radius[kept], columns)


def _without_spurs(line: CentreLine, kept: Index, count: int, longest: int) -> NDArray[np.bool_]:
    """Return which of all cells remain when the spurs of a line are taken off."""
    trail, foot = _trails(line, longest)
    found = np.flatnonzero(foot >= 0)
    ends, feet, place = trail[found, 0], foot[found], line.rows_columns
    reach = np.hypot(*(place[ends] - place[feet]).T) + line.radius[ends]
    spur = found[reach <= _SPUR * line.radius[feet] + 1]
    return _without(trail[spur].ravel(), kept, count)


def _without_hooks(line: CentreLine, kept: Index, count: int, longest: int) -> NDArray[np.bool_]:
    """Return which of all cells remain when the hooks at the ends of a line are taken off."""
    trail, _ = _trails(line, longest)
    place, radius = line.rows_columns.astype(np.float64), np.append(line.radius, -np.inf)
    way = place[trail] - place[trail[:, :1]]
    gain = radius[trail] - _HOOK * np.hypot(way[..., 0], way[..., 1])
    hook = np.arange(longest + 1) < gain.argmax(axis=1)[:, np.newaxis]
    return _without(trail[hook], kept, count)


def _without(gone: Index, kept: Index, count: int) -> NDArray[np.bool_]:
    alive = np.zeros(count, bool)
    alive[kept] = True
    alive[kept[gone[gone < len(kept)]]] = False
    return alive


def _trails(line: CentreLine, longest: int) -> tuple[Index, Index]:
    """Walk inwards from every end.

    Returns
    -------
    trail
        (ends, longest + 1): the end and the cells behind it, before a junction or another end; the number of cells of
        the line where there are fewer.
    foot
        (ends,): the junction that was met, -1 where none was.
    """
    ends = np.flatnonzero(line.degree == 1)
    trail = np.full((len(ends), longest + 1), len(line.flat), np.int64)
    trail[:, 0] = ends
    foot = np.full(len(ends), -1, np.int64)
    before, here = ends, line.links[ends, 0]
    total = np.append(line.links.sum(axis=1), 0)
    degree = np.append(line.degree, 0)
    walking = np.ones(len(ends), bool)
    for step in range(1, longest + 1):
        at_junction = walking & (degree[here] > 2)
        foot[at_junction] = here[at_junction]
        walking &= degree[here] == 2
        trail[walking, step] = here[walking]
        before, here = np.where(walking, here, before), np.where(walking, total[here] - before, here)
    return trail, foot

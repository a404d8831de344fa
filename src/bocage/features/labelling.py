"""Connected components over tiles: labels within a tile, and which of them are one.

A tile labels its core together with the cells that lie around it. A cell at the border of two tiles so has a label in
both, and equal cells say which labels are one component. The number of a component is its place in reading order
of first cells (the westmost of its northmost), which no tiling changes.

Two cells of a mask are connected where they share an edge or a corner, so that a hedge that runs diagonally through the
grid is one feature. Where two such diagonals cross, that of the linear features goes through and the other is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bocage.features.frame import Frame
from bocage.features.sums import Sums
from bocage.grid import Window

LINEAR, PATCHY = 1, 2
# The first cell of a component that has none in the region.
_NOWHERE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class TileLabels:
    """The labels of a tile, 0 outside and 1 to ``count``.

    Attributes
    ----------
    array
        (rows + 2, columns + 2): the core and one cell around it.
    rim_cells, rim_labels
        Place in the region and label of the labelled cells that another tile may know too.
    first
        (count,) place in the region of the first cell of each label in the core, -1 if it has none there or is not
        asked.
    ghosts
        How many labels, the last ones, stand outside of the region that the tiles own together.
    """

    array: NDArray[np.int32]
    count: int
    rim_cells: NDArray[np.int64]
    rim_labels: NDArray[np.int32]
    first: NDArray[np.int64]
    ghosts: int = 0

    @property
    def core(self) -> NDArray[np.int32]:
        """The labels of the cells that the tile owns."""
        return self.array[1:-1, 1:-1]

    def forgotten(self) -> TileLabels:
        """Return the labels without their array: what is needed to join them."""
        return replace(self, array=np.zeros((2, 2), np.int32))


@dataclass(frozen=True, slots=True)
class Joined:
    """The components of a region.

    Attributes
    ----------
    owners
        For each tile, the component (from 0) of each of its labels, index 0 for label 1.
    first
        (components,) place of the first cell, ascending; of ghosts a number beyond all places.
    """

    owners: tuple[NDArray[np.intp], ...]
    first: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.first)

    @property
    def own(self) -> int:
        """Number of components that have a first cell: all but the ghosts, which come last."""
        return int(np.searchsorted(self.first, _NOWHERE))

    def sums(self, parts: Sequence[Sums]) -> Sums:
        """Return the sums of the components from those of the tiles' labels, one part per tile."""
        filled = [part for part in parts if part.count] or parts[:1]
        owner = np.concatenate([*self.owners, np.zeros(0, np.intp)])
        added: dict[str, NDArray[np.int64]] = {}
        largest: dict[str, NDArray[np.int64]] = {}
        # One figure after another: of a whole production cell all together would be held twice.
        for name in filled[0].added:
            values = np.concatenate([part.added[name] for part in filled])
            added |= Sums(len(owner), {name: values}).joined(owner, self.count).added
        for name in filled[0].largest:
            values = np.concatenate([part.largest[name] for part in filled])
            largest |= Sums(len(owner), {}, {name: values}).joined(owner, self.count).largest
        return Sums(self.count, added, largest)


def label_tile(frame: Frame, core: Window, classes: NDArray[np.uint8], *, ordered: bool = False) -> TileLabels:
    """Label the linear and the patchy cells of a tile.

    Parameters
    ----------
    classes
        (rows + 2, columns + 2) as from :meth:`Frame.framed`: 0, ``LINEAR`` or ``PATCHY``. Each class is labelled alone.
    ordered
        Whether the first cells are looked up, by which components are numbered.
    """
    array, count = components_of(classes == LINEAR)
    patches, more = label_patches(classes)
    if more:
        np.copyto(array, patches + count, where=patches > 0)
    count += more
    width = frame.window.width
    rows, columns = _rim(array)
    cells = (rows + core.row - 1 - frame.window.row) * width + columns + core.column - 1 - frame.window.column
    first = np.full(count + 1, -1, np.int64)
    if ordered:
        own = array[1:-1, 1:-1].ravel()
        inside = np.flatnonzero(own)[::-1]
        # The last of several values that are given to one place stays: going backwards, it is the first.
        first[own[inside]] = inside
        down, right = np.divmod(first, core.width)
        place = (down + core.row - frame.window.row) * width + right + core.column - frame.window.column
        first = np.where(first < 0, -1, place)
    return TileLabels(array, count, cells, array[rows, columns], first[1:])


def label_patches(classes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Return the labels of the patchy cells and their number; no patch runs through a diagonal of linear cells."""
    patchy = classes == PATCHY
    if not patchy.any():
        return np.zeros(classes.shape, np.int32), 0
    crossed = crossings(classes)
    if not crossed.any():
        return components_of(patchy)
    count, array = cv2.connectedComponents(patchy.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    falling = patchy[:-1, :-1] & patchy[1:, 1:] & ~crossed
    rising = patchy[:-1, 1:] & patchy[1:, :-1] & ~crossed
    first = np.concatenate([array[:-1, :-1][falling], array[:-1, 1:][rising]])
    second = np.concatenate([array[1:, 1:][falling], array[1:, :-1][rising]])
    # Groups are numbered in the order of their first label, so that 0, the ground, stays 0.
    groups, group = _groups(first, second, count)
    return group[array], groups - 1


def crossings(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return at which corners between four cells two linear and two patchy ones lie across from each other."""
    a, b, c, d = classes[:-1, :-1], classes[:-1, 1:], classes[1:, :-1], classes[1:, 1:]
    return np.asarray((a == d) & (b == c) & (a != b) & (a > 0) & (b > 0), bool)


def label_mask(mask: NDArray[np.bool_], frame: Frame, core: Window) -> TileLabels:
    """Label the cells of a mask of the core with one cell around it."""
    return label_tile(frame, core, mask.astype(np.uint8))


def join(parts: Sequence[TileLabels]) -> Joined:
    """Return the components of a region from the labels of its tiles, in reading order if first cells are known."""
    counts = np.array([part.count for part in parts], np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(offsets[-1])
    if total == 0:
        return Joined(tuple(np.zeros(0, np.intp) for _ in parts), np.zeros(0, np.int64))
    cells = np.concatenate([part.rim_cells for part in parts])
    labels = np.concatenate([part.rim_labels - 1 + offset for part, offset in zip(parts, offsets, strict=False)])
    order = np.argsort(cells, kind="stable")
    cells, labels = cells[order], labels[order]
    same = cells[1:] == cells[:-1]
    groups, group = _groups(labels[:-1][same], labels[1:][same], total)
    own = np.concatenate([part.first for part in parts])
    first = np.full(groups, _NOWHERE)
    np.minimum.at(first, group[own >= 0], own[own >= 0])
    ranked = np.argsort(first, kind="stable")
    rank = np.empty(groups, np.intp)
    rank[ranked] = np.arange(groups)
    owner = rank[group]
    owners = tuple(owner[start : start + count] for start, count in zip(offsets, counts, strict=False))
    return Joined(owners, first[ranked])


def components_of(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Return the labels of the components of a mask, 8-connected, and their number."""
    count, array = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return np.asarray(array, np.int32), count - 1


def _rim(array: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the labelled cells in the two outermost rows and columns."""
    height, width = array.shape
    rows, columns = [], []
    # A tile at the edge of a region may be one cell high or wide: then that cell lies at both of its borders.
    top, bottom = min(2, height), max(2, height - 2)
    left, right = min(2, width), max(2, width - 2)
    for down, across, part in (
        (0, 0, array[:top]),
        (bottom, 0, array[bottom:]),
        (top, 0, array[top:bottom, :left]),
        (top, right, array[top:bottom, right:]),
    ):
        row, column = np.nonzero(part)
        rows.append(row + down)
        columns.append(column + across)
    return np.concatenate(rows), np.concatenate(columns)


def _groups(first: NDArray[np.integer], second: NDArray[np.integer], count: int) -> tuple[int, NDArray[np.int32]]:
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    groups, group = connected_components(links, directed=False)
    return int(groups), np.asarray(group, np.int32)

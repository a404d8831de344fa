"""What a region knows of features that go on beyond it: in the next production cell, whose file is another.

A region is seen with a margin of its neighbours. Whatever stands in the cells that touch it from outside is labelled,
too, as *ghosts*: the neighbour has the same cells inside, and equal cells of one class say which features are one, as
with tiles (:mod:`bocage.features.labelling`). Pieces hang together with ghosts by the same rule as cells of a
feature do. What is found here is kept beside the features of the cell, and put together over all cells by
:mod:`bocage.features.wholes`, in whatever order they were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bocage.features.frame import Frame
from bocage.features.labelling import LINEAR, PATCHY, Joined, TileLabels, label_tile
from bocage.features.sums import Sums
from bocage.features.thinning import AROUND
from bocage.grid import Window

type Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Crossing:
    """What one tile knows of the edge of the region; ``links`` and ``cells`` hold labels of the tile.

    Attributes
    ----------
    cells
        (cells, 4): row and column on the lattice, class and label of the cells along the edge, ghosts included.
    links
        (links, 2): labels of a piece and of a ghost that hang together.
    """

    cells: Index
    links: Index

    @classmethod
    def none(cls) -> Crossing:
        """Return what a tile away from the edge knows."""
        return cls(np.zeros((0, 4), np.int64), np.zeros((0, 2), np.int64))


@dataclass(frozen=True, slots=True)
class Border:
    """The pieces of features along the edge of a region, and the ghosts beside them: together the nodes.

    Attributes
    ----------
    rows
        (nodes,) row of each piece in the table of the region, -1 for ghosts.
    first
        (nodes, 2) row and column on the lattice of the first cell of each piece.
    cells
        (cells, 4) row and column on the lattice, class and node.
    links
        (links, 2) nodes of a piece and of a ghost that hang together.
    sums, types
        The figures of the nodes.
    """

    rows: Index
    first: Index
    cells: Index
    links: Index
    sums: Sums
    types: Sums

    @classmethod
    def none(cls) -> Border:
        """Return the border of a region without features."""
        empty = np.zeros(0, np.int64)
        return cls(empty, empty.reshape(0, 2), empty.reshape(0, 4), empty.reshape(0, 2), Sums(0), Sums(0))

    def moved(self, rows: int) -> Border:
        """Return the border of a table to which that many rows were put before."""
        return replace(self, rows=np.where(self.rows < 0, -1, self.rows + rows))

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """Return all as named arrays, to be stored."""
        named = {"rows": self.rows, "first": self.first, "cells": self.cells, "links": self.links}
        for group, sums in (("sums", self.sums), ("types", self.types)):
            named |= {f"{group} added {name}": values for name, values in sums.added.items()}
            named |= {f"{group} largest {name}": values for name, values in sums.largest.items()}
        return named

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.int64]]) -> Border:
        """Return what :meth:`arrays` named.

        Raises
        ------
        KeyError
            If an array is missing.
        """

        def sums(group: str) -> Sums:
            def kind(which: str) -> dict[str, NDArray[np.int64]]:
                start = f"{group} {which} "
                return {name.removeprefix(start): arrays[name] for name in arrays if name.startswith(start)}

            return Sums(len(arrays["rows"]), kind("added"), kind("largest"))

        return cls(
            rows=arrays["rows"],
            first=arrays["first"],
            cells=arrays["cells"],
            links=arrays["links"],
            sums=sums("sums"),
            types=sums("types"),
        )


def within(classes: NDArray[np.uint8], core: Window, own: Window) -> NDArray[np.uint8]:
    """Return the classes of a tile with a ring, 0 outside of the region; the same array where nothing lies there."""
    around = core.pad(1)
    inside = around.intersection(own)
    assert inside is not None
    if inside == around:
        return classes
    place = inside.slices(around)
    result = np.zeros_like(classes)
    result[place] = classes[place]
    return result


def label_with_ghosts(
    frame: Frame, core: Window, classes: NDArray[np.uint8], inside: NDArray[np.uint8]
) -> tuple[TileLabels, Crossing]:
    """Label a tile, the ghosts after all else.

    Parameters
    ----------
    classes, inside
        (rows + 2, columns + 2): the classes, and the same without what lies outside of the region.
    """
    labels = label_tile(frame, core, inside, ordered=True)
    if inside is classes:
        return labels, Crossing.none()
    ghosts = label_tile(frame, core, classes - inside)
    count = labels.count
    array = np.where(ghosts.array > 0, ghosts.array + count, labels.array).astype(np.int32)
    together = TileLabels(
        array,
        count + ghosts.count,
        np.concatenate([labels.rim_cells, ghosts.rim_cells]),
        np.concatenate([labels.rim_labels, ghosts.rim_labels + count]),
        np.concatenate([labels.first, ghosts.first]),
        ghosts.count,
    )
    rows, columns = np.nonzero(ghosts.array)
    return together, Crossing(
        _edge_cells(array, classes, core, frame.own or frame.window, (rows, columns)),
        _links(array, classes, rows, columns, count),
    )


def border_of(
    joined: Joined, pieces: int, crossings: list[Crossing], sums: Sums, types: Sums, window: Window
) -> Border:
    """Return the border of a region.

    Parameters
    ----------
    joined
        Its components; those from the number ``pieces`` on are ghosts.
    crossings
        What each of its tiles knows.
    window
        The region by whose width ``joined.first`` counts.
    """
    cells, links = [], []
    for crossing, owner in zip(crossings, joined.owners, strict=True):
        cells.append(np.column_stack([crossing.cells[:, :3], owner[crossing.cells[:, 3] - 1]]))
        links.append(owner[crossing.links - 1].reshape(-1, 2))
    cell = np.unique(np.concatenate([*cells, np.zeros((0, 4), np.int64)]).astype(np.int64), axis=0)
    link = np.unique(np.concatenate([*links, np.zeros((0, 2), np.int64)]).astype(np.int64), axis=0)
    nodes = np.unique(cell[:, 3])
    cell[:, 3], link = np.searchsorted(nodes, cell[:, 3]), np.searchsorted(nodes, link)
    ghost = nodes >= pieces
    down, right = np.divmod(np.where(ghost, 0, joined.first[nodes]), window.width)
    first = np.column_stack([down + window.row, right + window.column])
    return Border(np.where(ghost, -1, nodes), first, cell, link, sums.chosen(nodes), types.chosen(nodes))


def _edge_cells(
    array: NDArray[np.int32],
    classes: NDArray[np.uint8],
    core: Window,
    own: Window,
    ghosts: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> Index:
    """Return row, column, class and label of the labelled cells that touch the edge of the region from both sides."""
    rows, columns = [ghosts[0]], [ghosts[1]]
    labelled = array[1:-1, 1:-1]
    for down in {own.row, own.bottom - 1} & {core.row, core.bottom - 1}:
        found = np.flatnonzero(labelled[down - core.row])
        rows.append(np.full(len(found), down - core.row + 1))
        columns.append(found + 1)
    for right in {own.column, own.right - 1} & {core.column, core.right - 1}:
        found = np.flatnonzero(labelled[:, right - core.column])
        rows.append(found + 1)
        columns.append(np.full(len(found), right - core.column + 1))
    row, column = np.concatenate(rows), np.concatenate(columns)
    place = (row, column)
    return np.column_stack([row + core.row - 1, column + core.column - 1, classes[place], array[place]]).astype(
        np.int64
    )


def _links(
    array: NDArray[np.int32],
    classes: NDArray[np.uint8],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    count: int,
) -> Index:
    """Return the labels of pieces and ghosts whose cells share an edge or a corner and are of one class."""
    labels, seen = np.pad(array, 1), np.pad(classes, 1)
    rows, columns = rows + 1, columns + 1
    own = seen[rows, columns]
    found = []
    for down, right in AROUND:
        other = (rows + down, columns + right)
        joined = (labels[other] > 0) & (labels[other] <= count) & (seen[other] == own)
        if down and right:
            # A diagonal of patchy cells is cut where one of linear cells crosses it.
            crossed = (seen[rows + down, columns] == LINEAR) & (seen[rows, columns + right] == LINEAR)
            joined &= ~(crossed & (own == PATCHY))
        found.append(np.column_stack([labels[other][joined], labels[rows, columns][joined]]))
    return np.unique(np.concatenate(found), axis=0).astype(np.int64)

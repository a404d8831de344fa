"""Features that a border of production cells cuts, put together: law 4 over files.

The service's files are per production cell, so a feature that crosses their border has a piece on either side, and its
polygon is cut there. What is measured of it is not. Each cell keeps beside its table what it knows of its edge
(:mod:`bocage.features.borders`); here pieces become wholes again, whose sums are those of the feature as if there were
no border, whatever the order in which the cells were made:

- ``whole_id`` is the id of the whole, the place of its first cell: the same on all sides. ``pieces`` counts them.
- Widths, height, shares, confidence, type and all else that is not a length are those of the whole.
- The lengths of the whole (:data:`SHARED`) are shared out by area, so that sums over files are right.
- ``truncated`` is false where the other side is mapped and holds the rest.

What a wood or patch is, however, was judged with no more than ``MARGIN`` of the neighbour in sight. Two sides may so
differ about woods of about 5 ha that go on for more than 500 m, and about what hangs together with them. Where the
neighbour does not have the rest, a piece stays alone and is ``truncated``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bocage.features.borders import Border, Index
from bocage.features.derivation import columns_of, names_of
from bocage.features.profiles import Profile
from bocage.features.sums import Sums

# Of a whole these are shared out among its pieces.
SHARED = ("length_m", "axis_length_m", "gaps")


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes of all borders one after another.

    Attributes
    ----------
    whole
        (nodes,) the whole of each, -1 for ghosts that nobody has.
    count
        Number of wholes.
    open
        (nodes,) whether a piece goes on in a cell whose table does not have the rest.
    """

    whole: Index
    count: int
    open: NDArray[np.bool_]


def wholes_of(borders: Mapping[str, Border], resolution: float, profile: Profile) -> dict[str, pd.DataFrame]:
    """Return, for each production cell, the columns of the features along its edge as parts of wholes.

    Returns
    -------
    dict
        By cell: indexed by the row of the feature in the cell's table, ``whole_id``, ``pieces`` and all columns of
        :func:`bocage.features.derivation.columns_of`. Cells without a feature at their edge have an empty table.
    """
    if not borders:
        return {}
    nodes = _joined(list(borders.values()))
    parts = list(zip(borders.values(), _split(nodes.whole, borders), _split(nodes.open, borders), strict=True))
    met = [(border, np.flatnonzero(whole >= 0), whole[whole >= 0]) for border, whole, _ in parts]
    sums = _total((border.sums.chosen(inside), whole) for border, inside, whole in met)
    types = _total((border.types.chosen(inside), whole) for border, inside, whole in met)
    if sums is None or types is None:
        return {cell: pd.DataFrame() for cell in borders}
    first, pieces, cut = _of_pieces(parts, nodes.count)
    table = pd.DataFrame(columns_of(sums, types, resolution, profile))
    table["truncated"] |= cut
    table.insert(0, "pieces", pieces.astype(np.int32))
    table.insert(0, "whole_id", names_of(first[:, 0], first[:, 1]))
    found = {}
    for cell, (border, whole, _) in zip(borders, parts, strict=True):
        own = border.rows >= 0
        rows = table.iloc[whole[own]].set_axis(border.rows[own])
        if own.any():
            share = border.sums.added["cells"][own] / sums.added["cells"][whole[own]]
            rows = rows.assign(**{name: rows[name] * share for name in SHARED})
        found[cell] = rows
    return found


def _joined(borders: list[Border]) -> _Nodes:
    """Return which nodes are one whole: equal cells of one class, and pieces that hang together with a ghost."""
    offsets = np.cumsum([0, *(len(border.rows) for border in borders)])
    rows = np.concatenate([border.rows for border in borders])
    cells = np.concatenate([_moved(border.cells, 3, offset) for border, offset in zip(borders, offsets, strict=False)])
    links = np.concatenate([border.links + offset for border, offset in zip(borders, offsets, strict=False)])
    ghost = rows < 0
    # Of equal cells the one that is inside its region comes first, if there is one.
    order = np.lexsort((ghost[cells[:, 3]], cells[:, 2], cells[:, 1], cells[:, 0]))
    place, node = cells[order, :3], cells[order, 3]
    begins = np.concatenate([[True], (place[1:] != place[:-1]).any(axis=1)])[: len(place)]
    owner = node[np.flatnonzero(begins)][np.cumsum(begins) - 1] if len(place) else node
    met = ghost[node] & ~ghost[owner]
    known = ~ghost
    known[node[met]] = True
    both = known[links[:, 1]]
    first = np.concatenate([node[met], links[both, 0]])
    second = np.concatenate([owner[met], links[both, 1]])
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(rows), len(rows)))
    _, group = connected_components(graph, directed=False)
    whole = np.full(len(rows), -1, np.int64)
    names, whole[known] = np.unique(group[known], return_inverse=True)
    left = np.zeros(len(rows), bool)
    left[links[~both, 0]] = True
    return _Nodes(whole, len(names), left)


def _moved(values: Index, column: int, by: int) -> Index:
    result = values.copy()
    result[:, column] += by
    return result


def _split[T: np.generic](values: NDArray[T], borders: Mapping[str, Border]) -> list[NDArray[T]]:
    return np.split(values, np.cumsum([len(border.rows) for border in borders.values()])[:-1])


def _total(parts: Iterable[tuple[Sums, Index]]) -> Sums | None:
    """Return the sums of wholes from those of nodes and the whole of each, None without a node."""
    filled = [(sums, whole) for sums, whole in parts if sums.count]
    if not filled:
        return None
    count = int(max(whole.max() for _, whole in filled)) + 1
    total: Sums | None = None
    for sums, whole in filled:
        if total is None:
            total = sums.joined(whole, count)
        else:
            for name, values in sums.added.items():
                np.add.at(total.added[name], whole, values)
            for name, values in sums.largest.items():
                np.maximum.at(total.largest[name], whole, values)
    return total


def _of_pieces(
    parts: list[tuple[Border, Index, NDArray[np.bool_]]], count: int
) -> tuple[Index, Index, NDArray[np.bool_]]:
    """Return row and column of the first cell of each whole, its number of pieces, and whether it goes on somewhere."""
    own = [border.rows >= 0 for border, _, _ in parts]
    whole = np.concatenate([wholes[inside] for (_, wholes, _), inside in zip(parts, own, strict=True)])
    place = np.concatenate([border.first[inside] for (border, _, _), inside in zip(parts, own, strict=True)])
    left = np.concatenate([opened[inside] for (_, _, opened), inside in zip(parts, own, strict=True)])
    order = np.lexsort((place[:, 1], place[:, 0], whole))
    first = np.searchsorted(whole[order], np.arange(count))
    cut = np.zeros(count, bool)
    cut[whole[left]] = True
    return place[order][first], np.bincount(whole, minlength=count), cut

"""What the layers of zones and towns say of each cell.

The layers are those of the reference room, with its code tables, tiles, archives, indexes and stores. Each cell is
looked at in 8 x 8 points, since zones and towns are far larger than a cell: a layer is read on a lattice of these
points, block by block, so that a continent takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.errors import SampleError
from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.reference.codes import URBAN_ATLAS_ARTIFICIAL, ZONES
from bocage.reference.layer import Layer, Reading, open_layer
from bocage.reference.paths import layers_of_kind
from bocage.settings import LayerKind

LOOKS = 8
# Cells per edge of a block that is read at once: 2048 x 2048 points.
_BLOCK = 256
URBAN_CODES = (1, *URBAN_ATLAS_ARTIFICIAL)
"""Built-up and other artificial ground; the fields and woods of the Urban Atlas are none."""
_LETTERS = {number: name for name, number in ZONES.items()}

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CellZones:
    """The zone of each cell.

    Attributes
    ----------
    names
        The zones that occur, in alphabetical order: the letters of the environmental zones, numbers of one's own.
    most
        (cells,) index into ``names`` of the zone of most of the cell, -1 where no layer says anything. Of zones with
        equal parts the first in alphabetical order counts.
    """

    names: tuple[str, ...]
    most: Ints


def stratum_layers(project: Project, kind: LayerKind, path: str | None, cell_size: float) -> list[Layer]:
    """Open the layers of zones or towns on the lattice of the points, ``cell_size / LOOKS`` metres apart.

    Parameters
    ----------
    path
        As ``samples.zones`` and ``samples.urban`` name it. Without it the registered layers of the kind serve, the
        newest first; there may be none.

    Raises
    ------
    LayerError
        If a layer cannot be used: see :func:`bocage.reference.layer.open_layer`.
    """
    points = Grid(project.grid.crs, cell_size / LOOKS)
    return [open_layer(settings, project, points) for settings in layers_of_kind(project, kind, path)]


def zones_of_cells(layers: Sequence[Layer], places: Ints) -> CellZones:
    """Return the zone of each cell; where layers overlap the first that knows the point counts.

    Parameters
    ----------
    layers
        Of kind ``environmental_zones``, one or more, as :func:`stratum_layers` opens them.
    places
        (cells, 2) east and north of each cell; its lower left corner is (east x size, north x size).

    Raises
    ------
    LayerError
        If a layer cannot be read or holds codes that its table lacks.
    SampleError
        If the layers say nothing about any cell.
    """
    code, most = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    own = any(layer.settings.other for layer in layers)

    def name(code: int) -> str:
        return str(code) if own else _LETTERS[code]

    for members, looks in _looks(layers, places):
        for one in sorted(np.unique(looks.values[looks.valid]).tolist(), key=name):
            count = np.count_nonzero(looks.valid & (looks.values == one), axis=1)
            better = count > most[members]
            code[members[better]], most[members[better]] = one, count[better]
    _require(layers, most, places)
    names = sorted({name(one) for one in np.unique(code[most > 0]).tolist()})
    result = np.full(len(places), -1, np.int64)
    for index, one in enumerate(names):
        result[(most > 0) & (code == (int(one) if own else ZONES[one]))] = index
    return CellZones(tuple(names), result)


def urban_share(layers: Sequence[Layer], places: Ints) -> NDArray[np.float64]:
    """Return the share of each cell that is built up, 0 to 1; ground of which the layers say nothing is none.

    Parameters
    ----------
    layers
        Of kind ``urban``, one or more.
    places
        (cells, 2) east and north of each cell.

    Raises
    ------
    LayerError
        If a layer cannot be read or holds codes that its table lacks.
    SampleError
        If the layers say nothing about any cell.
    """
    share, known = np.zeros(len(places)), np.zeros(len(places), np.int64)
    for members, looks in _looks(layers, places):
        share[members] = (looks.valid & np.isin(looks.values, URBAN_CODES)).mean(axis=1)
        known[members] = np.count_nonzero(looks.valid, axis=1)
    _require(layers, known, places)
    return share


def _require(layers: Sequence[Layer], known: Ints, places: Ints) -> None:
    if not known.any():
        raise SampleError(
            f"{' and '.join(layer.name for layer in layers)} says nothing about any of the {len(places)} cells of the "
            "frame",
            "check that the layer covers the scenes and that its coordinate reference system is right",
        )


def _looks(layers: Sequence[Layer], places: Ints) -> Iterator[tuple[NDArray[np.intp], Reading]]:
    """Yield cells and what the layers say at their points, (cells, points)."""
    corner = places // _BLOCK
    for block in np.unique(corner, axis=0):
        members = np.flatnonzero((corner == block).all(axis=1))
        # The smallest window of whole cells, so that a small area costs little.
        west, south = places[members].min(axis=0).tolist()
        wide, high = (places[members].max(axis=0) - (west, south) + 1).tolist()
        window = Window(west * LOOKS, -(south + high) * LOOKS, wide * LOOKS, high * LOOKS)
        reading = _first_known(layers, window)
        row, column = south + high - 1 - places[members, 1], places[members, 0] - west
        values, valid = (
            points.reshape(high, LOOKS, wide, LOOKS).swapaxes(1, 2).reshape(high, wide, LOOKS**2)[row, column]
            for points in (reading.values, reading.valid)
        )
        yield members, Reading(values, valid)


def _first_known(layers: Sequence[Layer], window: Window) -> Reading:
    """Return what the first layer that knows a point says of it."""
    first, *others = layers
    result = first.read(first.grid, window)
    for layer in others:
        if result.valid.all():
            break
        reading = layer.read(layer.grid, window)
        result = Reading(np.where(result.valid, result.values, reading.values), result.valid | reading.valid)
    return result

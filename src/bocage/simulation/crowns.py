"""Crown height fields: every tree and shrub stamped with its own lobed outline; the taller one wins a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.simulation.extent import Raster
from bocage.simulation.kinds import SPECIES
from bocage.simulation.woody import Crowns

_INDEX_BITS = 24
_CHUNK = 4096

type Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Canopy:
    """The tops of crowns on a raster.

    Attributes
    ----------
    height
        (rows, columns) float32, metres; 0 where no crown is.
    owner
        (rows, columns) int32: the crown that is on top, as an index into the crowns given; -1 where none is.
    """

    height: NDArray[np.float32]
    owner: NDArray[np.int32]


def stamp(crowns: Crowns, raster: Raster, *states: NDArray[np.bool_]) -> list[Canopy]:
    """Stamp crowns onto a raster; a pixel belongs to a crown when its centre lies inside the lobed outline.

    The height of a crown falls from its top to its edge as ``1 - roundness * (distance / radius)^2``.

    Parameters
    ----------
    states
        Masks of crowns, one per state of the landscape; crowns of all states are stamped only once.

    Returns
    -------
    list of Canopy
        One per state.
    """
    always = np.logical_and.reduce(states)
    common = np.zeros(raster.rows * raster.columns, dtype=np.int64)
    _stamp(common, crowns, np.flatnonzero(always), raster)
    canopies = []
    for state in states:
        keys = common.copy()
        _stamp(keys, crowns, np.flatnonzero(state & ~always), raster)
        keys = keys.reshape(raster.shape)
        height = (keys >> _INDEX_BITS).astype(np.float32) * np.float32(0.01)
        canopies.append(Canopy(height, ((keys & ((1 << _INDEX_BITS) - 1)) - 1).astype(np.int32)))
    return canopies


def _stamp(keys: Keys, crowns: Crowns, members: NDArray[np.intp], raster: Raster) -> None:
    """Raise the keys (height in centimetres, then index + 1) under some crowns, in place."""
    roundness = np.array([species.roundness for species in SPECIES], dtype=np.float32)
    place = raster.to_pixels(np.column_stack((crowns["x"], crowns["y"])))
    reach = np.ceil(crowns["radius"] / raster.pixel * 1.25).astype(np.int64)
    for span in np.unique(reach[members]):
        same = members[reach[members] == span]
        for first in range(0, len(same), _CHUNK):
            some = same[first : first + _CHUNK]
            _raise(keys, crowns[some], place[some], some, int(span), roundness, raster)


def _raise(
    keys: Keys,
    crowns: Crowns,
    place: NDArray[np.float64],
    index: NDArray[np.intp],
    span: int,
    roundness: NDArray[np.float32],
    raster: Raster,
) -> None:
    offsets = np.arange(-span, span + 1)
    middle = np.rint(place).astype(np.int64)
    dx = (middle[:, :1] - place[:, :1] + offsets).astype(np.float32)[:, np.newaxis, :]
    dy = (middle[:, 1:] - place[:, 1:] + offsets).astype(np.float32)[:, :, np.newaxis]
    square = dx * dx + dy * dy
    near = np.maximum(np.sqrt(square), np.float32(1e-3))
    c, s = dx / near, dy / near
    c2, s2 = c * c, s * s
    phase = crowns["phase"][:, np.newaxis, np.newaxis]
    # cos(3a + p) and cos(5a - 2p) by the formulas for multiple angles: no arc tangent per pixel.
    third = c * (4 * c2 - 3) * np.cos(phase) - s * (3 - 4 * s2) * np.sin(phase)
    fifth = c * ((16 * c2 - 20) * c2 + 5) * np.cos(2 * phase) + s * ((16 * s2 - 20) * s2 + 5) * np.sin(2 * phase)
    edge = (crowns["radius"] / np.float32(raster.pixel))[:, np.newaxis, np.newaxis] * (
        1 + np.float32(0.15) * third + np.float32(0.1) * fifth
    )
    share = square / (edge * edge)
    columns = (middle[:, :1] + offsets)[:, np.newaxis, :]
    rows = (middle[:, 1:] + offsets)[:, :, np.newaxis]
    inside = (share <= 1) & (columns >= 0) & (columns < raster.columns) & (rows >= 0) & (rows < raster.rows)
    which, down, right = np.nonzero(inside)
    flat = (middle[which, 1] + offsets[down]) * raster.columns + middle[which, 0] + offsets[right]
    height = crowns["height"][which] * (1 - roundness[crowns["species"][which]] * share[inside])
    centimetres = np.maximum(np.rint(height * 100), 1).astype(np.int64)
    np.maximum.at(keys, flat, (centimetres << _INDEX_BITS) | (index[which] + 1))

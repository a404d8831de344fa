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


def stamp(crowns: Crowns, raster: Raster) -> Canopy:
    """Stamp crowns onto a raster; a pixel belongs to a crown when its centre lies inside the lobed outline.

    The height of a crown falls from its top to its edge as ``1 - roundness * (distance / radius)^2``.
    """
    keys = np.zeros(raster.rows * raster.columns, dtype=np.int64)
    place = raster.to_pixels(np.column_stack((crowns["x"], crowns["y"])))
    radius = crowns["radius"].astype(np.float32) / raster.pixel
    roundness = np.array([species.roundness for species in SPECIES], dtype=np.float32)[crowns["species"]]
    reach = np.ceil(radius * 1.25).astype(np.int64)
    for span in np.unique(reach):
        members = np.flatnonzero(reach == span)
        offsets = np.arange(-span, span + 1)
        for first in range(0, len(members), _CHUNK):
            some = members[first : first + _CHUNK]
            column, row = np.rint(place[some, 0]).astype(np.int64), np.rint(place[some, 1]).astype(np.int64)
            columns = column[:, np.newaxis, np.newaxis] + offsets[np.newaxis, np.newaxis, :]
            rows = row[:, np.newaxis, np.newaxis] + offsets[np.newaxis, :, np.newaxis]
            dx = (columns - place[some, 0][:, np.newaxis, np.newaxis]).astype(np.float32)
            dy = (rows - place[some, 1][:, np.newaxis, np.newaxis]).astype(np.float32)
            bearing = np.arctan2(dy, dx)
            phase = crowns["phase"][some][:, np.newaxis, np.newaxis]
            edge = radius[some][:, np.newaxis, np.newaxis] * (
                1 + np.float32(0.15) * np.cos(3 * bearing + phase) + np.float32(0.1) * np.cos(5 * bearing - 2 * phase)
            )
            share = (dx * dx + dy * dy) / (edge * edge)
            top = crowns["height"][some][:, np.newaxis, np.newaxis]
            height = top * (1 - roundness[some][:, np.newaxis, np.newaxis] * share)
            inside = (
                (share <= 1) & (columns >= 0) & (columns < raster.columns) & (rows >= 0) & (rows < raster.rows)
            )
            flat = (rows * raster.columns + columns)[inside]
            centimetres = np.maximum(np.rint(height[inside] * 100), 1).astype(np.int64)
            index = np.broadcast_to(some[:, np.newaxis, np.newaxis] + 1, inside.shape)[inside]
            np.maximum.at(keys, flat, (centimetres << _INDEX_BITS) | index)
    keys = keys.reshape(raster.shape)
    height = (keys >> _INDEX_BITS).astype(np.float32) * np.float32(0.01)
    return Canopy(height, ((keys & ((1 << _INDEX_BITS) - 1)) - 1).astype(np.int32))

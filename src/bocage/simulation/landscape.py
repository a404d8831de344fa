"""The landscape as rasters of one metre: what covers the ground, what stands on it and how high, with exact truth.

A landscape has no edge and no size: any raster of it can be made on its own, and two rasters that overlap agree there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.simulation import kinds
from bocage.simulation.cell import SURFACE, Cell, Surface
from bocage.simulation.crowns import stamp
from bocage.simulation.extent import Raster
from bocage.simulation.farmland import build_cell, cell_box
from bocage.simulation.kinds import GROUNDS, Woody
from bocage.simulation.parcels import PITCH, Points, reach
from bocage.simulation.woody import CROWN, LARGEST_RADIUS, Crowns, WoodyObject

_SUBPIXEL = 4
_OBJECT_BITS = 13
# A crown is dropped where its stem would stand on one of these.
_SEALED = (kinds.ASPHALT, kinds.GRAVEL, kinds.WATER, *kinds.ROOFS)


@dataclass(frozen=True, slots=True)
class Scenery:
    """One raster of the landscape.

    Attributes
    ----------
    raster
        Its frame; pixels of 1 m.
    surface
        (rows, columns) intp: index into ``looks``.
    looks
        Structured array (``SURFACE``): how each surface looks.
    height
        (rows, columns) float32, metres: woody crowns that stand now.
    owner
        (rows, columns) int32: index into ``crowns`` of the crown on top now, or -1.
    objects
        (rows, columns) int32: number of the woody object on top now, or 0; the same in every raster of a landscape.
    types
        (rows, columns) uint8: :class:`~bocage.simulation.kinds.Woody` of the object on top, or 0; vineyards included.
    crowns
        Structured array (``CROWN``), its ``item`` holding the number of the object.
    standing
        (crowns,) whether each crown stands now.
    former, former_types
        Height (m) and type of the woody crowns that stood in 2018.
    """

    raster: Raster
    surface: NDArray[np.intp]
    looks: NDArray[np.void]
    height: NDArray[np.float32]
    owner: NDArray[np.int32]
    objects: NDArray[np.int32]
    types: NDArray[np.uint8]
    crowns: Crowns
    standing: NDArray[np.bool_]
    former: NDArray[np.float32]
    former_types: NDArray[np.uint8]

    def ground(self) -> NDArray[np.uint8]:
        """Return the cover of the ground per pixel, an index into ``GROUNDS``."""
        covers: NDArray[np.uint8] = self.looks["ground"][self.surface]
        return covers


@dataclass(frozen=True, slots=True)
class Landscape:
    """A landscape without edge; ``origin`` is the lattice block from which objects are numbered.

    Attributes
    ----------
    seed
        Everything follows from it.
    origin
        East and north index of the south-west block that matters.
    blocks
        How many blocks eastward are numbered before the next row begins.
    """

    seed: int
    origin: tuple[int, int]
    blocks: int

    @classmethod
    def over(cls, seed: int, left: float, bottom: float, size: float) -> Landscape:
        """Return the landscape for a square area; numbers of objects are unique inside it."""
        margin = 2
        east, north = int(np.floor(left / PITCH)) - margin, int(np.floor(bottom / PITCH)) - margin
        return cls(seed, (east, north), int(np.ceil(size / PITCH)) + 2 * margin + 1)

    def cells(self, raster: Raster) -> list[Cell]:
        """Return the blocks that may reach into a raster, from south-west to north-east."""
        margin = reach() + LARGEST_RADIUS
        east = range(int(np.floor((raster.left - margin) / PITCH)), int(np.floor((raster.right + margin) / PITCH)) + 1)
        north = range(int(np.floor((raster.bottom - margin) / PITCH)), int(np.floor((raster.top + margin) / PITCH)) + 1)
        near = [(i, j) for j in north for i in east if raster.meets(cell_box(self.seed, i, j))]
        return [build_cell(self.seed, i, j) for i, j in near]

    def number(self, cell: Cell, item: int) -> int:
        """Return the number of an object of a block, above 0."""
        rank = (cell.north - self.origin[1]) * self.blocks + cell.east - self.origin[0]
        return (rank << _OBJECT_BITS) + item + 1

    def find(self, number: int) -> WoodyObject:
        """Return the object that bears a number."""
        rank, item = (number - 1) >> _OBJECT_BITS, (number - 1) & ((1 << _OBJECT_BITS) - 1)
        north, east = divmod(rank, self.blocks)
        return build_cell(self.seed, east + self.origin[0], north + self.origin[1]).objects[item]

    def render(self, raster: Raster) -> Scenery:
        """Make one raster of the landscape; its pixels must be 1 m and lie on whole metres."""
        cells = self.cells(raster)
        surface, looks = _paint([item for cell in cells for item in cell.surfaces if raster.meets(item.box)], raster)
        crowns, state = self._crowns(cells, raster)
        crowns, state = _rooted(crowns, state, looks["ground"][surface], raster)
        canopy, former = stamp(crowns, raster, (state & 1) > 0, (state & 2) > 0)
        codes = self._codes(crowns)
        types = _gather(codes, canopy.owner)
        types[(canopy.owner < 0) & (looks["ground"] == kinds.VINES)[surface]] = Woody.VINEYARD
        objects = _gather(crowns["item"], canopy.owner).astype(np.int32)
        return Scenery(
            raster, surface, looks, canopy.height, canopy.owner, objects, types, crowns, (state & 1) > 0,
            former.height, _gather(codes, former.owner),
        )  # fmt: skip

    def _codes(self, crowns: Crowns) -> NDArray[np.uint8]:
        unique, inverse = np.unique(crowns["item"], return_inverse=True)
        codes = np.array([self.find(int(number)).code for number in unique], dtype=np.uint8)
        return codes[inverse] if len(codes) else codes

    def _crowns(self, cells: list[Cell], raster: Raster) -> tuple[Crowns, NDArray[np.uint8]]:
        """Return the crowns near a raster and, for each, 1 if it stands now plus 2 if it stood in 2018."""
        parts, states = [np.zeros(0, CROWN)], [np.zeros(0, np.uint8)]
        near = raster.pad(LARGEST_RADIUS + 3)
        for cell in cells:
            all_of = cell.crowns
            chosen = all_of[
                (all_of["x"] > near.left)
                & (all_of["x"] < near.right)
                & (all_of["y"] > near.bottom)
                & (all_of["y"] < near.top)
            ].copy()
            if len(chosen):
                state = np.array([item.now + 2 * item.before for item in cell.objects], dtype=np.uint8)
                states.append(state[chosen["item"]])
                chosen["item"] += self.number(cell, 0)
                parts.append(chosen)
        return np.concatenate(parts), np.concatenate(states)


def _gather(values: NDArray[Any], owner: NDArray[np.int32]) -> NDArray[Any]:
    """Return the value of the crown on top per pixel, 0 where none is."""
    return np.concatenate((np.zeros(1, values.dtype), values))[owner + 1]


def _rooted(
    crowns: Crowns, state: NDArray[np.uint8], ground: NDArray[np.uint8], raster: Raster
) -> tuple[Crowns, NDArray[np.uint8]]:
    """Leave out the crowns whose stem would stand on a road, a roof or in water."""
    place = np.rint(raster.to_pixels(np.column_stack((crowns["x"], crowns["y"])))).astype(int)
    column, row = np.clip(place[:, 0], 0, raster.columns - 1), np.clip(place[:, 1], 0, raster.rows - 1)
    good = ~np.isin(ground[row, column], _SEALED)
    return crowns[good], state[good]


def _paint(surfaces: list[Surface], raster: Raster) -> tuple[NDArray[np.intp], NDArray[np.void]]:
    """Paint surfaces in the order of their layers; return indices and the table of looks (0 = rough grass)."""
    surfaces = sorted(surfaces, key=lambda item: item.layer)
    looks = np.zeros(len(surfaces) + 1, SURFACE)
    looks["ground"][0] = kinds.ROUGH
    canvas = np.zeros(raster.shape, dtype=np.int32)
    for number, item in enumerate(surfaces, start=1):
        looks[number] = item.look
        points = _fixed(item.points, raster)
        if item.width:
            thickness = max(round(item.width / raster.pixel), 1)
            cv2.polylines(canvas, [points], False, number, thickness, cv2.LINE_8, _SUBPIXEL)
        else:
            cv2.fillPoly(canvas, [points], number, cv2.LINE_8, _SUBPIXEL)
    return canvas.astype(np.intp), looks


def _fixed(points: Points, raster: Raster) -> NDArray[np.int32]:
    return np.rint(raster.to_pixels(points) * (1 << _SUBPIXEL)).astype(np.int32)


def cover_height() -> NDArray[np.float32]:
    """Return the height of each cover of the ground in metres when it is full-grown."""
    return np.array([ground.height for ground in GROUNDS], dtype=np.float32)

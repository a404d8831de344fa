"""Distances, openings and widths on masks of square cells.

All lengths are in metres and all masks are boolean arrays (rows, columns). The area beyond an array's edge is unknown.

Every operation here is local: a cell's result is decided by the cells within a stated reach, in cells, so that a tile
with such a halo gives what the whole would give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

# Distances between cell centres are compared with radii that may be whole numbers of cells: rounding must not decide.
_ROUNDING = 1e-3
_NEIGHBOURS = np.ones((3, 3), np.uint8)
# Up to this radius in cells a disk is swept over the mask; beyond, a distance transform is cheaper.
_SWEPT = 8


def reach_of(length: float, resolution: float) -> int:
    """Return how many cells a disk of that radius in metres reaches."""
    return math.floor(length / resolution + _ROUNDING)


def distance_to(mask: Mask, resolution: float) -> NDArray[np.float32]:
    """Return each cell's distance in metres to the nearest cell of ``mask``, centre to centre; infinite without one."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance * np.float32(resolution), np.float32)


def opening(mask: Mask, radius: float, resolution: float) -> Mask:
    """Return what remains of ``mask`` after erosion and dilation by a disk: the parts wider than twice the radius.

    Nothing is eroded from the edge of the array, since what lies beyond is unknown. The reach is twice the radius.
    """
    return grow(~grow(~mask, radius, resolution), radius, resolution) & mask


def grow(mask: Mask, radius: float, resolution: float) -> Mask:
    """Return the cells within ``radius`` metres of ``mask``, itself included; the reach is the radius."""
    cells = radius / resolution + _ROUNDING
    if cells >= _SWEPT + 1:
        return distance_to(mask, resolution) <= radius + _ROUNDING * resolution
    reach = int(cells)
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (np.hypot(down, right) <= cells).astype(np.uint8)
    return cv2.dilate(mask.view(np.uint8), disk).view(bool)


def without_gaps(mask: Mask, cells: float) -> Mask:
    """Return the mask with its gaps of fewer than that many cells filled; cells of a gap share edges.

    The reach is that number of cells: a gap that a nearer edge of the array cuts may be filled in error.
    """
    count, array = cv2.connectedComponents((~mask).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    small = np.bincount(np.asarray(array, np.int32).ravel(), minlength=count) < cells
    small[0] = True
    return np.asarray(small[array], bool)


def touching(mask: Mask) -> Mask:
    """Return the cells of ``mask`` and all that share an edge or corner with one."""
    return cv2.dilate(mask.view(np.uint8), _NEIGHBOURS).view(bool)


@dataclass(frozen=True, slots=True)
class Depths:
    """How deep the cells of a mask lie: distances to its outline, measured on cells cut in four.

    The mean over a strip is a quarter of its width and twice the largest its width, for even and odd numbers of cells
    alike. Distances are summed over steps 5 x 5 (Borgefors 1986): exact along the axes, 2 % off at worst, and several
    times as fast as exact ones. The array's edge is outline.

    Attributes
    ----------
    fine
        Distance from the centre of each quarter to that of the next outside, in quarters, with a frame of one; flat.
    width
        Quarters in a row of it.
    """

    fine: NDArray[np.float32]
    width: int

    @classmethod
    def of(cls, mask: Mask) -> Depths:
        """Measure all cells of a mask."""
        size = (2 * mask.shape[1], 2 * mask.shape[0])
        quarters = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        framed = cv2.copyMakeBorder(quarters, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_5)
        return cls(np.asarray(distance, np.float32).ravel(), size[0] + 2)

    def at(
        self, rows: NDArray[np.integer], columns: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the mean and the largest distance in cells within some cells of the mask."""
        corner = (2 * rows + 1) * self.width + 2 * columns + 1
        quarters = [self.fine[corner + step] for step in (0, 1, self.width, self.width + 1)]
        # The outline lies half a quarter nearer than the next centre outside. Opposite quarters are added first:
        # turning the mask then changes not even the last digit.
        mean = (((quarters[0] + quarters[3]) + (quarters[1] + quarters[2])) / 4 - np.float32(0.5)) / 2
        largest = np.maximum(np.maximum(quarters[0], quarters[1]), np.maximum(quarters[2], quarters[3])) / 2
        return mean, largest


def rectangle_widths(area: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the width in metres of the rectangle with a feature's area (m2) and mean distance to its outline (m).

    In a rectangle of width w and area A the mean distance to the outline is w/4 (1 - w^2 / 3A): the integral of the
    roof over it. This is solved for w. A figure rounder than a square has none and gets the square of its area, so that
    length = area / width is never smaller than the width. The mean over all cells is far less sensitive to a rough
    outline than the distance at its centre line.

    The staircase outline of a slanting strip of two or three cells makes it about a tenth too narrow.
    """
    return 2 * np.sqrt(area) * np.sin(np.arcsin(np.minimum(6 * distance / np.sqrt(area), 1)) / 3)

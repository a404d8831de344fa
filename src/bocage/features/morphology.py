"""Distances, openings and widths on masks of square cells.

All lengths are in metres and all masks are boolean arrays (rows, columns). The area beyond an array's edge is unknown.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

# Distances between cell centres are compared with radii that may be whole numbers of cells: rounding must not decide.
_ROUNDING = 1e-3
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def distance_to(mask: Mask, resolution: float) -> NDArray[np.float32]:
    """Return each cell's distance in metres to the nearest cell of ``mask``, centre to centre; infinite without one."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance * np.float32(resolution), np.float32)


def opening(mask: Mask, radius: float, resolution: float) -> Mask:
    """Return what remains of ``mask`` after erosion and dilation by a disk: the parts wider than twice the radius.

    Nothing is eroded from the edge of the array, since what lies beyond is unknown.
    """
    core = distance_to(~mask, resolution) > radius + _ROUNDING * resolution
    return grow(core, radius, resolution) & mask


def grow(mask: Mask, radius: float, resolution: float) -> Mask:
    """Return the cells within ``radius`` metres of ``mask``, itself included."""
    return distance_to(mask, resolution) <= radius + _ROUNDING * resolution


def touching(mask: Mask) -> Mask:
    """Return the cells of ``mask`` and all that share an edge or corner with one."""
    return cv2.dilate(mask.astype(np.uint8), _NEIGHBOURS).astype(bool)


def outline_distances(mask: Mask, resolution: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean and the largest distance in metres to the outline of ``mask`` within each of its cells.

    Both are 0 outside the mask; the array's edge is outline. They are measured on cells cut in four, which makes the
    mean over a strip a quarter of its width and twice the largest its width, for even and odd numbers of cells alike.
    """
    rows, columns = mask.shape
    fine = np.pad(mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1), 1)
    distance = cv2.distanceTransform(fine, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    quarters = [distance[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    half = np.float32(resolution / 2)
    # Distances run from the centre of a quarter to that of the next outside: the outline lies half a quarter nearer.
    # Opposite quarters are added first: turning the mask then changes not even the last digit.
    mean = (((quarters[0] + quarters[3]) + (quarters[1] + quarters[2])) / 4 - np.float32(0.5)) * half
    largest = np.maximum(np.maximum(quarters[0], quarters[1]), np.maximum(quarters[2], quarters[3])) * half
    assert mean.shape == (rows, columns)
    return np.where(mask, mean, np.float32(0)), np.where(mask, largest, np.float32(0))


def rectangle_widths(area: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the width in metres of the rectangle with a feature's area (m2) and mean distance to its outline (m).

    In a rectangle of width w and area A the mean distance to the outline is w/4 (1 - w^2 / 3A): the integral of the
    roof over it. This is solved for w. A figure rounder than a square has none and gets the square of its area, so that
    length = area / width is never smaller than the width. The mean over all cells is far less sensitive to a rough
    outline than the distance at its centre line.

    The staircase outline of a slanting strip of two or three cells makes it about a tenth too narrow.
    """
    return 2 * np.sqrt(area) * np.sin(np.arcsin(np.minimum(6 * distance / np.sqrt(area), 1)) / 3)

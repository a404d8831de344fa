"""Small holes within linear features, closed before thinning: a gap between crowns is no fork of a hedge.

Thinning keeps every hole, be it one cell, and runs a line around it, with a branch that leads there. So a missing crown
near the edge of a broad hedge made its centre line 5 to 20 % too long. What is closed is small in both directions; a
clearing that a line forks around stays, and so does the open strip between two rows of trees.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# A hole is small if it fits into a square of this edge in metres: the gap that a grown crown or two leave.
LARGEST = 10.0


def hole_cells(resolution: float) -> int:
    """Return the largest number of rows and of columns of a small hole."""
    return int(LARGEST / resolution)


def closed(labels: NDArray[np.int32], resolution: float) -> NDArray[np.int32]:
    """Return the labels with small holes filled by the label around them.

    A hole is a piece of cells of label 0 that share edges and lie within one label; one that holds another label
    stays. Features that have no label here, such as patches where labels are those of linear features, are part of the
    hole that they lie in. Whether a cell is filled is decided by those within ``hole_cells(resolution)`` of it. The
    outermost rows and columns must be 0.
    """
    empty = (labels == 0).astype(np.uint8)
    count, array, stats, _ = cv2.connectedComponentsWithStats(empty, connectivity=4, ltype=cv2.CV_32S)
    most = hole_cells(resolution)
    small = (stats[:, cv2.CC_STAT_WIDTH] <= most) & (stats[:, cv2.CC_STAT_HEIGHT] <= most)
    small[0] = False
    flat = np.flatnonzero(small[array])
    hole, around = array.ravel()[flat], labels.ravel()
    least, largest = np.full(count, np.iinfo(np.int32).max, np.int32), np.zeros(count, np.int32)
    for step in (-labels.shape[1], -1, 1, labels.shape[1]):
        beside = around[flat + step]
        edge = beside > 0
        np.minimum.at(least, hole[edge], beside[edge])
        np.maximum.at(largest, hole[edge], beside[edge])
    inside = least[hole] == largest[hole]
    result = labels.copy()
    result.ravel()[flat[inside]] = largest[hole[inside]]
    return result

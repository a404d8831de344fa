"""Gaps in a line of trees or shrubs: two ends that look at each other over a short piece of open ground.

A gate or a missing tree parts the cells of a hedge in two features, so a gap cannot be seen inside either of them.
Each of the two ends takes half of it; a gap inside one feature is thereby counted once, and nothing has to be joined.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bocage.features.direction import Axis
from bocage.features.patch import Patch
from bocage.features.sums import Sums, by_label, fixed

# The longest distance in metres between two ends of a gap: a field gate is 4 to 6 m, a fallen crown some 15 m.
LONGEST = 25.0
# How far an end may look past the other: 30 degrees.
_COSINE = np.cos(np.radians(30))


def gap_sums(axis: Axis, patch: Patch) -> Sums:
    """Return ``gap_ends``, the ends that face another, and ``gap_length``, half of the gap before each, in cells."""
    line, count = axis.line, patch.count
    ends = np.flatnonzero((line.degree == 1) & ((axis.right != 0) | (axis.down != 0)))
    place = line.rows_columns[ends].astype(np.float64)
    outward = np.stack([axis.down[ends], axis.right[ends]], axis=1).astype(np.float64)
    outward /= np.maximum(np.hypot(outward[:, :1], outward[:, 1:]), 1e-9)
    nearest = np.full(len(ends), np.inf)
    if len(ends) > 1:
        first, second = cKDTree(place).query_pairs(LONGEST / patch.resolution, output_type="ndarray").T
        between = place[second] - place[first]
        distance = np.hypot(between[:, 0], between[:, 1])
        open_ground = distance - line.radius[ends[first]] - line.radius[ends[second]]
        limit = _COSINE * distance
        facing = (
            ((outward[first] * between).sum(axis=1) >= limit)
            & (-(outward[second] * between).sum(axis=1) >= limit)
            & (open_ground > 0)
        )
        for end in (first, second):
            np.minimum.at(nearest, end[facing], open_ground[facing])
    faced = np.isfinite(nearest) & axis.owned[ends]
    labels = line.labels[ends[faced]]
    return Sums(
        count,
        {
            "gap_ends": by_label(labels, np.ones(len(labels), np.int64), count),
            "gap_length": by_label(labels, fixed(nearest[faced] / 2), count),
        },
    )

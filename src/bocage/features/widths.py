"""How wide a component is: from the distances of its cells to its outline, summed exactly over tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.features.labelling import TileLabels
from bocage.features.morphology import Depths, rectangle_widths
from bocage.features.profiles import Profile
from bocage.features.sums import ONE, Sums, by_label, fixed, largest_by_label


def outline_sums(
    labels: TileLabels, chosen: NDArray[np.bool_], depths: Depths, corner: tuple[int, int], reach: float = np.inf
) -> Sums:
    """Return the cells of each label and their mean and largest distances to an outline, in fixed-point cells.

    Parameters
    ----------
    chosen
        The cells of the core that are summed; their labels are of the tile.
    depths
        Of a mask that holds the chosen cells and as much around the core as a distance may reach.
    corner
        Row and column of the core in that mask.
    reach
        Distances are told up to this many cells.
    """
    rows, columns = np.nonzero(chosen)
    owner = labels.core[rows, columns]
    mean, largest = depths.at(rows + corner[0], columns + corner[1])
    return Sums(
        labels.count,
        {
            "cells": by_label(owner, np.ones(len(owner), np.int64), labels.count),
            "distance": by_label(owner, fixed(np.minimum(mean, reach)), labels.count),
        },
        {"depth": largest_by_label(owner, fixed(np.minimum(largest, reach)), labels.count)},
    )


def widths_of(sums: Sums, resolution: float, profile: Profile) -> NDArray[np.float64]:
    """Return the width in metres of each component as the profile defines it; the length is area / width."""
    cells = np.maximum(sums.added["cells"], 1)
    if profile.width == "maximum":
        return np.maximum(2 * sums.largest["depth"] / ONE, 1) * resolution
    mean = sums.added["distance"] / ONE / cells
    return rectangle_widths(cells * resolution**2, mean * resolution)

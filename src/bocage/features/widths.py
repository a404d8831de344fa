"""How wide a component is: from the distances of its cells to its outline, summed exactly over tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.features.labelling import TileLabels
from bocage.features.morphology import outline_distances_at, rectangle_widths
from bocage.features.profiles import Profile
from bocage.features.sums import ONE, Sums, by_label, fixed, largest_by_label


def outline_sums(
    mask: NDArray[np.bool_], labels: TileLabels, core: tuple[slice, slice], resolution: float, reach: float = np.inf
) -> Sums:
    """Return the cells of each label and their mean and largest distances to the outline of the mask.

    Parameters
    ----------
    mask
        The labelled cells and as much around the core as a distance may reach.
    core
        The core within the mask.
    reach
        Distances are told up to this many metres.
    """
    own = np.where(mask[core], labels.core, 0)
    rows, columns = np.nonzero(own)
    owner = own[rows, columns]
    high, wide = core
    mean, largest = outline_distances_at(mask, rows + (high.start or 0), columns + (wide.start or 0))
    most = reach / resolution
    return Sums(
        labels.count,
        {
            "cells": by_label(owner, np.ones(len(owner), np.int64), labels.count),
            "distance": by_label(owner, fixed(np.minimum(mean, most)), labels.count),
        },
        {"depth": largest_by_label(owner, fixed(np.minimum(largest, most)), labels.count)},
    )


def widths_of(sums: Sums, resolution: float, profile: Profile) -> NDArray[np.float64]:
    """Return the width in metres of each component as the profile defines it; the length is area / width."""
    cells = np.maximum(sums.added["cells"], 1)
    if profile.width == "maximum":
        return np.maximum(2 * sums.largest["depth"] / ONE, 1) * resolution
    mean = sums.added["distance"] / ONE / cells
    return rectangle_widths(cells * resolution**2, mean * resolution)

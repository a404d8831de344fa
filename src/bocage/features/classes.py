"""Woody cells outside the forest, sorted into the six classes of the method description of 2021.

=====  ==============================================  =======================================================
class  meaning                                         rule
=====  ==============================================  =======================================================
1      linear                                          no part wider than 30 m, at least 30 m long
2      patchy                                          the rest, 200 to 5000 m2, at most 80 % on crops
3      patchy outside the area range                   dropped; profiles with ``isolated = "keep"`` keep 0.15-5 ha
4      patchy, more than 80 % on crops                 dropped
5      outside the range, touches a linear feature     kept ("connected to valid and not crop"), of any size
6      as 5, or 4 that touches one, on crops           dropped
=====  ==============================================  =======================================================

The product is 1 + 2 + 5. A stretch is wide where a disk of 30 m fits; unknown cells and gaps of less than 200 m2 count
as woody for this. What is not wide is linear if it is long enough, and joins the wide parts that it touches otherwise.
Scraps of less than 200 m2 that touch a linear feature belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bocage.features.components import Labels, label_mask, without_gaps
from bocage.features.morphology import opening, outline_distances, rectangle_widths, touching
from bocage.features.profiles import Profile

UNKNOWN = 255
# A hedge of exactly the smallest length must not fail by the last digit.
_ROUNDING = 1e-6


class Kind(IntEnum):
    """The intermediate classes of the method description."""

    LINEAR = 1
    PATCHY = 2
    OUT_OF_RANGE = 3
    ON_CROPS = 4
    CONNECTED = 5
    CONNECTED_ON_CROPS = 6


@dataclass(frozen=True, slots=True)
class Classified:
    """The class of each cell and whether it belongs to the product.

    Attributes
    ----------
    kinds
        0 not woody or forest, 1 to 6 as in :class:`Kind`, 255 unknown.
    kept
        True where the cell is part of a small landscape feature.
    """

    kinds: NDArray[np.uint8]
    kept: NDArray[np.bool_]


def classify(
    woody: NDArray[np.uint8],
    forest: NDArray[np.uint8],
    crop: NDArray[np.uint8] | None,
    resolution: float,
    profile: Profile,
) -> Classified:
    """Sort woody cells into the six classes.

    Parameters
    ----------
    woody, forest, crop
        0, 1 and 255 (unknown), all of one shape.
    resolution
        Edge of a cell in metres.
    """
    unknown = woody == UNKNOWN
    candidate = (woody == 1) & (forest != 1)
    solid = without_gaps(candidate | unknown, profile.patchy_area[0] / resolution**2)
    broad = opening(solid, profile.linear_width / 2, resolution)
    linear = _linear(label_mask(candidate & ~broad), resolution, profile)
    linear |= _ends(candidate, linear, resolution, profile)
    patches = label_mask(candidate & ~linear)
    kinds, kept = _patch_kinds(patches, linear, crop, resolution, profile)
    table = patches.spread(kinds)
    result = np.where(linear, Kind.LINEAR, table).astype(np.uint8)
    result[unknown] = UNKNOWN
    return Classified(result, linear | patches.spread(kept).astype(bool))


def measured_widths(labels: Labels, resolution: float, profile: Profile) -> NDArray[np.float64]:
    """Return the width in metres of each component as the profile defines it; the length is area / width.

    Components that touch one another are told apart only if they are measured in separate calls.
    """
    mean, largest = outline_distances(labels.array > 0, resolution)
    if profile.width == "maximum":
        return np.maximum(2 * labels.maximum(largest), resolution)
    return rectangle_widths((labels.cells() * resolution**2).astype(np.float64), labels.mean(mean, labels.array > 0))


def _linear(thin: Labels, resolution: float, profile: Profile) -> NDArray[np.bool_]:
    """Return the cells of the thin components that are long enough for a linear feature."""
    width = measured_widths(thin, resolution, profile)
    length = thin.cells() * resolution**2 / width
    return thin.spread(
        (length >= profile.linear_length - _ROUNDING) & (length >= profile.least_elongation * width)
    ).astype(bool)


def _ends(
    candidate: NDArray[np.bool_], linear: NDArray[np.bool_], resolution: float, profile: Profile
) -> NDArray[np.bool_]:
    """Return the scraps that touch a linear feature: its ends at unknown ground and at forest."""
    rest = label_mask(candidate & ~linear)
    small = rest.cells() * resolution**2 < profile.patchy_area[0]
    return rest.spread(small & rest.any(touching(linear))).astype(bool)


def _patch_kinds(
    patches: Labels, linear: NDArray[np.bool_], crop: NDArray[np.uint8] | None, resolution: float, profile: Profile
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the class of each patch and whether it is kept."""
    area = patches.cells() * resolution**2
    least, most = profile.patchy_area
    in_range = (area >= least) & (area <= most)
    # A share of crops that is not known is NaN and compares as not above the limit.
    on_crops = crop_shares(patches, crop) > profile.crop_share
    connected = patches.any(touching(linear))
    kinds = np.select(
        [in_range & ~on_crops, connected & on_crops, connected, in_range],
        [Kind.PATCHY, Kind.CONNECTED_ON_CROPS, Kind.CONNECTED, Kind.ON_CROPS],
        Kind.OUT_OF_RANGE,
    ).astype(np.uint8)
    kept = np.isin(kinds, (Kind.PATCHY, Kind.CONNECTED))
    if profile.isolated == "keep":
        smallest, largest = profile.isolated_area
        kept |= (kinds == Kind.OUT_OF_RANGE) & ~on_crops & (area >= smallest) & (area <= largest)
    return kinds, kept


def crop_shares(labels: Labels, crop: NDArray[np.uint8] | None) -> NDArray[np.float64]:
    """Return the share of each component's known cells that are crops, NaN where none is known."""
    if crop is None:
        return np.full(labels.count, np.nan)
    return labels.mean((crop == 1).astype(np.float32), crop != UNKNOWN)

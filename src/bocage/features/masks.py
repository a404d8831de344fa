"""The forest mask, inside which nothing is a small feature, and the crop mask, on which patches are not.

The forest mask follows the method description of 2021: tree cover density of 10 % or more, without its linear parts, at
least 5 ha, grown by 10 m, minus the crop mask. Where no density is known the woody cells themselves stand in for it.
The cells that are crops are those to which the crop layer gives any class.

States are 0, 1 and 255 (unknown), as unsigned bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.features.components import label_mask, without_gaps
from bocage.features.morphology import grow, opening
from bocage.features.profiles import Profile

UNKNOWN = 255


def crop_mask(codes: NDArray[np.integer], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return 1 where the crop layer holds a class, 0 where it holds 0, 255 where it is not valid."""
    return np.where(valid, codes > 0, UNKNOWN).astype(np.uint8)


def forest_mask(
    woody: NDArray[np.uint8],
    resolution: float,
    profile: Profile,
    *,
    cover: NDArray[np.floating] | None = None,
    crop: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return the forest mask.

    Parameters
    ----------
    woody
        0, 1, 255: the woody cells.
    resolution
        Edge of a cell in metres.
    cover
        Tree cover density in percent, NaN where it is not known; there, and everywhere without this layer, woody cells
        count as tree cover.
    crop
        The crop mask: known crops are not forest. Without it nothing is taken away.

    Returns
    -------
    numpy.ndarray
        1 forest, 0 not, 255 where neither the density nor the woody state is known and no forest is near. What is cut
        by the edge of the data is judged by the part that is seen.
    """
    known = woody != UNKNOWN
    trees = woody == 1
    if cover is not None:
        dense = ~np.isnan(cover)
        trees = np.where(dense, np.nan_to_num(cover) >= profile.forest_cover, trees)
        known = known | dense
    trees &= known
    # A gap between crowns does not part a stand in two.
    # An unknown neighbour does not make a cell's stand narrow, so it is not eroded from that side.
    solid = without_gaps(trees | ~known, profile.patchy_area[0] / resolution**2)
    broad = opening(solid, profile.linear_width / 2, resolution) & trees
    stands = label_mask(broad)
    large = stands.spread(stands.cells() * resolution**2 >= profile.forest_area).astype(bool)
    forest = grow(large, profile.forest_buffer, resolution)
    if crop is not None:
        forest &= crop != 1
    return np.where(forest, 1, np.where(known, 0, UNKNOWN)).astype(np.uint8)

"""The forest mask, inside which nothing is a small feature, and the crop mask, on which patches are not.

The forest mask follows the method description of 2021: tree cover density of 10 % or more, without its linear parts, at
least 5 ha, grown by 10 m, minus the crop mask. Where no density is known the woody cells themselves stand in for it.
The cells that are crops are those to which the crop layer gives any class.

States are 0, 1 and 255 (unknown), as unsigned bytes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bocage.features.frame import Frame
from bocage.features.labelling import TileLabels, join, label_mask
from bocage.features.morphology import grow, opening, reach_of, without_gaps
from bocage.features.profiles import Profile
from bocage.features.sums import Sums, by_label
from bocage.grid import Window

UNKNOWN = 255
_STAND, _FOREST = 1, 2


def crop_mask(codes: NDArray[np.integer], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return 1 where the crop layer holds a class, 0 where it holds 0, 255 where it is not valid."""
    return np.where(valid, codes > 0, UNKNOWN).astype(np.uint8)


def tree_state(woody: NDArray[np.uint8], cover: NDArray[np.floating] | None, profile: Profile) -> NDArray[np.uint8]:
    """Return where trees may be forest: 0, 1, 255.

    Parameters
    ----------
    woody
        0, 1, 255: the woody cells.
    cover
        Tree cover density in percent, NaN where it is not known; there, and everywhere without this layer, woody cells
        count as tree cover.
    """
    if cover is None:
        return woody
    dense = np.nan_to_num(cover) >= profile.forest_cover
    return np.where(np.isnan(cover), woody, dense).astype(np.uint8)


def forest_of(
    trees: NDArray[np.uint8],
    resolution: float,
    profile: Profile,
    *,
    crop: NDArray[np.uint8] | None = None,
    frame: Frame | None = None,
) -> NDArray[np.uint8]:
    """Return the forest mask, worked by tiles.

    Parameters
    ----------
    trees
        0, 1, 255 as from :func:`tree_state`.
    resolution
        Edge of a cell in metres.
    crop
        The crop mask: known crops are not forest. Without it nothing is taken away.
    frame
        How the region is cut; the result does not depend on it.

    Returns
    -------
    numpy.ndarray
        1 forest, 0 not, 255 where neither the density nor the woody state is known and no forest is near. What is cut
        by the edge of the data is judged by the part that is seen.
    """
    frame = frame or Frame.whole(trees.shape)
    gap = profile.patchy_area[0] / resolution**2
    # A gap reaches less than its number of cells, the opening twice its radius; the labels need one cell around.
    halo = math.ceil(gap) + 2 * reach_of(profile.linear_width / 2, resolution) + 1
    plane = np.zeros(trees.shape, np.uint8)

    def measure(_: int, core: Window) -> tuple[TileLabels, Sums]:
        seen = frame.seen(trees, core, halo)
        # A gap between crowns does not part a stand in two, and an unknown neighbour does not make one narrow.
        broad = opening(without_gaps(seen != 0, gap), profile.linear_width / 2, resolution) & (seen == 1)
        padded = np.zeros((core.height + 2, core.width + 2), bool)
        near = frame.around(core, 1)
        padded[near.slices(core.pad(1))] = broad[near.slices(frame.around(core, halo))]
        plane[core.slices(frame.window)] = padded[1:-1, 1:-1]
        labels = label_mask(padded, frame, core)
        inside = labels.core[labels.core > 0]
        return labels.forgotten(), Sums(
            labels.count, {"cells": by_label(inside, np.ones(len(inside), np.int64), labels.count)}
        )

    found = list(frame.each(measure))
    joined = join([labels for labels, _ in found])
    large = joined.sums([sums for _, sums in found]).added.get("cells", np.zeros(0, np.int64))
    forest = large * resolution**2 >= profile.forest_area

    def mark(number: int, core: Window) -> None:
        labels = label_mask(frame.framed(plane, core) > 0, frame, core)
        table = np.concatenate([[False], forest[joined.owners[number]]])
        plane[core.slices(frame.window)][table[labels.core]] = _FOREST

    del found
    frame.all(mark)
    result = np.empty(trees.shape, np.uint8)
    reach = reach_of(profile.forest_buffer, resolution)

    def buffer(_: int, core: Window) -> None:
        wide = grow(frame.seen(plane, core, reach) == _FOREST, profile.forest_buffer, resolution)
        own = core.slices(frame.window)
        found = wide[frame.inner(core, reach)]
        if crop is not None:
            found &= crop[own] != 1
        result[own] = np.where(found, 1, np.where(trees[own] != UNKNOWN, 0, UNKNOWN))

    frame.all(buffer)
    return result


def forest_mask(
    woody: NDArray[np.uint8],
    resolution: float,
    profile: Profile,
    *,
    cover: NDArray[np.floating] | None = None,
    crop: NDArray[np.uint8] | None = None,
    frame: Frame | None = None,
) -> NDArray[np.uint8]:
    """Return the forest mask of woody cells and of the tree cover density where it is known: :func:`forest_of`."""
    return forest_of(tree_state(woody, cover, profile), resolution, profile, crop=crop, frame=frame)

"""What a tile gives to the measurements of types: its features with their surroundings, and to whom the sums belong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bocage.features.axis import axes_of, axis_sums, reach
from bocage.features.context import Context, context_sums
from bocage.features.frame import Frame
from bocage.features.labelling import LINEAR, TileLabels, components_of, label_patches
from bocage.features.morphology import Depths, reach_of
from bocage.features.patch import Patch
from bocage.features.shape import shape_sums
from bocage.features.sums import Sums
from bocage.grid import Window

# Distances to the outline are told up to this many metres: what is wider than 300 m all over is forest.
REACH = 150.0

type Layer = Callable[[Window], NDArray[np.floating]]
type Surroundings = Callable[[Window], Context]


def halo_of(resolution: float) -> int:
    """Return how many cells around its core a tile sees for the measures."""
    return max(reach(resolution), reach_of(REACH, resolution) + 2)


def patch_of(
    seen: NDArray[np.uint8],
    frame: Frame,
    core: Window,
    labels: TileLabels,
    resolution: float,
    *,
    depths: Depths,
    cover: Layer | None = None,
    height: Layer | None = None,
) -> tuple[Patch, NDArray[np.int64]]:
    """Return a tile with its surroundings, and for each label of the patch the label of the tile that it is.

    Parameters
    ----------
    seen
        The linear and patchy cells of the core with a halo of :func:`halo_of`.
    depths
        How deep these lie in the features.
    cover, height
        Give the probability 0 to 1 and the height in metres, NaN where unknown, for a window of the region.
    """
    halo = halo_of(resolution)
    linear = seen == LINEAR
    array, count = components_of(linear)
    more, _ = label_patches(seen)
    np.copyto(array, more + count, where=more > 0)
    inner = (slice(halo, halo + core.height), slice(halo, halo + core.width))
    # Labels of the tile that hang together in the halo are booked on one of them. A cell beside the core has its label
    # in the tile, too: what lies in the core beside it, such as cells that are woody in part, is booked on its feature.
    owner = np.zeros(int(array.max(initial=0)) + 1, np.int64)
    own, tile = array[halo - 1 : halo + core.height + 1, halo - 1 : halo + core.width + 1], labels.array
    owner[own[tile > 0]] = tile[tile > 0]
    if labels.ghosts:
        # Rather on a piece inside the region than on one beyond it, which may have no other half there.
        piece = (tile > 0) & (tile <= labels.count - labels.ghosts)
        owner[own[piece]] = tile[piece]
    inside = np.flatnonzero(owner)
    number = np.zeros(len(owner), np.int32)
    number[inside] = np.arange(1, len(inside) + 1)
    outside = np.flatnonzero(owner == 0)[1:]
    number[outside] = np.arange(len(inside) + 1, len(inside) + 1 + len(outside))
    around = core.pad(halo)
    patch = Patch(
        labels=number[array],
        linear=linear,
        core=inner,
        row=around.row,
        column=around.column,
        resolution=resolution,
        count=len(inside),
        cover=_framed(cover, frame, core, halo),
        height=_framed(height, frame, core, halo),
        depths=depths,
    )
    return patch, owner[inside]


def type_sums(patch: Patch, context: Context) -> Sums:
    """Return all that types are told by, for the labels of a patch."""
    axes = axes_of(patch)
    return Sums.merged([axis_sums(patch, axes), shape_sums(patch), context_sums(patch, axes, context)])


def _framed(layer: Layer | None, frame: Frame, core: Window, halo: int) -> NDArray[np.float32] | None:
    if layer is None:
        return None
    result = np.full(core.pad(halo).shape, np.nan, np.float32)
    seen = frame.around(core, halo)
    result[seen.slices(core.pad(halo))] = layer(seen)
    return result

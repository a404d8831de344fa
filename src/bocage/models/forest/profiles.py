"""Differential attribute profiles: how much of a pixel's brightness belongs to structures of a size and shape.

An image is seen as its max-tree (bright structures on darker ground) and its min-tree (dark on brighter). A filter
removes the nodes whose attribute is below a threshold; what a pixel loses between two thresholds is the share of its
value that structures between those two make up. Dalla Mura et al. (2010), doi 10.1109/TGRS.2010.2048116, introduced
the profiles; Merciol et al. (2019), doi 10.3390/ijgi8010046, mapped the small woody features of Europe by differential
profiles and random forests. The trees are higra's.

Thresholds are Bocage's own, in metres: of crowns, tree lines, the 200 to 5000 square metres of a small woody patch in
the European product, and beyond. Those of the moment of inertia separate compact structures (a disc has 1 / 2 pi =
0.16) from long ones (a strip four times as long as wide has 0.35).
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

with warnings.catch_warnings():
    # higra 0.6 has docstrings of which Python 3.12 warns at every import that compiles them.
    warnings.simplefilter("ignore", SyntaxWarning)
    import higra

AREAS = (25.0, 100.0, 500.0, 5000.0)
"""Thresholds of the area, square metres."""

INERTIAS = (0.2, 0.35)
"""Thresholds of the moment of inertia (the first invariant of Hu, 1962), without unit."""


def profile_names(band: str) -> tuple[str, ...]:
    """Return the names of the layers that :func:`attribute_profiles` makes of a band."""
    names = [f"area_{int(area)}" for area in AREAS] + [f"inertia_{inertia}" for inertia in INERTIAS]
    return tuple(f"{band}_{side}_{name}" for side in ("bright", "dark") for name in names)


def attribute_profiles(band: NDArray[np.uint8], valid: NDArray[np.bool_], resolution: float) -> NDArray[np.float32]:
    """Return the differential profiles of a band, (layers, valid pixels), 0 to 255 each.

    Parameters
    ----------
    band
        (rows, columns) uint8.
    valid
        (rows, columns); invalid pixels have no influence on the others.
    resolution
        Metres per pixel.

    Returns
    -------
    numpy.ndarray
        Float32, in the order of :func:`profile_names` and, of pixels, of the rows.
    """
    # Invalid pixels are the bottom of either tree, below all valid ones; that takes one of the 256 levels.
    bright = np.where(valid, np.maximum(band, 1), 0).astype(np.uint8)
    dark = np.where(valid, np.maximum(255 - band.astype(np.int16), 1), 0).astype(np.uint8)
    graph = higra.get_4_adjacency_implicit_graph(band.shape)
    return np.concatenate([_profiles(graph, side, valid, resolution) for side in (bright, dark)])


def _profiles(
    graph: higra.RegularGraph2d, band: NDArray[np.uint8], valid: NDArray[np.bool_], resolution: float
) -> NDArray[np.float32]:
    tree, altitude = higra.component_tree_max_tree(graph, band)
    altitude = altitude.astype(np.float32)
    pixels = valid.ravel()
    # A pixel is a leaf of its own below the node that it belongs to, which is what has an area and a shape.
    nodes = tree.parents()
    own = nodes[: pixels.size][pixels]
    # The ground of a valid island is its root: without invalid pixels around it the filter could not remove it either.
    ground = np.zeros(nodes.size, np.bool_)
    if not pixels.all():
        ground = nodes == tree.root()
    area = higra.attribute_area(tree) * resolution**2
    series = [_filtered(tree, altitude, (area < threshold) & ~ground)[own] for threshold in AREAS]
    steps = [before - after for before, after in zip([altitude[own], *series], series, strict=False)]
    inertia = higra.attribute_moment_of_inertia(tree)
    steps += [altitude[own] - _filtered(tree, altitude, (inertia < least) & ~ground)[own] for least in INERTIAS]
    return np.stack(steps)


def _filtered(tree: higra.Tree, altitude: NDArray[np.float32], removed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the altitude of every node's nearest ancestor that stays, itself included: the direct rule."""
    result: NDArray[np.float32] = higra.propagate_sequential(tree, altitude, removed)
    return result

"""Measures along the centre line of linear features, as partial sums that add up over tiles.

The length is the sum of what each cell of the line stands for, and thinning stops half a width before an end, so the
distance to the outline is added there. The width is area / length; the largest width is larger than that as the
largest distance to the outline is than the mean along the line. Orientation is kept in doubled angles, so that a line
and its reverse are one.

All are sums over the four turns of :mod:`bocage.features.thinning`.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.features.centreline import line_reach
from bocage.features.direction import CHORD, Axis, axes_of, chord_steps
from bocage.features.gaps import LONGEST as LONGEST_GAP
from bocage.features.gaps import gap_sums
from bocage.features.patch import Patch
from bocage.features.rhythm import rhythm_steps, rhythm_sums
from bocage.features.shape import FARTHEST
from bocage.features.sums import Sums, by_label, fixed, largest_by_label

type Index = NDArray[np.int64]


def reach(resolution: float) -> int:
    """Return the halo in cells with which every measure of a feature is that of the undivided ground."""
    along = max(chord_steps(resolution) + int(np.ceil(LONGEST_GAP / resolution)), rhythm_steps(resolution))
    return max(line_reach(resolution) + along, int(np.ceil(FARTHEST / resolution))) + 2


def axis_sums(patch: Patch, axes: list[Axis] | None = None) -> Sums:
    """Return the sums over the centre lines of the linear features of a patch.

    ``axis_length`` in cells' edges, ``axis_cos`` and ``axis_sin`` of the doubled angle from north, clockwise,
    weighted with the length; ``axis_cells``, ``axis_ends`` and ``axis_junctions`` are counts; ``axis_radii`` is the
    sum and ``axis_radius`` the largest of the distances to the outline. Gaps and rhythm:
    :func:`bocage.features.gaps.gap_sums`, :func:`bocage.features.rhythm.rhythm_sums`.
    """
    total: Sums | None = None
    for axis in axes_of(patch) if axes is None else axes:
        part = Sums.merged([_sums(axis, patch), gap_sums(axis, patch), rhythm_sums(axis, patch)])
        total = part if total is None else total + part
    assert total is not None
    return total


def _sums(axis: Axis, patch: Patch) -> Sums:
    line, own, count = axis.line, axis.owned, patch.count
    labels, degree = line.labels[own], line.degree
    right, down = axis.right.astype(np.float64), axis.down.astype(np.float64)
    square = np.maximum(right**2 + down**2, 1)
    # An end adds the rest of its line, in its own direction; a line of one cell has two.
    length = axis.weight + line.radius * np.select([degree == 1, degree == 0], [1, 2], 0)
    figures = {
        "axis_length": fixed(length),
        "axis_cos": fixed(length * (down**2 - right**2) / square),
        "axis_sin": fixed(length * -2 * right * down / square),
        "axis_cells": np.ones(len(degree), np.int64),
        "axis_radii": fixed(line.radius),
        "axis_ends": (degree == 1) + 2 * (degree == 0),
        "axis_junctions": np.maximum(degree - 2, 0),
    }
    return Sums(
        count,
        {name: by_label(labels, values[own].astype(np.int64), count) for name, values in figures.items()},
        {"axis_radius": largest_by_label(labels, fixed(line.radius)[own], count)},
    )


def axis_links(patch: Patch, axis: Axis) -> tuple[NDArray[np.int32], Index]:
    """Return the links of a centre line that a patch owns: those whose upper (or left) cell is its own.

    Returns
    -------
    labels
        (k,): the feature of each link.
    links
        (k, 2, 2): two ends, as column and row of the cells on the lattice.
    """
    line = axis.line
    first, way = np.nonzero((line.near < len(line.flat)) & (line.near > np.arange(len(line.flat))[:, np.newaxis]))
    second = line.near[first, way]
    own = axis.owned[first]
    place = line.rows_columns[:, ::-1] + np.array([patch.column, patch.row])
    return line.labels[first[own]], np.stack([place[first[own]], place[second[own]]], axis=1)


def lines_of(owner: NDArray[np.integer], links: Index, count: int, resolution: float) -> NDArray[np.object_]:
    """Return the centre line of each component in map coordinates, from its links over all tiles.

    Parameters
    ----------
    owner
        (k,): the component of each link, 0 to ``count - 1``.
    links
        (k, 2, 2): as :func:`axis_links` returns them.

    Returns
    -------
    numpy.ndarray
        (count,) of LineString or MultiLineString, smoothed by half a cell; None where a component has no links.
    """
    order = np.argsort(owner, kind="stable")
    centres = (links[order] + 0.5) * np.array([resolution, -resolution])
    pieces = shapely.linestrings(centres)
    bounds = np.searchsorted(owner[order], np.arange(count + 1))
    result = np.empty(count, object)
    for index in range(count):
        own = pieces[bounds[index] : bounds[index + 1]]
        if len(own):
            merged = shapely.line_merge(shapely.multilinestrings(own))
            result[index] = shapely.simplify(merged, 0.75 * resolution)
    return result


__all__ = ["CHORD", "axes_of", "axis_links", "axis_sums", "lines_of", "reach"]

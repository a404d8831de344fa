"""From labelled cells to polygons that are valid, of one part, and share their borders exactly.

Outlines follow the cell edges at first. Cells that hang together by a corner are joined there by a diamond a fifth of a
cell wide, the smallest change that makes one valid polygon of them (it adds 1 % of a cell's area per corner). The
outlines are then simplified as one coverage, so that a border between two features is moved for both alike and nothing
overlaps.
"""

from __future__ import annotations

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray

from bocage.features.components import Labels, joints

# Half the diagonal of the diamond that joins two cells at a corner, in cells.
JOINT = 0.1


def polygons_of(labels: Labels) -> NDArray[np.object_]:
    """Return the outline of each component along cell edges, in array coordinates (x = column, y = row).

    The components are those of :func:`bocage.features.components.label_classes`. Each outline has a vertex at every
    cell corner, so that neighbours share not only the border but its vertices.
    """
    shapes, owners = [], []
    for geometry, value in rasterio.features.shapes(labels.array, mask=labels.array > 0, connectivity=4):
        shapes.append(shapely.Polygon(geometry["coordinates"][0], geometry["coordinates"][1:]))
        owners.append(int(value))
    pieces = shapely.transform(shapely.segmentize(np.array(shapes, object), 1.0), np.rint)
    found = joints(labels)
    x, y = found.columns, found.rows
    ring = np.stack(
        [
            np.stack([x - JOINT, y], 1),
            np.stack([x, y - JOINT], 1),
            np.stack([x + JOINT, y], 1),
            np.stack([x, y + JOINT], 1),
        ],
        axis=1,
    )
    diamonds = shapely.polygons(ring) if len(ring) else np.zeros(0, object)
    return _united(np.concatenate([pieces, diamonds]), np.concatenate([owners, found.labels]).astype(int), labels.count)


def simplified(polygons: NDArray[np.object_], tolerance: float) -> NDArray[np.object_]:
    """Return the polygons with fewer vertices; borders that were shared stay shared and nothing overlaps.

    ``tolerance`` is in the units of the coordinates: a vertex goes when the triangle with its neighbours is smaller
    than the tolerance squared (Visvalingam and Whyatt 1993, on a coverage).
    """
    if tolerance <= 0 or not len(polygons):
        return polygons
    return np.asarray(shapely.coverage_simplify(polygons, tolerance), object)


def located(polygons: NDArray[np.object_], transform: Affine) -> NDArray[np.object_]:
    """Return polygons in array coordinates moved to map coordinates by a north-up transform, exterior rings first."""
    scale, corner = np.array([transform.a, transform.e]), np.array([transform.c, transform.f])
    moved = shapely.transform(polygons, lambda xy: xy * scale + corner)
    return np.asarray(shapely.orient_polygons(moved), object)


def _united(pieces: NDArray[np.object_], owners: NDArray[np.int_], count: int) -> NDArray[np.object_]:
    """Return one polygon per owner 1 to ``count``."""
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(1, count + 2))
    result = np.empty(count, object)
    for index in range(count):
        own = pieces[order[bounds[index] : bounds[index + 1]]]
        # A ring of cells that closes at a corner touches itself there until the diamond is added.
        result[index] = (
            own[0] if len(own) == 1 and shapely.is_valid(own[0]) else shapely.union_all(shapely.make_valid(own))
        )
    return result

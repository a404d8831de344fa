"""Round outlines for the patches of 2015, which the service told from linear features by the compactness of outlines.

The published polygons of 2015 are smooth curves of segments of some 0.7 m, and their limit of 4 pi A / P2 > 0.75 is one
for such curves. Along the edges of 5 m cells a disk has 0.62, a square 0.785: by its steps alone a small round grove
would be no patch. So corners are rounded before the compactness is measured, and delivered so.

A corner becomes a parabola that begins and ends half a cell before and behind it, which leaves every cell's centre on
its side. The area is then made what it was, by moving the curve some centimetres.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.products.writers import CELL

_REACH = CELL / 2
_STEPS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
# Area that may be missing afterwards, m2.
_CLOSE = 1e-4


def compactness(geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return 4 pi A / P2 (Polsby and Popper 1991), by which the quality tool tells features of 2015 apart."""
    return np.asarray(4 * np.pi * shapely.area(geometries) / shapely.length(geometries) ** 2, np.float64)


def rounded(polygon: shapely.Polygon) -> shapely.Polygon:
    """Return a polygon of the same area with round corners, or the polygon itself where that is none of one part."""
    curve = shapely.Polygon(_curve(polygon.exterior), [_curve(ring) for ring in polygon.interiors])
    for _ in range(4):
        missing = polygon.area - curve.area
        if abs(missing) < _CLOSE or not curve.is_valid:
            break
        curve = curve.buffer(missing / curve.length, join_style="mitre")
    sound = curve.geom_type == "Polygon" and curve.is_valid and len(curve.interiors) == len(polygon.interiors)
    return shapely.orient_polygons(curve) if sound else polygon


def _curve(ring: shapely.LinearRing) -> NDArray[np.float64]:
    """Return the points of a ring with round corners."""
    corners = shapely.get_coordinates(ring)[:-1]
    ahead = np.roll(corners, -1, axis=0) - corners
    length = np.maximum(np.hypot(*ahead.T), 1e-9)
    reach = np.minimum(length / 2, _REACH) / length
    after = corners + ahead * reach[:, None]
    before = corners - np.roll(ahead * reach[:, None], 1, axis=0)
    step = _STEPS[None, :, None]
    points = (1 - step) ** 2 * before[:, None] + 2 * step * (1 - step) * corners[:, None] + step**2 * after[:, None]
    return np.asarray(points.reshape(-1, 2), np.float64)

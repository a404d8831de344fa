"""The true footprint of a scene: the outline of its valid pixels, not of its file."""

from __future__ import annotations

import functools
import math

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from shapely.geometry import MultiPolygon, Polygon, box, shape
from shapely.ops import unary_union

from bocage.errors import SceneError
from bocage.grid import Bounds

# An edge of the footprint is followed by this many points at least, since a straight edge bends in another projection.
_POINTS_PER_SIDE = 32


def outline(cells: NDArray[np.bool_], step: int, shape_: tuple[int, int], transform: Affine) -> Polygon | MultiPolygon:
    """Return the outline of valid cells in the raster's own CRS.

    Parameters
    ----------
    cells
        (rows, columns) true where a cell of ``step`` x ``step`` pixels holds a valid pixel.
    step
        Edge of a cell in pixels.
    shape_
        Rows and columns of the raster.
    transform
        Affine transform of the raster.

    Returns
    -------
    Polygon or MultiPolygon
        Holds every true cell and is at most two cells wider; never beyond the edge of the raster.
    """
    grid = transform @ Affine.scale(step)
    parts = [
        shape(geometry)
        for geometry, _ in rasterio.features.shapes(cells.astype(np.uint8), mask=cells, transform=Affine.identity())
    ]
    frame = box(0, 0, shape_[1] / step, shape_[0] / step)
    smooth = unary_union(parts).simplify(0.9).buffer(0.95, join_style="mitre", mitre_limit=2.0)
    # A narrow strip may vanish or cross itself when simplified; the union with the cells keeps every one of them.
    kept = unary_union([smooth, *parts]).intersection(frame)
    return polygonal(shapely.transform(kept, lambda points: _map(grid, points)))


def _map(transform: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = points[:, 0], points[:, 1]
    return np.column_stack(
        [transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f]
    )


def project_outline(polygon: Polygon | MultiPolygon, source: str, target: str, subject: str) -> Polygon | MultiPolygon:
    """Return a polygon in another CRS, its edges followed by points so that they stay where they are.

    Raises
    ------
    SceneError
        If the polygon lies outside the domain of the target CRS.
    """
    if source == target:
        return polygon
    left, bottom, right, top = polygon.bounds
    dense = polygon.segmentize(max(right - left, top - bottom) / _POINTS_PER_SIDE)
    try:
        change = transformer(source, target)
        projected = shapely.transform(
            dense, lambda points: np.column_stack(change.transform(points[:, 0], points[:, 1]))
        )
    except ProjError as error:
        raise SceneError(f"{subject} cannot be brought to {target}: {error}", "check the CRS of the scene") from error
    if not all(math.isfinite(value) for value in projected.bounds):
        raise SceneError(
            f"{subject} lies outside the domain of {target}", "leave the scene out or choose another grid.crs"
        )
    return polygonal(projected)


@functools.lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Transformer:
    """Return the transformation between two CRS, x before y. It may be shared by threads; making one takes long."""
    return Transformer.from_crs(source, target, always_xy=True)


def geographic(bounds: Bounds, crs: str) -> tuple[tuple[float, float, float, float], list[tuple[float, float]]]:
    """Return the box around a rectangle in degrees, and its corners as a closed ring, anticlockwise."""
    change = transformer(crs, "EPSG:4326")
    left, bottom, right, top = bounds.as_tuple()
    ring = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    corners = [(float(x), float(y)) for x, y in (change.transform(*corner) for corner in ring)]
    west, south, east, north = (float(value) for value in change.transform_bounds(left, bottom, right, top))
    return (west, south, east, north), corners


def polygonal(geometry: shapely.Geometry) -> Polygon | MultiPolygon:
    """Return the areas of a geometry as a valid polygon, without the points and lines that an overlay leaves."""
    valid = geometry if geometry.is_valid else shapely.make_valid(geometry)
    areas = [part for part in shapely.get_parts(valid, return_index=False) if part.geom_type == "Polygon"]
    nested = [p for part in shapely.get_parts(valid) if part.geom_type == "MultiPolygon" for p in part.geoms]
    polygons = [*areas, *nested]
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)

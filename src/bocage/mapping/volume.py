"""How much of the file of a scene a tile reads: the share of its pixels in blocks under the chips of the tile.

A tile reads what its chips show, which reach beyond it, of the bounds of the scene's footprint; every pixel once. Files
are read by whole blocks, of which the catalogue does not tell the size: they are taken as the squares that most files
have, wherever they begin. The image is taken as the quadrangle of its corners on the grid, which is exact but for the
bend of its edges between two coordinate reference systems. Where a file has overviews that are fine enough, less is
read than this says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bocage.grid import SNAP, Grid, Tiling
from bocage.mapping.incidence import Incidence, Ints
from bocage.mapping.lattice import Lattice

if TYPE_CHECKING:
    from bocage.scenes.scene import Scene

Floats = NDArray[np.float64]
_BLOCK = 512  # pixels along the edge of a block, as COGs have them by default


def corners_of(scenes: Sequence[Scene], grid: Grid) -> Floats:
    """Return the corners of the images on the grid, (scenes, 4, 2) x and y in pixels, y growing southward."""
    from bocage.scenes.footprint import transformer  # pyproj is slow to import

    corners = np.empty((len(scenes), 4, 2))
    by_crs: dict[str, list[int]] = {}
    for index, scene in enumerate(scenes):
        rows, columns = scene.shape
        a, b, c, d, e, f = tuple(scene.transform)[:6]
        for place, (column, row) in enumerate(((0, 0), (columns, 0), (columns, rows), (0, rows))):
            corners[index, place] = a * column + b * row + c, d * column + e * row + f
        by_crs.setdefault(scene.crs, []).append(index)
    for crs, own in by_crs.items():
        if crs != grid.crs:
            x, y = transformer(crs, grid.crs).transform(corners[own, :, 0].ravel(), corners[own, :, 1].ravel())
            corners[own] = np.stack([x, y], axis=-1).reshape(-1, 4, 2)
    return corners / [grid.resolution, -grid.resolution]


def block_margins(scenes: Sequence[Scene], grid: Grid) -> Floats:
    """Return how far blocks reach beyond a window on average, on each side, (scenes,) in pixels of the grid."""
    return np.array([(_BLOCK - 1) / 2 * scene.gsd / grid.resolution for scene in scenes], dtype=np.float64)


def read_shares(
    pairs: Incidence, bounds: Floats, corners: Floats, tiling: Tiling, lattice: Lattice, margins: Floats | None = None
) -> Floats:
    """Return the share of the pixels of its scene that each pair of tile and scene reads, 0 to 1.

    Parameters
    ----------
    bounds
        (scenes, 4) left, bottom, right, top of the footprints in the units of the grid.
    corners
        Of the images, as :func:`corners_of` returns them.
    margins
        Of the blocks of the scenes, as :func:`block_margins` returns them; None for pixels that are read one by one.
    """
    own = bounds[pairs.scene] / tiling.grid.resolution
    left, right = _read(pairs.east, own[:, 0], own[:, 2], tiling.pixels, lattice)
    top, bottom = _read(pairs.down, -own[:, 3], -own[:, 1], tiling.pixels, lattice)
    if margins is not None:
        margin = margins[pairs.scene]
        left, right, top, bottom = left - margin, right + margin, top - margin, bottom + margin
    quadrangles = corners[pairs.scene]
    whole = np.abs(_area(quadrangles, *(np.full(len(own), sign * np.inf) for sign in (-1, -1, 1, 1))))
    return np.clip(np.abs(_area(quadrangles, left, top, right, bottom)) / np.maximum(whole, 1e-9), 0, 1)


def _read(tile: Ints, low: Floats, high: Floats, size: int, lattice: Lattice) -> tuple[Floats, Floats]:
    """Return from where to where is read along one axis: all chips that touch the scene's part of the tile."""
    low, high = np.floor(low + SNAP), np.ceil(high - SNAP)
    first, last = np.maximum(tile * size, low), np.minimum((tile + 1) * size, high)
    start = ((first - lattice.chip) // lattice.stride + 1) * lattice.stride
    end = (last - 1) // lattice.stride * lattice.stride + lattice.chip
    return np.maximum(start, low), np.minimum(end, high)


def _area(quadrangles: Floats, left: Floats, top: Floats, right: Floats, bottom: Floats) -> Floats:
    """Return the signed area of each quadrangle within its rectangle.

    It is the integral over y, along the border, of x clipped to the rectangle.
    """
    middle = quadrangles.mean(axis=1)
    points = quadrangles - middle[:, None]
    left, right = np.maximum(left - middle[:, 0], -1e9), np.minimum(right - middle[:, 0], 1e9)
    top, bottom = np.maximum(top - middle[:, 1], -1e9), np.minimum(bottom - middle[:, 1], 1e9)
    total = np.zeros(len(points))
    for index in range(4):
        (x0, y0), (x1, y1) = points[:, index].T, points[:, (index + 1) % 4].T
        rise = np.where(np.abs(y1 - y0) > 1e-9, y1 - y0, np.inf)
        share = [np.clip((np.clip(y, top, bottom) - y0) / rise, 0, 1) for y in (y0, y1)]
        start, end = (x0 + (x1 - x0) * each for each in share)
        height = (share[1] - share[0]) * (y1 - y0)
        total += height * _mean_clipped(start, end, left, right)
    return total


def _mean_clipped(start: Floats, end: Floats, left: Floats, right: Floats) -> Floats:
    """Return the mean of x, clipped to left..right, on the way from start to end."""
    apart = np.abs(end - start) > 1e-6
    run = np.where(apart, end - start, 1)
    mean = (_integral(end, left, right) - _integral(start, left, right)) / run
    return np.where(apart, mean, np.clip((start + end) / 2, left, right))


def _integral(x: Floats, left: Floats, right: Floats) -> Floats:
    """Return the integral of the clipped x from 0 to x, up to a constant."""
    inside = np.clip(x, left, right)
    return inside**2 / 2 + left * np.minimum(x - left, 0) + right * np.maximum(x - right, 0)

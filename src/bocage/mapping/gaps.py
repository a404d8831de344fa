"""Gaps in the seen ground of a tile, and which of them are stripes.

A failed line of a sensor or a lost strip of a file leaves a stripe; a cloud or the edge of a scene does not. A gap is a
stripe where it is straight, long and narrow, whatever its direction: its length and width are those of the rectangle
with its second moments (a uniform rectangle of edge e has the variance e^2 / 12 along it). And its width is the same
all along, or changes evenly: clouds in a row are long and narrow, too, but bulge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_CELLS = 640  # a tile is looked at on a raster of at most so many cells an edge
_LONG = 0.2  # a stripe is at least this share of the edge of the tile long
_NARROW = 12  # and at least so many times as long as wide
# Its width in this many parts of its length follows a straight line to this share of the mean. Stripes of 1.2 to 45
# pixels in any direction are off by 0.17 at most, rows of elliptic clouds by 0.34 at least (an ellipse by 0.28).
_PARTS, _UNEVEN = 16, 0.25
_MOST = 5


@dataclass(frozen=True, slots=True)
class Gap:
    """A straight gap, in pixels of the lattice.

    Attributes
    ----------
    length, width
        Of the rectangle with the same second moments.
    pixels
        Pixels that no scene saw.
    row, column
        Its centre, from the upper left corner of the tile.
    """

    length: float
    width: float
    pixels: int
    row: int
    column: int


def find_gaps(seen: NDArray[np.bool_]) -> tuple[tuple[Gap, ...], int]:
    """Return the stripes of a tile, longest first and five at most, and the number of unseen pixels in the seen ground.

    Unseen ground counts where seen ground lies on both sides of it along its row or along its column: ground beyond the
    edge of a scene does not, a stripe across the whole tile does.

    Parameters
    ----------
    seen
        (rows, columns), True where a scene saw the ground.
    """
    enclosed = ~seen & (_between(seen, 0) | _between(seen, 1))
    total = int(np.count_nonzero(enclosed))
    if not total:
        return (), 0
    cell = max(1, -(-max(seen.shape) // _CELLS))
    edges = [np.arange(0, size, cell) for size in seen.shape]
    # A line that is narrower than a cell must not vanish: what counts of a cell is how much of it is unseen.
    counts = np.add.reduceat(np.add.reduceat(enclosed, edges[0], axis=0, dtype=np.int64), edges[1], axis=1)
    labels, _ = ndimage.label(counts > 0, structure=np.ones((3, 3)))
    found = [
        gap
        for place, part in enumerate(ndimage.find_objects(labels), start=1)
        if part is not None and (gap := _stripe(labels[part] == place, counts[part], part, cell, max(seen.shape)))
    ]
    return tuple(sorted(found, key=lambda gap: -gap.length)[:_MOST]), total


def _between(seen: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return where seen ground lies before and behind along an axis."""
    before = np.logical_or.accumulate(seen, axis=axis)
    behind = np.flip(np.logical_or.accumulate(np.flip(seen, axis), axis=axis), axis)
    both: NDArray[np.bool_] = before & behind
    return both


def _stripe(
    own: NDArray[np.bool_], counts: NDArray[np.int64], part: tuple[slice, ...], cell: int, edge: int
) -> Gap | None:
    # Most gaps are clouds and specks: their box alone says that they are no stripe.
    if max(own.shape) * cell < _LONG * edge * 0.7:
        return None
    rows, columns = np.nonzero(own)
    weight = counts[own].astype(np.float64)
    total = weight.sum()
    row, column = (weight * rows).sum() / total, (weight * columns).sum() / total
    spread, axes = np.linalg.eigh(np.cov(np.stack([rows, columns]), aweights=weight, bias=True))
    # One cell is a square itself: its own variance makes a single row of cells one cell wide.
    short, long = np.sqrt(12 * np.maximum(spread + 1 / 12, 0)) * cell
    width = total / long
    # A winding or scattered gap is much wider than its pixels; a stripe is straight to a cell or two.
    if long < _LONG * edge or long < _NARROW * width or short > max(3 * cell, 4 * width):
        return None
    if _unevenness(axes[0, 1] * rows + axes[1, 1] * columns, weight) > _UNEVEN:
        return None
    return Gap(
        round(float(long), 1),
        round(float(width), 1),
        int(total),
        round((part[0].start + row) * cell + cell / 2),
        round((part[1].start + column) * cell + cell / 2),
    )


def _unevenness(along: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Return the root mean square of the width along a gap off one that changes evenly, as a share of the mean."""
    ends = (along.min() - 0.5, along.max() + 0.5)
    width, edges = np.histogram(along, bins=_PARTS, range=ends, weights=weight)
    middle = edges[:-1] - edges[:-1].mean()
    even = width.mean() + middle * (middle * width).sum() / (middle**2).sum()
    return float(np.sqrt(((width - even) ** 2).mean()) / width.mean())

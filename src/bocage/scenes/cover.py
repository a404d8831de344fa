"""What clouds hide of a lattice window.

Outlines are burnt in blocks that are fixed to the lattice, so that a pixel is hidden or not whatever window asks.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely import MultiPolygon, Polygon

from bocage.grid import Grid, Window

_BLOCK = 512


class Cover:
    """The clouds of one scene.

    Parameters
    ----------
    outline
        Their outline in the CRS of the grid.
    grid
        The lattice.
    """

    def __init__(self, outline: Polygon | MultiPolygon, grid: Grid) -> None:
        self._grid = grid
        self._tree = shapely.STRtree(shapely.get_parts(outline))

    def hide(self, valid: NDArray[np.bool_], window: Window) -> None:
        """Set the pixels of a window that a cloud touches to false, in place.

        Parameters
        ----------
        valid
            (rows, columns) of ``window``.
        """
        for row in range(window.row // _BLOCK, (window.bottom - 1) // _BLOCK + 1):
            for column in range(window.column // _BLOCK, (window.right - 1) // _BLOCK + 1):
                block = Window(column * _BLOCK, row * _BLOCK, _BLOCK, _BLOCK)
                part = block.intersection(window)
                # Cut a pixel further out, so that the cut itself touches no pixel of the block.
                frame = self._grid.bounds(block.pad(2)).polygon()
                found = self._tree.query(frame, predicate="intersects")
                if part is None or len(found) == 0:
                    continue
                outlines = shapely.clip_by_rect(self._tree.geometries.take(found), *frame.bounds)
                outlines = outlines[~shapely.is_empty(outlines)]
                if len(outlines):
                    clear = geometry_mask(outlines, block.shape, self._grid.transform(block), all_touched=True)
                    valid[part.slices(window)] &= clear[part.slices(block)]

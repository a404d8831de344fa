"""Which of many files lie on a window, found without asking each: a continental layer has 60 000 tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from bocage.grid import Window

# In lattice pixels: whole numbers that only touch are no shared pixel, and a quarter of a pixel keeps them apart.
_WITHIN = 0.25


class Extents:
    """The windows of the files of a layer in a tree of boxes (sort-tile-recursive, Leutenegger and others 1997)."""

    def __init__(self, windows: Sequence[Window]) -> None:
        corners = np.array([_corners(window) for window in windows], np.float64).reshape(-1, 4)
        self._tree = shapely.STRtree(shapely.box(*corners.T))

    def touching(self, window: Window) -> list[int]:
        """Return the places, in their order, of the windows that share a pixel with this one."""
        left, top, right, bottom = _corners(window)
        inner = shapely.box(left + _WITHIN, top + _WITHIN, right - _WITHIN, bottom - _WITHIN)
        found: list[int] = np.sort(self._tree.query(inner)).tolist()
        return found


def _corners(window: Window) -> tuple[int, int, int, int]:
    return window.column, window.row, window.right, window.bottom

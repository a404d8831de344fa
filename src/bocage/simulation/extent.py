"""The raster frame that landscape and sensor share: a rectangle of square pixels in absolute coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from bocage.grid import Bounds


@dataclass(frozen=True, slots=True)
class Raster:
    """A north-up raster: left and top edge in metres, rows, columns and the edge of a pixel in metres."""

    left: float
    top: float
    rows: int
    columns: int
    pixel: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def right(self) -> float:
        """East edge in metres."""
        return self.left + self.columns * self.pixel

    @property
    def bottom(self) -> float:
        """South edge in metres."""
        return self.top - self.rows * self.pixel

    @property
    def x(self) -> NDArray[np.float64]:
        """Eastings of the pixel centres, one per column."""
        return np.asarray(self.left + (np.arange(self.columns) + 0.5) * self.pixel, dtype=np.float64)

    @property
    def y(self) -> NDArray[np.float64]:
        """Northings of the pixel centres, one per row, from north to south."""
        return np.asarray(self.top - (np.arange(self.rows) + 0.5) * self.pixel, dtype=np.float64)

    @property
    def bounds(self) -> Bounds:
        """The outer edges in metres."""
        return Bounds(self.left, self.bottom, self.right, self.top)

    @property
    def transform(self) -> Affine:
        """The affine transform from pixel to metres."""
        return Affine(self.pixel, 0, self.left, 0, -self.pixel, self.top)

    def at(self, pixel: float) -> Raster:
        """Return the raster of another pixel size over the same ground, which must hold whole pixels."""
        rows, columns = (self.top - self.bottom) / pixel, (self.right - self.left) / pixel
        return Raster(self.left, self.top, round(rows), round(columns), pixel)

    def slices(self, part: Raster) -> tuple[slice, slice]:
        """Return the row and column slices of a part of the same pixel size."""
        row, column = round((self.top - part.top) / self.pixel), round((part.left - self.left) / self.pixel)
        return slice(row, row + part.rows), slice(column, column + part.columns)

    def pieces(self, metres: float) -> Iterator[Raster]:
        """Yield rasters of at most ``metres`` edge that cover this one once."""
        edge = round(metres / self.pixel)
        for row in range(0, self.rows, edge):
            for column in range(0, self.columns, edge):
                yield Raster(
                    self.left + column * self.pixel,
                    self.top - row * self.pixel,
                    min(edge, self.rows - row),
                    min(edge, self.columns - column),
                    self.pixel,
                )

    def pad(self, metres: float) -> Raster:
        """Return the raster grown on each side."""
        pixels = round(metres / self.pixel)
        return Raster(
            self.left - pixels * self.pixel,
            self.top + pixels * self.pixel,
            self.rows + 2 * pixels,
            self.columns + 2 * pixels,
            self.pixel,
        )

    def to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, 2) points in metres as (column, row), where (0, 0) is the centre of the upper left pixel."""
        return np.column_stack(
            ((points[:, 0] - self.left) / self.pixel - 0.5, (self.top - points[:, 1]) / self.pixel - 0.5)
        )

    def meets(self, box: tuple[float, float, float, float]) -> bool:
        """Whether (left, bottom, right, top) shares a point with the raster."""
        return box[0] < self.right and box[2] > self.left and box[1] < self.top and box[3] > self.bottom

"""The working lattice: one fixed grid of pixels, tiles and production cells per project.

Everything that Bocage maps lies on a lattice whose origin is the origin of the coordinate reference system, never
the corner of a scene or of an area. A pixel therefore has one global index, whichever tile, scene or worker asks for
it; the laws of tile invariance rest on this. Columns grow eastward from x = 0, rows grow *southward* from y = 0, so
rows north of the origin are negative.

For EPSG:3035 the names of tiles and cells are those of the EEA reference grid: ``E432N302`` for 10 km, ``E43N30`` for
100 km.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from affine import Affine
from shapely.geometry import Polygon, box

from bocage.errors import GridError

# A bound this close to a pixel edge (in pixels) lies on it: coordinates such as 268880.4 / 0.6 carry rounding.
SNAP = 1e-4


@dataclass(frozen=True, slots=True)
class Bounds:
    """A rectangle in the units of a coordinate reference system (metres for a projected one)."""

    left: float
    bottom: float
    right: float
    top: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in self.as_tuple()):
            raise GridError(f"bounds {self.as_tuple()} are not finite", "give left, bottom, right, top as numbers")
        if self.left >= self.right or self.bottom >= self.top:
            raise GridError(
                f"bounds {self.as_tuple()} hold no area", "give left < right and bottom < top, in that order"
            )

    def as_tuple(self) -> tuple[float, float, float, float]:
        """Return (left, bottom, right, top)."""
        return self.left, self.bottom, self.right, self.top

    def polygon(self) -> Polygon:
        """Return the rectangle as a polygon."""
        return box(*self.as_tuple())


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of lattice pixels: global column and row of its upper left pixel, width and height in pixels."""

    column: int
    row: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise GridError(f"window {self} holds no pixel", "give a width and height of 1 or more")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as arrays have them."""
        return self.height, self.width

    @property
    def right(self) -> int:
        """First column east of the window."""
        return self.column + self.width

    @property
    def bottom(self) -> int:
        """First row south of the window."""
        return self.row + self.height

    def intersection(self, other: Window) -> Window | None:
        """Return the pixels that both windows hold, or None."""
        column, row = max(self.column, other.column), max(self.row, other.row)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Window(column, row, right - column, bottom - row) if right > column and bottom > row else None

    def union(self, other: Window) -> Window:
        """Return the smallest window that holds both."""
        column, row = min(self.column, other.column), min(self.row, other.row)
        return Window(column, row, max(self.right, other.right) - column, max(self.bottom, other.bottom) - row)

    def pad(self, pixels: int) -> Window:
        """Return the window grown by ``pixels`` on each side."""
        return Window(self.column - pixels, self.row - pixels, self.width + 2 * pixels, self.height + 2 * pixels)

    def blocks(self, size: int) -> Iterator[Window]:
        """Yield windows of at most ``size`` pixels on a side that cover this one once, row by row from its corner."""
        for row in range(self.row, self.bottom, size):
            for column in range(self.column, self.right, size):
                yield Window(column, row, min(size, self.right - column), min(size, self.bottom - row))

    def slices(self, within: Window) -> tuple[slice, slice]:
        """Return the row and column slices of this window in an array that covers ``within``.

        Raises
        ------
        GridError
            If the window is not inside ``within``.
        """
        inside = self.intersection(within)
        if inside != self:
            raise GridError(f"window {self} is not inside {within}", "read a larger window")
        row, column = self.row - within.row, self.column - within.column
        return slice(row, row + self.height), slice(column, column + self.width)


@dataclass(frozen=True, slots=True)
class Grid:
    """A lattice of square pixels fixed to the origin of a projected coordinate reference system.

    Attributes
    ----------
    crs
        The coordinate reference system, as ``EPSG:3035`` or WKT.
    resolution
        Edge of a pixel in metres.
    """

    crs: str
    resolution: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.resolution) or self.resolution <= 0:
            raise GridError(f"grid resolution {self.resolution} is not a length", "give metres per pixel, above 0")

    def transform(self, window: Window) -> Affine:
        """Return the affine transform of an array that covers ``window``."""
        return Affine(
            self.resolution,
            0,
            window.column * self.resolution,
            0,
            -self.resolution,
            -window.row * self.resolution,
        )

    def bounds(self, window: Window) -> Bounds:
        """Return the outer edges of a window in metres."""
        size = self.resolution
        return Bounds(window.column * size, -window.bottom * size, window.right * size, -window.row * size)

    def window(self, bounds: Bounds) -> Window:
        """Return the smallest window that covers ``bounds``; an edge within ``SNAP`` of a pixel edge lies on it."""
        size = self.resolution
        column, right = math.floor(bounds.left / size + SNAP), math.ceil(bounds.right / size - SNAP)
        row, bottom = math.floor(-bounds.top / size + SNAP), math.ceil(-bounds.bottom / size - SNAP)
        return Window(column, row, max(right - column, 1), max(bottom - row, 1))


@dataclass(frozen=True, slots=True)
class Tile:
    """A square of the tiling: its name on the reference grid and the lattice pixels that it owns."""

    id: str
    window: Window


@dataclass(frozen=True, slots=True)
class Tiling:
    """Squares of ``size`` metres that cover the lattice exactly once: 10 km work tiles, 100 km production cells.

    Raises
    ------
    GridError
        If ``size`` is not a whole number of pixels.
    """

    grid: Grid
    size: float

    def __post_init__(self) -> None:
        pixels = self.size / self.grid.resolution
        if pixels < 1 or abs(pixels - round(pixels)) > SNAP:
            raise GridError(
                f"tile size {self.size} m is not a whole number of {self.grid.resolution} m pixels",
                f"use a multiple of {self.grid.resolution} m",
            )

    @property
    def pixels(self) -> int:
        """Edge of a tile in pixels."""
        return round(self.size / self.grid.resolution)

    def tile_at(self, east: int, north: int) -> Tile:
        """Return the tile with the given index: its lower left corner is (east x size, north x size) metres."""
        pixels = self.pixels
        name = f"{'E' if east >= 0 else 'W'}{abs(east)}{'N' if north >= 0 else 'S'}{abs(north)}"
        return Tile(name, Window(east * pixels, -(north + 1) * pixels, pixels, pixels))

    def tile(self, name: str) -> Tile:
        """Return the tile of that name.

        Raises
        ------
        GridError
            If the name is not of the form E432N302.
        """
        found = re.fullmatch(r"([EW])(\d+)([NS])(\d+)", name)
        if found is None:
            raise GridError(f"{name!r} is not the name of a tile", "names look like E432N302")
        east = int(found[2]) * (1 if found[1] == "E" else -1)
        north = int(found[4]) * (1 if found[3] == "N" else -1)
        return self.tile_at(east, north)

    def tiles(self, window: Window) -> Iterator[Tile]:
        """Yield every tile that shares a pixel with ``window``, from north to south and west to east."""
        pixels = self.pixels
        for down in range(window.row // pixels, (window.bottom - 1) // pixels + 1):
            for east in range(window.column // pixels, (window.right - 1) // pixels + 1):
                yield self.tile_at(east, -down - 1)

"""What is known of the ground of a mapped area, on the cells of the features: woody, forest, crops, canopy height.

The mosaic is cut into islands: groups of mapped tiles that touch each other, within one production cell. Nothing can
reach from one island to another, so each is read and worked alone, and the ground between distant scenes costs nothing.

An island is seen with a margin of the neighbouring production cells, so that what stands at their common border is
judged alike from both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from bocage.errors import FeatureError, GridError, ProjectError
from bocage.features.classes import Planes
from bocage.features.context import Context
from bocage.features.context_layers import ContextSources, open_context
from bocage.features.frame import TILE, Frame
from bocage.features.masks import crop_mask, forest_of, tree_state
from bocage.features.profiles import Profile
from bocage.features.woody import FULL, NODATA, cell_probability, woody_state
from bocage.grid import Grid, Tile, Tiling, Window
from bocage.mapping.receipt import receipt_name
from bocage.project import Project
from bocage.reference.layer import Layer, open_layer
from bocage.reference.paths import layers_of_kind
from bocage.settings import LayerKind

# How far an island sees into neighbouring production cells, in metres: beyond what decides whether a wood is forest.
MARGIN = 500.0
# What is read beside the mosaic, in the order of their use.
LAYERS: tuple[LayerKind, ...] = ("tree_cover_density", "crop_types", "canopy_height")

type Mosaic = Callable[[Window], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Island:
    """Mapped tiles that hang together inside one production cell.

    Attributes
    ----------
    cell
        Name of the production cell.
    window
        The cells of the features that the tiles cover, on the lattice of the features.
    tiles
        Their names, from north to south and west to east.
    """

    cell: str
    window: Window
    tiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """The layers of a part of an island; all arrays are (rows, columns) of ``window`` on ``grid``.

    ``probability`` is 0 to 1, NaN without data; ``woody``, ``forest`` and ``crop`` are 0, 1 and 255 (unknown), and
    ``crop`` is None where no such layer is registered.
    """

    grid: Grid
    window: Window
    probability: NDArray[np.float32]
    woody: NDArray[np.uint8]
    forest: NDArray[np.uint8]
    crop: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class Region:
    """An island with its margin, one byte per cell and plane.

    Attributes
    ----------
    grid, frame
        The lattice of the features; the region and the tiles by which it is worked.
    own
        The island: features are those of this window.
    probability
        0 to 254 = probability x 254, 255 without data.
    planes
        Woody, forest and crops: 0, 1 and 255 (unknown).
    heights
        The registered layers of canopy height, the newest first.
    sources
        The vector layers of the surroundings.
    lock
        Held while a file is read: tiles are worked side by side, and the readers share handles.
    """

    grid: Grid
    frame: Frame
    own: Window
    probability: NDArray[np.uint8]
    planes: Planes
    heights: tuple[Layer, ...]
    sources: ContextSources
    lock: Lock

    def cover(self, window: Window) -> NDArray[np.float32]:
        """Return the probability, 0 to 1 and NaN without data."""
        values = self.probability[window.slices(self.frame.window)]
        return np.where(values == NODATA, np.float32(np.nan), values / np.float32(FULL))

    def height(self, window: Window) -> NDArray[np.float32]:
        """Return the canopy height in metres, NaN where unknown."""
        with self.lock:
            values = _newest(self.heights, self.grid, window)
        return np.full(window.shape, np.nan, np.float32) if values is None else values

    def context(self, window: Window) -> Context:
        """Return the streams, roads, fields and built-up areas that are known near a window."""
        with self.lock:
            return self.sources.within(self.grid.bounds(window), self.grid.crs)

    def ground(self, window: Window) -> Ground:
        """Return the mosaic and the masks of a window."""
        place = window.slices(self.frame.window)
        crop = self.planes.crop
        return Ground(
            self.grid,
            window,
            self.cover(window),
            self.planes.woody[place],
            self.planes.forest[place],
            None if crop is None else crop[place],
        )


def mapped_tiles(project: Project) -> list[Tile]:
    """Return the tiles of the mosaic that are complete: the raster with its receipt beside it.

    Raises
    ------
    ProjectError
        If nothing is mapped yet.
    """
    stored = project.map_storage.list()
    names = [name.removesuffix(".tif") for name in stored if name.endswith(".tif")]
    done = [name for name in names if receipt_name(name) in stored]
    if not done:
        raise ProjectError(f"{project.map_storage.root} holds no probability mosaic", "run: bocage map")
    return [project.tiling.tile(name) for name in done]


def cell_grid(project: Project, resolution: float) -> Grid:
    """Return the lattice of cells of that size.

    Raises
    ------
    FeatureError
        If a production cell is not a whole number of them.
    """
    grid = Grid(project.settings.grid.crs, resolution)
    try:
        Tiling(grid, project.settings.grid.cell_size)
    except GridError as error:
        raise FeatureError(
            f"cells of {resolution} m do not fill a production cell of {project.settings.grid.cell_size} m",
            "change features.resolution or grid.cell_size in bocage.toml",
        ) from error
    return grid


def find_islands(project: Project, tiles: list[Tile], grid: Grid) -> list[Island]:
    """Group tiles that share an edge or corner and lie in one production cell; sorted by cell, then by position."""
    pixels = project.tiling.pixels
    places = {(tile.window.row // pixels, tile.window.column // pixels): tile for tile in tiles}
    cell_of = {place: next(project.cells.tiles(tile.window)) for place, tile in places.items()}
    left = dict.fromkeys(sorted(places))
    islands = []
    while left:
        first = next(iter(left))
        members, front = {first}, [first]
        while front:
            row, column = front.pop()
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
            found = {place for place in near & left.keys() - members if cell_of[place] == cell_of[first]}
            members |= found
            front.extend(found)
        for place in members:
            del left[place]
        own = [places[place] for place in sorted(members)]
        windows = [tile_cells(project, tile, grid) for tile in own]
        window = windows[0]
        for other in windows[1:]:
            window = window.union(other)
        islands.append(Island(cell_of[first].id, window, tuple(tile.id for tile in own)))
    return sorted(islands, key=lambda island: (island.cell, island.window.row, island.window.column))


def tile_cells(project: Project, tile: Tile, grid: Grid) -> Window:
    """Return the cells that a tile touches, without those of another production cell."""
    cell = next(project.cells.tiles(tile.window))
    cells = grid.window(project.grid.bounds(cell.window))
    inside = grid.window(project.grid.bounds(tile.window)).intersection(cells)
    assert inside is not None
    return inside


def neighbours(project: Project, island: Island, grid: Grid) -> tuple[str, ...]:
    """Return the tiles of other production cells that an island sees in its margin, mapped or not."""
    seen = project.grid.window(grid.bounds(island.window.pad(_margin(grid))))
    tiles = project.tiling.tiles(seen)
    return tuple(tile.id for tile in tiles if next(project.cells.tiles(tile.window)).id != island.cell)


def read_region(
    project: Project, island: Island, grid: Grid, profile: Profile, mosaic: Mosaic, most_cells: int, tile: int = TILE
) -> Region:
    """Read the mosaic and the layers of an island onto the cells of the features, tile by tile.

    ``mosaic`` reads the probability, 0 to 254 and 255 without data, for a window of the project's own lattice.

    Raises
    ------
    FeatureError
        If the island has more than ``most_cells`` cells.
    LayerError
        If a registered layer cannot be read.
    """
    frame = Frame(island.window.pad(_margin(grid)), tile)
    window = frame.window
    if island.window.width * island.window.height > most_cells:
        raise FeatureError(
            f"the mapped area in production cell {island.cell} spans {island.window.width} x {island.window.height} "
            f"cells of {grid.resolution} m, more than the {most_cells} that are held in memory at once",
            "map a smaller area (area.bbox), or set a coarser features.resolution or a smaller grid.cell_size",
        )
    covers, crops, heights = (tuple(layers_of(project, kind, grid)) for kind in LAYERS)
    seen = _seen(project, island, frame, grid)
    probability = np.empty(window.shape, np.uint8)
    woody = np.empty(window.shape, np.uint8)
    trees = np.empty(window.shape, np.uint8) if covers else woody
    crop = np.empty(window.shape, np.uint8) if crops else None
    # Files are read one after another: the readers share handles.
    for core in frame.cores:
        place = core.slices(window)
        found = cell_probability(mosaic, project.grid, grid, core)
        found[~seen[place]] = np.nan
        woody[place] = woody_state(found, project.settings.features.threshold)
        probability[place] = np.where(np.isnan(found), NODATA, np.rint(np.nan_to_num(found) * FULL))
        if covers:
            trees[place] = tree_state(woody[place], _newest(covers, grid, core), profile)
        codes = _newest(crops, grid, core)
        if crop is not None and codes is not None:
            crop[place] = crop_mask(np.nan_to_num(codes).astype(np.int32), ~np.isnan(codes))
    forest = forest_of(trees, grid.resolution, profile, crop=crop, frame=frame)
    planes, sources = Planes(woody, forest, crop), open_context(project)
    return Region(grid, frame, island.window, probability, planes, heights, sources, Lock())


def blocks(
    project: Project, cell: str, grid: Grid, profile: Profile, mosaic: Mosaic, most_cells: int, tile: int = TILE
) -> Iterator[tuple[Window, Ground]]:
    """Yield all that is known of a production cell, block by block.

    Blocks of one island do not overlap; in a block of another, what is not of that island is unknown (NaN, 255). The
    masks do not depend on the blocks.

    Raises
    ------
    FeatureError, LayerError
        As :func:`read_region`.
    """
    for island in find_islands(project, mapped_tiles(project), grid):
        if island.cell == cell:
            region = read_region(project, island, grid, profile, mosaic, most_cells, tile)
            for core in region.frame.cores:
                inside = core.intersection(island.window)
                if inside is not None:
                    yield inside, region.ground(inside)


def layers_of(project: Project, kind: LayerKind, grid: Grid) -> list[Layer]:
    """Open the registered layers of a kind on a lattice, the newest first."""
    return [open_layer(layer, project, grid) for layer in layers_of_kind(project, kind)]


def _margin(grid: Grid) -> int:
    return math.ceil(MARGIN / grid.resolution)


def _seen(project: Project, island: Island, frame: Frame, grid: Grid) -> NDArray[np.bool_]:
    """Return the cells that the island knows: those of its tiles, and all of other production cells."""
    cell = project.cells.tile(island.cell)
    inside = grid.window(project.grid.bounds(cell.window)).intersection(frame.window)
    assert inside is not None
    seen = np.ones(frame.window.shape, np.bool_)
    seen[inside.slices(frame.window)] = False
    for name in island.tiles:
        seen[tile_cells(project, project.tiling.tile(name), grid).slices(frame.window)] = True
    return seen


def _newest(layers: tuple[Layer, ...], grid: Grid, window: Window) -> NDArray[np.float32] | None:
    """Return the values, NaN where unknown, from the newest layer that knows; None without a layer."""
    result: NDArray[np.float32] | None = None
    for layer in layers:
        reading = layer.read(grid, window)
        if result is None:
            result = np.full(window.shape, np.nan, np.float32)
        fresh = reading.valid & np.isnan(result)
        result[fresh] = reading.values[fresh]
    return result

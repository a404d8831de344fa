"""What is known of the ground of a mapped area, on the cells of the features: woody, forest, crops, canopy height.

The mosaic is cut into islands: groups of mapped tiles that touch each other, within one production cell. Nothing can
reach from one island to another, so each is read and worked alone, and the ground between distant scenes costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.errors import FeatureError, GridError, ProjectError
from bocage.features.masks import crop_mask, forest_mask
from bocage.features.profiles import Profile
from bocage.features.woody import cell_probability, woody_state
from bocage.grid import Grid, Tile, Tiling, Window
from bocage.mapping.receipt import receipt_name
from bocage.project import Project
from bocage.reference.layer import Layer, open_layer
from bocage.reference.paths import layers_of_kind
from bocage.settings import LayerKind

Mosaic = Callable[[Window], NDArray[np.uint8]]


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
    """The layers of an island; all arrays are (rows, columns) of ``window`` on ``grid``.

    ``probability`` is 0 to 1, NaN without data; ``woody``, ``forest`` and ``crop`` are 0, 1 and 255 (unknown);
    ``height`` is metres, NaN where unknown. ``crop`` and ``height`` are None where no such layer is registered.
    """

    grid: Grid
    window: Window
    probability: NDArray[np.float32]
    woody: NDArray[np.uint8]
    forest: NDArray[np.uint8]
    crop: NDArray[np.uint8] | None
    height: NDArray[np.float32] | None


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
        raise ProjectError(
            f"{project.map_storage.root} holds no probability mosaic", f"run: bocage map --project {project.folder}"
        )
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


def read_ground(
    project: Project, island: Island, grid: Grid, profile: Profile, mosaic: Mosaic, most_cells: int
) -> Ground:
    """Read the mosaic and the layers of an island onto the cells of the features.

    ``mosaic`` reads the probability, 0 to 254 and 255 without data, for a window of the project's own lattice.

    Raises
    ------
    FeatureError
        If the island has more than ``most_cells`` cells.
    LayerError
        If a registered layer cannot be read.
    """
    window = island.window
    if window.width * window.height > most_cells:
        raise FeatureError(
            f"the mapped area in production cell {island.cell} spans {window.width} x {window.height} cells of "
            f"{grid.resolution} m, more than the {most_cells} that are held in memory at once",
            "map a smaller area (area.bbox), or set a coarser features.resolution or a smaller grid.cell_size",
        )
    probability = cell_probability(mosaic, project.grid, grid, window)
    own = np.zeros(window.shape, np.bool_)
    for name in island.tiles:
        own[tile_cells(project, project.tiling.tile(name), grid).slices(window)] = True
    probability[~own] = np.nan
    woody = woody_state(probability, project.settings.features.threshold)
    cover = _layer_values(project, "tree_cover_density", grid, window)
    codes = _layer_values(project, "crop_types", grid, window)
    height = _layer_values(project, "canopy_height", grid, window)
    crop = None if codes is None else crop_mask(np.nan_to_num(codes).astype(np.int32), ~np.isnan(codes))
    forest = forest_mask(woody, grid.resolution, profile, cover=cover, crop=crop)
    return Ground(grid, window, probability, woody, forest, crop, height)


def layers_of(project: Project, kind: LayerKind, grid: Grid) -> list[Layer]:
    """Open the registered layers of a kind on a lattice, the newest first."""
    return [open_layer(layer, project, grid) for layer in layers_of_kind(project, kind)]


def _layer_values(project: Project, kind: LayerKind, grid: Grid, window: Window) -> NDArray[np.float32] | None:
    """Return a layer's values, NaN where unknown, from the newest layer that knows; None if none is registered."""
    result: NDArray[np.float32] | None = None
    for layer in layers_of(project, kind, grid):
        reading = layer.read(grid, window)
        if result is None:
            result = np.full(window.shape, np.nan, np.float32)
        fresh = reading.valid & np.isnan(result)
        result[fresh] = reading.values[fresh]
    return result

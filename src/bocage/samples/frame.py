"""The frame: every cell of the lattice that a scene shows well enough, once per scene."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas
import numpy as np
import pandas as pd
import shapely

from bocage.errors import GridError, SampleError
from bocage.grid import SNAP, Bounds, Grid, Tiling, Window
from bocage.progress import track
from bocage.scenes.scene import Scene


def cell_tiling(grid: Grid, size: float) -> Tiling:
    """Return the tiling of sample cells.

    Raises
    ------
    SampleError
        If ``size`` is not a whole number of pixels.
    """
    try:
        return Tiling(grid, size)
    except GridError as error:
        raise SampleError(
            f"samples.cell_size {size} m is not a whole number of {grid.resolution} m pixels",
            f"use a multiple of {grid.resolution} m",
        ) from error


def build_frame(
    scenes: Sequence[Scene], cells: Tiling, *, minimum_valid: float, bounds: Bounds | None = None
) -> geopandas.GeoDataFrame:
    """List every pair of cell and scene of which a share of ``minimum_valid`` or more is imaged.

    Parameters
    ----------
    bounds
        The area to work on; what lies outside counts as not imaged.

    Returns
    -------
    geopandas.GeoDataFrame
        In the grid's CRS, ordered by scene and cell, with the columns cell_id, scene_id, sensor, column, row, width,
        height (the lattice window), valid_share (0..1, the part of the cell within the footprint) and geometry.

    Raises
    ------
    SampleError
        If no cell is imaged well enough.
    """
    parts = [_cells_of(scene, cells, minimum_valid, bounds) for scene in track(scenes, "sample frame")]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise SampleError(
            f"none of the {len(scenes)} scenes shows {minimum_valid:.0%} of a cell of {cells.size:g} m",
            "set a smaller samples.cell_size or samples.minimum_valid, or catalogue more scenes",
        )
    return geopandas.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=cells.grid.crs)


def block_of(cells: Tiling, block_size: float, column: int, row: int) -> str:
    """Return the name of the block of ground that holds the cell with that upper left pixel.

    Raises
    ------
    SampleError
        If a block is not a whole number of cells, so that a cell would lie in two.
    """
    ratio = block_size / cells.size
    if ratio < 1 - SNAP or abs(ratio - round(ratio)) > SNAP:
        raise SampleError(
            f"samples.block_size {block_size:g} m is not a whole number of cells of {cells.size:g} m",
            f"use a multiple of {cells.size:g} m",
        )
    edge = cells.pixels * round(ratio)
    return f"{column // edge}_{row // edge}"


def _cells_of(scene: Scene, cells: Tiling, minimum_valid: float, bounds: Bounds | None) -> geopandas.GeoDataFrame:
    shown = scene.footprint if bounds is None else scene.footprint.intersection(bounds.polygon())
    if shown.area == 0:
        return geopandas.GeoDataFrame()
    grid = cells.grid
    tiles = list(cells.tiles(grid.window(Bounds(*shown.bounds))))
    boxes = shapely.box(*np.array([grid.bounds(tile.window).as_tuple() for tile in tiles]).T)
    shapely.prepare(shown)
    share = np.ones(len(tiles))
    partly = ~shapely.covers(shown, boxes)
    share[partly] = shapely.area(shapely.intersection(shown, boxes[partly])) / cells.size**2
    # A cell without any imaged ground is never in the frame, even with minimum_valid = 0.
    kept = np.flatnonzero((share >= minimum_valid) & (share > 0))
    windows: list[Window] = [tiles[index].window for index in kept]
    return geopandas.GeoDataFrame(
        {
            "cell_id": [tiles[index].id for index in kept],
            "scene_id": scene.id,
            "sensor": scene.sensor,
            "column": np.array([window.column for window in windows], np.int64),
            "row": np.array([window.row for window in windows], np.int64),
            "width": cells.pixels,
            "height": cells.pixels,
            "valid_share": share[kept],
        },
        geometry=list(boxes[kept]),
        crs=grid.crs,
    )

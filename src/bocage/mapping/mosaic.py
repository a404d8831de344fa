"""Reading the probability mosaic: any window of the lattice, whichever tiles hold it and wherever they lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.fusion import NODATA
from bocage.mapping.receipt import cog_name
from bocage.project import Project
from bocage.rasters import open_stored, window_of


def mosaic_tiles(project: Project) -> list[str]:
    """Return the names of the tiles that hold pixels, sorted.

    Raises
    ------
    StorageError
        If the storage of the map cannot be listed.
    """
    return [name.removesuffix(".tif") for name in project.map_storage.list() if name.endswith(".tif")]


def read_probability(project: Project, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the mosaic over a window of the project's lattice.

    Returns
    -------
    probability, observations
        (rows, columns), uint8 each. Probability is 0..254 = p x 254, and 255 where nothing was seen or mapped;
        observations is the number of scenes that saw the ground, 0 there.

    Raises
    ------
    StorageError
        If a tile cannot be read.
    """
    probability = np.full(window.shape, NODATA, dtype=np.uint8)
    observations = np.zeros(window.shape, dtype=np.uint8)
    storage = project.map_storage
    for tile in project.tiling.tiles(window):
        part = tile.window.intersection(window)
        if part is None or storage.find(cog_name(tile.id)) is None:
            continue
        inside = part.slices(window)
        with open_stored(storage, cog_name(tile.id)) as file:
            probability[inside] = window_of(file, project.grid, part, band=1, fill=NODATA)
            observations[inside] = window_of(file, project.grid, part, band=2, fill=0)
    return probability, observations

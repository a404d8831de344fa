"""Reading the probability mosaic: any window of the lattice, whichever tiles hold it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.fusion import NODATA
from bocage.mapping.receipt import cog_path
from bocage.project import Project
from bocage.rasters import read_window


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
    for tile in project.tiling.tiles(window):
        path = cog_path(project.map_folder, tile.id)
        part = tile.window.intersection(window)
        if part is None or not path.is_file():
            continue
        inside = part.slices(window)
        probability[inside] = read_window(path, project.grid, part, band=1, fill=NODATA)
        observations[inside] = read_window(path, project.grid, part, band=2, fill=0)
    return probability, observations

"""One worker: it holds the model and turns tile jobs into a COG and a receipt. Every engine runs this same worker.

Pixels never leave it: it reads the scenes and writes the tiles itself, and gives back a summary.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bocage.grid import Grid
from bocage.mapping.fusion import NODATA
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import Recipe, TileSummary, cog_path, write_receipt
from bocage.mapping.tile import SceneSource, TileResult, TileSettings, map_tile
from bocage.rasters import write_cog

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.reader import SceneReader
    from bocage.scenes.scene import Scene

BAND_NAMES = ("probability", "observations")


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker needs to know, small enough to send to another process or machine.

    Attributes
    ----------
    recipe
        The lattices and the model.
    folder
        Where tiles and receipts are written.
    batch_size
        How many chips go through the model at once.
    load
        Loads the model, once per worker.
    open
        Opens a scene on the lattice.
    """

    recipe: Recipe
    folder: Path
    batch_size: int
    load: Callable[[], Segmenter]
    open: Callable[[Scene, Grid], SceneReader]


class Worker:
    """Maps tiles one after the other with one model in memory."""

    def __init__(self, work: Work, segmenter: Segmenter | None = None) -> None:
        self._work = work
        self._segmenter = work.load() if segmenter is None else segmenter

    def run(self, job: TileJob) -> TileSummary:
        """Map a tile and write its COG, then its receipt.

        Raises
        ------
        StorageError
            If the disk is full or the folder is not writable; earlier tiles are untouched.
        ModelError
            If the model gives numbers that are not finite.
        """
        work = self._work
        sources = [SceneSource(scene.id, partial(work.open, scene, work.recipe.grid)) for scene in job.scenes]
        settings = TileSettings(work.recipe.lattice, work.batch_size)
        result = map_tile(job.tile, sources, self._segmenter, settings)
        started = time.perf_counter()
        # COG first: a run killed between the two files finds a receipt with another key or digest and maps again.
        self._write(result)
        seconds = time.perf_counter() - started
        return write_receipt(work.folder, result, work.recipe, job.scenes, writing=seconds)

    def _write(self, result: TileResult) -> None:
        path = cog_path(self._work.folder, result.tile.id)
        if not result.valid_pixels:
            path.unlink(missing_ok=True)
            return
        write_cog(
            path,
            np.stack([result.probability, result.observations]),
            grid=self._work.recipe.grid,
            window=result.tile.window,
            nodata=NODATA,
            descriptions=BAND_NAMES,
        )

"""One worker: it holds the model and turns tile jobs into a COG and a receipt. Every engine runs this same worker.

Pixels never leave it: it reads the scenes and writes the tiles itself, and gives back a summary.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
from bocage.mapping.turn import Turn
from bocage.rasters import write_cog

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.reader import SceneReader
    from bocage.scenes.scene import Scene

BAND_NAMES = ("probability", "observations")
UNDER_WAY = 2
"""Tiles of one worker that are under way at once; each takes memory."""
_LEVEL = 1  # Of DEFLATE: 0.5 s instead of 1.1 s for a tile of 4096 pixels, and 8 % more bytes.
_MOST_READERS = 8


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
    """Maps tiles with one model in memory.

    The model works on one tile at a time. Where a second tile is begun before the first is done, its scenes are read
    ahead and the first is written meanwhile, so that the model does not wait.
    """

    def __init__(self, work: Work, segmenter: Segmenter | None = None) -> None:
        self._work = work
        self._segmenter = work.load() if segmenter is None else segmenter
        self._settings = TileSettings(work.recipe.lattice, work.batch_size, _readers())
        self._turn = Turn()
        self._tiles = ThreadPoolExecutor(UNDER_WAY, "bocage-tile")

    def begin(self, job: TileJob) -> Future[TileSummary]:
        """Begin a tile, of which :meth:`run` tells more; a third one waits until one of two is done.

        An error is that of the tile whose future raises it.
        """
        return self._tiles.submit(self.run, job)

    def close(self) -> None:
        """Give up what is not yet done: tiles that were begun end soon, and their futures raise."""
        self._turn.end()
        self._tiles.shutdown(cancel_futures=True)

    def run(self, job: TileJob) -> TileSummary:
        """Map a tile and write its COG, then its receipt. Several threads may run tiles of one worker.

        Raises
        ------
        StorageError
            If the disk is full or the folder is not writable; earlier tiles are untouched.
        ModelError
            If the model gives numbers that are not finite.
        """
        work = self._work
        sources = [SceneSource(scene.id, partial(work.open, scene, work.recipe.grid)) for scene in job.scenes]
        result = map_tile(job.tile, sources, self._segmenter, self._settings, self._turn)
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
            level=_LEVEL,
        )


def _readers() -> int:
    """Return how many threads read a scene: on a GPU the processor has nothing else to do, without one the model."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    gpus = cuda.device_count() if cuda is not None and cuda.is_available() else 0
    return max(min((os.cpu_count() or 1) // gpus - 2, _MOST_READERS), 1) if gpus else 1

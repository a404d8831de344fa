"""One worker: it holds the model and turns tile jobs into a COG and a receipt. Every engine runs this same worker.

Pixels never leave it: it reads the scenes and writes the tiles itself, and gives back a summary.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bocage.grid import Grid
from bocage.mapping.inventory import write_tile
from bocage.mapping.planning import TileJob
from bocage.mapping.predictor import Predictor
from bocage.mapping.receipt import Recipe, TileSummary
from bocage.mapping.tile import SceneSource, TileSettings, map_tile
from bocage.storage import Storage

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.reader import SceneReader
    from bocage.scenes.scene import Scene

UNDER_WAY = 2
"""Tiles of one worker that are under way at once; each takes memory."""
_MOST_READERS = 8


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker needs to know, small enough to send to another process or machine.

    Attributes
    ----------
    recipe
        The lattices and the model.
    storage
        Where tiles and receipts are written.
    batch_size
        How many chips go through the model at once.
    load
        Loads the model, once per worker.
    open
        Opens a scene on the lattice.
    """

    recipe: Recipe
    storage: Storage
    batch_size: int
    load: Callable[[], Segmenter]
    open: Callable[[Scene, Grid], SceneReader]


class Worker:
    """Maps tiles with one model in memory.

    The model works on one tile after the other. Where a second tile is begun before the first is done, its scenes are
    read ahead and the first is written meanwhile, so that the model does not wait.
    """

    def __init__(self, work: Work, segmenter: Segmenter | None = None) -> None:
        self._work = work
        self._predictor = Predictor(work.load() if segmenter is None else segmenter)
        self._settings = TileSettings(work.recipe.lattice, work.batch_size, _readers())
        self._tiles = ThreadPoolExecutor(UNDER_WAY, "bocage-tile")

    def begin(self, job: TileJob) -> Future[TileSummary]:
        """Begin a tile, of which :meth:`run` tells more; a third one waits until one of two is done.

        An error is that of the tile whose future raises it.
        """
        return self._tiles.submit(self.run, job)

    def close(self) -> None:
        """Give up what is not yet done: tiles that were begun end soon, and their futures raise."""
        self._predictor.turn.end()
        self._tiles.shutdown(cancel_futures=True)
        self._predictor.close()

    def run(self, job: TileJob) -> TileSummary:
        """Map a tile and write its COG, then its receipt. Several threads may run tiles of one worker.

        Raises
        ------
        StorageError
            If the storage is full, refuses or cannot be reached; earlier tiles are untouched.
        ModelError
            If the model gives numbers that are not finite.
        MappingError
            If the worker is closed meanwhile.
        """
        work = self._work
        sources = [SceneSource(scene.id, partial(work.open, scene, work.recipe.grid)) for scene in job.scenes]
        result = map_tile(job.tile, sources, self._predictor, self._settings)
        return write_tile(work.storage, result, work.recipe, job.scenes)


def _readers() -> int:
    """Return how many threads read a scene: on a GPU the processor has nothing else to do, without one the model."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    gpus = cuda.device_count() if cuda is not None and cuda.is_available() else 0
    return max(min((os.cpu_count() or 1) // gpus - 2, _MOST_READERS), 1) if gpus else 1

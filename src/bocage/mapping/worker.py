"""One worker: it holds the model and turns tile jobs into a COG and a receipt. Every engine runs this same worker.

Pixels never leave it: it reads the scenes and writes the tiles itself, and gives back a summary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bocage.grid import Grid
from bocage.mapping.inventory import write_tile
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import Recipe, TileSummary
from bocage.mapping.tile import SceneSource, TileSettings, map_tile
from bocage.storage import Storage

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.reader import SceneReader
    from bocage.scenes.scene import Scene


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
    """Maps tiles one after the other with one model in memory."""

    def __init__(self, work: Work, segmenter: Segmenter | None = None) -> None:
        self._work = work
        self._segmenter = work.load() if segmenter is None else segmenter

    def run(self, job: TileJob) -> TileSummary:
        """Map a tile and write its COG, then its receipt.

        Raises
        ------
        StorageError
            If the storage is full, refuses or cannot be reached; earlier tiles are untouched.
        ModelError
            If the model gives numbers that are not finite.
        """
        work = self._work
        sources = [SceneSource(scene.id, partial(work.open, scene, work.recipe.grid)) for scene in job.scenes]
        settings = TileSettings(work.recipe.lattice, work.batch_size)
        result = map_tile(job.tile, sources, self._segmenter, settings)
        return write_tile(work.storage, result, work.recipe, job.scenes)

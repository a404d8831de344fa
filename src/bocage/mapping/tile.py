"""Mapping one tile: read its scenes, run the model over the chips, blend, fuse.

Memory depends on the tile, not on its scenes. A scene that fails in the middle is taken back as a whole: the tile is
mapped as if the scene had not been there, and the result names it with its reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from bocage.errors import BocageError, ModelError
from bocage.grid import Tile, Window
from bocage.mapping.ahead import ahead
from bocage.mapping.blending import Blend, chip_weights
from bocage.mapping.chips import ChipBatch, batches, read_strips
from bocage.mapping.fusion import Fusion
from bocage.mapping.inspection import Inspection, Inspector
from bocage.mapping.lattice import Lattice
from bocage.outcome import Refusal

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.reader import SceneReader


@dataclass(frozen=True, slots=True)
class SceneSource:
    """A scene to map: its name, and how to open it. It is opened in the reading thread."""

    id: str
    open: Callable[[], SceneReader]


@dataclass(frozen=True, slots=True)
class TileSettings:
    """What decides how a tile is mapped: the lattice of chips, and how many chips go through the model at once."""

    lattice: Lattice
    batch_size: int = 4


@dataclass(slots=True)
class Timings:
    """Seconds spent on a tile. Reading runs beside the model, so the parts may add up to more than the whole."""

    read: float = 0.0
    predict: float = 0.0
    blend: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class TileResult:
    """The map of one tile.

    Attributes
    ----------
    probability
        (rows, columns), uint8: 0..254 is probability x 254, 255 is nodata.
    observations
        (rows, columns), uint8: how many scenes saw the ground.
    used
        The scenes that saw a pixel of the tile, in the order given.
    quarantined
        The scenes that could not be read, with the reason.
    chips
        How many chips went through the model.
    inspection
        What was counted of the scenes and of the gaps, for the report of homogeneity.
    """

    tile: Tile
    probability: NDArray[np.uint8]
    observations: NDArray[np.uint8]
    used: tuple[str, ...]
    quarantined: tuple[Refusal, ...]
    chips: int
    timings: Timings = field(default_factory=Timings)
    inspection: Inspection = field(default_factory=Inspection)

    @property
    def valid_pixels(self) -> int:
        """Number of pixels that at least one scene saw."""
        return int(np.count_nonzero(self.observations))


@dataclass(frozen=True, slots=True)
class _Begin:
    window: Window


@dataclass(frozen=True, slots=True)
class _End:
    scene: str
    valid: NDArray[np.bool_]


_Event = _Begin | ChipBatch | _End | Refusal


def map_tile(tile: Tile, sources: Sequence[SceneSource], segmenter: Segmenter, settings: TileSettings) -> TileResult:
    """Map a tile from the scenes that cover it.

    Raises
    ------
    ModelError
        If the model gives numbers that are not finite.
    """
    started = time.perf_counter()
    timings = Timings()
    weights = chip_weights(settings.lattice)
    fusion, inspector = Fusion(tile.window), Inspector(tile.window)
    blend: Blend | None = None
    used: list[str] = []
    refused: list[Refusal] = []
    chips = pending = 0
    with closing(ahead(_events(tile.window, sources, settings, timings))) as events:
        for event in events:
            match event:
                case _Begin(window):
                    blend, pending = Blend(window, weights), 0
                case ChipBatch():
                    assert blend is not None
                    _predict(event, segmenter, blend, timings)
                    pending += len(event.chips)
                case _End(scene, valid):
                    assert blend is not None
                    fusion.add(blend.window, blend.probability, valid)
                    inspector.add(scene, blend.window, blend.probability, valid)
                    chips += pending
                    if pending:
                        used.append(scene)
                case Refusal():
                    refused.append(event)
    probability, observations = fusion.probability, fusion.observations
    inspection = inspector.finish(probability, observations)
    timings.total = time.perf_counter() - started
    return TileResult(tile, probability, observations, tuple(used), tuple(refused), chips, timings, inspection)


def map_window(
    reader: SceneReader, window: Window, segmenter: Segmenter, settings: TileSettings
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Map one open scene over a window, without fusion.

    Returns
    -------
    probability, valid
        (rows, columns) each: 0..1, and True where the scene saw the ground. Probability elsewhere means nothing.

    Raises
    ------
    ModelError
        If the model gives numbers that are not finite.
    """
    blend = Blend(window, chip_weights(settings.lattice))
    valid = np.zeros(window.shape, dtype=np.bool_)
    strips = read_strips(reader, window, settings.lattice)
    with closing(ahead(batches(strips, window, settings.lattice, settings.batch_size, valid))) as made:
        for batch in made:
            _predict(batch, segmenter, blend, Timings())
    return blend.probability, valid


def _predict(batch: ChipBatch, segmenter: Segmenter, blend: Blend, timings: Timings) -> None:
    started = time.perf_counter()
    probability = segmenter.predict(batch.images, batch.valid)
    predicted = time.perf_counter()
    if not np.isfinite(probability).all():
        raise ModelError(
            f"the model gave numbers that are not finite in chip {batch.chips[0]}", "train the model again"
        )
    for chip, values in zip(batch.chips, probability, strict=True):
        blend.add(chip, values)
    timings.predict += predicted - started
    timings.blend += time.perf_counter() - predicted


def _events(
    window: Window, sources: Sequence[SceneSource], settings: TileSettings, timings: Timings
) -> Iterator[_Event]:
    """Yield what the scenes show, one scene after the other; a scene that fails ends with its refusal."""
    for source in sources:
        try:
            yield from _timed(_scene_events(window, source, settings), timings)
        except BocageError as error:
            yield Refusal.of(source.id, error)
        except (RasterioError, OSError) as error:
            yield Refusal(
                source.id, f"scene {source.id} could not be read: {error}", "deliver it again and run the command again"
            )


def _scene_events(window: Window, source: SceneSource, settings: TileSettings) -> Generator[_Event]:
    reader = source.open()
    try:
        shared = reader.window.intersection(window)
        if shared is None:
            return
        yield _Begin(shared)
        valid = np.zeros(shared.shape, dtype=np.bool_)
        strips = read_strips(reader, shared, settings.lattice)
        yield from batches(strips, shared, settings.lattice, settings.batch_size, valid)
        yield _End(source.id, valid)
    finally:
        reader.close()


def _timed[T](items: Generator[T], timings: Timings) -> Iterator[T]:
    with closing(items):
        while True:
            started = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                timings.read += time.perf_counter() - started
            yield item

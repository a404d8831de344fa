"""Mapping one tile: read its scenes, run the model over the chips, blend, fuse.

Three threads work at once, each a few batches ahead of the next: one reads, one runs the model, one blends and fuses.
Memory depends on the tile, not on its scenes. A scene that fails in the middle is taken back as a whole: the tile is
mapped as if the scene had not been there, and the result names it with its reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
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
from bocage.mapping.meter import Meter, MeteredReader
from bocage.mapping.turn import Turn
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
    """How a tile is mapped.

    Attributes
    ----------
    lattice
        Where the chips lie; the only one that decides the pixels.
    batch_size
        How many chips the model is given at once.
    readers
        How many threads share the reading of a scene.
    """

    lattice: Lattice
    batch_size: int = 4
    readers: int = 1


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
    runtime
        What did the arithmetic of the model.
    """

    tile: Tile
    probability: NDArray[np.uint8]
    observations: NDArray[np.uint8]
    used: tuple[str, ...]
    quarantined: tuple[Refusal, ...]
    chips: int
    timings: Timings = field(default_factory=Timings)
    inspection: Inspection = field(default_factory=Inspection)
    runtime: str = ""

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


@dataclass(frozen=True, slots=True)
class _Prediction:
    chips: tuple[Window, ...]
    probability: NDArray[np.float32]


_Read = _Begin | ChipBatch | _End | Refusal
_Event = _Begin | _Prediction | _End | Refusal


def map_tile(
    tile: Tile,
    sources: Sequence[SceneSource],
    segmenter: Segmenter,
    settings: TileSettings,
    turn: Turn | None = None,
) -> TileResult:
    """Map a tile from the scenes that cover it.

    Parameters
    ----------
    turn
        Of tiles that share the model: held while this one goes through it.

    Raises
    ------
    MappingError
        If the turn has ended.
    ModelError
        If the model gives numbers that are not finite.
    """
    turn = turn or Turn()
    timings, meter = Timings(), Meter()
    weights = chip_weights(settings.lattice)
    fusion, inspector = Fusion(tile.window), Inspector(tile.window)
    blend: Blend | None = None
    used: list[str] = []
    refused: list[Refusal] = []
    chips = pending = 0
    with (
        closing(ahead(_events(tile.window, sources, settings, timings, meter))) as read,
        turn,
        closing(ahead(_predictions(read, segmenter, timings, turn), 1, "bocage-model")) as events,
    ):
        started = time.perf_counter()  # not before its turn: what another tile takes is no time of this one
        for event in events:
            match event:
                case _Begin(window):
                    blend, pending = Blend(window, weights), 0
                case _Prediction():
                    assert blend is not None
                    _blend(event, blend, timings)
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
    inspection = inspector.finish(probability, observations, meter.bytes)
    timings.total = time.perf_counter() - started
    return TileResult(
        *(tile, probability, observations, tuple(used), tuple(refused), chips, timings, inspection, segmenter.runtime)
    )


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
    timings = Timings()
    strips = read_strips(reader, window, settings.lattice)
    with (
        closing(ahead(batches(strips, window, settings.lattice, settings.batch_size, valid))) as read,
        closing(ahead(_predictions(read, segmenter, timings, Turn()), 1, "bocage-model")) as predictions,
    ):
        for prediction in predictions:
            assert isinstance(prediction, _Prediction)
            _blend(prediction, blend, timings)
    return blend.probability, valid


def _predictions(read: Iterable[_Read], segmenter: Segmenter, timings: Timings, turn: Turn) -> Iterator[_Event]:
    """Yield what was read with the model's answer in place of every batch."""
    for event in read:
        if not isinstance(event, ChipBatch):
            yield event
            continue
        turn.check()
        started = time.perf_counter()
        probability = segmenter.predict(event.images, event.valid)
        timings.predict += time.perf_counter() - started
        yield _Prediction(event.chips, probability)


def _blend(prediction: _Prediction, blend: Blend, timings: Timings) -> None:
    started = time.perf_counter()
    if not np.isfinite(prediction.probability).all():
        raise ModelError(
            f"the model gave numbers that are not finite in chip {prediction.chips[0]}", "train the model again"
        )
    for chip, values in zip(prediction.chips, prediction.probability, strict=True):
        blend.add(chip, values)
    timings.blend += time.perf_counter() - started


def _events(
    window: Window, sources: Sequence[SceneSource], settings: TileSettings, timings: Timings, meter: Meter
) -> Iterator[_Read]:
    """Yield what the scenes show, one scene after the other; a scene that fails ends with its refusal."""
    for source in sources:
        try:
            yield from _timed(_scene_events(window, source, settings, meter), timings)
        except BocageError as error:
            yield Refusal.of(source.id, error)
        except (RasterioError, OSError) as error:
            yield Refusal(
                source.id, f"scene {source.id} could not be read: {error}", "deliver it again and run the command again"
            )


def _scene_events(window: Window, source: SceneSource, settings: TileSettings, meter: Meter) -> Generator[_Read]:
    reader = meter.count(source.open)
    try:
        shared = reader.window.intersection(window)
        if shared is None:
            return
        yield _Begin(shared)
        valid = np.zeros(shared.shape, dtype=np.bool_)
        with _readers(settings.readers) as readers:
            strips = read_strips(MeteredReader(reader, meter), shared, settings.lattice, readers)
            yield from batches(strips, shared, settings.lattice, settings.batch_size, valid)
        yield _End(source.id, valid)
    finally:
        reader.close()


def _readers(count: int) -> AbstractContextManager[ThreadPoolExecutor | None]:
    return ThreadPoolExecutor(count, "bocage-strip") if count > 1 else nullcontext()


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

"""Mapping one tile: read its scenes, run the model over the chips, blend, fuse.

One thread reads some batches ahead, those of the model answer, and this one blends and fuses what they said meanwhile.
Memory depends on the tile, not on its scenes. A scene that fails in the middle is taken back as a whole: the tile is
mapped as if the scene had not been there, and the result names it with its reason.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from bocage.errors import BocageError, ModelError
from bocage.grid import Tile, Window
from bocage.mapping.ahead import Ahead
from bocage.mapping.blending import Blend, chip_weights
from bocage.mapping.chips import ChipBatch, batches, read_strips
from bocage.mapping.composite import Composite
from bocage.mapping.inspection import Inspection
from bocage.mapping.lattice import Lattice
from bocage.mapping.meter import Meter, MeteredReader
from bocage.mapping.predictor import Answer, Predictor
from bocage.outcome import Refusal

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.reader import SceneReader


_EVENTS = 3
"""Events that may wait for each batch in line, as a scene of one batch has them: scenes without a chip wait, too."""


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
    """A scene begins; ``valid`` is filled as it is read."""

    scene: str
    window: Window
    valid: NDArray[np.bool_]
    last: bool


@dataclass(frozen=True, slots=True)
class _End:
    """All chips of the scene have come."""


@dataclass(frozen=True, slots=True)
class _Asked:
    chips: tuple[Window, ...]
    answer: Future[Answer]


@dataclass(frozen=True, slots=True)
class _Prediction:
    chips: tuple[Window, ...]
    probability: NDArray[np.float32]


_Read = _Begin | ChipBatch | _End | Refusal
_Event = _Begin | _Prediction | _End | Refusal


def map_tile(tile: Tile, sources: Sequence[SceneSource], predictor: Predictor, settings: TileSettings) -> TileResult:
    """Map a tile from the scenes that cover it.

    Raises
    ------
    MappingError
        If the turn of the predictor has ended.
    ModelError
        If the model gives numbers that are not finite.
    """
    timings, meter = Timings(), Meter()
    composite = Composite(tile.window, settings.lattice)
    with (
        closing(Ahead(_events(tile.window, sources, settings, timings, meter))) as read,
        closing(_predictions(read, predictor, timings)) as events,
    ):
        for event in events:
            started = time.perf_counter()
            match event:
                case _Begin(scene, window, valid, last):
                    composite.begin(scene, window, valid, last=last)
                case _Prediction(chips, values):
                    composite.add(chips, values)
                case _End():
                    composite.end()
                case Refusal():
                    composite.refuse(event)
            timings.blend += time.perf_counter() - started
    probability, observations, inspection = composite.finish(meter.bytes)
    timings.total += time.perf_counter()
    used, refused = tuple(composite.used), tuple(composite.refused)
    return TileResult(
        *(tile, probability, observations, used, refused, composite.chips, timings, inspection, predictor.runtime)
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
    strips = read_strips(reader, window, settings.lattice)
    with (
        closing(Ahead(batches(strips, window, settings.lattice, settings.batch_size, valid))) as read,
        Predictor(segmenter) as predictor,
        closing(_predictions(read, predictor, Timings())) as predictions,
    ):
        for prediction in predictions:
            assert isinstance(prediction, _Prediction)
            for chip, values in zip(prediction.chips, prediction.probability, strict=True):
                blend.add(chip, values)
    return blend.probability, valid


def _predictions(read: Iterable[_Read], predictor: Predictor, timings: Timings) -> Generator[_Event]:
    """Yield what was read with the model's answer in place of every batch.

    The turn is given on when all batches are submitted: the model goes on with the next tile while the last answers of
    this one are waited for.
    """
    line: deque[_Asked | _Begin | _End | Refusal] = deque()
    asked = 0
    try:
        with predictor.turn:
            timings.total -= time.perf_counter()  # not before its turn: what another tile takes is no time of this one
            for event in read:
                predictor.turn.check()
                if isinstance(event, ChipBatch):
                    line.append(_Asked(event.chips, predictor.submit(event.images, event.valid)))
                    asked += 1
                else:
                    line.append(event)
                while line and (
                    asked >= predictor.in_line
                    or len(line) > _EVENTS * predictor.in_line
                    or not isinstance(line[0], _Asked)
                ):
                    asked -= isinstance(line[0], _Asked)
                    yield _answered(line.popleft(), timings)
        while line:
            yield _answered(line.popleft(), timings)
    finally:
        for left in line:
            if isinstance(left, _Asked):
                left.answer.cancel()


def _answered(event: _Asked | _Begin | _End | Refusal, timings: Timings) -> _Event:
    if not isinstance(event, _Asked):
        return event
    answer = event.answer.result()
    timings.predict += answer.seconds
    if not np.isfinite(answer.probability).all():
        raise ModelError(
            f"the model gave numbers that are not finite in chip {event.chips[0]}", "train the model again"
        )
    return _Prediction(event.chips, answer.probability)


def _events(
    window: Window, sources: Sequence[SceneSource], settings: TileSettings, timings: Timings, meter: Meter
) -> Iterator[_Read]:
    """Yield what the scenes show, one scene after the other; a scene that fails ends with its refusal."""
    for source in sources:
        try:
            yield from _timed(_scene_events(window, source, settings, meter, last=source is sources[-1]), timings)
        except BocageError as error:
            yield Refusal.of(source.id, error)
        except (RasterioError, OSError) as error:
            yield Refusal(
                source.id, f"scene {source.id} could not be read: {error}", "deliver it again and run the command again"
            )


def _scene_events(
    window: Window, source: SceneSource, settings: TileSettings, meter: Meter, *, last: bool
) -> Generator[_Read]:
    reader = meter.count(source.open)
    try:
        shared = reader.window.intersection(window)
        if shared is None:
            return
        valid = np.zeros(shared.shape, dtype=np.bool_)
        yield _Begin(source.id, shared, valid, last)
        with _readers(settings.readers) as readers:
            strips = read_strips(MeteredReader(reader, meter), shared, settings.lattice, readers)
            yield from batches(strips, shared, settings.lattice, settings.batch_size, valid)
        yield _End()
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

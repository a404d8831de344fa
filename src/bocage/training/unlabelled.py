"""Random crops of scenes, read in threads while the network works on the crops before."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import shapely
import torch
from numpy.typing import NDArray
from torch import Tensor

from bocage.errors import TrainingError
from bocage.grid import Window
from bocage.scenes.reader import RasterReader, open_scene
from bocage.settings import PretrainingSettings
from bocage.training.augmentation import orient
from bocage.training.ground import Ground
from bocage.training.masking import draw_hidden

_THREADS = 2
# Scenes kept open; each keeps some 20 MB of blocks.
_OPEN = 48
# A footprint is wider than its pixels and holds gaps, so a place may show little; then another is drawn, so many times.
_TRIES = 8
_LEAST_VALID = 0.25
# Places drawn in the frame of a footprint until one lies within; the narrowest strip in a corner has some.
_PLACES = 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops with their holes.

    Attributes
    ----------
    images
        (n, 4, edge, edge) uint8 red, green, blue, nir; 0 where invalid.
    valid
        (n, edge, edge).
    hidden
        (n, 4, edge, edge).
    """

    images: Tensor
    valid: Tensor
    hidden: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(self.images.to(device), self.valid.to(device), self.hidden.to(device))


@dataclass(frozen=True, slots=True)
class _Crop:
    image: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    hidden: NDArray[np.bool_]


class SceneCrops:
    """Crops of some scenes. Crop number ``n`` of a seed is always the same, whichever thread reads it and when.

    Every open square metre is as likely to lie in the middle half of a crop, but for those near the edge of a scene.

    Raises
    ------
    SceneError
        From its methods, if a scene cannot be read.
    """

    def __init__(self, grounds: Sequence[Ground], given: PretrainingSettings, seed: int) -> None:
        self._grounds = tuple(grounds)
        self._given = given
        self._seed = seed
        self._until = np.cumsum([ground.area for ground in grounds])
        for ground in self._grounds:
            shapely.prepare(ground.open)
        self._readers: OrderedDict[int, RasterReader] = OrderedDict()
        self._lock = threading.Lock()
        self._ground_lock = threading.Lock()

    def batches(self, first: int, count: int) -> Iterator[Batch]:
        """Yield ``count`` batches, the first of them the one with number ``first``."""
        size = self._given.batch_size
        numbers = iter(range(first * size, (first + count) * size))
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="bocage-reader") as pool:
            ready: deque[Future[_Crop]] = deque()
            try:
                for number in numbers:
                    ready.append(pool.submit(self.crop, number))
                    if len(ready) == 2 * size:
                        yield _gather([ready.popleft().result() for _ in range(size)])
                while ready:
                    yield _gather([ready.popleft().result() for _ in range(size)])
            except MemoryError as error:
                raise TrainingError(
                    f"{size} crops of {self._given.crop} pixels do not fit into main memory: {error}",
                    "lower pretraining.batch_size or pretraining.crop",
                ) from error
            finally:
                for future in ready:
                    future.cancel()

    def crop(self, number: int) -> _Crop:
        """Return a crop and its holes."""
        rng = np.random.default_rng((self._seed, number))
        given = self._given
        for _ in range(_TRIES):
            index = int(np.searchsorted(self._until[:-1], rng.random() * self._until[-1], side="right"))
            reader = self._reader(index)
            patch = reader.read(self._window(self._grounds[index], reader.window, rng))
            if patch.valid.mean() >= _LEAST_VALID:
                break
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
        image, valid = orient(patch.image, turns, mirror), orient(patch.valid, turns, mirror)
        return _Crop(image, valid, draw_hidden(given.crop, given.patch, given.hidden, given.apart, rng))

    def _window(self, ground: Ground, frame: Window, rng: np.random.Generator) -> Window:
        """Return a crop with an open place in its middle half, which leaves the scene only where that is smaller."""
        bounds, edge = ground.open.bounds, self._given.crop
        places = rng.random((_PLACES, 2)) * np.subtract(bounds[2:], bounds[:2]) + bounds[:2]
        # GEOS builds the index of a prepared geometry when it is first asked, and two threads that ask at once hang.
        with self._ground_lock:
            inside = np.flatnonzero(shapely.contains_xy(ground.open, places))
        x, y = places[inside[0]] if len(inside) else ground.open.representative_point().coords[0]
        size = ground.grid.resolution
        offset = rng.integers(edge // 4, 3 * edge // 4, 2)
        column = _within(int(x // size) - int(offset[0]), frame.column, frame.width, edge)
        row = _within(int(-y // size) - int(offset[1]), frame.row, frame.height, edge)
        return Window(column, row, edge, edge)

    def _reader(self, index: int) -> RasterReader:
        with self._lock:
            reader = self._readers.get(index)
            if reader is None:
                ground = self._grounds[index]
                reader = self._readers[index] = open_scene(ground.scene, ground.grid)
                # Another thread may still read from the one that goes: its files close with the last use.
                if len(self._readers) > _OPEN:
                    self._readers.popitem(last=False)
            self._readers.move_to_end(index)
            return reader


def split_grounds(grounds: Sequence[Ground], seed: int) -> tuple[list[Ground], list[Ground]]:
    """Return the scenes to learn from and those held out to tell the loss on: about a twentieth of the area.

    Whole scenes are held out, in an order that the seed draws, so that no crop shows both. A scene of more than a tenth
    of all area is never held out; so there may be none.
    """
    total = sum(ground.area for ground in grounds)
    held: list[Ground] = []
    area = 0.0
    for place in np.random.default_rng((seed, len(grounds))).permutation(len(grounds)):
        ground = grounds[place]
        if area < total / 20 and area + ground.area <= total / 10:
            held.append(ground)
            area += ground.area
    names = {ground.scene.id for ground in held}
    return [ground for ground in grounds if ground.scene.id not in names], held


def _within(start: int, begin: int, length: int, edge: int) -> int:
    last = begin + length - edge
    return min(max(start, min(begin, last)), max(begin, last))


def _gather(crops: Sequence[_Crop]) -> Batch:
    return Batch(
        torch.from_numpy(np.stack([crop.image for crop in crops])),
        torch.from_numpy(np.stack([crop.valid for crop in crops])),
        torch.from_numpy(np.stack([crop.hidden for crop in crops])),
    )

"""How fast a worker is: from the receipts of tiles in place, from tiles on trial, or from timing the bare model."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bocage.mapping.receipt import TileSummary

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter

_LONG_ENOUGH = 1.0  # seconds after which the bare model is timed no further


@dataclass(frozen=True, slots=True)
class Rates:
    """The measured speed of one worker.

    Attributes
    ----------
    chips_per_second
        Chips that it brings through the model.
    bytes_per_second
        Bytes that it reads beside that, or None where it was not measured.
    efficiency
        Share of the slower of the two at which chips come from scene to tile; 1 where it was not measured.
    source
        What was measured, in words.
    abreast
        How many such workers share the cores of the machine that was measured; 1 where one has all of them, or a GPU.
    tile_seconds, scene_seconds
        What a tile costs beside its chips, and each scene of it; 0 where it was not measured.
    border_seconds
        What comparing two neighbouring tiles takes at the end of a run; 0 where it was not measured.
    start_seconds
        What a worker with a process of its own took to start, or None where none was measured.
    """

    chips_per_second: float
    bytes_per_second: float | None
    efficiency: float
    source: str
    abreast: int = 1
    tile_seconds: float = 0.0
    scene_seconds: float = 0.0
    border_seconds: float = 0.0
    start_seconds: float | None = None

    def for_workers(self, abreast: int) -> Rates:
        """Return the speed of a worker where so many share the cores of the machine that was measured.

        Together they are as fast as those that were measured.
        """
        part = self.abreast / max(abreast, 1)
        reading = None if self.bytes_per_second is None else self.bytes_per_second * part
        return replace(
            self,
            chips_per_second=self.chips_per_second * part,
            bytes_per_second=reading,
            abreast=abreast,
            tile_seconds=self.tile_seconds / part,
            scene_seconds=self.scene_seconds / part,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-like."""
        reading = self.bytes_per_second
        return {
            "chips_per_second": round(self.chips_per_second, 3),
            "read_mb_per_second": None if reading is None else round(reading / 1e6, 3),
            "efficiency": round(self.efficiency, 4),
            "tile_seconds": round(self.tile_seconds, 4),
            "scene_seconds": round(self.scene_seconds, 4),
            "border_seconds": round(self.border_seconds, 5),
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the last finished run with the same model tells of the next one.

    Attributes
    ----------
    abreast
        How many workers shared the cores of a machine, as :class:`Rates` has it.
    pace
        Seconds of a worker for each second that the receipts of its tiles tell of. Receipts alone say it less well: one
        tile is written while the next is mapped.
    border_seconds, start_seconds
        As :class:`Rates` has them.
    """

    abreast: int = 1
    pace: float = 1.0
    border_seconds: float = 0.0
    start_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    """A tile that was timed: its scenes and chips, the seconds in the model, and all seconds that it held a worker."""

    scenes: int
    chips: int
    predict: float
    seconds: float


def rates_from(
    tiles: Sequence[Timed], reading: float | None, chip_bytes: float, source: str, abreast: int = 1
) -> Rates:
    """Return the rates that explain how long tiles took.

    What a tile took beside the model is taken as so much for itself, so much for each scene and so much for each chip:
    least squares of which none is negative, scaled so that the sum is that of all tiles.

    Parameters
    ----------
    tiles
        At least one; each with a chip, and none in no time.
    reading
        Bytes per second, or None where it was not measured.
    chip_bytes
        Bytes that were read for a chip.
    """
    from scipy.optimize import nnls  # slow to import

    counts = np.array([(1, each.scenes, each.chips) for each in tiles], dtype=np.float64)
    beside = np.array([each.seconds - each.predict for each in tiles])
    chips, inference = counts[:, 2].sum(), sum(each.predict for each in tiles)
    found, _ = nnls(counts, np.maximum(beside, 0))
    explained = float(found @ counts.sum(axis=0))
    scale = max(float(beside.sum()), 0.0) / explained if explained else 0.0
    tile, scene, chip = (float(part) * scale for part in found)
    speed = float(chips / inference)
    slower = speed if reading is None or not chip_bytes else min(speed, reading / chip_bytes)
    # Where all is faster than the model alone was, as lanes that were timed twice over, the whole says it best.
    spent = 1 / speed + chip + min(float(beside.sum()) / float(chips), 0.0)
    return Rates(speed, reading, 1 / spent / slower, source, abreast, tile, scene)


def rates_of(summaries: Iterable[TileSummary], last: LastRun | None = None) -> Rates | None:
    """Return the rates that the receipts of tiles report, or None where they report none.

    Parameters
    ----------
    last
        What the run that wrote them took, where that is known.
    """
    last = last or LastRun()
    timed: list[Timed] = []
    size = chips_read = 0
    reading = 0.0
    for summary in summaries:
        timings = summary.timings
        seconds = last.pace * held_seconds(summary)
        if not summary.chips or timings.get("predict", 0.0) <= 0 or seconds <= 0:
            continue
        timed.append(Timed(len(summary.used), summary.chips, timings["predict"], seconds))
        if summary.inspection is not None and summary.inspection.bytes_read:
            size += summary.inspection.bytes_read
            chips_read += summary.chips
            reading += timings["read"]
    if not timed:
        return None
    rate = size / reading if size and reading > 0 else None
    words = f"the receipts of {len(timed)} tiles in place"
    found = rates_from(timed, rate, size / max(chips_read, 1), words, last.abreast)
    return replace(found, border_seconds=last.border_seconds, start_seconds=last.start_seconds)


def held_seconds(summary: TileSummary) -> float:
    """Return the seconds that a receipt says its tile took, from its turn at the model to its COG."""
    return float(summary.timings.get("total", 0.0) + summary.timings.get("write", 0.0))


def bare_rates(speed: float) -> Rates:
    """Return the rates that follow from timing the model alone on this machine: nothing is known of the rest then."""
    return Rates(speed, None, 1.0, "the bare model on this machine, all else not measured")


def bare_rate(segmenter: Segmenter, chip: int, batch_size: int) -> float:
    """Return how many chips per second the model alone maps on this machine: the median of some batches after one."""
    images = np.ones((batch_size, len(segmenter.bands), chip, chip), dtype=np.uint8)
    valid = np.ones((batch_size, chip, chip), dtype=np.bool_)
    segmenter.predict(images, valid)
    spent: list[float] = []
    while not spent or (len(spent) < 5 and sum(spent) < _LONG_ENOUGH):
        started = time.perf_counter()
        segmenter.predict(images, valid)
        spent.append(time.perf_counter() - started)
    return batch_size / max(float(np.median(spent)), 1e-9)

"""How fast a worker is: from the receipts of tiles in place, or from timing the bare model."""

from __future__ import annotations

import time
from collections.abc import Iterable
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
        From scene to tile, the share of the slower of the two that it reaches; 1 where it was not measured.
    source
        What was measured, in words.
    workers
        How many workers ran at once when that was measured.
    """

    chips_per_second: float
    bytes_per_second: float | None
    efficiency: float
    source: str
    workers: int = 1

    def for_workers(self, workers: int) -> Rates:
        """Return the speed of a worker where so many share the cores of the machine that was measured.

        Together they are as fast as those that were measured; not so with GPUs, of which each worker has its own.
        """
        part = self.workers / max(workers, 1)
        reading = None if self.bytes_per_second is None else self.bytes_per_second * part
        return replace(self, chips_per_second=self.chips_per_second * part, bytes_per_second=reading, workers=workers)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-like."""
        reading = self.bytes_per_second
        return {
            "chips_per_second": round(self.chips_per_second, 3),
            "read_mb_per_second": None if reading is None else round(reading / 1e6, 3),
            "efficiency": round(self.efficiency, 4),
            "source": self.source,
        }


def rates_of(summaries: Iterable[TileSummary], workers: int = 1, pace: float | None = None) -> Rates | None:
    """Return the rates that the receipts of tiles report, or None where they report none.

    Parameters
    ----------
    workers
        How many workers wrote them at once.
    pace
        Chips per second that each of them brought from scene to tile, if a whole run was timed. Receipts alone say it
        less well: one tile is written while the next is mapped.
    """
    tiles = chips = size = 0
    inference = reading = whole = 0.0
    for summary in summaries:
        timings = summary.timings
        if not summary.chips or not timings or timings.get("predict", 0.0) <= 0:
            continue
        tiles, chips = tiles + 1, chips + summary.chips
        inference += timings["predict"]
        whole += timings["total"] + timings.get("write", 0.0)
        if summary.inspection is not None and summary.inspection.bytes_read:
            size += summary.inspection.bytes_read
            reading += timings["read"]
    if not chips:
        return None
    speed = chips / inference
    read = size / reading if size and reading > 0 else None
    slower = speed if read is None else min(speed, read * chips / size)
    words = f"the receipts of {tiles} tiles in place"
    efficiency = min(chips / whole / slower, 1.0) if pace is None else pace / slower
    return Rates(speed, read, efficiency, words, workers)


def bare_rates(segmenter: Segmenter, chip: int, batch_size: int) -> Rates:
    """Return the rates that follow from timing the model alone on this machine: nothing is known of reading then."""
    return Rates(
        bare_rate(segmenter, chip, batch_size), None, 1.0, "the bare model on this machine, reading not measured"
    )


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

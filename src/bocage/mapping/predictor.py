"""The model at work: batches go in, answers come out, and between two batches it does not wait.

Who asks for one batch, waits for it and asks for the next leaves the model idle in between, and at the end of a batch
half of its threads wait for the other half. Here as many batches are in the model at once as it takes, the next one
stands behind them, and all tiles of a worker share the line.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from bocage.mapping.turn import Turn

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of a batch.

    Attributes
    ----------
    probability
        (chips, rows, columns), 0..1.
    seconds
        By how long this batch kept the model busy beyond the one that was answered before it.
    """

    probability: NDArray[np.float32]
    seconds: float


class Predictor:
    """A model with threads of its own, which take batches in the order in which they were submitted.

    Attributes
    ----------
    turn
        Held by the tile that submits. Where it has ended, batches that are not in the model yet fail.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._threads = ThreadPoolExecutor(segmenter.at_once, "bocage-model")
        self._lock = threading.Lock()
        self._inside = 0
        self._since = 0.0
        self.turn = Turn()

    @property
    def in_line(self) -> int:
        """How many batches to submit before the first answer is waited for: those in the model, and one behind."""
        return self._segmenter.at_once + 1

    @property
    def runtime(self) -> str:
        """What does the arithmetic, in words."""
        return self._segmenter.runtime

    def submit(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Future[Answer]:
        """Ask for the answer to a batch; the arrays are those of :meth:`bocage.models.segmenter.Segmenter.predict`.

        The future raises what the model raises, and MappingError once the turn has ended.
        """
        return self._threads.submit(self._answer, images, valid)

    def close(self) -> None:
        """Let the threads end; batches that are not in the model yet are cancelled."""
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Answer:
        self.turn.check()
        with self._lock:
            if not self._inside:
                self._since = time.perf_counter()
            self._inside += 1
        try:
            probability = self._segmenter.predict(images, valid)
        finally:
            with self._lock:
                self._inside -= 1
                now = time.perf_counter()
                seconds, self._since = now - self._since, now
        return Answer(probability, seconds)

"""The engine of one machine: this process for one worker, a pool of processes for more."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from bocage.errors import MappingError
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.worker import Work, Worker
from bocage.processes import end_with_parent, spread

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

    from bocage.models.segmenter import Segmenter

_here: Worker | None = None
"""The worker of a pool process."""


class LocalEngine:
    """Maps tiles on this machine: in this process for one worker, in spawned processes for more."""

    def __init__(self, workers: int = 0) -> None:
        self._workers = workers if workers > 0 else max(_gpus(), 1)

    @property
    def workers(self) -> int:
        """How many tiles are mapped at once."""
        return self._workers

    def run(self, jobs: Sequence[TileJob], work: Work, segmenter: Segmenter) -> Iterator[TileSummary]:
        """Yield the summary of each tile as it is written; see :class:`bocage.mapping.engines.Engine`."""
        workers = min(self._workers, len(jobs))
        if workers <= 1:
            worker = Worker(work, segmenter)
            yield from (worker.run(job) for job in jobs)
        else:
            yield from _run_pool(jobs, work, workers)


def _run_pool(jobs: Sequence[TileJob], work: Work, workers: int) -> Iterator[TileSummary]:
    started = multiprocessing.get_context("spawn").Value("i", 0)
    try:
        yield from spread(jobs, _run, workers, _begin, work, started, workers, _gpus())
    except BrokenProcessPool as error:
        raise MappingError(
            "a worker of the mapping died, perhaps for want of memory",
            "run the same command again with fewer workers; tiles that were finished are kept",
        ) from error


def _begin(work: Work, started: Synchronized[int], workers: int, gpus: int) -> None:
    """Prepare a pool process: its own share of the machine, its own model."""
    global _here  # noqa: PLW0603 - a pool process has one worker, and a pool hands its tasks no other place for it
    end_with_parent()
    with started.get_lock():
        index = started.value
        started.value += 1
    if gpus > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(index % gpus)
    threads = max((os.cpu_count() or 1) // workers, 1)
    chosen = "OMP_NUM_THREADS" in os.environ
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    _here = Worker(work)
    # Unpickling ``work`` may have imported torch before this function began, and torch reads the variable only then.
    torch = sys.modules.get("torch")
    if torch is not None and not chosen:
        torch.set_num_threads(threads)


def _run(job: TileJob) -> TileSummary:
    assert _here is not None
    return _here.run(job)


def _gpus() -> int:
    """Return how many GPUs this process may use: none where no loaded model brought torch with it."""
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch is not None and torch.cuda.is_available() else 0

"""Cells one after the other in this process, or several at once in processes of their own."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

import torch

from bocage.errors import TrainingError
from bocage.processes import end_with_parent, spread
from bocage.progress import console
from bocage.project import Project
from bocage.settings import RunSettings
from bocage.training.curve.bench import Bench
from bocage.training.curve.cell import Cell, CellRecord

type Job = tuple[Cell, RunSettings]

_here: Bench | None = None
"""The bench of a pool process."""


def train_cells(
    project: Project, bench: Bench, jobs: Sequence[Job], workers: int, *, keep: bool
) -> Iterator[CellRecord]:
    """Yield the record of each cell as it is finished.

    Parameters
    ----------
    bench
        Of this process, which one worker uses.
    workers
        How many cells are trained at once; each has its share of the processors.

    Raises
    ------
    StorageError
        If nothing can be written.
    TrainingError
        If a process dies.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from (bench.train(*job) for job in jobs)
        return
    try:
        yield from spread(jobs, _train, workers, _begin, project, workers, keep)
    except BrokenProcessPool as error:
        raise TrainingError(
            "a process of the benchmark died, perhaps for want of memory",
            "run the same command again with fewer workers; cells that were finished are kept",
        ) from error


def _begin(project: Project, workers: int, keep: bool) -> None:
    """Prepare a pool process: its own share of the processors, its own chips, and silence beside the parent's bar."""
    global _here  # noqa: PLW0603 - a pool hands its tasks no other place for what a process keeps
    end_with_parent()
    # An interrupt is for the parent: it drops the cells that wait, and those under way are trained again.
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))
    console.quiet = True
    logging.getLogger("bocage").setLevel(logging.ERROR)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max((os.cpu_count() or 1) // workers, 1))
    _here = Bench(project, keep=keep)


def _train(job: Job) -> CellRecord:
    assert _here is not None
    return _here.train(*job)

"""Cells one after the other in this process, or several at once in processes of their own."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection

import torch

from bocage.errors import TrainingError
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
    # Spawn, not fork: a forked process inherits torch's threads in an unknown state.
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(project, workers, keep)
    )
    waiting = iter(jobs)
    running: set[Future[CellRecord]] = set()
    try:
        # One job is handed out ahead, so that after an error little but what is under way is still trained.
        for job in waiting:
            running.add(pool.submit(_train, job))
            if len(running) < workers + 1:
                continue
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    except BrokenProcessPool as error:
        raise TrainingError(
            "a process of the benchmark died, perhaps for want of memory",
            "run the same command again with fewer workers; cells that were finished are kept",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(project: Project, workers: int, keep: bool) -> None:
    """Prepare a pool process: its own share of the processors, its own chips, and silence beside the parent's bar."""
    global _here  # noqa: PLW0603 - a pool hands its tasks no other place for what a process keeps
    _end_with_parent()
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


def _end_with_parent() -> None:
    """End this process when its parent is killed: a pool process would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="bocage-parent", daemon=True).start()

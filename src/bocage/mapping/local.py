"""The engine of one machine: processes that are replaced when they die, or this process where that is enough."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from threading import Lock
from typing import TYPE_CHECKING

from bocage.errors import BocageError
from bocage.mapping.crew import Answer, Report, describe, report, supervise
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.staff import Staff
from bocage.mapping.supervision import Halt, Lost, Ready
from bocage.mapping.worker import UNDER_WAY, Work, Worker
from bocage.outcome import Refusal
from bocage.processes import end_with_parent, keep_memory

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from bocage.models.segmenter import Segmenter

_log = logging.getLogger("bocage")

_FEW = 16
"""Tiles that one worker maps in this process. More are worth a process of their own, which is replaced when it dies."""
_LOOK = 1.0
"""Seconds between two looks at processes that may have died without a word: a child of theirs can hold the pipe."""
_GRACE = 10.0
"""Seconds that a process without a tile has for ending by itself."""


class LocalEngine:
    """Maps tiles on this machine in spawned processes; a few tiles with one worker in this process.

    Parameters
    ----------
    workers
        How many tiles are mapped at once; 0 for one per GPU, or one for the CPU.
    tries, limit
        As :class:`bocage.mapping.supervision.Supervisor` takes them.
    isolated
        Whether even a single worker has a process of its own; by the number of tiles where None.
    """

    def __init__(
        self, workers: int = 0, *, tries: int = 3, limit: float | None = None, isolated: bool | None = None
    ) -> None:
        self._workers = workers if workers > 0 else max(_gpus(), 1)
        self._tries = tries
        self._limit = limit
        self._isolated = isolated

    @property
    def workers(self) -> int:
        """How many tiles are mapped at once, if there are so many."""
        return self._workers

    def staff(self, tiles: int) -> Staff:
        """Return the workers for so many tiles: without a GPU each has its share of the cores."""
        workers = min(self._workers, tiles)
        # Workers without a tile take nothing of the cores from the others.
        return Staff(workers, 1 if _gpus() else workers, has_processes(workers, tiles, self._isolated))

    def close(self) -> None:
        """Do nothing: processes are of a run."""

    def run(self, jobs: Sequence[TileJob], work: Work, segmenter: Segmenter) -> Iterator[TileSummary | Refusal]:
        """Yield each tile as it is written or given up; see :class:`bocage.mapping.engines.Engine`."""
        staff = self.staff(len(jobs))
        if staff.isolated:
            processes = Processes(work, staff.workers)
            yield from supervise(
                jobs, processes, staff.workers, tries=self._tries, limit=self._limit, at_once=UNDER_WAY
            )
        elif jobs:
            yield from supervise(jobs, _Here(work, segmenter), UNDER_WAY, tries=self._tries)


def has_processes(workers: int, tiles: int, isolated: bool | None = None) -> bool:
    """Say whether so many workers have processes of their own for so many tiles.

    Parameters
    ----------
    isolated
        Whether even a single one has; by the number of tiles where None.
    """
    return min(workers, tiles) > 1 or (tiles > _FEW if isolated is None else isolated)


class _Here:
    """A crew of one, with a slot for each tile that its worker has under way. Nobody can end it when it hangs."""

    def __init__(self, work: Work, segmenter: Segmenter) -> None:
        self._worker = Worker(work, segmenter)
        self._started: deque[int] = deque()
        self._under_way: dict[Future[TileSummary], int] = {}

    def start(self, slot: int) -> None:
        self._started.append(slot)

    def give(self, slot: int, job: TileJob) -> None:
        self._under_way[self._worker.begin(job)] = slot

    def kill(self, slot: int, reason: str) -> None:
        raise AssertionError(f"the worker of slot {slot} is this process, which has no limit: {reason}")

    def wait(self, seconds: float | None) -> Sequence[Report]:  # noqa: ARG002 - a tile takes as long as it takes
        if self._started:
            return ((Ready(self._started.popleft()), None),)
        finished = wait(self._under_way, return_when=FIRST_COMPLETED).done
        return tuple(_reported(future, self._under_way.pop(future)) for future in finished)

    def close(self) -> None:
        self._worker.close()


def _reported(future: Future[TileSummary], slot: int) -> Report:
    match future.exception():
        case None:
            return report(slot, future.result())
        case BocageError() as error:
            return report(slot, error)
        case error:  # nothing that a tile does may end the run
            _log.debug("an error that is not ours", exc_info=error)
            return Lost(slot, describe(error)), None


@dataclass(frozen=True, slots=True)
class _Hello:
    """A worker holds its model."""


@dataclass(frozen=True, slots=True)
class _LastWords:
    """A worker ends, for an error after which nothing is known of its state."""

    reason: str


type _Said = _Hello | _LastWords | BocageError | tuple[str, Answer]


@dataclass(slots=True)
class _Hand:
    """A process and the pipe to it."""

    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    under_way: int = 0
    reason: str = ""


class Processes:
    """A crew of spawned processes, each with a pipe, its share of the processors and its GPU.

    Not a pool of the standard library: that breaks as a whole when one process dies.
    """

    def __init__(self, work: Work, workers: int) -> None:
        # Spawn, not fork: a forked process inherits the threads of torch and GDAL in an unknown state.
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._workers = workers
        self._gpus = _gpus()
        self._hands: dict[int, _Hand] = {}

    def start(self, slot: int) -> None:
        """Spawn a process, which loads the model."""
        ours, theirs = self._context.Pipe()
        gpu = slot % self._gpus if self._gpus > 1 else None
        process = self._context.Process(
            target=_serve, args=(theirs, self._work, self._workers, gpu), name=f"bocage-map-{slot}", daemon=True
        )
        process.start()
        theirs.close()  # so that the death of the process ends the pipe
        self._hands[slot] = _Hand(process, ours)

    def give(self, slot: int, job: TileJob) -> None:
        """Send a tile."""
        hand = self._hands[slot]
        hand.under_way += 1
        with suppress(OSError):  # It has just died, which is noticed while it is waited for.
            hand.pipe.send(job)

    def kill(self, slot: int, reason: str) -> None:
        """Kill a process; ``wait`` finds it dead."""
        self._hands[slot].reason = reason
        self._hands[slot].process.kill()

    def wait(self, seconds: float | None) -> Sequence[Report]:
        """Return what the processes say, and which of them have died."""
        by_pipe = {hand.pipe: slot for slot, hand in self._hands.items()}
        patience = _LOOK if seconds is None else min(seconds, _LOOK)
        told = [by_pipe[pipe] for pipe in connection.wait(list(by_pipe), patience) if pipe in by_pipe]
        silent = [slot for slot, hand in self._hands.items() if slot not in told and not hand.process.is_alive()]
        return [self._hear(slot) for slot in sorted(told)] + [self._bury(slot) for slot in silent]

    def close(self) -> None:
        """End the processes: those without a tile by themselves, so that what they hold is given back in order."""
        for hand in self._hands.values():
            if hand.ready and not hand.under_way:
                with suppress(OSError):
                    hand.pipe.send(None)
            else:
                hand.process.kill()
        for hand in self._hands.values():
            hand.process.join(_GRACE)
            if hand.process.is_alive():
                hand.process.kill()
                hand.process.join()
            hand.pipe.close()
        self._hands.clear()

    def _hear(self, slot: int) -> Report:
        hand = self._hands[slot]
        try:
            said: _Said = hand.pipe.recv()
        except (EOFError, OSError):
            return self._bury(slot)
        match said:
            case _Hello():
                hand.ready = True
                return Ready(slot), None
            case _LastWords(reason):
                hand.reason = reason
                hand.process.kill()  # Another of its tiles may still be under way.
                return self._bury(slot)
            case BocageError():
                # The model cannot be loaded, here or in any other process.
                return Halt(said), None
            case (tile, answer):
                hand.under_way -= 1
                return report(slot, answer, tile)

    def _bury(self, slot: int) -> Report:
        hand = self._hands.pop(slot)
        hand.process.join(_GRACE)
        if hand.process.is_alive():
            hand.process.kill()
            hand.process.join()
        hand.pipe.close()
        return Lost(slot, hand.reason or _cause(hand.process.exitcode)), None


def _cause(exitcode: int | None) -> str:
    """Return why a process died, as far as its status tells."""
    if exitcode == -signal.SIGKILL:
        return "its worker was killed (SIGKILL), perhaps for want of memory"
    if exitcode is not None and exitcode < 0:
        return f"its worker died of {signal.Signals(-exitcode).name}"
    return f"its worker ended with status {exitcode}"


def _serve(pipe: Connection, work: Work, workers: int, gpu: int | None) -> None:
    """Map the tiles that come through a pipe, until there comes nothing or an error that is not ours."""
    end_with_parent()
    keep_memory()
    # An interrupt of the terminal goes to all processes. The parent ends these, and tells it once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _take_share(workers, gpu)
    telling = Lock()

    def say(said: _Said) -> None:
        # The parent may be gone, and this process will be in a moment.
        with telling, suppress(OSError):
            pipe.send(said)

    try:
        worker = Worker(work)
    except BocageError as error:
        say(error)
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, its name is the reason
        say(_LastWords(describe(error)))
        return
    say(_Hello())
    with suppress(EOFError):
        while (job := pipe.recv()) is not None:
            worker.begin(job).add_done_callback(partial(_tell, say, job.tile.id))
    worker.close()


def _tell(say: Callable[[_Said], None], tile: str, future: Future[TileSummary]) -> None:
    """Say what became of a tile; after an error that is not ours, that this process is to end."""
    match future.exception():
        case None:
            say((tile, future.result()))
        case BocageError() as error:
            say((tile, error))
        case error:
            _log.debug("an error that is not ours", exc_info=error)
            say(_LastWords(describe(error)))


def _take_share(workers: int, gpu: int | None) -> None:
    """Prepare a process for its share of the machine."""
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)
    threads = max((os.cpu_count() or 1) // workers, 1)
    if "OMP_NUM_THREADS" in os.environ:
        return
    os.environ["OMP_NUM_THREADS"] = str(threads)
    # Unpickling the work may have imported torch before this function began, and torch reads the variable only then.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def _gpus() -> int:
    """Return how many GPUs this process may use: none where no loaded model brought torch with it."""
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch is not None and torch.cuda.is_available() else 0

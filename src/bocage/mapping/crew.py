"""Workers wherever they are, driven by the one scheduler: what an engine has to offer, and the loop that uses it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from bocage.errors import BocageError, StorageError
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.supervision import Done, Event, Failed, Give, Halt, Kill, Lost, Start, Supervisor, Tick
from bocage.mapping.worker import Worker
from bocage.outcome import Refusal

_log = logging.getLogger("bocage")

type Answer = TileSummary | BocageError
"""What a worker says of its tile: what it wrote, or why it could not."""
type Report = tuple[Event, TileSummary | None]
"""What happened in a slot, and the tile that was written where one was."""


class Crew(Protocol):
    """The workers of an engine, one to a slot. No call but ``wait`` takes long."""

    def start(self, slot: int) -> None:
        """Start a worker in a slot. It is reported as ready, or as lost, later."""

    def give(self, slot: int, job: TileJob) -> None:
        """Give a tile to the worker of a slot, which is ready. How it ends is reported later."""

    def kill(self, slot: int, reason: str) -> None:
        """End the worker of a slot at once. It is reported as lost for this reason later."""

    def wait(self, seconds: float | None) -> Sequence[Report]:
        """Wait until something has happened, for that many seconds at most, and return it in its order.

        Raises
        ------
        MappingError
            If the engine itself is at an end, as a cluster that does not answer.
        """

    def close(self) -> None:
        """End all workers."""


def supervise(
    jobs: Sequence[TileJob], crew: Crew, slots: int, *, tries: int, limit: float | None = None, at_once: int = 1
) -> Iterator[TileSummary | Refusal]:
    """Yield each tile as it is written, and each that is given up; see :class:`bocage.mapping.engines.Engine`.

    Parameters
    ----------
    tries, limit, at_once
        As :class:`bocage.mapping.supervision.Supervisor` takes them.
    """
    by_name = {job.tile.id: job for job in jobs}
    supervisor = Supervisor(list(by_name), slots=slots, tries=tries, limit=limit, at_once=at_once)
    told = 0
    try:
        commands = deque(supervisor.begin())
        while True:
            while commands:
                match commands.popleft():
                    case Start(slot):
                        crew.start(slot)
                    case Give(slot, tile, _):
                        crew.give(slot, by_name[tile])
                    case Kill(slot, reason):
                        crew.kill(slot, reason)
            if supervisor.finished:
                break
            deadline = supervisor.deadline
            remaining = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            for event, summary in crew.wait(remaining) or ((Tick(), None),):
                _warn(supervisor, event)
                commands += supervisor.handle(event, time.monotonic())
                if summary is not None:
                    yield summary
            given_up = list(supervisor.quarantined.values())
            yield from given_up[told:]
            told = len(given_up)
    finally:
        crew.close()
    if supervisor.error is not None:
        _log.warning("%d tiles are left for the next run", len(supervisor.left))
        raise supervisor.error


def attempt(worker: Worker, job: TileJob) -> Answer:
    """Let a worker map a tile. An error that is not ours leaves the worker in an unknown state, and passes through."""
    try:
        return worker.run(job)
    except BocageError as error:
        return error


def report(slot: int, answer: Answer, tile: str | None = None) -> Report:
    """Return what the answer of a worker means for a tile. Where one cannot write, no other can."""
    match answer:
        case TileSummary():
            return Done(slot, tile), answer
        case StorageError():
            return Halt(answer, slot, tile), None
        case _:
            return Failed(slot, answer, tile), None


def describe(error: BaseException) -> str:
    """Return the reason that an error which is not ours stands for."""
    text = str(error).strip()
    return f"its worker failed: {type(error).__name__}{f': {text.splitlines()[0][:300]}' if text else ''}"


def _warn(supervisor: Supervisor, event: Event) -> None:
    """Say what went wrong at once: a run may take days."""
    match event:
        case Failed(slot, error, tile):
            _log.warning("tile %s failed: %s", tile or supervisor.tiles_of(slot)[0], error.problem)
        case Lost(slot, reason):
            tiles = ", ".join(supervisor.tiles_of(slot))
            _log.warning("worker %d is lost%s: %s", slot, tiles and f" with tile {tiles}", reason)
        case Halt(error):
            _log.warning("no further tile is started: %s", error.problem)
        case _:
            pass

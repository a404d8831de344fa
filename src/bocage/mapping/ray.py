"""The engine of a cluster: the same worker as Ray Core actors. Pixels never travel through the object store."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from bocage.errors import BocageError, MappingError
from bocage.mapping.crew import Answer, Report, attempt, describe, report, supervise
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.staff import Staff
from bocage.mapping.supervision import Event, Halt, Lost, Ready
from bocage.mapping.worker import UNDER_WAY, Work, Worker
from bocage.outcome import Refusal
from bocage.processes import keep_memory

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter

_log = logging.getLogger("bocage")

_OBJECT_STORE = 128 << 20  # bytes; only jobs and summaries pass through it
_LOOK = 5.0  # seconds between two looks at a cluster of which nothing is heard
_SAY = 60.0  # seconds without any worker after which that is said


class _Actor:
    """A worker that gives its errors back as values: Ray would wrap them in classes of its own."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._worker: Worker | None = None

    def load(self) -> BocageError | None:
        """Load the model."""
        keep_memory()
        try:
            self._worker = Worker(self._work)
        except BocageError as error:
            return error
        return None

    def run(self, job: TileJob) -> Answer:
        """Map a tile; Ray calls this for two at once, in threads."""
        assert self._worker is not None
        return attempt(self._worker, job)


class RayEngine:
    """Maps tiles on the Ray cluster that is connected, that ``RAY_ADDRESS`` names, or that is started here.

    Every node must see the scenes, the model and the map where the settings say: in a bucket or on a shared disk. The
    rest of the project is the driver's alone.

    Parameters
    ----------
    workers
        How many tiles are mapped at once; 0 for one per GPU of the cluster, or per processor where it has none.
    tries, limit
        As :class:`bocage.mapping.supervision.Supervisor` takes them.
    """

    def __init__(self, workers: int = 0, *, tries: int = 3, limit: float | None = None) -> None:
        self._owned = not ray.is_initialized()
        if self._owned:
            _connect(workers)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._gpu = resources.get("GPU", 0) >= 1
        self._workers = workers or max(int(resources.get("GPU" if self._gpu else "CPU", 1)), 1)
        self._tries = tries
        self._limit = limit

    @property
    def workers(self) -> int:
        """How many tiles are mapped at once, if there are so many."""
        return self._workers

    def staff(self, tiles: int) -> Staff:
        """Return the workers for so many tiles: without a GPU each has a single core, for Ray sees to that.

        What the cores of a node are like is not known. They are taken to be those of this machine.
        """
        return Staff(min(self._workers, tiles), 1 if self._gpu else os.cpu_count() or 1, isolated=True)

    def close(self) -> None:
        """End the cluster that was started here, or the connection that was made here."""
        if self._owned:
            ray.shutdown()

    def run(self, jobs: Sequence[TileJob], work: Work, segmenter: Segmenter) -> Iterator[TileSummary | Refusal]:  # noqa: ARG002 - actors load their own model
        """Yield each tile as it is written or given up; see :class:`bocage.mapping.engines.Engine`."""
        try:
            actors = _Actors(work, self._gpu)
            yield from supervise(jobs, actors, self._workers, tries=self._tries, limit=self._limit, at_once=UNDER_WAY)
        finally:
            self.close()


class _Actors:
    """A crew of actors. One that is lost, alone or with its node, is replaced wherever the cluster has room."""

    def __init__(self, work: Work, gpu: bool) -> None:
        # The scheduler decides what is tried again and how often. Ray would do so without telling.
        make: Any = ray.remote(
            num_cpus=1, num_gpus=int(gpu), max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )(_Actor)
        self._make: Any = make.options(max_concurrency=UNDER_WAY)
        self._work = ray.put(work)
        self._actors: dict[int, Any] = {}
        self._awaited: dict[Any, tuple[int, str | None]] = {}  # slot and tile by the reference of the answer
        self._ready: set[int] = set()
        self._reasons: dict[int, str] = {}
        self._silent_since = time.monotonic()

    def start(self, slot: int) -> None:
        actor = self._make.remote(self._work)
        self._actors[slot] = actor
        self._awaited[actor.load.remote()] = slot, None

    def give(self, slot: int, job: TileJob) -> None:
        self._awaited[self._actors[slot].run.remote(job)] = slot, job.tile.id

    def kill(self, slot: int, reason: str) -> None:
        self._reasons[slot] = reason
        ray.kill(self._actors[slot])

    def wait(self, seconds: float | None) -> Sequence[Report]:
        patience = _LOOK if seconds is None else min(seconds, _LOOK)
        try:
            # One at a time: where it is a loss, what else its actor had under way is not awaited any more.
            found, _ = ray.wait(list(self._awaited), num_returns=1, timeout=patience)
            reports = [self._hear(reference) for reference in found]
        except (RayError, ConnectionError) as error:
            raise MappingError(
                f"the Ray cluster does not answer: {error}",
                "look at its head node and run the same command again; finished tiles are kept",
            ) from error
        self._say_if_alone()
        return reports

    def close(self) -> None:
        for actor in self._actors.values():
            # Where the cluster is gone, so are its actors.
            with suppress(RayError, ConnectionError, RuntimeError):
                ray.kill(actor)
        self._actors.clear()
        self._awaited.clear()

    def _hear(self, reference: Any) -> Report:
        slot, tile = self._awaited.pop(reference)
        try:
            said = ray.get(reference, timeout=_SAY)
        except RayTaskError as error:
            # An error that is not ours: nothing is known of the state of the actor any more.
            return self._lose(slot, describe(error.cause if isinstance(error.cause, Exception) else error))
        except (RayError, GetTimeoutError) as error:
            return self._lose(slot, describe(error))
        if slot in self._ready:
            return report(slot, said, tile)
        if isinstance(said, BocageError):
            # The model cannot be loaded, here or anywhere else.
            return Halt(said), None
        self._ready.add(slot)
        return Ready(slot), None

    def _lose(self, slot: int, reason: str) -> Report:
        actor = self._actors.pop(slot)
        self._ready.discard(slot)
        # What else it had under way is lost with it, and is not awaited any more.
        self._awaited = {reference: place for reference, place in self._awaited.items() if place[0] != slot}
        with suppress(RayError):  # It is dead already, in most cases.
            ray.kill(actor)
        event: Event = Lost(slot, self._reasons.pop(slot, reason))
        return event, None

    def _say_if_alone(self) -> None:
        """Say that no worker can be placed: the cluster may be about to grow, so the run waits for it."""
        if self._ready:
            self._silent_since = time.monotonic()
        elif time.monotonic() - self._silent_since > _SAY:
            self._silent_since = time.monotonic()
            _log.warning("the Ray cluster has no room for a worker yet: see ray status")


def _connect(workers: int) -> None:
    address = os.environ.get("RAY_ADDRESS")
    local: dict[str, Any] = {
        "num_cpus": workers or None,
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE,
    }
    try:
        ray.init(log_to_driver=False, configure_logging=False, **({} if address else local))
    except Exception as error:  # Ray raises plain Exception where a node does not start in time.
        raise MappingError(
            f"Ray could not be started{f' at {address}' if address else ' on this machine'}: {error}",
            'check RAY_ADDRESS and the load of the machine, or use the engine "local"',
        ) from error

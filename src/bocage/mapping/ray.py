"""The engine of a cluster: the same worker as Ray Core actors. Pixels never travel through the object store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import ray

from bocage.errors import BocageError, MappingError
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.worker import Work, Worker

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter

_AHEAD = 2  # jobs per actor: one under way and one waiting, so that no actor is idle between two
_OBJECT_STORE = 128 << 20  # bytes; only jobs and summaries pass through it


class _Actor:
    """A worker that gives its errors back as values: Ray would wrap them in classes of its own."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._worker: Worker | None = None

    def run(self, job: TileJob) -> TileSummary | BocageError:
        try:
            self._worker = self._worker or Worker(self._work)
            return self._worker.run(job)
        except BocageError as error:
            return error


class RayEngine:
    """Maps tiles on the Ray cluster that is connected, that ``RAY_ADDRESS`` names, or that is started here.

    Every node must see the project folder, the scenes and the model under the same paths.
    """

    def __init__(self, workers: int = 0) -> None:
        self._owned = not ray.is_initialized()
        if self._owned:
            _connect(workers)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._gpu = resources.get("GPU", 0) >= 1
        self._workers = workers or max(int(resources.get("GPU" if self._gpu else "CPU", 1)), 1)

    @property
    def workers(self) -> int:
        """How many tiles are mapped at once."""
        return self._workers

    def run(self, jobs: Sequence[TileJob], work: Work, segmenter: Segmenter) -> Iterator[TileSummary]:  # noqa: ARG002 - actors load their own model
        """Yield the summary of each tile as it is written; see :class:`bocage.mapping.engines.Engine`."""
        try:
            yield from self._run(jobs, work)
        except ray.exceptions.RayError as error:
            raise MappingError(
                f"a worker of the mapping died on the cluster: {error}",
                "look at the memory of the nodes and run the same command again; finished tiles are kept",
            ) from error
        finally:
            if self._owned:
                ray.shutdown()

    def _run(self, jobs: Sequence[TileJob], work: Work) -> Iterator[TileSummary]:
        # A node that is lost takes its actor along: it is started elsewhere, and the tile is mapped again.
        remote: Any = ray.remote(num_cpus=1, num_gpus=int(self._gpu), max_restarts=2, max_task_retries=2)(_Actor)
        count = min(self._workers, len(jobs))
        actors = [remote.remote(work) for _ in range(count)]
        waiting = iter(jobs)
        under_way: dict[Any, Any] = {}
        for actor in actors * _AHEAD:
            _submit(actor, waiting, under_way)
        while under_way:
            finished, _ = ray.wait(list(under_way), num_returns=1)
            actor = under_way.pop(finished[0])
            result = ray.get(finished[0])
            if isinstance(result, BocageError):
                for each in actors:
                    ray.kill(each)
                raise result
            _submit(actor, waiting, under_way)
            yield result


def _submit(actor: Any, waiting: Iterator[TileJob], under_way: dict[Any, Any]) -> None:
    job = next(waiting, None)
    if job is not None:
        under_way[actor.run.remote(job)] = actor


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

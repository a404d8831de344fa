"""The loop between scheduler and workers, with workers that follow a script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bocage.errors import BocageError, ModelError, StorageError
from bocage.mapping.crew import Report, describe, report, supervise
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.supervision import Done, Event, Failed, Halt, Lost, Ready
from bocage.outcome import Refusal
from tests.mapping.run_slowly import plan_of


class Script:
    """Workers that meet a fate at each of their tiles; without one they finish it."""

    def __init__(self, fates: dict[str, list[BocageError | str]]) -> None:
        self.fates = fates
        self.events: list[Report] = []
        self.calls: list[str] = []
        self.closed = False

    def start(self, slot: int) -> None:
        self.calls.append(f"start {slot}")
        self.events.append((Ready(slot), None))

    def give(self, slot: int, job: TileJob) -> None:
        name = job.tile.id
        self.calls.append(f"give {slot} {name}")
        fates = self.fates.get(name, [])
        match fates.pop(0) if fates else None:
            case None:
                self.events.append((Done(slot), TileSummary(name, 1, 1, 1, 1.0, (), ())))
            case str(reason):
                if reason != "hangs":
                    self.events.append((Lost(slot, reason), None))
            case BocageError() as error:
                self.events.append(report(slot, error))

    def kill(self, slot: int, reason: str) -> None:
        self.calls.append(f"kill {slot}")
        self.events.append((Lost(slot, reason), None))

    def wait(self, seconds: float | None) -> Sequence[Report]:
        events: list[Report] = self.events[:1]
        self.events = self.events[1:]
        assert events or seconds is not None, "it waits for ever for nothing"
        return events

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def jobs(tmp_path: Path) -> tuple[TileJob, ...]:
    return plan_of(tmp_path).jobs


def names(results: Sequence[TileSummary | Refusal]) -> list[str]:
    return [result.id if isinstance(result, TileSummary) else f"not {result.subject}" for result in results]


def test_tiles_come_as_they_are_done_or_given_up(jobs: tuple[TileJob, ...]) -> None:
    a, b, c, d = (job.tile.id for job in jobs)
    crew = Script({b: [ModelError("not finite"), "its worker was killed"], c: ["its worker was killed"]})
    results = list(supervise(jobs, crew, 1, tries=2))
    assert names(results) == [a, d, f"not {b}", c]
    assert crew.calls.count("start 0") == 3
    assert crew.closed


def test_halt_is_raised_when_the_others_have_ended(jobs: tuple[TileJob, ...], caplog: pytest.LogCaptureFixture) -> None:
    a, b, *_ = (job.tile.id for job in jobs)
    crew = Script({a: [StorageError(f"{a}.tif could not be written", "free some space")]})
    results = supervise(jobs, crew, 2, tries=3)
    assert names([next(results)]) == [b]
    with pytest.raises(StorageError, match="could not be written"):
        next(results)
    assert crew.closed
    assert "3 tiles are left for the next run" in caplog.text


def test_hung_worker_is_killed_when_the_limit_is_reached(jobs: tuple[TileJob, ...]) -> None:
    a, *rest = (job.tile.id for job in jobs)
    crew = Script({a: ["hangs"]})
    results = list(supervise(jobs, crew, 1, tries=2, limit=0.05))
    assert names(results) == [*rest, a]
    assert crew.calls[:4] == ["start 0", f"give 0 {a}", "kill 0", "start 0"]


def test_caller_that_stops_listening_closes_the_crew(jobs: tuple[TileJob, ...]) -> None:
    crew = Script({})
    results = supervise(jobs, crew, 2, tries=3)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert crew.closed


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (StorageError("full"), Halt),
        (ModelError("not finite"), Failed),
        (TileSummary("E1", 1, 1, 1, 1.0, (), ()), Done),
    ],
)
def test_what_an_answer_means(answer: TileSummary | BocageError, event: type[Event]) -> None:
    found, summary = report(4, answer)
    assert isinstance(found, event)
    assert found.slot == 4  # type: ignore[union-attr]
    assert (summary is answer) == isinstance(answer, TileSummary)


def test_a_reason_is_one_line() -> None:
    assert describe(RuntimeError("CUDA error:\nlong\ntrace")) == "its worker failed: RuntimeError: CUDA error:"
    assert describe(MemoryError()) == "its worker failed: MemoryError"

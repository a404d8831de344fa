"""The engine of one machine: workers die, hang and fail, and the rest is mapped all the same."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bocage.errors import BocageError, ModelError, StorageError
from bocage.files import digest_file
from bocage.mapping import local
from bocage.mapping.local import LocalEngine
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.worker import Work
from bocage.outcome import Refusal
from tests.mapping.fakes import FakeSegmenter, fake_work
from tests.mapping.run_slowly import plan_of, run
from tests.mapping.troubles import die, fill_the_disk, hang, load_not_finite, run_out_of_memory, troubled


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(folder.glob("*.tif"))}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of an undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    assert len(run(folder)) == 4
    return digests(folder)


def refusals(results: Sequence[TileSummary | Refusal]) -> list[Refusal]:
    return [result for result in results if isinstance(result, Refusal)]


def disturbed(
    folder: Path, what: Callable[[], None], times: int, engine: LocalEngine
) -> tuple[TileJob, list[TileSummary | Refusal]]:
    """Map the area while trouble comes in its second tile; return the job of that tile and what came of all."""
    jobs = plan_of(folder).jobs
    work = troubled(fake_work(folder), jobs[1], folder / "counted", what, times)
    return jobs[1], list(engine.run(jobs, work, work.load()))


@pytest.mark.parametrize("engine", [LocalEngine(2), LocalEngine(1, isolated=True)], ids=["two", "one isolated"])
def test_worker_that_is_killed_is_replaced_and_its_tile_repeated(
    tmp_path: Path, expected: dict[str, str], engine: LocalEngine
) -> None:
    _, results = disturbed(tmp_path, die, 2, engine)
    assert refusals(results) == []
    assert digests(tmp_path) == expected
    assert len(list((tmp_path / "counted").iterdir())) == 2


def test_poisoned_tile_is_quarantined_and_the_next_run_tries_it_again(tmp_path: Path, expected: dict[str, str]) -> None:
    poisoned, results = disturbed(tmp_path, die, 10, LocalEngine(2, tries=2))
    (refusal,) = refusals(results)
    assert refusal.subject == poisoned.tile.id
    assert "after 2 tries: its worker was killed (SIGKILL), perhaps for want of memory" in refusal.reason
    assert refusal.mend
    whole = f"{poisoned.tile.id}.tif"
    assert digests(tmp_path) == {name: digest for name, digest in expected.items() if name != whole}
    assert [each.tile.id for each in plan_of(tmp_path).jobs] == [poisoned.tile.id]
    run(tmp_path)
    assert digests(tmp_path) == expected


@pytest.mark.parametrize("engine", [LocalEngine(1), LocalEngine(1, isolated=True)], ids=["here", "isolated"])
def test_error_that_is_not_ours_fails_the_tile_and_no_other(
    tmp_path: Path, expected: dict[str, str], engine: LocalEngine
) -> None:
    failed, results = disturbed(tmp_path, run_out_of_memory, 10, engine)
    (refusal,) = refusals(results)
    assert refusal.subject == failed.tile.id
    assert "after 3 tries: its worker failed: MemoryError: 8 GB for an array" in refusal.reason
    assert len(digests(tmp_path)) == 3
    assert digests(tmp_path).items() <= expected.items()


@pytest.mark.parametrize("workers", [1, 2])
def test_model_that_gives_no_numbers_quarantines_with_its_mend(tmp_path: Path, workers: int) -> None:
    work = replace(fake_work(tmp_path), load=load_not_finite)
    results = list(LocalEngine(workers, tries=2).run(plan_of(tmp_path).jobs, work, load_not_finite()))
    assert len(results) == len(refusals(results)) == 4
    assert all("the model gave numbers that are not finite" in each.reason for each in refusals(results))
    assert {each.mend for each in refusals(results)} == {"train the model again"}


def test_hung_worker_is_replaced(tmp_path: Path, expected: dict[str, str]) -> None:
    _, results = disturbed(tmp_path, hang, 1, LocalEngine(2, limit=3.0))
    assert refusals(results) == []
    assert digests(tmp_path) == expected


def test_full_disk_ends_the_run_and_what_is_under_way_is_finished(tmp_path: Path, expected: dict[str, str]) -> None:
    jobs = plan_of(tmp_path).jobs
    work = troubled(fake_work(tmp_path, slow=True), jobs[0], tmp_path / "counted", fill_the_disk)
    written: list[str] = []

    def listen() -> None:
        for result in LocalEngine(2).run(jobs, work, work.load()):
            assert isinstance(result, TileSummary)
            written.append(result.id)

    with pytest.raises(StorageError, match="could not be written"):
        listen()
    assert f"{jobs[0].tile.id}.tif" not in digests(tmp_path)
    assert sorted(digests(tmp_path)) == sorted(f"{tile}.tif" for tile in written)
    assert digests(tmp_path).items() <= expected.items()
    assert not list(tmp_path.glob(".*"))
    run(tmp_path)
    assert digests(tmp_path) == expected


def test_error_of_writing_reaches_the_caller(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    work = fake_work(blocked)
    with pytest.raises(OSError, match="file"):
        list(LocalEngine(2).run(plan_of(tmp_path / "none").jobs, work, work.load()))


def refuse_to_load() -> FakeSegmenter:
    raise ModelError("models/slf is damaged", "train it again")


def die_while_loading() -> FakeSegmenter:
    os._exit(7)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (refuse_to_load, "models/slf is damaged"),
        (die_while_loading, "no worker of the mapping stays alive: its worker ended with status 7"),
    ],
)
def test_workers_that_cannot_start_end_the_run(tmp_path: Path, load: Callable[[], FakeSegmenter], message: str) -> None:
    work: Work = replace(fake_work(tmp_path), load=load)
    with pytest.raises(BocageError, match=message):
        list(LocalEngine(2, tries=1).run(plan_of(tmp_path).jobs, work, FakeSegmenter()))
    assert digests(tmp_path) == {}


def test_many_tiles_have_a_process_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_FEW", 3)
    _, results = disturbed(tmp_path, die, 1, LocalEngine(1))
    assert len(results) == 4
    assert refusals(results) == []


def test_caller_that_stops_listening_leaves_no_process(tmp_path: Path) -> None:
    work = fake_work(tmp_path, slow=True)
    results = LocalEngine(2).run(plan_of(tmp_path).jobs, work, work.load())
    next(results)
    workers = [each for each in multiprocessing.active_children() if each.name.startswith("bocage-map")]
    assert len(workers) == 2
    results.close()  # type: ignore[attr-defined]
    assert not any(psutil.pid_exists(each.pid) for each in workers if each.pid is not None)


@pytest.mark.parametrize("given", [None, "3"])
def test_worker_takes_its_share_of_threads(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    told: list[int] = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=told.append))
    monkeypatch.setattr(os, "environ", {} if given is None else {"OMP_NUM_THREADS": given})
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    local._take_share(4, 1)
    assert told == ([2] if given is None else [])
    assert os.environ["OMP_NUM_THREADS"] == (given or "2")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"

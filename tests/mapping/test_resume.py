"""A run that is killed at any moment and started again leaves the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bocage.files import digest_file
from tests.conftest import ROOT
from tests.mapping.run_slowly import plan_of, run


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(folder.glob("*.tif")) if not path.name.startswith(".")}


def start(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.mapping.run_slowly", str(folder), str(workers)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True)


def wait_for_start(folder: Path, process: subprocess.Popen[bytes], before: set[str]) -> None:
    """Wait until the run has written something new, so that the kill falls into its work and not into its imports."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        if {path.name for path in folder.iterdir()} - before:
            return
        time.sleep(0.005)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_and_resumed_run_leaves_the_same_bytes(tmp_path: Path, workers: int) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    run(whole)
    expected = digests(whole)
    assert len(expected) == 4

    moments = random.Random(workers)
    survivors: list[int] = []
    for attempt in range(4 - workers):
        process = start(killed, workers)
        before = {path.name for path in killed.iterdir()}
        wait_for_start(killed, process, before)
        time.sleep(moments.uniform(0, 0.3) * (attempt > 0))
        family = (
            [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
            if (process.poll() is None)
            else []
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
        survivors += family
        # What stands in the folder under its own name is whole, at any moment.
        time.sleep(0.5)
        assert set(digests(killed).items()) <= set(expected.items())

    run(killed, workers)
    assert digests(killed) == expected
    assert not plan_of(killed).jobs
    limit = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in survivors) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not [pid for pid in survivors if psutil.pid_exists(pid)], "a worker outlived its killed parent"


def test_kills_of_workers_and_of_the_command_leave_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    run(whole)
    process = start(killed, 2)
    for victim in ("worker", "command", "worker"):
        wait_for_start(killed, process, {path.name for path in killed.iterdir()})
        if victim == "worker":
            workers = workers_of(process)
            assert workers, "the run had ended before its worker could be killed"
            workers[-1].kill()
        else:
            process.kill()
            assert process.wait() == -signal.SIGKILL
            process = start(killed, 2)
    assert process.wait() == 0
    assert digests(killed) == digests(whole)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children()
    return [child for child in children if any("spawn_main" in part for part in child.cmdline())]


def test_finished_run_maps_nothing_again(tmp_path: Path) -> None:
    assert len(run(tmp_path)) == 4
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert run(tmp_path) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == stamps


def test_damaged_or_missing_tile_is_mapped_again(tmp_path: Path) -> None:
    run(tmp_path)
    expected = digests(tmp_path)
    first, second, third, _ = sorted(tmp_path.glob("*.tif"))
    first.write_bytes(first.read_bytes()[:-7])
    second.unlink()
    third.with_suffix(".json").write_text("{", encoding="utf-8")
    assert {summary.id for summary in run(tmp_path)} == {first.stem, second.stem, third.stem}
    assert digests(tmp_path) == expected

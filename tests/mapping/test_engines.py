"""Every engine gives the map of every other."""

import errno
import multiprocessing
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bocage.errors import MissingExtraError, SettingsError, StorageError
from bocage.files import digest_file
from bocage.mapping import local
from bocage.mapping.engines import make_engine
from tests.mapping.fakes import fake_work
from tests.mapping.run_slowly import plan_of, run


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(folder.glob("*.tif"))}


def test_two_local_workers_equal_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    alone, shared = run(one, 1), run(two, 2)
    assert digests(one) == digests(two)
    assert sorted(each.id for each in alone) == sorted(each.id for each in shared)
    assert len(alone) == 4


def test_ray_equals_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason='RAY ABSENT: pip install "bocage[ray]" to test the engine "ray"')
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    local, cluster = tmp_path / "local", tmp_path / "cluster"
    local.mkdir()
    cluster.mkdir()
    run(local)
    try:
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80 << 20, log_to_driver=False)
    except Exception as error:  # noqa: BLE001 - Ray raises plain Exception where its node does not start in 30 s
        pytest.skip(f"RAY DID NOT START on this machine: {error}")
    try:
        summaries = run(cluster, 2, engine="ray")
        assert digests(local) == digests(cluster)
        assert len(summaries) == 4
        assert ray.is_initialized(), "the engine closed a connection that it had not opened"

        full = tmp_path / "file"
        full.write_bytes(b"")
        work = fake_work(full)  # A file where the folder should be: no tile can be written.
        with pytest.raises(OSError, match="file"):
            list(make_engine("ray", 2).run(plan_of(tmp_path / "none").jobs, work, work.load()))
    finally:
        ray.shutdown()


def test_ray_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "bocage.mapping.ray", raising=False)
    with pytest.raises(MissingExtraError, match=r"bocage\[ray\]"):
        make_engine("ray")


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(SettingsError, match="'spark' does not exist"):
        make_engine("spark")


def test_full_disk_is_a_storage_error_and_earlier_tiles_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    original = Path.open

    def full(self: Path, mode: str = "r", *arguments: object, **options: object) -> object:
        if "w" in mode and self.suffix == ".tif":
            if len(written) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(self)
        return original(self, mode, *arguments, **options)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(StorageError, match="free some space"):
            run(tmp_path)
    kept = digests(tmp_path)
    assert len(kept) == 2
    assert len(run(tmp_path)) == 2
    assert kept.items() <= digests(tmp_path).items()
    assert not list(tmp_path.glob(".*"))


def test_error_of_a_pool_worker_reaches_the_caller(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    work = fake_work(blocked)
    with pytest.raises(OSError, match="file"):
        list(make_engine("local", 2).run(plan_of(tmp_path / "none").jobs, work, work.load()))


@pytest.mark.parametrize("given", [None, "3"])
def test_pool_worker_takes_its_share_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    told: list[int] = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=told.append))
    monkeypatch.setattr(local, "_here", None)
    monkeypatch.setattr(os, "environ", {} if given is None else {"OMP_NUM_THREADS": given})
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    local._begin(fake_work(tmp_path), multiprocessing.Value("i", 0), 4, 0)
    assert told == ([2] if given is None else [])

"""Every engine gives the map of every other."""

import errno
import sys
from pathlib import Path

import pytest

from bocage.errors import MissingExtraError, SettingsError, StorageError
from bocage.files import digest_file
from bocage.mapping.engines import make_engine
from tests.mapping.run_slowly import run


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

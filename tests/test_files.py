import errno
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import StorageError
from bocage.files import digest_file, digest_json, finished, whole_file, write_bytes, write_json, write_text


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    write_text(target, "première")
    assert target.read_text(encoding="utf-8") == "première"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_an_error_while_writing_keeps_the_old_file_and_leaves_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def write_half() -> None:
        with whole_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write_half()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_named_and_the_old_file_kept(tmp_path: Path, code: int) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(StorageError, match=r"a\.txt") as caught, whole_file(target):
        raise OSError(code, os.strerror(code))
    assert "mend:" in str(caught.value)
    assert target.read_text() == "old"


def test_other_errors_of_the_system_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a.txt"):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"iou": float("nan")})
    assert not (tmp_path / "a.json").exists()


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_the_digest_of_json_does_not_depend_on_the_order_of_keys(content: dict[str, object]) -> None:
    assert digest_json(content) == digest_json(dict(reversed(list(content.items()))))


def test_the_digest_of_a_file_changes_with_one_byte(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"0" * 100)
    write_bytes(tmp_path / "b", b"0" * 99 + b"1")
    assert digest_file(tmp_path / "a") != digest_file(tmp_path / "b")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("in the way")
    with pytest.raises(StorageError, match="move the file away"):
        write_text(tmp_path / "map" / "a.txt", "x")


def test_the_next_run_removes_what_killed_runs_left_in_the_folder(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    # The parent process lives and may be writing; the other names are of no process and no temporary file.
    others = [f".a.{os.getppid()}.part.tif", ".a.part.tif", f".a.{'9' * 30}.part.tif", f"b.{gone.pid}.part.tif"]
    for name in [f".a.{gone.pid}.part.tif", f".a.b.{gone.pid}.part.json", *others]:
        (tmp_path / name).write_text("half")
    write_bytes(tmp_path / "c.tif", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["c.tif", *others])


def test_what_is_still_being_written_is_not_finished(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", ".a.123.part.tif", "a.json"):
        (tmp_path / name).touch()
    assert [path.name for path in finished(tmp_path, "*.tif")] == ["a.tif", "b.tif"]
    assert finished(tmp_path / "nowhere", "*.tif") == []

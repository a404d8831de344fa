import os
from pathlib import Path

import pytest

from bocage.errors import StorageError
from bocage.products.staging import staged


def test_files_appear_together_once_all_are_made(tmp_path: Path) -> None:
    target = tmp_path / "products"
    with staged(target) as staging:
        (staging.folder / "a.tif").write_text("a")
        (staging.folder / "metadata").mkdir()
        (staging.folder / "metadata" / "a.xml").write_text("x")
        assert not (target / "a.tif").exists()
    assert staging.moved == [target / "a.tif", target / "metadata" / "a.xml"]
    assert sorted(path.name for path in target.iterdir()) == ["a.tif", "metadata"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("old")

    def fail() -> None:
        with staged(tmp_path) as staging:
            (staging.folder / "a.tif").write_text("new")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    assert (tmp_path / "a.tif").read_text() == "old"


def test_what_a_killed_run_left_is_removed_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    dead, living = tmp_path / ".staging-999999999", tmp_path / f".staging-{os.getppid()}"
    for folder in (dead, living):
        folder.mkdir()
        (folder / "a.tif").write_text("half")
    with staged(tmp_path):
        pass
    assert (dead.exists(), living.exists()) == (False, True)


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "products").write_text("")
    with pytest.raises(StorageError, match="could not be written"), staged(tmp_path / "products"):
        pass

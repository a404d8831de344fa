from __future__ import annotations

import os
from pathlib import Path

import pytest

from bocage.errors import SceneError
from bocage.scenes.deliveries.folder import Folder


def test_a_folder_is_a_tree_of_files(tmp_path: Path) -> None:
    for name in ("DIM.XML", "a/b/IMG.TIF", ".hidden", ".git/x", "a/.x/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    files = Folder(tmp_path)
    assert files.names == ("DIM.XML", "a/b/IMG.TIF")
    assert files.root == str(tmp_path)
    assert files.read("a/b/IMG.TIF") == b"a/b/IMG.TIF"
    assert files.head("a/b/IMG.TIF", 3) == b"a/b"
    assert files.read_range("a/b/IMG.TIF", 4, 100) == b"IMG.TIF"
    assert files.href("DIM.XML") == f"{tmp_path}/DIM.XML"
    assert files.state("DIM.XML").size == 7
    before = files.state("DIM.XML")
    os.utime(tmp_path / "DIM.XML", ns=(1, 1))
    assert files.state("DIM.XML") != before


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "key.tif").write_text("secret")
    folder = tmp_path / "delivery"
    folder.mkdir()
    (folder / "real.tif").write_text("1")
    (folder / "inside.tif").symlink_to("real.tif")
    (folder / "file.tif").symlink_to(outside / "key.tif")
    (folder / "folder").symlink_to(outside)
    (folder / "self").symlink_to(".")
    (folder / "broken.tif").symlink_to("nothing")
    files = Folder(folder)
    assert files.names == ("inside.tif", "real.tif")
    assert files.links == ("broken.tif", "file.tif", "folder", "self")
    for name in ("file.tif", "folder/key.tif", "../secret/key.tif", str(outside / "key.tif")):
        for read in (files.read, files.head, files.state):
            with pytest.raises(SceneError, match="leads out of the folder"):
                read(name)
    assert Folder(folder, trusted=["file.tif"]).read("file.tif") == b"secret"


def test_a_folder_that_is_a_link_itself_is_what_it_points_at(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.tif").write_text("1")
    (tmp_path / "link").symlink_to("real")
    files = Folder(tmp_path / "link")
    assert files.names == ("x.tif",)
    assert files.read("x.tif") == b"1"
    assert files.href("x.tif") == f"{tmp_path}/link/x.tif"


def test_a_shallow_folder_lists_its_neighbours_and_reads_deeper_ones(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("x.tif", "a/mask.gml", "a/b/deep.xml"):
        (tmp_path / name).write_text("1")
    files = Folder(tmp_path, shallow=True)
    assert files.names == ("a/mask.gml", "x.tif")
    assert files.read("a/b/deep.xml") == b"1"
    for number in range(20):
        (tmp_path / f"f{number}").mkdir()
    assert Folder(tmp_path, shallow=True).names == ("x.tif",)


def test_what_is_missing_or_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("12345")
    (tmp_path / "sub").mkdir()
    files = Folder(tmp_path)
    for name in ("no.xml", "sub"):
        with pytest.raises(SceneError, match=f"{tmp_path}/{name} is not there"):
            files.read(name)
    with pytest.raises(SceneError, match="more than 4 bytes"):
        files.read("x.xml", limit=4)
    assert files.read("x.xml", limit=5) == b"12345"
    with pytest.raises(SceneError, match="is not a folder"):
        Folder(tmp_path / "x.xml")


def test_a_tree_too_deep_is_refused(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(70):
        deep /= "d"
    deep.mkdir(parents=True)
    with pytest.raises(SceneError, match="folders deep"):
        assert Folder(tmp_path).names

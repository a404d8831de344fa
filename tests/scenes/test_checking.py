"""Checking catalogued scenes: what is whole, changed, damaged and missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bocage.errors import ProjectError, SceneError
from bocage.project import Project
from bocage.scenes import BANDS, catalogue_scenes
from bocage.scenes.checking import check_scenes
from tests.scenes.rasters import noise, write_raster, write_sidecar
from tests.scenes.scenes import break_block


def test_every_kind_of_trouble_is_told_from_the_others(tmp_path: Path) -> None:
    (tmp_path / "bocage.toml").write_text("")
    folder = tmp_path / "scenes"
    folder.mkdir()
    project = Project.open(tmp_path)
    with pytest.raises(ProjectError):
        check_scenes(project)
    paths = {
        name: write_raster(
            folder / f"{name}.tif", noise(300, 300, dtype="uint16"), tiled=True, blockxsize=128, blockysize=128,
            compress="deflate", names=None,
        )
        for name in ("whole", "touched", "flipped", "truncated", "missing", "other", "metadata")
    }  # fmt: skip
    write_sidecar(paths["metadata"], BANDS)
    catalogue_scenes(project, bands=BANDS)
    before = project.scenes_file.read_bytes()
    os.utime(paths["touched"])
    # No header shows what is wrong within a block.
    break_block(paths["flipped"])
    whole = paths["truncated"].read_bytes()
    paths["truncated"].write_bytes(whole[: len(whole) // 2])
    paths["missing"].unlink()
    write_raster(paths["other"], noise(300, 310, dtype="uint16"), names=None)
    write_sidecar(paths["metadata"], BANDS, **{"eo:cloud_cover": 5})
    found = {check.id: check for check in check_scenes(project)}
    assert {name: check.state for name, check in found.items()} == {
        "flipped": "damaged",
        "metadata": "changed",
        "missing": "missing",
        "other": "changed",
        "touched": "changed",
        "truncated": "damaged",
        "whole": "whole",
    }
    assert all((check.reason == "") == (check.state == "whole") for check in found.values())
    assert all(str(folder) in check.reason for check in found.values() if check.reason)
    assert [check.id for check in check_scenes(project, ["whole", "other"])] == ["other", "whole"]
    assert project.scenes_file.read_bytes() == before
    with pytest.raises(SceneError, match="no scene is named nobody"):
        check_scenes(project, ["whole", "nobody"])

"""Files beside a raster that GDAL reads with it: checked before they are followed, and known when they change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy as copy_raster

from bocage.errors import SceneError
from bocage.grid import Grid
from bocage.project import Project
from bocage.scenes.cataloguing import catalogue_scenes
from bocage.scenes.recognition import recognise
from tests.scenes.rasters import noise, write_raster

GRID = Grid("EPSG:3035", 2.0)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A raster outside the delivery that nobody may read through it."""
    (tmp_path / "elsewhere").mkdir()
    return write_raster(tmp_path / "elsewhere" / "secret.tif", np.full((4, 1200, 1200), 77, np.uint8))


def lure(secret: Path, target: Path) -> None:
    """Write a virtual raster over the secret under another name."""
    with rasterio.open(secret) as file:
        copy_raster(file, target.with_suffix(".vrt"), driver="VRT")
    target.with_suffix(".vrt").rename(target)


@pytest.mark.parametrize("ending", [".ovr", ".OVR", ".msk", ".MSK", ".Ovr"])
def test_a_virtual_raster_is_no_companion(tmp_path: Path, secret: Path, ending: str) -> None:
    path = write_raster(tmp_path / "d.tif", noise(2400, 2400))
    lure(secret, tmp_path / f"d.tif{ending}")
    with pytest.raises(SceneError, match=r"(?i)d\.tif\.(ovr|msk) is not a TIFF"):
        recognise(path, GRID)


def test_a_companion_may_not_be_a_link_out_of_the_delivery(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "in").mkdir()
    path = write_raster(tmp_path / "in" / "d.tif", noise(2400, 2400))
    (tmp_path / "in" / "d.tif.ovr").symlink_to(secret)
    with pytest.raises(SceneError, match="leads out of the folder"):
        recognise(path, GRID)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "p" / "scenes").mkdir(parents=True)
    (tmp_path / "p" / "bocage.toml").write_text("")
    return Project.open(tmp_path / "p")


def test_a_changed_world_file_is_noticed(project: Project) -> None:
    path = project.folder / "scenes" / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=4, height=40, width=40, dtype="uint8", crs="EPSG:3035", nodata=0
    ) as file:
        file.write(noise(40, 40))
        for number, name in enumerate(("red", "green", "blue", "nir"), start=1):
            file.set_band_description(number, name)
    world = path.with_suffix(".tfw")
    world.write_text("2\n0\n0\n-2\n4000001\n2999999\n")
    catalogue_scenes(project)
    before = recognise(path, GRID)
    assert catalogue_scenes(project).figures["recognised"] == 0
    world.write_text("2\n0\n0\n-2\n4010001\n2999999\n")
    assert catalogue_scenes(project).figures["recognised"] == 1
    after = recognise(path, GRID)
    assert after.transform.c == before.transform.c + 10_000
    assert after.fingerprint != before.fingerprint


def test_a_mask_that_joins_is_noticed(project: Project) -> None:
    path = write_raster(project.folder / "scenes" / "a.tif", noise(40, 40), nodata=None)
    catalogue_scenes(project)
    mask = np.ones((40, 40), dtype=np.bool_)
    mask[:, :20] = False
    state = path.stat()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path) as file:
        profile = file.profile | {"count": 1, "nodata": None}
    with rasterio.open(f"{path}.msk", "w", **profile) as file:
        file.write(np.where(mask, 255, 0).astype(np.uint8), 1)
        file.update_tags(INTERNAL_MASK_FLAGS_1="2")
    assert path.stat().st_mtime_ns == state.st_mtime_ns
    assert catalogue_scenes(project).figures["recognised"] == 1


def test_a_scene_whose_files_are_gone_is_counted(project: Project) -> None:
    for name in ("a", "b"):
        write_raster(project.folder / "scenes" / f"{name}.tif", noise(40, 40))
    assert "left_out" not in catalogue_scenes(project).figures
    (project.folder / "scenes" / "b.tif").unlink()
    figures = catalogue_scenes(project).figures
    assert (figures["scenes"], figures["left_out"]) == (1, 1)

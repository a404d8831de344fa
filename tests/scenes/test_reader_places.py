"""A scene reads alike wherever its files lie: in a folder, in an archive or in an object store."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling

from bocage.errors import SceneError
from bocage.grid import Grid, Window
from bocage.scenes import open_scene, recognise
from tests.object_store import ObjectStore
from tests.scenes.rasters import noise, write_raster

GRID = Grid("EPSG:3035", 2.0)


@pytest.fixture(params=[2.0, 0.5, 1.3])
def raster(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A raster on the lattice, one with an overview on it, and one beside it."""
    gsd = request.param
    path = tmp_path / "a.tif"
    pixels = noise(256, 320, low=1, high=4000, dtype="uint16")
    transform = Affine(gsd, 0, 4000 * 1024.0, 0, -gsd, 3000 * 1024.0)
    write_raster(path, pixels, transform=transform, tiled=True, blockxsize=64, blockysize=64, compress="deflate")
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    return path


def agrees(path: Path, elsewhere: str) -> None:
    with (
        open_scene(recognise(path, GRID), GRID) as one,
        open_scene(recognise(elsewhere, GRID), GRID, threads=2) as other,
    ):
        assert one.reduction == other.reduction
        window = one.window
        columns = range(window.column, window.right, 50)
        parts = [Window(column, window.row + 3, 50, window.height) for column in columns]
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(other.read, parts))
        for part, patch in zip(parts, found, strict=True):
            expected = one.read(part)
            assert np.array_equal(patch.image, expected.image)
            assert np.array_equal(patch.valid, expected.valid)
        assert any(patch.valid.any() for patch in found)


def test_archive_reads_as_the_folder_does(raster: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "delivery.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(raster, "inner/a.tif")
    agrees(raster, str(tmp_path / "delivery.zip"))


def test_store_reads_as_the_folder_does(raster: Path, object_store: ObjectStore) -> None:
    agrees(raster, object_store.put("scenes/a.tif", raster))


def test_object_that_is_gone_is_an_error_of_ours(raster: Path, object_store: ObjectStore) -> None:
    scene = recognise(object_store.put("scenes/b.tif", raster), GRID)
    parts = tuple(replace(part, href=part.href.replace("b.tif", "c.tif")) for part in scene.image.parts)
    with pytest.raises(SceneError, match=r"c\.tif cannot be opened"):
        open_scene(replace(scene, image=replace(scene.image, parts=parts)), GRID)

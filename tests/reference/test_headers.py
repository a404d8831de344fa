"""Headers of many tiles are read once; those that place nothing are refused."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import rasterio.shutil

from bocage.errors import LayerError
from bocage.grid import Grid
from bocage.project import Project
from bocage.reference import headers as module
from bocage.reference.headers import Header, inspect_raster
from bocage.reference.layer import open_layer
from bocage.reference.sources import Source
from bocage.settings import LayerSettings

Writer = Callable[..., Path]
Maker = Callable[..., Project]
GRID = Grid("EPSG:3035", 2.0)


def source(path: Path) -> Source:
    return Source(str(path), 1, "1")


def test_headers_of_many_files_are_remembered_until_a_file_changes(
    write_layer: Writer, make_project: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tcd").mkdir()
    for number in range(module._REMEMBERED + 3):
        write_layer(f"tcd/{number:03d}.tif", np.zeros((2, 2), np.uint8), 10.0, origin=(4e6 + 20 * number, 3e6))
    looked: list[str] = []

    def look(file: Source, grid: Grid) -> Header:
        looked.append(file.name)
        return inspect_raster(file, grid)

    monkeypatch.setattr("bocage.reference.layer.inspect_raster", look)
    project = make_project()
    settings = LayerSettings(kind="tree_cover_density", paths=("tcd",))
    first = open_layer(settings, project)
    assert len(looked) == len(first.files) == module._REMEMBERED + 3
    looked.clear()
    assert open_layer(settings, project) == first
    assert looked == []
    write_layer("tcd/007.tif", np.zeros((4, 4), np.uint8), 10.0)
    assert open_layer(settings, project).files[7].window.width == 20
    assert looked == ["007.tif"]
    # Another lattice has windows of its own, and a damaged memory is made again.
    looked.clear()
    open_layer(settings, make_project(grid={"resolution": 5.0}))
    assert len(looked) == len(first.files)
    for memory in (tmp_path / ".bocage" / "layers").glob("*.json"):
        memory.write_text("[1")
    looked.clear()
    assert len(open_layer(settings, project).files) == len(looked) == len(first.files)


def test_few_files_leave_no_trace(write_layer: Writer, make_project: Maker, tmp_path: Path) -> None:
    write_layer("tcd.tif", np.zeros((2, 2), np.uint8), 10.0)
    open_layer(LayerSettings(kind="tree_cover_density", paths=("tcd.tif",)), make_project())
    assert not (tmp_path / ".bocage").exists()


@pytest.mark.parametrize("north", [1_500_000.0, 3_000_000.0, 5_000_000.0])
def test_a_pixel_in_web_mercator_shrinks_with_the_cosine_of_latitude(write_layer: Writer, north: float) -> None:
    x, y = pyproj.Transformer.from_crs("EPSG:3035", "EPSG:3857", always_xy=True).transform(4_321_000.0, north)
    _, latitude = pyproj.Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(4_321_000.0, north)
    nominal = 1.194328566955879
    path = write_layer("chm.tif", np.zeros((64, 64), np.uint8), nominal, origin=(x, y), crs="EPSG:3857")
    header = inspect_raster(source(path), GRID)
    assert header.gsd == pytest.approx(nominal * math.cos(math.radians(latitude)), rel=1e-3)
    # The window says the same: 64 pixels, rotated by the convergence of the meridians at most a little.
    assert header.window.width * 2 == pytest.approx(64 * header.gsd, abs=12)
    # A lattice in Web Mercator counts in its own metres.
    assert inspect_raster(source(path), Grid("EPSG:3857", 2.0)).gsd == pytest.approx(nominal)


def test_degrees_become_metres(write_layer: Writer) -> None:
    path = write_layer("map.tif", np.zeros((60, 60), np.uint8), 1 / 12000, origin=(10.0, 52.0), crs="EPSG:4326")
    assert 6 < inspect_raster(source(path), GRID).gsd < 9.5


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_files_that_place_nothing_are_refused(write_layer: Writer, tmp_path: Path) -> None:
    bands = tmp_path / "bands.tif"
    with rasterio.open(bands, "w", driver="GTiff", width=2, height=2, count=3, dtype="uint8", crs="EPSG:3035") as file:
        file.write(np.zeros((3, 2, 2), np.uint8))
    scaled = write_layer("scaled.tif", np.zeros((2, 2), np.uint8), 10.0)
    with rasterio.open(scaled, "r+") as file:
        file.scales, file.offsets = (0.1,), (0.0,)
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    for path, reason in (
        (bands, "holds 3 bands"),
        (scaled, r"declares scale 0\.1"),
        (write_layer("a.tif", np.zeros((2, 2), np.uint8), 10.0, crs=None), "has no coordinate reference system"),
        (write_layer("b.tif", np.zeros((2, 2), np.uint8), 10.0, crs=local), "cannot be brought to EPSG:3035"),
        (
            write_layer("c.tif", np.zeros((2, 2), np.uint8), 10.0, origin=(1e30, 1e30), crs="EPSG:32632"),
            "cannot be brought to EPSG:3035",
        ),
    ):
        with pytest.raises(LayerError, match=reason) as caught:
            inspect_raster(source(path), GRID)
        assert path.name in caught.value.problem
        assert caught.value.mend


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_without_georeference_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.tif"
    with rasterio.open(path, "w", driver="GTiff", width=2, height=2, count=1, dtype="uint8", crs="EPSG:3035") as file:
        file.write(np.zeros((1, 2, 2), np.uint8))
    with pytest.raises(LayerError, match=r"flat\.tif has no georeference"):
        inspect_raster(source(path), GRID)


def test_a_virtual_raster_is_opened_under_its_own_name_only(write_layer: Writer, tmp_path: Path) -> None:
    path = write_layer("tcd.tif", np.zeros((2, 2), np.uint8), 10.0)
    virtual = tmp_path / "tcd.vrt"
    rasterio.shutil.copy(path, virtual, driver="VRT")
    assert inspect_raster(source(virtual), GRID) == inspect_raster(source(path), GRID)
    # A delivered file that reads other files of this machine is no delivery.
    disguised = tmp_path / "disguised.tif"
    disguised.write_bytes(virtual.read_bytes())
    with pytest.raises(LayerError, match=r"disguised\.tif cannot be opened"):
        inspect_raster(source(disguised), GRID)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(virtual, "tcd.vrt")
    with pytest.raises(LayerError, match=r"a\.zip!/tcd\.vrt cannot be opened"):
        inspect_raster(Source(f"{tmp_path}/a.zip!/tcd.vrt", 1, "1"), GRID)

"""The catalogue: what it keeps, what it finds, what it does again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from bocage.errors import ProjectError, SceneError
from bocage.grid import Bounds, Grid
from bocage.project import Project
from bocage.scenes import BANDS, Catalogue, Scene, catalogue_scenes, cataloguing, open_scene, recognise
from bocage.scenes.catalogue import read_entries, write_entries
from bocage.scenes.item import from_item, to_item
from tests.scenes.rasters import noise, write_raster, write_sidecar


def make_project(folder: Path, text: str = "") -> Project:
    (folder / "scenes").mkdir(exist_ok=True)
    (folder / "bocage.toml").write_text(text)
    return Project.open(folder)


def place(x: float, y: float = 3_000_000) -> Affine:
    return Affine(2, 0, x, 0, -2, y)


def test_scenes_come_back_as_they_were_recognised(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    names: tuple[tuple[str, Sequence[str] | None], ...] = (("b", ("nir", "red", "green", "blue")), ("a", None))
    for name, bands in names:
        path = write_raster(tmp_path / "scenes" / f"{name}.tif", noise(30, 40), names=BANDS if bands is None else None)
        if bands:
            write_sidecar(path, bands, **{"datetime": "2021-05-01T10:00:00Z", "bocage:sensor": "GEOSAT2"})
    utm = Affine(2, 0, 500_000, 0, -2, 5_400_000)
    odd = noise(20, 20).astype("float32")
    write_raster(tmp_path / "scenes" / "c.tif", odd, crs="EPSG:32631", transform=utm, nodata=float("nan"))
    outcome = catalogue_scenes(project)
    assert outcome.figures["scenes"] == 3
    assert outcome.figures["sensors"] == {"GENERIC": 2, "GEOSAT2": 1}
    assert not outcome.refused
    catalogue = Catalogue.open(project.scenes_file, project.grid)
    assert [scene.id for scene in catalogue.scenes] == ["a", "b", "c"]
    for scene in catalogue.scenes:
        direct = recognise(scene.path, project.grid)
        assert scene.footprint.equals_exact(direct.footprint, 1e-6)
        again = replace(scene, footprint=direct.footprint)
        if scene.id == "c":
            assert scene.nodata is not None
            assert np.isnan(scene.nodata)
            again = replace(again, nodata=direct.nodata)
        assert again == direct
        assert catalogue.scene(scene.id) is scene
    with pytest.raises(SceneError, match="no scene is named"):
        catalogue.scene("x")


def test_catalogue_is_geoparquet_that_others_read(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_raster(tmp_path / "scenes" / "a.tif", noise(30, 40))
    catalogue_scenes(project)
    frame = geopandas.read_parquet(project.scenes_file)
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.iloc[0].centroid.distance(frame.geometry.iloc[0]) == 0
    assert frame["id"].tolist() == ["a"]


def test_item_round_trips(tmp_path: Path) -> None:
    grid = Grid("EPSG:3035", 2.0)
    path = write_raster(tmp_path / "a.tif", noise(30, 40))
    write_sidecar(path, None, **{"view:sun_elevation": 50, "eo:cloud_cover": 1})
    scene = recognise(path, grid)
    item = to_item(scene, grid.crs, tmp_path)
    content = item.to_dict(include_self_link=False)
    assert content["stac_version"].startswith("1.1")
    assert content["properties"]["proj:code"] == "EPSG:3035"
    assert content["assets"]["data"]["href"] == "a.tif"
    assert from_item(content, grid.crs, tmp_path) == scene
    timed = replace(scene, acquired=datetime(2021, 5, 1, 10, tzinfo=UTC))
    assert from_item(to_item(timed, grid.crs, tmp_path).to_dict(), grid.crs, tmp_path) == timed
    with pytest.raises(SceneError, match="did not write"):
        from_item({"id": "x", "properties": {}, "assets": {}}, grid.crs, tmp_path)


def test_unchanged_files_are_not_recognised_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    paths = [write_raster(tmp_path / "scenes" / f"{n}.tif", noise(20, 20, seed=n)) for n in range(3)]
    catalogue_scenes(project)
    first = project.scenes_file.read_bytes()
    seen: list[str] = []
    real = recognise

    def counting(path: Path, *args: object, **options: object) -> Scene:
        seen.append(path.name)
        return real(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(cataloguing, "recognise", counting)
    outcome = catalogue_scenes(project)
    assert seen == []
    assert outcome.figures["unchanged"] == 3
    assert project.scenes_file.read_bytes() == first
    os.utime(paths[0])
    catalogue_scenes(project)
    assert seen == []
    write_raster(paths[1], noise(20, 25, seed=9))
    write_sidecar(paths[2], BANDS)
    catalogue_scenes(project)
    assert sorted(seen) == ["1.tif", "2.tif"]
    shapes = {scene.id: scene.shape for scene in Catalogue.open(project.scenes_file, project.grid).scenes}
    assert shapes == {"0": (20, 20), "1": (20, 25), "2": (20, 20)}
    paths[0].unlink()
    assert catalogue_scenes(project).figures["scenes"] == 2


def test_bad_deliveries_are_refused_while_the_rest_goes_on(tmp_path: Path) -> None:
    project = make_project(tmp_path, "[area]\nbbox = [4000000, 2990000, 4001000, 3000000]\n")
    folder = tmp_path / "scenes"
    write_raster(folder / "good.tif", noise(20, 20))
    whole = write_raster(folder / "cut.tif", noise(200, 200), compress="deflate").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    write_raster(folder / "far.tif", noise(20, 20), transform=place(4_100_000))
    write_raster(folder / "nocrs.tif", noise(20, 20), crs=None)
    (folder / "more").mkdir()
    twin = write_raster(folder / "more" / "good.tif", noise(20, 20, seed=4))
    outcome = catalogue_scenes(project, [str(twin), str(folder / "missing.tif")])
    reasons = {Path(refusal.subject).name: refusal.reason for refusal in outcome.refused}
    assert set(reasons) == {"cut.tif", "far.tif", "nocrs.tif", "good.tif", "missing.tif"}
    assert "outside the area" in reasons["far.tif"]
    assert "another scene is named good" in reasons["good.tif"]
    assert all(refusal.mend for refusal in outcome.refused)
    assert [scene.id for scene in Catalogue.open(project.scenes_file, project.grid).scenes] == ["good"]


def test_a_crs_without_a_code_comes_back_and_reads_alike(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    own = "+proj=laea +lat_0=50 +lon_0=9 +ellps=GRS80 +units=m"
    write_raster(tmp_path / "scenes" / "a.tif", noise(30, 30), crs=own, transform=place(1000, 2000))
    catalogue_scenes(project)
    scene = Catalogue.open(project.scenes_file, project.grid).scenes[0]
    direct = recognise(scene.path, project.grid)
    assert not scene.crs.startswith("EPSG:")
    with open_scene(scene, project.grid) as one, open_scene(direct, project.grid) as other:
        assert one.window == other.window
        patch = one.read(one.window)
        assert np.array_equal(patch.image, other.read(other.window).image)
    assert patch.valid.mean() > 0.8


def test_no_scenes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with pytest.raises(SceneError, match="no scenes"):
        catalogue_scenes(project)
    with pytest.raises(ProjectError, match="catalogue"):
        Catalogue.open(project.scenes_file, project.grid)
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20), crs=None)
    with pytest.raises(SceneError, match=r"no scenes: all 1 .* coordinate reference system"):
        catalogue_scenes(project)
    project.scenes_file.write_bytes(b"PAR1 nonsense")
    with pytest.raises(SceneError, match="damaged"):
        Catalogue.open(project.scenes_file, project.grid)


def test_added_files_and_their_stated_bands_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    (tmp_path / "elsewhere").mkdir()
    pixels = noise(20, 20, seed=2)
    write_raster(tmp_path / "elsewhere" / "b.tif", pixels, names=None)
    monkeypatch.chdir(tmp_path)
    refused = catalogue_scenes(project, ["elsewhere"]).refused
    assert "band order unknown" in refused[0].reason
    stated = ("blue", "green", "red", "nir")
    assert catalogue_scenes(project, ["elsewhere"], bands=stated).figures["scenes"] == 2
    assert catalogue_scenes(project).figures == {
        "scenes": 2, "recognised": 0, "unchanged": 2, "refused": 0, "sensors": {"GENERIC": 2}
    }  # fmt: skip
    assert Catalogue.open(project.scenes_file, project.grid).scene("b").bands == stated


@given(corners=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12),
       area=st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 30), st.integers(1, 30)))  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_covering_finds_exactly_the_scenes_that_share_area(
    corners: list[tuple[int, int]], area: tuple[int, int, int, int]
) -> None:
    scenes = [
        Scene(
            id=f"{number:02}", path=Path(f"{number}.tif"), sensor="GENERIC", bands=BANDS, crs="EPSG:3035",
            shape=(5, 5), transform=place(0), gsd=2.0, acquired=None, dtype="uint8", nodata=0,
            stretch=((0.0, 1.0),) * 4, footprint=box(x, y, x + 10, y + 10),
        )
        for number, (x, y) in enumerate(corners)
    ]  # fmt: skip
    bounds = Bounds(area[0], area[1], area[0] + area[2], area[1] + area[3])
    expected = [scene.id for scene in scenes if scene.footprint.intersection(bounds.polygon()).area > 0]
    assert [scene.id for scene in Catalogue(reversed(scenes)).covering(bounds)] == expected


@pytest.mark.real
def test_ohio_is_read_without_resampling(data_folder: Path, tmp_path: Path) -> None:
    text = f"""
[grid]
crs = "EPSG:26917"
resolution = 0.6
tile_size = 614.4
cell_size = 6144
[scenes]
paths = ["{data_folder}/ohio/scene_1*.tif"]
stretch = "none"
"""
    project = make_project(tmp_path, text)
    outcome = catalogue_scenes(project)
    assert outcome.figures["scenes"] == 8
    for scene in Catalogue.open(project.scenes_file, project.grid).scenes:
        assert scene.bands == BANDS
        with open_scene(scene, project.grid) as reader:
            patch = reader.read(reader.window)
        with rasterio.open(scene.path) as file:
            pixels = file.read()
        count = int((pixels != 0).any(axis=0).sum())
        assert int(patch.valid.sum()) == count
        assert patch.image[:, patch.valid].sum() == np.maximum(pixels[:, (pixels != 0).any(axis=0)], 1).sum()


@pytest.mark.real
def test_dakota_and_california_need_their_bands_stated(data_folder: Path, tmp_path: Path) -> None:
    for name, crs, pattern, count in (
        ("dakota", "EPSG:26914", "dakota/*.tif", 6),
        ("california", "EPSG:26910", "california/images/e*.tif", 2),
    ):
        (tmp_path / name).mkdir()
        project = make_project(
            tmp_path / name, f'[grid]\ncrs = "{crs}"\nresolution = 2\n[scenes]\npaths = ["{data_folder}/{pattern}"]\n'
        )
        with pytest.raises(SceneError, match="band order unknown"):
            catalogue_scenes(project)
        assert catalogue_scenes(project, bands=BANDS).figures["scenes"] >= count
        catalogue = Catalogue.open(project.scenes_file, project.grid)
        with open_scene(catalogue.scenes[0], project.grid) as reader:
            patch = reader.read(reader.window)
        assert patch.valid.mean() > 0.8
        assert all(20 < band[patch.valid].mean() < 235 for band in patch.image)


def test_a_path_that_holds_no_raster_is_refused_by_name(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / ".x.123.part.tif").write_bytes(b"half")
    with pytest.raises(SceneError, match=r"no scenes: .*empty holds no raster"):
        catalogue_scenes(project, [str(empty)])
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    (tmp_path / "scenes" / ".a.123.part.tif").write_bytes(b"half")
    outcome = catalogue_scenes(project, [str(empty), "elsewhere/*.tif"])
    assert outcome.figures["scenes"] == 1
    assert [refusal.subject for refusal in outcome.refused] == [str(empty), "elsewhere/*.tif"]


def test_a_scene_whose_file_is_gone_can_still_be_shown(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    path = write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    catalogue_scenes(project)
    entry = read_entries(project.scenes_file, project.grid.crs)[0]
    path.unlink()
    item = to_item(entry.scene, project.grid.crs, tmp_path).to_dict(include_self_link=False)
    assert "file:size" not in item["assets"]["data"]
    assert item["assets"]["data"]["file:checksum"].endswith(entry.scene.digest)
    # The file may also vanish between its recognition and the writing of the catalogue.
    write_entries(project.scenes_file, [entry], project.grid.crs)
    assert read_entries(project.scenes_file, project.grid.crs)[0].size == entry.size

"""The stage "scenes": what comes in, what is refused, what is not done twice, and what an interruption loses."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from bocage.errors import MissingExtraError, ProjectError, SceneError, StorageError
from bocage.files import digest_file
from bocage.project import Project
from bocage.scenes import BANDS, Catalogue, catalogue_scenes, cataloguing, open_scene, recognise
from bocage.scenes.recognition import Recognition, recognise_delivery
from bocage.scenes.register import Register
from tests.object_store import ObjectStore
from tests.scenes.rasters import noise, write_raster, write_sidecar


def make_project(folder: Path, text: str = "") -> Project:
    (folder / "scenes").mkdir(parents=True, exist_ok=True)
    (folder / "bocage.toml").write_text(text)
    return Project.open(folder)


def place(x: float, y: float = 3_000_000) -> Affine:
    return Affine(2, 0, x, 0, -2, y)


def opened(project: Project) -> Catalogue:
    return Catalogue.open(project.scenes_file, project.grid)


def ids(project: Project) -> list[str]:
    return [scene.id for scene in opened(project).scenes]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the deliveries that are opened from now on."""
    names: list[str] = []
    real = recognise_delivery

    def counting(delivery: Any, *arguments: Any) -> Recognition:
        names.append(delivery.id)
        return real(delivery, *arguments)

    monkeypatch.setattr(cataloguing, "recognise_delivery", counting)
    return names


def test_scenes_come_back_as_they_were_recognised(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    names: tuple[tuple[str, Sequence[str] | None], ...] = (("b", ("nir", "red", "green", "blue")), ("a", None))
    for name, bands in names:
        pixels = noise(30, 40, dtype="uint16")
        path = write_raster(tmp_path / "scenes" / f"{name}.tif", pixels, names=BANDS if bands is None else None)
        if bands:
            write_sidecar(path, bands, **{"datetime": "2021-05-01T10:00:00Z", "bocage:sensor": "GEOSAT2"})
    utm = Affine(2, 0, 500_000, 0, -2, 5_400_000)
    odd = noise(20, 20).astype("float32")
    write_raster(tmp_path / "scenes" / "c.tif", odd, crs="EPSG:32631", transform=utm, nodata=float("nan"))
    outcome = catalogue_scenes(project)
    assert outcome.figures["scenes"] == 3
    assert outcome.figures["sensors"] == {"GENERIC": 2, "GEOSAT2": 1}
    assert not outcome.refused
    for scene in opened(project).scenes:
        picture = tmp_path / "quicklooks" / f"{scene.id}.jpg"
        direct = replace(recognise(scene.href, project.grid), quicklook=picture)
        if scene.id == "c":
            assert scene.nodata is not None
            assert np.isnan(scene.nodata)
            scene = replace(scene, image=replace(scene.image, nodata=None))  # noqa: PLW2901 - NaN equals nothing
            direct = replace(direct, image=replace(direct.image, nodata=None))
        assert scene == direct
        with Image.open(picture) as shown:
            assert shown.size == direct.shape[::-1]


def test_a_crs_without_a_code_comes_back_and_reads_alike(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    own = "+proj=laea +lat_0=50 +lon_0=9 +ellps=GRS80 +units=m"
    write_raster(tmp_path / "scenes" / "a.tif", noise(30, 30, dtype="uint16"), crs=own, transform=place(1000, 2000))
    catalogue_scenes(project)
    scene = opened(project).scenes[0]
    direct = recognise(scene.href, project.grid)
    assert not scene.crs.startswith("EPSG:")
    with open_scene(scene, project.grid) as one, open_scene(direct, project.grid) as other:
        assert one.window == other.window
        patch = one.read(one.window)
        assert np.array_equal(patch.image, other.read(other.window).image)
    assert patch.valid.mean() > 0.8


def test_unchanged_deliveries_are_not_opened(tmp_path: Path, seen: list[str]) -> None:
    project = make_project(tmp_path)
    paths = [write_raster(tmp_path / "scenes" / f"{n}.tif", noise(20, 20, seed=n)) for n in range(3)]
    catalogue_scenes(project)
    assert sorted(seen) == ["0", "1", "2"]
    first = project.scenes_file.read_bytes()
    seen.clear()
    outcome = catalogue_scenes(project)
    assert seen == []
    assert outcome.figures["unchanged"] == 3
    assert project.scenes_file.read_bytes() == first
    write_raster(paths[1], noise(20, 25, seed=9))
    write_sidecar(paths[2], BANDS)
    assert catalogue_scenes(project).figures["recognised"] == 2
    assert sorted(seen) == ["1", "2"]
    assert {scene.id: scene.shape for scene in opened(project).scenes} == {"0": (20, 20), "1": (20, 25), "2": (20, 20)}
    paths[0].unlink()
    assert catalogue_scenes(project).figures["scenes"] == 2
    assert sorted(path.name for path in (tmp_path / "quicklooks").iterdir()) == ["1.jpg", "2.jpg"]
    assert sorted(seen) == ["1", "2"]


def test_a_setting_that_decides_makes_scenes_anew_and_no_other_does(tmp_path: Path, seen: list[str]) -> None:
    make_project(tmp_path)
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    for text, count in (
        ("", 1),
        ("[mapping]\nchip = 256\n", 0),
        ("[scenes]\npercentiles = [0.01, 0.99]\n", 1),
        ("[scenes]\npercentiles = [0.01, 0.99]\nmask_saturated = true\n", 1),
        ("[scenes]\npercentiles = [0.01, 0.99]\nmask_saturated = true\nverify = 'pixels'\n", 1),
        # What was decoded once is not decoded again, whatever is asked for now.
        ("[scenes]\npercentiles = [0.01, 0.99]\nmask_saturated = true\n", 0),
    ):
        seen.clear()
        catalogue_scenes(make_project(tmp_path, text))
        assert len(seen) == count, text
    assert opened(make_project(tmp_path)).scenes[0].mask_saturated


def test_bad_deliveries_are_refused_while_the_rest_goes_on(tmp_path: Path) -> None:
    project = make_project(tmp_path, "[area]\nbbox = [4000000, 2990000, 4001000, 3000000]\n")
    folder = tmp_path / "scenes"
    write_raster(folder / "good.tif", noise(20, 20))
    whole = write_raster(folder / "cut.tif", noise(200, 200), compress="deflate").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    write_raster(folder / "far.tif", noise(20, 20), transform=place(4_100_000))
    write_raster(folder / "nocrs.tif", noise(20, 20), crs=None)
    (folder / "text.tif").write_text("not a raster")
    (folder / "more").mkdir()
    twin = write_raster(folder / "more" / "good.tif", noise(20, 20, seed=4))
    outcome = catalogue_scenes(project, [str(twin), str(folder / "missing.tif")])
    reasons = {Path(refusal.subject).name: refusal.reason for refusal in outcome.refused}
    assert set(reasons) == {"cut.tif", "far.tif", "nocrs.tif", "text.tif", "good.tif", "missing.tif"}
    assert "outside the area" in reasons["far.tif"]
    assert "another scene is named good" in reasons["good.tif"]
    assert all(refusal.mend for refusal in outcome.refused)
    assert ids(project) == ["good"]
    assert [path.name for path in (tmp_path / "quicklooks").iterdir()] == ["good.jpg"]


def test_the_second_of_a_name_comes_in_where_the_first_is_bad(tmp_path: Path) -> None:
    project = make_project(tmp_path, "[scenes]\npaths = ['scenes/*/*.tif']\n")
    for name in ("one", "two"):
        (tmp_path / "scenes" / name).mkdir()
        write_raster(tmp_path / "scenes" / name / "a.tif", noise(20, 20), crs=None if name == "one" else "EPSG:3035")
    outcome = catalogue_scenes(project)
    assert [Path(refusal.subject).parent.name for refusal in outcome.refused] == ["one"]
    assert "/two/" in opened(project).scene("a").href


@pytest.mark.parametrize("error", [KeyboardInterrupt, StorageError("disk is full"), RuntimeError("a bug")])
def test_a_run_that_is_stopped_keeps_what_it_did_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[str], error: BaseException | type[BaseException]
) -> None:
    project = make_project(tmp_path)
    for number in range(12):
        write_raster(tmp_path / "scenes" / f"{number:02}.tif", noise(20, 20, seed=number))
    monkeypatch.setattr(cataloguing, "_CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(cataloguing, "_CHECKPOINT_SHARE", 1e9)
    real = as_completed
    done: list[int] = []

    def stopped(tasks: Any) -> Any:
        for task in real(tasks):
            if len(done) == 5:
                raise error
            done.append(1)
            yield task

    monkeypatch.setattr(cataloguing, "as_completed", stopped)
    with pytest.raises((KeyboardInterrupt, StorageError, RuntimeError)):
        catalogue_scenes(project)
    kept = ids(project)
    assert len(kept) == 5
    monkeypatch.setattr(cataloguing, "as_completed", real)
    seen.clear()
    assert catalogue_scenes(project).figures["unchanged"] == 5
    assert len(ids(project)) == 12
    assert not set(seen) & set(kept)
    assert not list(tmp_path.rglob(".*.part*"))


def test_a_stopped_run_loses_no_scene_that_was_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    for number in range(4):
        write_raster(tmp_path / "scenes" / f"{number}.tif", noise(20, 20, seed=number))
    catalogue_scenes(project)
    write_raster(tmp_path / "scenes" / "4.tif", noise(20, 20, seed=4))

    def none(tasks: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(cataloguing, "as_completed", none)
    with pytest.raises(KeyboardInterrupt):
        catalogue_scenes(project)
    assert ids(project) == ["0", "1", "2", "3"]


def test_an_unforeseen_error_of_a_library_refuses_one_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    for name in ("a", "b"):
        write_raster(tmp_path / "scenes" / f"{name}.tif", noise(20, 20))
    real = recognise_delivery

    def failing(delivery: Any, *arguments: Any) -> Recognition:
        if delivery.id == "a":
            raise ZeroDivisionError("in a library")
        return real(delivery, *arguments)

    monkeypatch.setattr(cataloguing, "recognise_delivery", failing)
    outcome = catalogue_scenes(project)
    assert "ZeroDivisionError" in outcome.refused[0].reason
    assert ids(project) == ["b"]


def test_no_scenes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with pytest.raises(SceneError, match="no scenes"):
        catalogue_scenes(project)
    with pytest.raises(ProjectError, match="catalogue"):
        opened(project)
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20), crs=None)
    with pytest.raises(SceneError, match=r"no scenes: all 1 .* coordinate reference system"):
        catalogue_scenes(project)
    assert not project.scenes_file.exists()


def test_a_catalogue_is_not_emptied_by_a_run_that_finds_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    path = write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    catalogue_scenes(project)
    path.rename(tmp_path / "a.tif")
    with pytest.raises(SceneError, match="no scenes"):
        catalogue_scenes(project)
    assert ids(project) == ["a"]


def test_added_files_and_their_stated_bands_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    (tmp_path / "elsewhere").mkdir()
    pixels = noise(20, 20, seed=2, dtype="uint16")
    write_raster(tmp_path / "elsewhere" / "b.tif", pixels, names=None)
    monkeypatch.chdir(tmp_path)
    refused = catalogue_scenes(project, ["elsewhere"]).refused
    assert "band order unknown" in refused[0].reason
    stated = ("blue", "green", "red", "nir")
    assert catalogue_scenes(project, ["elsewhere"], bands=stated).figures["scenes"] == 2
    # A scene that comes to the folder later was not named.
    write_raster(tmp_path / "elsewhere" / "c.tif", pixels)
    assert catalogue_scenes(project).figures == {
        "scenes": 2, "recognised": 0, "unchanged": 2, "refused": 0, "sensors": {"GENERIC": 2}
    }  # fmt: skip
    assert opened(project).scene("b").bands == stated
    assert catalogue_scenes(project, ["elsewhere"]).figures["scenes"] == 3
    shutil.rmtree(tmp_path / "elsewhere")
    assert catalogue_scenes(project).figures["scenes"] == 1


def test_a_pattern_takes_rasters_archives_and_folders_and_skips_the_rest(tmp_path: Path) -> None:
    project = make_project(tmp_path, "[scenes]\npaths = ['scenes/*']\n")
    folder = tmp_path / "scenes"
    write_sidecar(write_raster(folder / "a.tif", noise(20, 20)), BANDS)
    (folder / "notes.txt").write_text("hello")
    (folder / "empty").mkdir()
    (folder / "sub").mkdir()
    write_raster(folder / "sub" / "b.tif", noise(20, 20))
    packed = write_raster(tmp_path / "c.tif", noise(20, 20, dtype="uint16"))
    shutil.make_archive(str(folder / "packed"), "zip", tmp_path, packed.name)
    outcome = catalogue_scenes(project)
    assert not outcome.refused
    assert ids(project) == ["a", "b", "c"]
    assert opened(project).scene("c").href == f"{folder}/packed.zip!/c.tif"
    assert catalogue_scenes(project).figures["unchanged"] == 3


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
    assert sorted(refusal.subject for refusal in outcome.refused) == sorted([str(empty), "elsewhere/*.tif"])


def test_a_path_of_the_settings_that_is_not_there_is_told(tmp_path: Path) -> None:
    project = make_project(tmp_path, "[scenes]\npaths = ['scenes/*.tif', 'other/b.tif']\n")
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    outcome = catalogue_scenes(project)
    assert [refusal.subject for refusal in outcome.refused] == [str(tmp_path / "other" / "b.tif")]
    assert ids(project) == ["a"]


def test_a_store_is_a_source_and_its_absence_loses_nothing(
    tmp_path: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, seen: list[str]
) -> None:
    monkeypatch.setenv("DELIVERIES", object_store.bucket)
    project = make_project(tmp_path, "[scenes]\npaths = ['scenes/*.tif', 's3://${DELIVERIES}/first']\n")
    write_raster(tmp_path / "scenes" / "a.tif", noise(20, 20))
    for prefix, name in (("first", "b"), ("second", "c")):
        path = write_raster(tmp_path / f"{name}.tif", noise(20, 20, dtype="uint16"))
        write_sidecar(path, None, **{"eo:cloud_cover": 7})
        object_store.put(f"{prefix}/{name}.tif", path)
        object_store.put(f"{prefix}/{name}.json", path.with_suffix(".json"))
    assert not catalogue_scenes(project, [f"{object_store.url}/second/c.tif"]).refused
    assert ids(project) == ["a", "b", "c"]
    scene = opened(project).scene("b")
    assert (scene.href, scene.cloud_cover) == (f"{object_store.url}/first/b.tif", 7)
    direct = recognise(tmp_path / "b.tif", project.grid)
    with open_scene(scene, project.grid) as one, open_scene(direct, project.grid) as other:
        assert np.array_equal(one.read(one.window).image, other.read(other.window).image)
    seen.clear()
    assert catalogue_scenes(project).figures["unchanged"] == 3
    assert seen == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    outcome = catalogue_scenes(project)
    assert outcome.figures["scenes"] == 3
    assert {refusal.subject for refusal in outcome.refused} >= {f"{object_store.url}/first"}
    assert ids(project) == ["a", "b", "c"]
    # What is gone from a store that answers is gone.
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.endpoint)
    text = f"[scenes]\npaths = ['scenes/*.tif', '{object_store.url}/nothing/']\n"
    outcome = catalogue_scenes(make_project(tmp_path, text))
    assert ids(project) == ["a", "c"]
    assert "holds no raster" in outcome.refused[0].reason


def gradient(seed: int, gain: float, offset: float) -> Any:
    """The same ground under another light."""
    ground = np.random.default_rng(7).integers(200, 2000, (4, 60, 60)).repeat(16, axis=1).repeat(16, axis=2)
    return (ground * gain + offset + np.random.default_rng(seed).normal(0, 5, ground.shape)).astype("uint16")


def test_harmonising_is_found_from_the_own_stretch_and_undone(tmp_path: Path, seen: list[str]) -> None:
    plain = make_project(tmp_path, "[scenes]\nstretch = 'minmax'\n")
    for name, gain, offset in (("a", 1.0, 0.0), ("b", 1.5, 300.0)):
        pixels = gradient(ord(name), gain, offset)
        # An extreme that only one scene has decides its stretch; the ground they share does not.
        pixels[:, :8, :8] = 4000 if name == "a" else 9000
        write_raster(tmp_path / "scenes" / f"{name}.tif", pixels)
    catalogue_scenes(plain)
    own = {scene.id: scene.stretch for scene in opened(plain).scenes}
    first = list(opened(plain).scenes)
    text = "[scenes]\nstretch = 'minmax'\nharmonise = 'histogram'\n"
    harmonised = make_project(tmp_path, text)
    seen.clear()
    figures = catalogue_scenes(harmonised).figures
    assert seen == []
    assert figures["overlaps"] == 1
    assert figures["difference_after"] < figures["difference_before"] / 2
    changed = {scene.id: scene.stretch for scene in opened(harmonised).scenes}
    assert changed["a"] != own["a"]
    records = Register(harmonised.scenes_file, harmonised.grid).records
    assert {name: record.own_stretch for name, record in records.items()} == own
    twice = digest_file(harmonised.scenes_file)
    catalogue_scenes(harmonised)
    assert digest_file(harmonised.scenes_file) == twice
    write_raster(tmp_path / "scenes" / "c.tif", gradient(1, 1.2, 100.0))
    assert catalogue_scenes(harmonised).figures["overlaps"] == 3
    records = Register(harmonised.scenes_file, harmonised.grid).records
    assert {name: records[name].own_stretch for name in own} == own
    (tmp_path / "scenes" / "c.tif").unlink()
    catalogue_scenes(harmonised)
    assert {scene.id: scene.stretch for scene in opened(harmonised).scenes} == changed
    catalogue_scenes(make_project(tmp_path, "[scenes]\nstretch = 'minmax'\n"))
    assert list(opened(plain).scenes) == first


def test_clouds_are_detected_only_where_the_setting_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bocage.scenes import cloudnet

    def missing(*_: Any) -> None:
        raise MissingExtraError("the extra clouds is not installed", "install it")

    monkeypatch.setattr(cloudnet, "cloud_outline", missing)
    write = write_raster
    make_project(tmp_path)
    write(tmp_path / "scenes" / "a.tif", noise(20, 20))
    project = make_project(tmp_path, "[scenes]\nclouds = 'detect'\n")
    # Without a calibration there is no reflectance to look at.
    assert catalogue_scenes(project).figures["scenes"] == 1
    real = recognise_delivery

    def calibrated(*arguments: Any) -> Recognition:
        from bocage.scenes.calibration import Calibration

        found = real(*arguments)
        line = Calibration((1e-4,) * 4, (0.0,) * 4, "metadata")
        return replace(found, scene=replace(found.scene, calibration=line))

    monkeypatch.setattr(cataloguing, "recognise_delivery", calibrated)
    project.scenes_file.unlink()
    with pytest.raises(MissingExtraError):
        catalogue_scenes(project)


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
    for scene in opened(project).scenes:
        assert scene.bands == BANDS
        with open_scene(scene, project.grid) as reader:
            patch = reader.read(reader.window)
        with rasterio.open(scene.href) as file:
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
        project = make_project(
            tmp_path / name, f'[grid]\ncrs = "{crs}"\nresolution = 2\n[scenes]\npaths = ["{data_folder}/{pattern}"]\n'
        )
        with pytest.raises(SceneError, match="band order unknown"):
            catalogue_scenes(project)
        assert catalogue_scenes(project, bands=BANDS).figures["scenes"] >= count
        with open_scene(opened(project).scenes[0], project.grid) as reader:
            patch = reader.read(reader.window)
        assert patch.valid.mean() > 0.8
        assert all(20 < band[patch.valid].mean() < 235 for band in patch.image)

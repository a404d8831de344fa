"""What pretraining may look at: never the ground of test and validation."""

import dataclasses
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import box

from bocage.errors import ProjectError, SceneError
from bocage.grid import Bounds, Window
from bocage.project import Project
from bocage.samples import Samples
from bocage.scenes import Catalogue, catalogue_scenes, open_scene
from bocage.settings import SamplesSettings
from bocage.training.ground import choose_ground, place
from tests.training.landscapes import EAST, EDGE, NORTH, build, write_scene


def test_scenes_of_test_and_validation_are_left_out(tmp_path: Path) -> None:
    samples = SamplesSettings(split="scenes", test_scenes=("scene_01",), validation_scenes=("scene_02",))
    project = build(tmp_path, 4, samples)
    choice = choose_ground(project, keep_test_unseen=True)
    assert [ground.scene.id for ground in choice.grounds] == ["scene_00", "scene_03"]
    assert choice.left_out == ("scene_01", "scene_02")
    assert len(choose_ground(project, keep_test_unseen=False).grounds) == 4


def test_their_ground_is_hidden_in_scenes_that_overlap_them(tmp_path: Path) -> None:
    samples = SamplesSettings(split="scenes", test_scenes=("scene_01",))
    project = build(tmp_path, 2, samples, corners=(0, EDGE // 2))
    (ground,) = choose_ground(project, keep_test_unseen=True).grounds
    window = project.grid.window(Bounds(EAST, NORTH - 2 * EDGE, EAST + 2 * EDGE, NORTH))
    with open_scene(ground.scene, ground.grid) as reader:
        valid = reader.read(window).valid
    # The other scene shows nothing in its upper left corner; its footprint may be two cells wider than its pixels.
    assert not valid[12:, EDGE // 2 :].any()
    assert valid[:, : EDGE // 2 - 4].mean() > 0.9
    assert valid.shape == (EDGE, EDGE)
    assert ground.area < 0.55 * (2 * EDGE) ** 2


def _sample(project: Project, split: str, window: Window) -> dict[str, object]:
    return {
        "sample_id": split, "cell_id": split, "scene_id": "scene_00", "sensor": "GENERIC", "zone": "", "urban": False,
        "stratum": "all", "split": split, "probability": 1.0, "weight": 1.0, "column": window.column,
        "row": window.row, "width": window.width, "height": window.height, "valid_share": 1.0,
        "geometry": box(*project.grid.bounds(window).as_tuple()),
    }  # fmt: skip


@pytest.mark.parametrize("split", ["blocks", "scenes"])
def test_cells_of_test_and_validation_are_hidden_and_those_to_train_with_are_not(tmp_path: Path, split: str) -> None:
    project = build(tmp_path, 2, SamplesSettings.model_validate({"split": split}), corners=(0, 0))
    whole = project.grid.window(Bounds(EAST, NORTH - 2 * EDGE, EAST + 2 * EDGE, NORTH))
    parts = {name: Window(whole.column + 32 * n, whole.row, 32, EDGE) for n, name in enumerate(("train", "validation"))}
    rows = [_sample(project, name, window) for name, window in parts.items()]
    Samples(geopandas.GeoDataFrame(rows, crs=project.grid.crs)).write(project.samples_file)
    choice = choose_ground(project, keep_test_unseen=True)
    if split == "scenes":
        # A scene with a validation sample is of the validation, and the other one shows the same ground.
        assert choice.left_out == ("scene_00",)
        assert sum(ground.area for ground in choice.grounds) < 2000
        return
    for ground in choice.grounds:
        with open_scene(ground.scene, ground.grid) as reader:
            valid = reader.read(whole).valid
        assert not valid[:, 32:64].any()
        assert valid[20:, :32].mean() > 0.9
        assert valid[:, 66:].mean() > 0.95


def test_a_named_scene_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    project = build(tmp_path, 1, SamplesSettings(split="scenes", test_scenes=("scene_77",)))
    with pytest.raises(SceneError, match="no scene is named scene_77"):
        choose_ground(project, keep_test_unseen=True)


def test_without_a_catalogue_it_says_what_to_do(tmp_path: Path) -> None:
    project = build(tmp_path, 1)
    project.scenes_file.unlink()
    with pytest.raises(ProjectError):
        choose_ground(project, keep_test_unseen=True)


def test_a_scene_far_from_the_meridian_is_read_on_its_own_lattice_at_true_scale(tmp_path: Path) -> None:
    project = build(tmp_path, 1)
    # So far from Europe its grid keeps the area, but shows this scene turned and sheared.
    image = write_scene(tmp_path / "scenes" / "far.tif", 5, corner=(500_000.0, 4_000_000.0), crs="EPSG:26911")
    assert not catalogue_scenes(project).refused
    far, near = choose_ground(project, keep_test_unseen=True).grounds
    assert (far.scene.id, far.grid.crs, far.grid.resolution) == ("far", "EPSG:26911", 2.0)
    assert near.grid == project.grid
    assert far.area == pytest.approx(float(image.any(axis=0).sum()) * 4, rel=0.15)
    with open_scene(far.scene, far.grid) as reader:
        patch = reader.read(far.grid.window(Bounds(500_000.0, 4_000_000.0 - 2 * EDGE, 500_256.0, 4_000_000.0)))
    np.testing.assert_array_equal(patch.image, image)


def test_unseen_ground_follows_a_scene_to_its_own_lattice(tmp_path: Path) -> None:
    project = build(tmp_path, 1)
    write_scene(tmp_path / "scenes" / "far.tif", 5, corner=(500_000.0, 4_000_000.0), crs="EPSG:26911")
    catalogue_scenes(project)
    scene = Catalogue.open(project.scenes_file, project.grid).scene("far")
    assert place(scene, project.grid, scene.footprint.buffer(50)) is None
    half = scene.footprint.intersection(box(*scene.footprint.centroid.coords[0], *scene.footprint.bounds[2:]))
    ground = place(scene, project.grid, half)
    assert ground is not None
    with open_scene(ground.scene, ground.grid) as reader, open_scene(scene, project.grid) as plain:
        patch, shown = reader.read(reader.window), plain.read(plain.window)
    assert 0 < patch.valid.sum() < 0.9 * shown.valid.sum()


def test_scenes_without_near_infrared_are_told(tmp_path: Path) -> None:
    project = build(tmp_path, 2)
    catalogue = Catalogue.open(project.scenes_file, project.grid)
    scenes = [
        catalogue.scene("scene_00"),
        dataclasses.replace(catalogue.scene("scene_01"), bands=("red", "green", "blue")),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bocage.training.ground.Catalogue.open", lambda *_: Catalogue(scenes))
        choice = choose_ground(project, keep_test_unseen=True)
    assert [ground.scene.id for ground in choice.grounds] == ["scene_00"]
    assert [refusal.subject for refusal in choice.refused] == ["scene_01"]

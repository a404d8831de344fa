"""Agreement of a model with itself where scenes of different sensors overlap."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import box

from bocage.errors import SceneError
from bocage.scenes import Catalogue, catalogue_scenes
from bocage.training.consistency import Homogeneity, summary
from bocage.training.homogeneity import measure_homogeneity, overlapping_pairs
from tests.training.landscapes import EAST, EDGE, NORTH, build, write_scene

SEEDS = st.integers(0, 2**32 - 1)


def _pair(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    return rng.random((9, 7), np.float32), rng.random((9, 7), np.float32), rng.random((9, 7)) < 0.6


@given(SEEDS)
def test_it_is_symmetric_and_additive_and_blind_to_invalid_pixels(seed: int) -> None:
    one, two, valid = _pair(seed)
    whole = Homogeneity.of(one, two, valid)
    back = Homogeneity.of(two, one, valid)
    assert (whole.pixels, whole.both, whole.one) == (back.pixels, back.both, back.one)
    assert whole.difference == pytest.approx(back.difference)
    parts = Homogeneity.of(one[:4], two[:4], valid[:4]) + Homogeneity.of(one[4:], two[4:], valid[4:])
    assert (parts.pixels, parts.both, parts.one) == (whole.pixels, whole.both, whole.one)
    assert parts.difference == pytest.approx(whole.difference)
    strange = np.where(valid, one, np.float32("nan"))
    assert Homogeneity.of(strange, two, valid) == whole


@given(SEEDS)
def test_who_says_the_same_agrees_fully(seed: int) -> None:
    one, _, valid = _pair(seed)
    figures = Homogeneity.of(one, one, valid).figures()
    assert figures["differing"] in (0, None)
    assert figures["difference"] in (0, None)
    assert figures["iou"] in (1, None)


def test_the_figures_of_a_case_by_hand() -> None:
    one, two = np.array([0.9, 0.9, 0.1, 0.1], np.float32), np.array([0.7, 0.3, 0.6, 0.1], np.float32)
    figures = Homogeneity.of(one, two, np.ones(4, np.bool_)).figures()
    assert figures == {
        "iou": round(1 / 3, 6),
        "differing": 0.5,
        "difference": pytest.approx(0.325, abs=1e-6),
        "pixels": 4,
    }
    assert Homogeneity().figures() == {"iou": None, "differing": None, "difference": None, "pixels": 0}


class Bright:
    """Says tree where the near infrared is bright."""

    bands = ("red", "green", "blue", "nir")
    resolution = 2.0
    digest = "f" * 64
    multiple = 32
    stretch = "none"
    percentiles = (0.005, 0.995)

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        probability: NDArray[np.float32] = (images[:, 3] / 255).astype(np.float32)
        probability[~valid] = 1.0
        return probability


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, NDArray[np.uint8], NDArray[np.uint8]]:
    """Two takes of different sensors that share half of their ground, and a third of the first sensor."""
    folder = tmp_path_factory.mktemp("takes")
    project = build(folder, 0)
    first = write_scene(folder / "scenes" / "a.tif", 1, corner=(EAST, NORTH))
    second = write_scene(folder / "scenes" / "b.tif", 2, corner=(EAST + EDGE, NORTH))
    write_scene(folder / "scenes" / "c.tif", 3, corner=(EAST, NORTH))
    catalogue_scenes(project)
    found = Catalogue.open(project.scenes_file, project.grid)
    sensors = {"a": "PHR", "b": "SPOT", "c": "PHR"}
    scenes = [dataclasses.replace(found.scene(name), sensor=sensor) for name, sensor in sensors.items()]
    return Catalogue(scenes), first, second


def test_only_scenes_of_other_sensors_over_the_same_ground_are_paired(
    takes: tuple[Catalogue, NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    assert [(one.id, two.id) for one, two in overlapping_pairs(takes[0])] == [("a", "b"), ("b", "c")]


def test_it_counts_what_a_look_at_both_images_counts(
    takes: tuple[Catalogue, NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    catalogue, first, second = takes
    scenes = [catalogue.scene("a"), catalogue.scene("b")]
    grid = build(tmp_path, 1).grid
    result = measure_homogeneity(Bright(), Catalogue(scenes), grid)  # type: ignore[arg-type]
    left, right = first[:, :, EDGE // 2 :], second[:, :, : EDGE // 2]
    valid = left.any(axis=0) & right.any(axis=0)
    expected = Homogeneity.of((left[3] / 255).astype(np.float32), (right[3] / 255).astype(np.float32), valid)
    assert list(result) == [("PHR", "SPOT")]
    found = result["PHR", "SPOT"]
    assert (found.pixels, found.both, found.one) == (expected.pixels, expected.both, expected.one)
    assert found.difference == pytest.approx(expected.difference)
    assert summary(result)["sensors"]["PHR and SPOT"]["pixels"] == int(valid.sum())


class Dark(Bright):
    """Says tree where the near infrared is dark."""

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        return np.float32(1) - super().predict(images, valid)


def test_each_scene_may_have_a_model_of_its_own(
    takes: tuple[Catalogue, NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    catalogue, first, second = takes
    scenes = Catalogue([catalogue.scene("a"), catalogue.scene("b")])
    models = {"a": Bright(), "b": Dark()}
    found = measure_homogeneity(Bright(), scenes, build(tmp_path, 1).grid, of_scene=models.__getitem__)  # type: ignore[arg-type]
    left, right = first[:, :, EDGE // 2 :], second[:, :, : EDGE // 2]
    valid = left.any(axis=0) & right.any(axis=0)
    dark = np.float32(1) - (right[3] / 255).astype(np.float32)
    expected = Homogeneity.of((left[3] / 255).astype(np.float32), dark, valid)
    assert (found["PHR", "SPOT"].both, found["PHR", "SPOT"].one) == (expected.both, expected.one)


def test_only_ground_within_counts(
    takes: tuple[Catalogue, NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    catalogue = Catalogue([takes[0].scene("a"), takes[0].scene("b")])
    grid = build(tmp_path, 1).grid
    # The shared ground begins at EAST + EDGE; 20 columns of it, of which the first 12 miss 12 rows of the second take.
    within = box(EAST, NORTH - 2 * EDGE, EAST + EDGE + 40, NORTH)
    result = measure_homogeneity(Bright(), catalogue, grid, within=within)  # type: ignore[arg-type]
    assert result["PHR", "SPOT"].pixels == 20 * EDGE - 12 * 12
    elsewhere = box(EAST - 500, NORTH, EAST - 400, NORTH + 100)
    result = measure_homogeneity(Bright(), catalogue, grid, within=elsewhere)  # type: ignore[arg-type]
    assert result["PHR", "SPOT"] == Homogeneity()


def test_nothing_to_compare_is_told(
    takes: tuple[Catalogue, NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    alone = Catalogue([takes[0].scene("a"), takes[0].scene("c")])
    with pytest.raises(SceneError, match="no two scenes of different sensors"):
        measure_homogeneity(Bright(), alone, build(tmp_path, 1).grid)  # type: ignore[arg-type]

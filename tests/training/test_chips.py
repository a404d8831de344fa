"""Chips are surveyed, cropped the same from memory and from files, and refused where training would learn nothing."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import ProjectError, SampleError, TrainingError
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.samples import Samples, chip_paths
from bocage.settings import Settings
from bocage.training.chips import Chip, ChipStore, digest_chips, survey
from bocage.training.crops import Crops
from tests.training.fakes import EDGE, build, scenery, short_run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return build(tmp_path_factory.mktemp("chips"), (short_run(),))


def test_the_survey_counts_every_split(project: Project) -> None:
    splits = survey(project)
    assert {split: len(chips) for split, chips in splits.items()} == {"train": 6, "validation": 2, "test": 2}
    chip = splits["train"][0]
    _, label = scenery(0)
    assert (chip.tree, chip.other, chip.shape) == ((label == 1).sum(), (label == 0).sum(), (EDGE, EDGE))


def test_the_digest_follows_labels_and_splits(project: Project) -> None:
    splits = survey(project)
    digest = digest_chips(splits)
    assert digest == digest_chips(survey(project))
    changed = splits | {"train": [replace(splits["train"][0], digest="0" * 64), *splits["train"][1:]]}
    assert digest_chips(changed) != digest
    moved = {**splits, "train": splits["train"][1:], "test": [replace(splits["train"][0], split="test")]}
    assert digest_chips(moved) != digest


@functools.cache
def chips_of(project: Project) -> tuple[Chip, ...]:
    return tuple(survey(project)["train"])


@given(index=st.integers(0, 5), row=st.integers(-63, EDGE - 1), column=st.integers(-63, EDGE - 1))
@settings(max_examples=30, deadline=None)
def test_a_crop_from_a_file_is_a_crop_from_memory(project: Project, index: int, row: int, column: int) -> None:
    chips = chips_of(project)
    kept, read = ChipStore(chips), ChipStore(chips, memory=0)
    image, label = kept.crop(index, row, column, 64)
    other, other_label = read.crop(index, row, column, 64)
    assert image.shape == (4, 64, 64)
    np.testing.assert_array_equal(image, other)
    np.testing.assert_array_equal(label, other_label)
    whole, labels = scenery(index)
    padded = np.pad(labels, 64, constant_values=255)
    np.testing.assert_array_equal(label, padded[row + 64 : row + 128, column + 64 : column + 128])
    assert image.sum() <= whole.sum()


def test_crops_are_numbered(project: Project) -> None:
    store = ChipStore(survey(project)["train"])
    crops, again = Crops(store, short_run(seed=1)), Crops(ChipStore(survey(project)["train"]), short_run(seed=1))
    crops.crop(2)
    for one, two in zip(crops.crop(6)[:3], again.crop(6)[:3], strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(crops.crop(0)[0], crops.crop(1)[0])
    assert not np.array_equal(crops.crop(0)[0], Crops(store, short_run(seed=2)).crop(0)[0])


def test_crops_lie_where_something_is_decided(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    samples = Samples.read(project)
    for name, window in zip(samples.table["sample_id"], samples.windows(), strict=True):
        label = np.full((EDGE, EDGE), 255, np.uint8)
        label[80:, 70:], label[80:, 80:] = 0, 1
        write_cog(chip_paths(project, name)[1], label, grid=project.grid, window=window, nodata=255)
    chip = survey(project)["train"][0]
    assert chip.decided.sum() == chip.tree + chip.other == 16 * 26
    crops = Crops(ChipStore([chip]), short_run(augmentation=0))
    assert all((crops.crop(number)[2] != 255).sum() > 100 for number in range(30))


def test_a_crop_larger_than_the_chip_is_padded_with_ignored_pixels(project: Project) -> None:
    image, valid, label, _ = Crops(ChipStore(survey(project)["train"]), short_run(crop=128)).crop(0)
    assert image.shape == (4, 128, 128)
    assert (label == 255).sum() >= 128**2 - EDGE**2
    assert (label[~valid] == 255).all()


def test_a_project_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no samples"):
        survey(Project(tmp_path, Settings()))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_is_named(tmp_path: Path, split: str) -> None:
    others = tuple(name for name in ("train", "validation", "test") if name != split)
    project = build(tmp_path, (short_run(),), others)
    with pytest.raises(TrainingError, match=f"the {split} split holds no chip"):
        survey(project)


@pytest.mark.parametrize(("value", "word"), [(0, "non-tree"), (1, "tree")])
def test_labels_of_one_class_are_refused(tmp_path: Path, value: int, word: str) -> None:
    project = build(tmp_path, (short_run(),))
    samples = Samples.read(project)
    for name, window in zip(samples.table["sample_id"], samples.windows(), strict=True):
        label = np.full((EDGE, EDGE), value, np.uint8)
        write_cog(chip_paths(project, name)[1], label, grid=project.grid, window=window, nodata=255)
    with pytest.raises(TrainingError, match=f"hold {word} pixels only"):
        survey(project)


def test_a_damaged_chip_is_named(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    path = chip_paths(project, "cell3")[1]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SampleError, match=r"cell3\.tif cannot be read"):
        survey(project)


def test_samples_without_a_chip_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = build(tmp_path, (short_run(),))
    number = sum(len(chips) for chips in survey(project).values())
    assert not caplog.text
    chip_paths(project, "cell3")[0].unlink()
    assert sum(len(chips) for chips in survey(project).values()) == number - 1
    assert f"1 of {number} samples have no chip" in caplog.text


def test_an_image_that_is_cut_short_is_found_before_training(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    path = chip_paths(project, "cell3")[0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SampleError, match=r"cell3\.tif is truncated(.|\n)*run: bocage samples cut"):
        survey(project)


@pytest.mark.parametrize(
    ("kind", "value", "words"), [("float32", 1, "pixels of float32"), ("int16", -1, "int16"), ("uint8", 7, "value 7")]
)
def test_what_is_no_label_is_refused(tmp_path: Path, kind: str, value: int, words: str) -> None:
    project = build(tmp_path, (short_run(),))
    path = chip_paths(project, "cell3")[1]
    with rasterio.open(path) as file:
        label, profile = file.read(), file.profile
    path.unlink()
    with rasterio.open(path, "w", **(profile | {"driver": "GTiff", "dtype": kind, "nodata": None})) as file:
        file.write(np.where(label == 1, np.array(value, kind), label.astype(kind)))
    with pytest.raises(SampleError, match=rf"cell3\.tif holds .*{words}; a label is bytes"):
        survey(project)

"""What a pixel counts: the confidence of its label and the weight of its sample."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bocage.errors import ProjectError, TrainingError
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.training.chips import Chip, ChipStore, survey
from bocage.training.crops import Crops
from bocage.training.weighting import FULL, Weighting
from tests.training.fakes import EDGE, build, short_run


def _labels(project: Project, confidence: int | None) -> None:
    """Write label tiles over all chips: band 2 rises from left to right, or is one value."""
    from bocage.grid import Window

    for tile in project.tiling.tiles(Window(0, 0, 10 * EDGE, EDGE)):
        rows, columns = tile.window.shape
        band = np.arange(columns) + tile.window.column if confidence is None else np.full(columns, confidence)
        bands = np.stack([np.zeros((rows, columns)), np.tile(band % 101, (rows, 1))]).astype(np.uint8)
        path = project.labels_folder / f"{tile.id}.tif"
        write_cog(path, bands, grid=project.grid, window=tile.window, nodata=255, descriptions=("label", "confidence"))


def _chips(project: Project) -> list[Chip]:
    """Return the chips to train with, the first of which stands for half as much as the others."""
    chips = survey(project)["train"]
    return [replace(chips[0], weight=3.0), *(replace(chip, weight=6.0) for chip in chips[1:])]


def test_without_a_wish_there_are_no_weights(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    assert Weighting.of(project, short_run(), _chips(project)) is None


def test_samples_count_relative_to_the_largest(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    chips = _chips(project)
    weighting = Weighting.of(project, short_run(weights=("sample",)), chips)
    assert weighting is not None
    assert (weighting.crop(chips[0], 0, 0, 32) == FULL // 2).all()
    part = weighting.crop(chips[1], -16, 80, 32)
    assert (part[16:, :16] == FULL).all()
    assert part[:16].sum() == part[:, 16:].sum() == 0


def test_confidence_is_that_of_the_ground_and_moves_with_the_crop(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    _labels(project, None)
    chips = _chips(project)
    run = short_run(weights=("confidence", "sample"), augmentation=0)
    weighting = Weighting.of(project, run, chips)
    assert weighting is not None
    for index in (0, 1):
        share = (0.5, 1.0)[index]
        confidence = ((np.arange(32) + index * EDGE + 5) % 101) / 100
        expected = np.tile(confidence * share, (32, 1))
        np.testing.assert_allclose(weighting.crop(chips[index], 3, 5, 32) / FULL, expected, atol=1 / FULL)
    image, _, _, weight = Crops(ChipStore(chips), run, weighting).crop(0)
    assert weight is not None
    assert weight.shape == image.shape[1:]
    assert weight.dtype == np.float32
    assert 0 <= weight.min() < weight.max() <= 1
    steps = np.abs(np.diff(weight, axis=0)).max(), np.abs(np.diff(weight, axis=1)).max()
    assert min(steps) == 0 < max(steps), "confidence varies along one axis, in every orientation"
    other = Weighting.of(project, short_run(weights=("sample",)), chips)
    assert other is not None
    assert other.digest != weighting.digest


def test_confidence_that_is_not_there_is_named(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    run = short_run(weights=("confidence",))
    with pytest.raises(ProjectError, match="no labels"):
        Weighting.of(project, run, _chips(project))
    _labels(project, 0)
    with pytest.raises(TrainingError, match="confidence of the labels is 0 in all 6 chips"):
        Weighting.of(project, run, _chips(project))

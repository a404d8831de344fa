"""Crops of scenes: the same for the same number, spread by valid area, read in threads."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from bocage.errors import SceneError, TrainingError
from bocage.training.ground import Ground, choose_ground
from bocage.training.unlabelled import SceneCrops, split_grounds
from tests.training.landscapes import build, write_scene


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ground, ...]:
    return choose_ground(build(tmp_path_factory.mktemp("scenes")), keep_test_unseen=True).grounds


def _crops(grounds: tuple[Ground, ...], seed: int = 0) -> SceneCrops:
    from bocage.settings import PretrainingSettings
    from tests.training.landscapes import SMALL

    return SceneCrops(grounds, PretrainingSettings.model_validate(SMALL), seed)


def test_a_crop_is_the_same_whenever_it_is_read(grounds: tuple[Ground, ...]) -> None:
    together = list(_crops(grounds).batches(0, 4))
    later = list(_crops(grounds).batches(2, 2))
    for one, two in zip(together[2:], later, strict=True):
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.valid, two.valid)
        assert torch.equal(one.hidden, two.hidden)
    assert not torch.equal(together[0].images, together[1].images)
    assert not torch.equal(together[0].images, next(_crops(grounds, seed=1).batches(0, 1)).images)


def test_crops_are_bytes_with_nothing_where_they_are_invalid(grounds: tuple[Ground, ...]) -> None:
    (batch,) = _crops(grounds).batches(7, 1)
    assert batch.images.dtype == torch.uint8
    assert batch.images.shape == batch.hidden.shape == (2, 4, 64, 64)
    assert not batch.images[~batch.valid.unsqueeze(1).expand_as(batch.images)].any()
    assert batch.valid.float().mean() > 0.5


def test_a_reader_that_stops_early_leaves_no_thread_waiting(grounds: tuple[Ground, ...]) -> None:
    batches = _crops(grounds).batches(0, 1000)
    next(batches)
    batches.close()  # type: ignore[attr-defined]


def test_crops_that_do_not_fit_into_main_memory_are_told(
    grounds: tuple[Ground, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MemoryError("Unable to allocate 16.0 GiB")

    monkeypatch.setattr(SceneCrops, "crop", full)
    with pytest.raises(TrainingError, match=r"2 crops of 64 pixels do not fit(.|\n)*lower pretraining\.batch_size"):
        next(_crops(grounds).batches(0, 1))


def test_scenes_are_drawn_by_their_open_area(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, 2)
    write_scene(tmp_path / "scenes" / "wide.tif", 9, corner=(4_100_000.0, 3_100_000.0), edge=384)
    from bocage.scenes import catalogue_scenes

    catalogue_scenes(project)
    found = choose_ground(project, keep_test_unseen=True).grounds
    crops, drawn = _crops(found), Counter[str]()
    window = SceneCrops._window

    def watch(self: SceneCrops, ground: Ground, *others: object) -> object:
        drawn[ground.scene.id] += 1
        return window(self, ground, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(SceneCrops, "_window", watch)
    for number in range(400):
        crops.crop(number)
    areas = {ground.scene.id: ground.area for ground in found}
    share = areas["wide"] / sum(areas.values())
    assert drawn["wide"] / drawn.total() == pytest.approx(share, abs=0.08)


def test_a_scene_that_is_smaller_than_a_crop_is_shown_whole(tmp_path: Path) -> None:
    project = build(tmp_path, 1, crop=256)
    (ground,) = choose_ground(project, keep_test_unseen=True).grounds
    crops = SceneCrops([ground], project.settings.pretraining, 0)
    for number in range(5):
        assert crops.crop(number).valid.sum() == 128 * 128 - 12 * 12


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    project = build(tmp_path, 1)
    found = choose_ground(project, keep_test_unseen=True).grounds
    (tmp_path / "scenes" / "scene_00.tif").unlink()
    with pytest.raises(SceneError, match="scene_00"):
        list(_crops(found).batches(0, 1))


def test_whole_scenes_are_held_out_and_a_large_one_never(grounds: tuple[Ground, ...]) -> None:
    learned, held = split_grounds(grounds, seed=0)
    assert held
    assert sorted(ground.scene.id for ground in [*learned, *held]) == [ground.scene.id for ground in grounds]
    assert sum(ground.area for ground in held) <= sum(ground.area for ground in grounds) / 10
    assert split_grounds(grounds[:2], seed=0) == (list(grounds[:2]), [])


def test_held_out_scenes_follow_the_seed(grounds: tuple[Ground, ...]) -> None:
    names = {tuple(ground.scene.id for ground in split_grounds(grounds, seed)[1]) for seed in range(8)}
    assert len(names) > 1
    assert split_grounds(grounds, 3)[1] == split_grounds(grounds, 3)[1]

"""What nobody labelled is labelled by a network; what somebody labelled stays; a killed run ends the same."""

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors.torch import load_file

from bocage.models import load_model
from bocage.models.segmenter import TorchSegmenter
from bocage.project import Project
from bocage.samples import Samples
from bocage.settings import RunSettings
from bocage.training import train_models
from bocage.training.chips import Chip, ChipStore, count_decided, survey
from bocage.training.crops import Crops
from bocage.training.curve.annotation import AnnotatedStore
from bocage.training.curve.units import find_units
from bocage.training.evaluation import predict_chip
from bocage.training.journal import Journal
from bocage.training.self_training import MixedCrops, PseudoLabelledStore
from bocage.training.weighting import FULL, Weighting
from tests.training.fakes import build, hide_right_half, scenery, short_run

type Pixels = NDArray[np.uint8]


class Bright(TorchSegmenter):
    """Calls a pixel tree whose near infrared is 128 or more."""

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, images: Pixels, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        self.asked += 1
        return (images[:, 3] / np.float32(256)).astype(np.float32)


class Store(ChipStore):
    """Chips that are held in memory only."""

    def __init__(self, pairs: list[tuple[Pixels, Pixels]]) -> None:
        nowhere = Path("nowhere")
        chips = [
            Chip(
                f"chip{place}", "scene", "train", nowhere, nowhere, label.shape, int((label == 1).sum()),
                int((label == 0).sum()), count_decided(label), "",
            )
            for place, (_, label) in enumerate(pairs)
        ]  # fmt: skip
        super().__init__(chips)
        self._kept = dict(enumerate(pairs))


def _pair(seed: int, rows: int, columns: int) -> tuple[Pixels, Pixels]:
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 256, (4, rows, columns), np.uint8)
    image[:, rng.random((rows, columns)) < 0.2] = 0
    label = rng.choice(np.array([0, 1, 255], np.uint8), (rows, columns), p=[0.1, 0.1, 0.8])
    label[~image.any(axis=0)] = 255
    return image, label


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 70), st.integers(1, 70))
def test_labels_stay_and_the_rest_is_as_predicted(seed: int, rows: int, columns: int) -> None:
    image, label = _pair(seed, rows, columns)
    store = PseudoLabelledStore(Store([(image, label)]), [Bright()])
    shown, filled = store.read(0)
    np.testing.assert_array_equal(shown, image)
    valid = image.any(axis=0)
    np.testing.assert_array_equal(filled[label != 255], label[label != 255])
    np.testing.assert_array_equal(filled[~valid], 255)
    nobody = valid & (label == 255)
    np.testing.assert_array_equal(filled[nobody], image[3][nobody] >= 128)
    assert (store.labelled, store.trees) == (nobody.sum(), (image[3][nobody] >= 128).sum())
    chip = store.chips[0]
    assert (chip.tree, chip.other, chip.decided.sum()) == ((filled == 1).sum(), (filled == 0).sum(), valid.sum())


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(-40, 60), st.integers(-40, 60))
def test_a_crop_is_cut_from_the_filled_chip(seed: int, row: int, column: int) -> None:
    store = PseudoLabelledStore(Store([_pair(seed, 70, 61)]), [Bright()])
    shown, filled = store.read(0)
    image, label = store.crop(0, row, column, 64)
    around = np.pad(filled, 100, constant_values=255)[row + 100 : row + 164, column + 100 : column + 164]
    np.testing.assert_array_equal(label, around)
    around = np.pad(shown, ((0, 0), (100, 100), (100, 100)))[:, row + 100 : row + 164, column + 100 : column + 164]
    np.testing.assert_array_equal(image, around)


def test_a_model_is_asked_once_for_each_chip_also_for_those_without_a_label() -> None:
    image, label = _pair(1, 40, 40)
    segmenter = Bright()
    store = PseudoLabelledStore(Store([(image, label), (image, np.full_like(label, 255))]), [segmenter])
    for _ in range(3):
        store.read(1)
        store.crop(0, 3, 5, 32)
    assert segmenter.asked == 2
    assert store.chips[1].decided.sum() == image.any(axis=0).sum()


def test_several_models_label_by_their_mean() -> None:
    image, label = _pair(4, 40, 40)
    label[:] = 255
    dark = Bright()
    dark.predict = lambda images, valid: np.zeros(valid.shape, np.float32)  # type: ignore[method-assign]
    # The mean with one that sees no tree is half of what the other says, which is never above a half.
    store = PseudoLabelledStore(Store([(image, label)]), [Bright(), dark])
    assert (store.trees, store.labelled) == (0, int(image.any(axis=0).sum()))
    bright = Bright()
    bright.predict = lambda images, valid: np.ones(valid.shape, np.float32)  # type: ignore[method-assign]
    store = PseudoLabelledStore(Store([(image, label)]), [dark, bright, Bright()])
    np.testing.assert_array_equal(store.read(0)[1] == 1, image[3] / 256 >= 0.5)


def test_pixels_are_not_sent_to_other_processes(tmp_path: Path) -> None:
    base = ChipStore(survey(_build(tmp_path, short_run()))["train"])
    filled = PseudoLabelledStore(base, [Bright()])
    mixed = MixedCrops(Crops(base, short_run()), Crops(filled, short_run()))
    sent = pickle.dumps(mixed)
    assert len(sent) < sum(image.nbytes for image, _ in base) / 4
    there = pickle.loads(sent)
    for number in range(4):
        for got, asked in zip(there.crop(number), mixed.crop(number), strict=True):
            np.testing.assert_array_equal(got, asked)


def test_crops_come_from_either_store_in_turn() -> None:
    annotated, predicted = Store([_pair(2, 96, 96)]), Store([_pair(3, 96, 96)])
    one, two = Crops(annotated, short_run()), Crops(predicted, short_run())
    mixed = MixedCrops(one, two)
    assert mixed.run == short_run()
    for number in range(4):
        for got, asked in zip(mixed.crop(number), (one, two)[number % 2].crop(number), strict=True):
            np.testing.assert_array_equal(got, asked)


def test_annotations_are_found_again_among_all_chips(tmp_path: Path) -> None:
    base = ChipStore(survey(build(tmp_path, (short_run(),)))["train"])
    units = [unit for unit in find_units(base, 24, 0.5) if unit.chip in {0, 2}][:9]
    part = AnnotatedStore(base, units)
    whole = part.everywhere()
    assert [chip.sample_id for chip in whole.chips] == [chip.sample_id for chip in base.chips]
    labels = {chip.sample_id: pair[1] for chip, pair in zip(part.chips, part, strict=True)}
    for chip, (_, label) in zip(whole.chips, whole, strict=True):
        np.testing.assert_array_equal(label, labels.get(chip.sample_id, np.full_like(label, 255)))
        assert chip.decided.sum() == (label != 255).sum()
    assert base.everywhere() is base


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Any]]:
    project = _build(tmp_path_factory.mktemp("undecided"), short_run(self_training=1))
    return project, train_models(project).figures["runs"]["slf"]


def _build(folder: Path, run: RunSettings) -> Project:
    return hide_right_half(build(folder, (run,)))


def _weights(project: Project) -> dict[str, torch.Tensor]:
    return load_file(project.models_folder / "slf" / "model.safetensors")


def test_a_run_learns_again_from_what_it_labelled(undecided: tuple[Project, dict[str, Any]], tmp_path: Path) -> None:
    project, figures = undecided
    plain = _build(tmp_path, short_run())
    before = train_models(plain).figures["runs"]["slf"]
    first = figures["rounds_before"][0]
    assert {name: first[name] for name in ("steps", "kept_step", "validation_iou")} == {
        name: before[name] for name in ("steps", "kept_step", "validation_iou")
    }
    assert figures["steps"] == 6
    assert figures["seconds"] > first["seconds"]
    assert "rounds_before" not in before
    assert any(not torch.equal(tensor, _weights(plain)[name]) for name, tensor in _weights(project).items())
    folder = project.models_folder / "slf"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "log.csv", "model.json", "model.safetensors", "tensorboard", "training.json",
    ]  # fmt: skip
    assert "self_training" in (folder / "training.json").read_text(encoding="utf-8")
    # What was trained before there was self-training keeps its digest.
    assert '"self_training"' not in (plain.models_folder / "slf" / "training.json").read_text(encoding="utf-8")


def test_the_second_network_learns_what_the_first_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bocage")
    seen: list[PseudoLabelledStore] = []
    make = PseudoLabelledStore.__init__

    def watch(self: PseudoLabelledStore, *given: Any) -> None:
        make(self, *given)
        seen.append(self)

    monkeypatch.setattr(PseudoLabelledStore, "__init__", watch)
    train_models(_build(tmp_path / "two", short_run(self_training=1)))
    # The first round is the run without self-training, whose package is at hand.
    plain = _build(tmp_path / "one", short_run())
    train_models(plain)
    model = load_model(plain.models_folder / "slf")
    (store,) = seen
    assert len(store) == 6
    for index in range(6):
        image, label = store.read(index)
        says = (predict_chip(model, image) >= 0.5)[:, 48:]
        assert (label[:, 48:] == says).mean() > 0.999
        np.testing.assert_array_equal(label[:, :48], scenery(index)[1][:, :48])
    assert f"round 1 of 2 labels {6 * 96 * 48} pixels that had no label" in caplog.text
    assert "only costs time" not in caplog.text


def test_teachers_learn_apart_and_label_together(
    undecided: tuple[Project, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    make = PseudoLabelledStore.__init__

    def watch(self: PseudoLabelledStore, base: ChipStore, teachers: list[Any], *given: Any) -> None:
        seen.append(len(teachers))
        first, second = (teacher.predict(*_batch(base)) for teacher in teachers)
        assert np.abs(first - second).max() > 1e-4
        make(self, base, teachers, *given)

    monkeypatch.setattr(PseudoLabelledStore, "__init__", watch)
    project = _build(tmp_path, short_run(self_training=1, teachers=2))
    figures = train_models(project).figures["runs"]["slf"]
    assert seen == [2]
    alone = undecided[1]["rounds_before"]
    assert len(figures["rounds_before"]) == 2
    assert figures["rounds_before"][0]["validation_iou"] == alone[0]["validation_iou"]
    assert figures["rounds_before"][1]["validation_iou"] != alone[0]["validation_iou"]


def _batch(store: ChipStore) -> tuple[Pixels, NDArray[np.bool_]]:
    image = store.read(0)[0]
    return image[np.newaxis], image.any(axis=0)[np.newaxis]


@pytest.mark.parametrize("killed", [3, 9])
def test_a_run_killed_in_either_round_ends_the_same(
    tmp_path: Path, undecided: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, killed: int
) -> None:
    project = _build(tmp_path, short_run(self_training=1))
    count = Journal.on_train_batch_end
    steps: list[int] = []

    def watch(self: Journal, trainer: Any, task: Any, *others: Any) -> None:
        count(self, trainer, task, *others)
        steps.append(task.step)
        if len(steps) == killed:
            raise MemoryError("killed")

    monkeypatch.setattr(Journal, "on_train_batch_end", watch)
    with pytest.raises(MemoryError):
        train_models(project)
    train_models(project)
    whole = [*range(1, 7), *range(1, 7)]
    assert steps == [*whole[:killed], *whole[killed - 1 :]]
    for name, tensor in _weights(project).items():
        torch.testing.assert_close(tensor, _weights(undecided[0])[name], rtol=1e-4, atol=1e-5, msg=name)


def test_weights_of_samples_count_on_predicted_ground_too(tmp_path: Path) -> None:
    run = short_run(self_training=1, weights=("sample",))
    project = _build(tmp_path, run)
    table = Samples.read(project).table
    table["weight"] = [2.0, *[4.0] * (len(table) - 1)]
    Samples(table).write(project.samples_file)
    store = ChipStore(survey(project)["train"])
    weighting = Weighting.of(project, run, store.chips)
    assert weighting is not None
    # Pixels of the right half, which only a model labels, by the weight of their chip.
    for index, chip in enumerate(PseudoLabelledStore(store, [Bright()]).chips):
        assert set(np.unique(weighting.crop(chip, 0, 48, 48))) == {FULL // 2 if index == 0 else FULL}
    assert train_models(project).figures["runs"]["slf"]["rounds_before"]


@pytest.mark.parametrize(("labelled", "words"), [("all", "only costs time"), ("half", "is taken for other than trees")])
def test_what_can_teach_nothing_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, labelled: str, words: str
) -> None:
    run = short_run(self_training=1, steps=2)
    project = build(tmp_path, (run,)) if labelled == "all" else _build(tmp_path, run)
    monkeypatch.setattr(
        "bocage.training.self_training.predict_chip", lambda _, image: np.zeros(image.shape[1:], np.float32)
    )
    train_models(project)
    assert words in caplog.text


def test_fewer_rounds_than_before_leave_nothing_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise MemoryError("killed")

    project = _build(tmp_path, short_run(self_training=2, steps=2))
    with monkeypatch.context() as patch:
        # After the second round and before the third.
        patch.setattr("bocage.training.rounds._tell", lambda _, number, __: stop() if number else None)
        with pytest.raises(MemoryError):
            train_models(project)
    folder = project.models_folder / "slf"
    assert sorted(path.name for path in (folder / "rounds").iterdir()) == ["0", "1"]
    figures = train_models(project, [short_run(self_training=1, steps=2)]).figures["runs"]["slf"]
    assert len(figures["rounds_before"]) == 1
    assert not (folder / "rounds").exists()
    assert not (folder / "training").exists()


def test_confidence_is_refused_since_predicted_labels_have_none() -> None:
    with pytest.raises(ValidationError, match="self_training labels pixels of which no confidence is known"):
        short_run(self_training=1, weights=("confidence",))

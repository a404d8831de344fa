"""Pretraining ends with a backbone that runs take; a killed one ends with the same; test ground is never seen."""

import csv
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from bocage.errors import ModelError, SettingsError, TrainingError
from bocage.models import BACKBONES, find_weights, load_model, read_description
from bocage.models.checkpoint import read_checkpoint
from bocage.models.homemade import NOTE, WEIGHTS, find_homemade
from bocage.models.network import build_network
from bocage.models.weights import WEIGHTS_VARIABLE
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.settings import PretrainingSettings, SamplesSettings
from bocage.training import train_models
from bocage.training.ground import Choice
from bocage.training.pretraining import pretrain
from bocage.training.reconstruction_task import ReconstructionTask
from tests.training.fakes import build as build_chips
from tests.training.fakes import short_run
from tests.training.landscapes import build

NAME, FILE = "county", "efficientnet_lite0.safetensors"
TEST = SamplesSettings(split="scenes", test_scenes=("scene_03",), validation_scenes=("scene_04",))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Any]]:
    project = build(tmp_path_factory.mktemp("pretrained"), samples=TEST)
    return project, _pretrain(project)


def _pretrain(project: Project, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"backbone": "efficientnet_lite0", "name": NAME, "from_scratch": True}
    return pretrain(project, **(given | changes)).figures


def _weights(project: Project) -> dict[str, torch.Tensor]:
    return load_file(project.backbones_folder / NAME / WEIGHTS)


def test_it_leaves_weights_a_note_and_a_log(done: tuple[Project, dict[str, Any]]) -> None:
    project, figures = done
    folder = project.backbones_folder / NAME
    assert sorted(path.name for path in folder.iterdir()) == [NOTE, WEIGHTS, "log.csv"]
    rows = list(csv.DictReader((folder / "log.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    assert all(float(row["loss"]) > 0 and float(row["held_out"]) > 0 for row in rows)
    assert figures["held_out"] == float(rows[-1]["held_out"])
    json.dumps(figures, allow_nan=False)


def test_scenes_of_test_and_validation_are_not_seen(done: tuple[Project, dict[str, Any]]) -> None:
    note, _ = find_homemade(done[0], NAME)
    assert note.left_out == ("scene_03", "scene_04")
    held_out = set(note.figures["held_out_scenes"])
    assert set(note.scenes) | held_out == {f"scene_{number:02d}" for number in range(12)} - set(note.left_out)
    assert not set(note.scenes) & held_out


def test_what_test_scenes_hold_changes_nothing(tmp_path: Path, done: tuple[Project, dict[str, Any]]) -> None:
    from tests.training.landscapes import EAST, EDGE, NORTH, write_scene

    project = build(tmp_path, samples=TEST)
    write_scene(tmp_path / "scenes" / "scene_03.tif", 99, corner=(EAST + 12 * EDGE, NORTH))
    _pretrain(project)
    assert all(torch.equal(tensor, _weights(done[0])[name]) for name, tensor in _weights(project).items())


@pytest.mark.parametrize(("samples", "told"), [(SamplesSettings(), True), (TEST, False)])
def test_test_ground_that_is_not_known_yet_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    samples: SamplesSettings,
    told: bool,
) -> None:
    def halt(*_: Any) -> None:
        raise MemoryError("far enough")

    monkeypatch.setattr("bocage.training.pretraining._pretrain", halt)
    with pytest.raises(MemoryError), caplog.at_level(logging.WARNING, logger="bocage"):
        _pretrain(build(tmp_path, 5, samples=samples))
    assert ("ground that is tested later is seen now" in caplog.text) == told


def test_a_finished_one_is_left_alone(done: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.training.pretraining._fit", lambda *_: pytest.fail("it was pretrained again"))
    assert _pretrain(done[0]) == done[1]


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("own", "mean", "told"), [(0.0912, 0.088, 1), (0.088, 0.088, 1), (0.087, 0.088, 0), (None, None, 0)]
)
def test_a_trunk_that_knows_no_more_than_the_mean_colour_is_told(
    done: tuple[Project, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    own: float | None,
    mean: float | None,
    told: int,
    kept: bool,
) -> None:
    note, _ = find_homemade(done[0], NAME)
    assert {"held_out", "held_out_by_mean_colour", "steps"} <= set(note.figures)
    made = replace(note, figures={**note.figures, "held_out": own, "held_out_by_mean_colour": mean})
    # Of weights that stay as they are it is said again, since they are what a run takes.
    monkeypatch.setattr("bocage.training.pretraining._finished", lambda *_: made if kept else None)
    monkeypatch.setattr("bocage.training.pretraining._pretrain", lambda *_: made)
    _pretrain(done[0])
    assert caplog.text.count(f"backbone {NAME}: its error on scenes held out is {own}, and that of saying") == told
    assert caplog.text.count(f"colour of what is shown is {mean}: it has learned nothing") == told
    assert caplog.text.count("raise pretraining.steps above 6, or give it more scenes") == told


def test_a_killed_one_goes_on_and_ends_the_same(
    tmp_path: Path, done: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = build(tmp_path, samples=TEST)
    learn = ReconstructionTask.learn
    steps: list[int] = []

    def watch(self: ReconstructionTask, batch: Any, step: int) -> float:
        if len(steps) == 5:
            steps.append(-1)
            raise MemoryError("killed")
        steps.append(step)
        return learn(self, batch, step)

    monkeypatch.setattr(ReconstructionTask, "learn", watch)
    with pytest.raises(MemoryError):
        _pretrain(project)
    assert not (project.backbones_folder / NAME / NOTE).exists()
    _pretrain(project)
    assert steps == [0, 1, 2, 3, 4, -1, 4, 5]
    expected = _weights(done[0])
    for name, tensor in _weights(project).items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-6, msg=name)
    logs = [one.backbones_folder / NAME / "log.csv" for one in (project, done[0])]
    assert logs[0].read_text(encoding="utf-8") == logs[1].read_text(encoding="utf-8")


def test_a_state_of_other_inputs_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, 11)

    def stop(*_: Any) -> None:
        raise MemoryError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.pretraining.save_homemade", stop)
        with pytest.raises(MemoryError):
            _pretrain(project)
    state = project.backbones_folder / NAME / "training" / "state.ckpt"
    assert state.is_file()
    assert _pretrain(project, steps=2)["steps"] == 2
    assert not state.exists()


def test_a_damaged_state_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, 3, steps=2)

    def stop(*_: Any) -> None:
        raise MemoryError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.pretraining.save_homemade", stop)
        with pytest.raises(MemoryError):
            _pretrain(project)
    for name in ("state.ckpt", "inputs.json"):
        path = project.backbones_folder / NAME / "training" / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(TrainingError, match=rf"{name} cannot be read: .*\n.*remove {path.parent} and"):
            _pretrain(project)
        path.write_bytes(whole)


def test_a_run_takes_it_by_its_name(tmp_path: Path, done: tuple[Project, dict[str, Any]]) -> None:
    run = short_run(backbone=NAME, steps=2)
    project = build_chips(tmp_path, (run,))
    project.backbones_folder.symlink_to(done[0].backbones_folder)
    train_models(project)
    folder = project.models_folder / "slf"
    description, _ = read_description(folder)
    assert description.backbone == "efficientnet_lite0"
    assert description.pretrained_source.startswith(f"{NAME}, pretrained on ")
    assert find_homemade(project, NAME)[0].digest in description.pretrained_source
    # The package needs the backbone's folder no more.
    project.backbones_folder.unlink()
    load_model(folder)


def test_a_run_begins_with_its_weights(tmp_path: Path, done: tuple[Project, dict[str, Any]]) -> None:
    first: list[torch.Tensor] = []
    project = build_chips(
        tmp_path, (short_run(backbone=NAME, steps=1), short_run(name="r", backbone=NAME, pretrained=False))
    )
    project.backbones_folder.symlink_to(done[0].backbones_folder)

    def look(network: Any, *_: Any) -> None:
        first.append(next(network.trunk.parameters()).detach().clone())
        raise MemoryError("seen")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bocage.training.rounds.learn", look)
        for run in project.settings.training.runs:
            with pytest.raises(MemoryError):
                train_models(project, [run])
    trunk = build_network("efficientnet_lite0", False, weights=done[0].backbones_folder / NAME / WEIGHTS).trunk
    assert torch.equal(first[0], next(trunk.parameters()))
    assert not torch.equal(first[1], first[0])


def test_it_goes_on_from_one_made_before(tmp_path: Path, done: tuple[Project, dict[str, Any]]) -> None:
    project = build(tmp_path, 3, steps=1)
    project.backbones_folder.mkdir()
    (project.backbones_folder / NAME).symlink_to(done[0].backbones_folder / NAME)
    _pretrain(project, backbone=NAME, name="further", from_scratch=False)
    note, _ = find_homemade(project, "further")
    assert note.start == f"{NAME} {find_homemade(done[0], NAME)[0].digest}"
    assert note.backbone == "efficientnet_lite0"


def test_of_a_file_in_place_of_the_published_one_no_licence_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = read_checkpoint(find_weights(BACKBONES["efficientnet_lite0"]))
    save_file({name: tensor.contiguous() / 2 for name, tensor in published.items()}, tmp_path / FILE)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    project = build(tmp_path / "project", 3, steps=1)
    _pretrain(project, from_scratch=False)
    note, _ = find_homemade(project, NAME)
    assert note.start.startswith(f"{FILE}, which stands in place of the published file, SHA-256 ")
    assert note.licence.startswith("not known")


def test_published_weights_are_the_start_by_default(tmp_path: Path) -> None:
    project = build(tmp_path, 3, steps=1, learning_rate=1e-9)
    _pretrain(project, from_scratch=False)
    note, path = find_homemade(project, NAME)
    assert note.start.startswith("ImageNet-1k ")
    assert note.licence == "Apache-2.0"
    published = dict(build_network("efficientnet_lite0", pretrained=True).trunk.named_parameters())
    for name, tensor in load_file(path).items():
        if name in published:
            torch.testing.assert_close(tensor, published[name].detach(), rtol=0, atol=1e-6)


def test_what_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    project = build(tmp_path, 1)
    with pytest.raises(ModelError, match="is a backbone of Bocage already"):
        _pretrain(project, name="resnet50")
    with pytest.raises(ModelError, match="neither a backbone of Bocage nor"):
        _pretrain(project, backbone="alexnet")
    with pytest.raises(ModelError, match="no network and cannot be pretrained"):
        _pretrain(project, backbone="forest")
    with pytest.raises(ModelError, match="made from itself"):
        _pretrain(project, backbone=NAME)
    with pytest.raises(ModelError, match="--from-scratch"):
        _pretrain(project, backbone="resnet50", from_scratch=False)
    with pytest.raises(SettingsError, match="steps 0"):
        _pretrain(project, steps=0)
    assert not project.backbones_folder.exists()


def test_no_ground_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, 1, SamplesSettings(split="scenes", test_scenes=("scene_00",)))
    none = Choice((), (), (Refusal("scene_01", "it has no near infrared band"),))
    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.pretraining.choose_ground", lambda *_, **__: none)
        with pytest.raises(TrainingError, match=r"refused are 1, first scene_01: it has no near infrared band"):
            _pretrain(project)
    with pytest.raises(TrainingError, match="left to learn from"):
        _pretrain(project)


def test_a_loss_that_is_no_number_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"lower pretraining\.learning_rate"):
        _pretrain(build(tmp_path, 1, learning_rate=1e30))


def test_want_of_memory_is_told_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ReconstructionTask, "error", full)
    with pytest.raises(TrainingError, match=r"do not fit into memory\n.*lower pretraining\.batch_size"):
        _pretrain(build(tmp_path, 1))


@pytest.mark.parametrize(
    "change",
    [
        {"patch": 24}, {"hidden": 1.0}, {"hidden": 0.0}, {"crop": 64, "patch": 64}, {"hidden": 0.001}, {"steps": 0},
        {"crop": 100}, {"apart": 1.5}, {"learning_rate": 0}, {"mask": 0.5}, {"seed": -1},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PretrainingSettings.model_validate(change)


def test_a_backbone_that_is_made_again_makes_the_training_stale(tmp_path: Path) -> None:
    from bocage.stages import stage_named

    project = build_chips(tmp_path, (short_run(backbone=NAME), short_run(name="plain")))
    assert list(stage_named("train").outside(project)) == []
    note = project.backbones_folder / NAME / NOTE
    note.parent.mkdir(parents=True)
    note.write_text("{}", encoding="utf-8")
    assert list(stage_named("train").outside(project)) == [note]

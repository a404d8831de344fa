"""Training ends with a package; a killed run ends with the same one; a finished run is left alone."""

import csv
import itertools
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bocage.errors import ModelError, SettingsError, TrainingError
from bocage.models import BACKBONES, load_model, read_description
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.samples import Samples, chip_paths
from bocage.training import train_models
from bocage.training.chips import digest_chips, survey
from bocage.training.evaluation import predict_chip
from bocage.training.journal import Journal
from bocage.training.loss import masked_loss
from tests.training.fakes import build, scenery, short_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Any]]:
    project = build(tmp_path_factory.mktemp("trained"), (short_run(),))
    return project, train_models(project).figures


def _weights(project: Project, run: str = "slf") -> dict[str, torch.Tensor]:
    return load_file(project.models_folder / run / "model.safetensors")


def _assert_same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert set(one) == set(two)
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=1e-4, atol=1e-5, msg=name)


def test_a_run_leaves_a_package_a_log_and_figures(trained: tuple[Project, dict[str, Any]]) -> None:
    project, figures = trained
    folder = project.models_folder / "slf"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "log.csv",
        "model.json",
        "model.safetensors",
        "tensorboard",
        "training.json",
    ]
    rows = list(csv.DictReader((folder / "log.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    assert all(float(row["iou"]) >= 0 and float(row["loss"]) > 0 for row in rows)
    run = figures["runs"]["slf"]
    assert run["kept_step"] in {2, 4, 6}
    assert 0 <= run["test"]["iou"] <= 1
    assert set(run["test"]["scenes"]) == {"scene4"}
    assert set(figures["ndvi"]["test"]["scenes"]) == {"scene4"}
    json.dumps(figures, allow_nan=False)
    assert read_description(folder)[0].bbox is not None
    contract = BACKBONES["efficientnet_lite0"].contract
    assert read_description(folder)[0].scaling == (contract.mean, contract.std)


def test_the_package_predicts_what_was_scored(trained: tuple[Project, dict[str, Any]]) -> None:
    project, figures = trained
    model = load_model(project.models_folder / "slf")
    found = union = 0
    for index in (8, 9):
        image, label = scenery(index)
        says, tree, decided = predict_chip(model, image) >= 0.5, label == 1, label != 255
        found += int((says & tree & decided).sum())
        union += int(((says | tree) & decided).sum())
    assert figures["runs"]["slf"]["test"]["iou"] == pytest.approx(found / union, abs=1e-3)


def test_a_finished_run_is_left_alone(trained: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    project, figures = trained
    monkeypatch.setattr("bocage.training.rounds.learn", lambda *_: pytest.fail("it was trained again"))
    assert train_models(project).figures == figures


def test_a_damaged_package_is_trained_again(tmp_path: Path, trained: tuple[Project, dict[str, Any]]) -> None:
    project = build(tmp_path, (short_run(),))
    train_models(project)
    path = project.models_folder / "slf" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    train_models(project)
    # The same seed, chips and settings give the same weights, in another folder too.
    _assert_same(_weights(project), _weights(trained[0]))


def test_a_killed_run_goes_on_and_ends_the_same(
    tmp_path: Path, trained: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = build(tmp_path, (short_run(),))
    count = Journal.on_train_batch_end
    steps: list[int] = []

    def watch(self: Journal, trainer: Any, task: Any, *others: Any) -> None:
        count(self, trainer, task, *others)
        steps.append(task.step)
        if steps == [1, 2, 3, 4, 5]:
            raise MemoryError("killed")

    monkeypatch.setattr(Journal, "on_train_batch_end", watch)
    with pytest.raises(MemoryError):
        train_models(project)
    assert not (project.models_folder / "slf" / "model.json").exists()
    figures = train_models(project).figures
    assert steps == [1, 2, 3, 4, 5, 5, 6]
    _assert_same(_weights(project), _weights(trained[0]))
    log = (project.models_folder / "slf" / "log.csv").read_text(encoding="utf-8")
    assert log == (trained[0].models_folder / "slf" / "log.csv").read_text(encoding="utf-8")
    assert figures["runs"]["slf"]["kept_step"] == trained[1]["runs"]["slf"]["kept_step"]


def _stop_before_the_package(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise MemoryError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.rounds.load_file", stop)
        with pytest.raises(MemoryError):
            train_models(project)
    assert (project.models_folder / "slf" / "training" / "state.ckpt").is_file()


def test_a_run_killed_after_its_last_step_only_packs(
    tmp_path: Path, trained: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = build(tmp_path, (short_run(),))
    _stop_before_the_package(project, monkeypatch)
    monkeypatch.setattr(Journal, "on_train_batch_end", lambda *_: pytest.fail("it was trained again"))
    train_models(project)
    _assert_same(_weights(project), _weights(trained[0]))


def test_a_state_of_other_inputs_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, (short_run(),))
    _stop_before_the_package(project, monkeypatch)
    figures = train_models(project, [short_run(seed=1, steps=2)]).figures
    assert figures["runs"]["slf"]["kept_step"] == 2


def test_a_damaged_state_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, (short_run(steps=2),))
    _stop_before_the_package(project, monkeypatch)
    for name in ("state.ckpt", "inputs.json", "kept.safetensors"):
        path = project.models_folder / "slf" / "training" / name
        whole = path.read_bytes()
        for damaged in (whole[: len(whole) // 2], b""):
            path.write_bytes(damaged)
            with pytest.raises(TrainingError, match=rf"{name} cannot be read: .*\n.*remove {path.parent} and"):
                train_models(project)
        path.write_bytes(whole)


def test_an_interrupt_stays_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "on_train_batch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        train_models(build(tmp_path, (short_run(),)))


def test_it_says_nothing_on_standard_output_and_leaves_no_logs_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    train_models(build(tmp_path / "project", (short_run(steps=2),)))
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "lightning" not in shown.err.lower()
    assert not [record for record in caplog.records if record.name.startswith("lightning")]
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
    assert not list(tmp_path.rglob("*lightning*"))


def test_a_test_split_without_trees_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = build(tmp_path, (short_run(steps=2),))
    samples = Samples.read(project)
    for name, split, window in zip(samples.table["sample_id"], samples.table["split"], samples.windows(), strict=True):
        if split == "test":
            label = np.zeros((window.height, window.width), np.uint8)
            write_cog(chip_paths(project, name)[1], label, grid=project.grid, window=window, nodata=255)
    train_models(project)
    assert "hold no tree: its IoU says nothing" in caplog.text


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.training.task.masked_loss", lambda logit, *_, **__: logit.mean() * float("nan"))
    with pytest.raises(TrainingError, match="run slf: the loss is nan at step 1") as caught:
        train_models(build(tmp_path, (short_run(),)))
    assert "learning_rate" in caught.value.mend


def test_a_loss_that_is_not_finite_is_told_by_its_step_and_nothing_of_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, asked = masked_loss, itertools.count(1)

    def breaks(*given: Any, **options: Any) -> torch.Tensor:
        return loss(*given, **options) * (float("inf") if next(asked) == 5 else 1)

    monkeypatch.setattr("bocage.training.task.masked_loss", breaks)
    project = build(tmp_path, (short_run(steps=8, validate_every=3, select="last"),))
    with pytest.raises(TrainingError, match="the loss is inf at step 5"):
        train_models(project)
    working = project.models_folder / "slf" / "training"
    assert torch.load(working / "state.ckpt", weights_only=True)["task"]["step"] == 3
    assert all(one.isfinite().all() for one in load_file(working / "kept.safetensors").values())


def test_an_unknown_backbone_of_a_later_run_is_told_before_the_first_is_trained(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(), short_run(name="typo", backbone="efficientnet_lite")))
    with pytest.raises(ModelError, match="'efficientnet_lite' is neither a backbone") as caught:
        train_models(project)
    assert "efficientnet_lite0" in caught.value.mend
    assert "forest_per_image" in caught.value.mend
    assert not project.models_folder.exists()


def test_a_backbone_without_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOCAGE_WEIGHTS", raising=False)
    with pytest.raises(ModelError, match="resnet50"):
        train_models(build(tmp_path, (short_run(backbone="resnet50"),)))


def test_the_options_of_the_command_describe_one_run(trained: tuple[Project, dict[str, Any]]) -> None:
    project, _ = trained
    outcome = train_models(project, name="other", steps=2)
    assert set(outcome.figures["runs"]) == {"other"}
    assert (project.models_folder / "other" / "model.json").is_file()
    assert (project.models_folder / "slf" / "model.json").is_file()
    with pytest.raises(SettingsError, match="name"):
        train_models(project, name="no/name")


def test_changed_labels_train_again(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(steps=2),))
    train_models(project)
    before, digest = _weights(project), read_description(project.models_folder / "slf")[0].training_digest
    samples = Samples.read(project)
    # One chip among six need not be drawn in a run of four crops, so all of them change.
    for index, (name, window) in enumerate(zip(samples.table["sample_id"], samples.windows(), strict=True)):
        label = (1 - scenery(index)[1].clip(0, 1)).astype(np.uint8)
        write_cog(chip_paths(project, name)[1], label, grid=project.grid, window=window, nodata=255)
    train_models(project)
    assert read_description(project.models_folder / "slf")[0].training_digest != digest
    assert any(not torch.equal(tensor, before[name]) for name, tensor in _weights(project).items())


def test_one_changed_label_changes_the_digest(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    before = digest_chips(survey(project))
    window = Samples.read(project).windows()[0]
    label = (1 - scenery(0)[1].clip(0, 1)).astype(np.uint8)
    write_cog(chip_paths(project, "cell0")[1], label, grid=project.grid, window=window, nodata=255)
    assert digest_chips(survey(project)) != before

"""Sessions of training: what is kept, when a run stops, what it writes; the same seed gives the same weights."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bocage.errors import SettingsError, TrainingError
from bocage.models import find_backbone, load_model, read_description
from bocage.models.network import build_network
from bocage.project import Project
from bocage.training import train_models, train_run
from bocage.training.batches import Batches
from bocage.training.chips import ChipStore, digest_chips, survey
from bocage.training.crops import Crops
from bocage.training.journal import Journal
from bocage.training.precision import choose_precision
from bocage.training.task import SegmentationTask
from tests.training.fakes import build, hide_right_half, short_run
from tests.training.networks import TinyNetwork, same_weights, steady, tiny

SETTINGS = """
[[training.runs]]
name = "slf"
steps = 4
batch_size = 2
crop = 64
validate_every = 2
learning_rate = 2e-3
"""


@pytest.fixture
def with_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.training.fitting.build_network", tiny)


def _weights(project: Project, run: str = "slf") -> dict[str, torch.Tensor]:
    return load_file(project.models_folder / run / "model.safetensors")


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "bocage", "train", "--project", str(folder), "--json"]


def _project(folder: Path) -> Project:
    build(folder, (short_run(),))
    (folder / "bocage.toml").write_text(SETTINGS, encoding="utf-8")
    return Project.open(folder)


def test_the_command_after_a_kill_gives_the_weights_that_python_gives(tmp_path: Path) -> None:
    python, command = _project(tmp_path / "python"), _project(tmp_path / "command")
    train_models(python)
    state = command.models_folder / "slf" / "training" / "state.ckpt"
    with subprocess.Popen(_command(command.folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not state.is_file() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert state.is_file()
    assert not (command.models_folder / "slf" / "model.json").exists()
    subprocess.run(_command(command.folder), check=True, capture_output=True)
    wanted, found = _weights(python), _weights(command)
    assert set(found) == set(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


GRADUAL: dict[str, Any] = {"recipe": "gradual", "unfreeze": (1, 3, 5), "layer_decay": 0.7, "exchange": 0.5, "zoom": 2}


@pytest.mark.usefixtures("with_tiny")
@pytest.mark.parametrize("changes", [{}, GRADUAL], ids=["full", "gradual"])
def test_a_run_with_dropout_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    run = short_run(steps=6, precision="32", **changes)
    whole, killed = build(tmp_path / "whole", (run,)), build(tmp_path / "killed", (run,))
    train_models(whole)
    learn = SegmentationTask._learn

    def stop(self: SegmentationTask, batch: Any) -> torch.Tensor:
        if self.step == 5:
            raise MemoryError("killed")
        return learn(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTask, "_learn", stop)
        with pytest.raises(MemoryError):
            train_models(killed)
    train_models(killed)
    assert same_weights(_weights(whole), _weights(killed))
    train_models(whole, [run.model_copy(update={"seed": 1, "name": "other"})])
    assert not same_weights(_weights(whole), _weights(whole, "other"))


@pytest.mark.usefixtures("with_tiny")
@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({"recipe": "full"}, ["123h"] * 4),
        ({"recipe": "frozen"}, ["h"] * 4),
        ({"recipe": "gradual", "unfreeze": (1, 2, 3)}, ["h", "3h", "23h", "123h"]),
    ],
)
def test_a_step_moves_what_the_recipe_lets_learn_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], moves: list[str]
) -> None:
    """Also not by weight decay, nor by the memory of the optimiser, nor the statistics of a normalisation."""
    step = SegmentationTask.training_step
    moved: list[str] = []

    def states(task: Any) -> dict[str, list[torch.Tensor]]:
        parts = {str(place): stage for place, stage in enumerate(task.network.trunk, start=1)}
        return {
            name: [one.clone() for one in part.state_dict().values()]
            for name, part in (parts | {"h": task.network.head}).items()
        }

    def watch(self: SegmentationTask, batch: Any, index: int) -> torch.Tensor:
        before = states(self)
        loss = step(self, batch, index)
        after = states(self)
        moved.append("".join(name for name in before if not all(map(torch.equal, before[name], after[name]))))
        return loss

    monkeypatch.setattr(SegmentationTask, "training_step", watch)
    run = short_run(steps=4, weight_decay=0.5, select="last", precision="32", **changes)
    train_models(build(tmp_path, (run,)))
    assert moved == moves


@pytest.mark.usefixtures("with_tiny")
def test_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(steps=2),))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_models(project)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.usefixtures("with_tiny")
def test_the_last_weights_need_no_labels_to_validate_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, (short_run(),), ("train",) * 4 + ("test",) * 2)
    with pytest.raises(TrainingError, match="the validation split holds no chip"):
        train_models(project, [short_run()])
    monkeypatch.setattr(Journal, "_validate", lambda *_: pytest.fail("it validated"))
    figures = train_models(project, [short_run(select="last")]).figures["runs"]["slf"]
    assert (figures["kept_step"], figures["validation_iou"]) == (6, None)
    assert figures["crops_per_second"] > 0
    assert figures["megapixels_per_second"] == pytest.approx(figures["crops_per_second"] * 64**2 / 1e6, rel=0.02)
    assert figures["peak_bytes"] > 2**20


@pytest.mark.usefixtures("with_tiny")
def test_one_run_on_any_chips_into_any_folder(tmp_path: Path) -> None:
    project = build(tmp_path / "project", (short_run(),))
    splits = survey(project)
    stores = {"train": ChipStore(splits["train"][:2]), "test": ChipStore(splits["test"])}
    run = short_run(select="last", name="few")
    figures = train_run(project, run, stores, digest_chips(splits), tmp_path / "elsewhere")
    assert set(figures["test"]["scenes"]) == {"scene4"}
    assert (tmp_path / "elsewhere" / "model.safetensors").is_file()
    assert not (project.models_folder / "few").exists()


@pytest.mark.usefixtures("with_tiny")
def test_the_card_tells_the_data_and_the_log_ground_that_the_pretraining_never_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = find_backbone("efficientnet_lite0")
    coarse = replace(known, contract=replace(known.contract, resolution=(10.0, 30.0)))
    monkeypatch.setattr("bocage.training.fitting.find_backbone", lambda _: coarse)
    project = build(tmp_path, (short_run(steps=2),))
    train_models(project)
    assert "was pretrained on pixels of 10 to 30 m" in caplog.text
    splits = survey(project)
    scenes = {chip.scene_id for chip in splits["train"]}
    card = (project.models_folder / "slf" / "README.md").read_text(encoding="utf-8")
    assert f"| chips | {len(splits['train'])} of {len(scenes)} scenes |" in card
    assert digest_chips(splits) in card


@pytest.mark.usefixtures("with_tiny")
def test_a_damaged_file_of_the_threshold_is_written_anew(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(steps=2),))
    expected = train_models(project).figures["ndvi"]
    rival = project.models_folder / "ndvi.json"
    for content in ("{", "[]", '{"digest": "other"}'):
        rival.write_text(content, encoding="utf-8")
        assert train_models(project).figures["ndvi"] == expected


@pytest.mark.usefixtures("with_tiny")
def test_a_run_stops_when_it_gets_no_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.5, 0.6, 0.4, 0.6, 0.9, 0.9])

    def score(self: Journal, *_: Any) -> bool:
        iou = next(scores)
        better = self.progress.best_iou is None or iou > self.progress.best_iou
        self.progress.waited = 0 if better else self.progress.waited + 1
        self.progress.best_iou = iou if better else self.progress.best_iou
        return better

    monkeypatch.setattr(Journal, "_validate", score)
    project = build(tmp_path, (short_run(steps=12, patience=2),))

    def stop(*_: Any) -> None:
        raise MemoryError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.rounds.load_file", stop)
        with pytest.raises(MemoryError):
            train_models(project)
    # A kill after the end does not make it go on.
    figures = train_models(project).figures["runs"]["slf"]
    assert (figures["steps"], figures["kept_step"], figures["stopped_early"]) == (8, 4, True)
    assert figures["validation_iou"] == 0.6


@pytest.mark.usefixtures("with_tiny")
def test_tensorboard_shows_what_the_table_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # A row within an epoch of two steps, too.
    monkeypatch.setattr("bocage.training.journal._LOG_EVERY", 1)
    project = build(tmp_path, (short_run(),))
    train_models(project)
    folder = project.models_folder / "slf"
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert {"loss", "learning_rate", "iou"} <= set(events.Tags()["scalars"])
    header, *rows = (line.split(",") for line in (folder / "log.csv").read_text(encoding="utf-8").splitlines())
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 5, 6]
    for column in ("loss", "iou"):
        written = [(int(row[0]), float(value)) for row in rows if (value := row[header.index(column)])]
        shown = [(one.step, one.value) for one in events.Scalars(column)]
        assert shown == [(step, pytest.approx(value)) for step, value in written]
    assert [path.name for path in (folder / "tensorboard").iterdir()] == ["events.out.tfevents.bocage"]


def test_a_probe_becomes_a_package(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    figures = train_models(project, recipe="probe", steps=2).figures["runs"]["slf"]
    assert figures["recipe"] == "probe"
    folder = project.models_folder / "slf"
    assert read_description(folder)[0].architecture == "linear probe"
    trunk = {name: tensor for name, tensor in _weights(project).items() if name.startswith("body.")}
    published = build_network("efficientnet_lite0", pretrained=True).state_dict()
    assert trunk
    assert all(torch.equal(tensor, published[name.removeprefix("body.")]) for name, tensor in trunk.items())
    assert load_model(folder).multiple == 32


def test_options_that_make_no_run_are_refused(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    with pytest.raises(SettingsError, match="recipe 'half'"):
        train_models(project, recipe="half")
    with pytest.raises(SettingsError, match="run slf"):
        train_models(build(tmp_path / "other", (short_run(devices=2),)), recipe="gradual")


def test_a_state_of_another_network_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = build(tmp_path, (short_run(steps=2),))
    monkeypatch.setattr("bocage.training.fitting.build_network", tiny)
    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.rounds.load_file", lambda _: (_ for _ in ()).throw(MemoryError("killed")))
        with pytest.raises(MemoryError):
            train_models(project)
    monkeypatch.setattr("bocage.training.fitting.build_network", lambda *_, **__: TinyNetwork(width=5))
    with pytest.raises(TrainingError, match=r"state\.ckpt is of another network"):
        train_models(project)


def test_precision_follows_the_machine_and_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    dense, depthwise = TinyNetwork(), build_network("efficientnet_lite0", pretrained=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for fast, network, wanted in (
        (True, dense, "bf16-mixed"),
        (True, depthwise, "32-true"),
        (False, dense, "32-true"),
    ):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda fast=fast: fast)
        assert choose_precision(short_run(), network) == wanted
    assert choose_precision(short_run(precision="bf16"), depthwise) == "bf16-mixed"
    assert choose_precision(short_run(precision="32"), dense) == "32-true"


@pytest.mark.usefixtures("with_tiny")
def test_bf16_learns_in_bf16_and_keeps_32(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(steps=2, select="last"),))
    figures = train_models(project, [short_run(steps=2, select="last", precision="bf16")]).figures["runs"]["slf"]
    assert figures["precision"] == "bf16-mixed"
    low = _weights(project)
    train_models(project, [short_run(steps=2, select="last", precision="32")])
    assert {tensor.dtype for name, tensor in low.items() if "num_batches" not in name} == {torch.float32}
    assert not same_weights(low, _weights(project))


def test_devices_share_the_crops_of_a_batch(tmp_path: Path) -> None:
    store = ChipStore(survey(build(tmp_path, (short_run(),)))["train"])
    crops = Crops(store, short_run(batch_size=4))
    (whole,) = Batches(crops, first=2, steps=1, batch_size=4, threads=2)
    shares = [next(iter(Batches(crops, first=2, steps=1, batch_size=4, threads=1, rank=i, devices=2))) for i in (0, 1)]
    assert torch.equal(torch.cat([share.image for share in shares]), whole.image)
    assert torch.equal(torch.cat([share.label for share in shares]), whole.label)
    assert len(list(Batches(crops, first=0, steps=5, batch_size=4, threads=3))) == 5


def test_crops_that_do_not_fit_into_main_memory_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise MemoryError("Unable to allocate 16.0 GiB")

    project = build(tmp_path, (short_run(),))
    monkeypatch.setattr(Crops, "crop", full)
    with pytest.raises(TrainingError, match=r"2 crops do not fit into main memory(.|\n)*lower batch_size"):
        train_models(project)


def test_nothing_is_kept_before_all_devices_have_looked_at_their_losses(tmp_path: Path) -> None:
    def wait() -> None:
        raise MemoryError("another device found a loss that is not finite, and ends this process")

    trainer = SimpleNamespace(is_global_zero=True, strategy=SimpleNamespace(barrier=wait))
    task = SegmentationTask(build_network("efficientnet_lite0", pretrained=False), short_run())
    with pytest.raises(MemoryError):
        Journal(tmp_path, short_run(), None).on_train_epoch_end(trainer, task)
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("loss", ["cross_entropy_dice"])
def test_two_processes_learn_what_one_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    monkeypatch.setattr("bocage.training.fitting.build_network", steady)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    one, two = build(tmp_path / "one", (short_run(),)), build(tmp_path / "two", (short_run(),))
    for project in (one, two):
        hide_right_half(project)
    given: dict[str, Any] = {"steps": 3, "batch_size": 4, "loss": loss, "precision": "32", "self_training": 1}
    train_models(one, [short_run(**given)])
    figures = train_models(two, [short_run(**given, devices=2)]).figures["runs"]["slf"]
    assert figures["steps"] == 3
    wanted, found = _weights(one), _weights(two)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=3e-5, msg=name)
    assert os.environ.get("LOCAL_RANK") is None

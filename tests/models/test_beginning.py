"""A run may begin with a model that has learnt already, decoder and all; one of another kind is refused."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bocage.errors import ModelError, SettingsError
from bocage.models import BACKBONES, build_network, read_description
from bocage.models.beginning import Beginning
from bocage.models.probe import PROBE
from bocage.project import Project
from bocage.settings import GridSettings, RunSettings, Settings
from bocage.stages import STAGES
from bocage.training import train_models
from bocage.training.task import SegmentationTask
from tests.training.fakes import build, short_run

LITE0 = "efficientnet_lite0"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = build(tmp_path_factory.mktemp("elsewhere"), (short_run(name="trees", steps=2),))
    train_models(project)
    return project


def _package(project: Project, name: str = "trees") -> Path:
    return project.models_folder / name


def _learn(
    tmp_path: Path, run: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> tuple[Project, dict[str, torch.Tensor]]:
    """Train a run, and return the project and the weights of its network before the first step."""
    first: list[dict[str, torch.Tensor]] = []
    make = SegmentationTask.__init__

    def watch(self: SegmentationTask, network: torch.nn.Module, *given: Any) -> None:
        first.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        make(self, network, *given)

    monkeypatch.setattr(SegmentationTask, "__init__", watch)
    project = build(tmp_path, (run,))
    train_models(project)
    return project, first[0]


def test_all_weights_are_those_of_the_model(
    elsewhere: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, first = _learn(tmp_path, short_run(steps=2, start=str(_package(elsewhere))), monkeypatch)
    trained = load_file(_package(elsewhere) / "model.safetensors")
    assert set(first) == set(trained)
    for name, tensor in trained.items():
        torch.testing.assert_close(first[name], tensor, rtol=0, atol=0, msg=name)
    described, _ = read_description(_package(project, "slf"))
    assert described.pretrained
    assert described.source == f"model trees, SHA-256 {read_description(_package(elsewhere))[1]}"
    # What binds the model binds what goes on from it.
    assert described.licence == read_description(_package(elsewhere))[0].licence == BACKBONES[LITE0].licence
    card = (_package(project, "slf") / "README.md").read_text(encoding="utf-8")
    assert f"began with the weights of {described.source}" in card


def test_published_weights_are_not_needed(elsewhere: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.models.network.load_pretrained", lambda *_: pytest.fail("they were looked for"))
    train_models(build(tmp_path, (short_run(steps=2, start=str(_package(elsewhere))),)))


def test_a_run_goes_on_from_an_earlier_run_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = (short_run(name="one", steps=2), short_run(name="two", steps=2, start="one"))
    project = build(tmp_path, runs)
    train_models(project)
    digest = read_description(_package(project, "one"))[1]
    assert read_description(_package(project, "two"))[0].source == f"model one, SHA-256 {digest}"
    # Another first model makes the second one anew, the same one does not.
    receipt = json.loads((_package(project, "two") / "training.json").read_text(encoding="utf-8"))["digest"]
    train_models(project)
    assert json.loads((_package(project, "two") / "training.json").read_text(encoding="utf-8"))["digest"] == receipt
    train_models(project, [runs[0].model_copy(update={"seed": 1}), runs[1]])
    assert json.loads((_package(project, "two") / "training.json").read_text(encoding="utf-8"))["digest"] != receipt


def test_a_model_that_went_on_from_a_random_one_is_bound_by_no_backbones_licence(tmp_path: Path) -> None:
    runs = (short_run(name="one", steps=2, pretrained=False), short_run(name="two", steps=2, start="one"))
    project = build(tmp_path, runs)
    train_models(project)
    assert read_description(_package(project, "one"))[0].licence == ""
    described = read_description(_package(project, "two"))[0]
    assert described.pretrained
    assert described.licence == ""
    card = (_package(project, "two") / "README.md").read_text(encoding="utf-8")
    assert "It began with the weights of model one" in card
    assert "Their licence" not in card
    assert "chips, of model one" in card


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"backbone": "resnet50", "pretrained": False}, "U-Net with fine stem on resnet50"), ({"recipe": "probe"}, PROBE)],
)
def test_a_model_of_another_kind_is_refused_before_anything_is_trained(
    elsewhere: Project, tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    # Whether the model is there or an earlier run will make it.
    for start, runs in ((str(_package(elsewhere)), ()), ("slf", (short_run(),))):
        project = build(tmp_path, (*runs, short_run(name="wrong", start=start, **changes)))
        with pytest.raises(
            ModelError, match=f"run wrong cannot start from .*: that is a U-Net .* makes a {what}"
        ) as caught:
            train_models(project)
        assert "start from another model" in caught.value.mend
        assert not project.models_folder.exists()


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        (("one", ""), "run one would start from itself"),
        (("models/one", ""), "run one would start from itself"),
        (("two", ""), "run one would start from run two, which comes after it"),
    ],
)
def test_a_run_does_not_start_from_what_is_made_later(tmp_path: Path, starts: tuple[str, str], words: str) -> None:
    runs = tuple(short_run(name=name, steps=2, start=start) for name, start in zip(("one", "two"), starts, strict=True))
    with pytest.raises(SettingsError, match=words):
        train_models(build(tmp_path, runs))


def test_an_earlier_run_may_be_named_by_its_path(tmp_path: Path) -> None:
    runs = (short_run(name="one", steps=2), short_run(name="two", steps=2, start="models/one"))
    project = build(tmp_path, runs)
    train_models(project)
    assert read_description(_package(project, "two"))[0].source.startswith("model one")


def test_a_probe_starts_from_a_probe(tmp_path: Path) -> None:
    probe: dict[str, Any] = {"steps": 2, "recipe": "probe"}
    project = build(tmp_path, (short_run(name="one", **probe), short_run(name="two", start="one", **probe)))
    train_models(project)
    assert read_description(_package(project, "two"))[0].source.startswith("model one")


def test_options_that_make_another_network_leave_the_start_out(
    elsewhere: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = build(tmp_path, (short_run(steps=2, start=str(_package(elsewhere)), self_training=1),))
    with caplog.at_level(logging.INFO, "bocage"):
        train_models(project, recipe="probe", name="probe")
    assert "run probe does not start from" in caplog.text
    train_models(project, backbone="forest")


def test_a_forest_has_no_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="run slf is a forest, which has no start and no self_training"):
        train_models(build(tmp_path, (short_run(backbone="forest", start="nowhere"),)))


def test_the_ground_of_the_test_is_told(elsewhere: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_models(build(tmp_path / "two", (short_run(steps=2, start=str(_package(elsewhere))),)))
    assert "may have learnt on the ground of the test chips" not in caplog.text
    moved = tmp_path / "moved"
    shutil.copytree(_package(elsewhere), moved)
    item = json.loads((moved / "model.json").read_text(encoding="utf-8"))
    west, south, east, north = item["bbox"]
    item["bbox"] = [west - 1, south - 1, east + 1, north + 1]
    (moved / "model.json").write_text(json.dumps(item), encoding="utf-8")
    train_models(build(tmp_path / "three", (short_run(steps=2, start=str(moved)),)))
    assert "may have learnt on the ground of the test chips" in caplog.text


def test_a_model_that_is_missing_or_damaged_is_named(elsewhere: Project, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model package"):
        train_models(build(tmp_path / "missing", (short_run(start="nowhere"),)))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in _package(elsewhere).glob("model.*"):
        (copy / path.name).write_bytes(path.read_bytes())
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match="is damaged or was altered"):
        train_models(build(tmp_path / "damaged", (short_run(start=str(copy)),)))
    with pytest.raises(SettingsError, match="NOT_SET_ANYWHERE"):
        train_models(build(tmp_path / "unset", (short_run(start="${NOT_SET_ANYWHERE}/model"),)))


def test_weights_of_another_version_are_refused(elsewhere: Project, tmp_path: Path) -> None:
    found = Beginning.of(elsewhere, short_run(start="trees"))
    assert found is not None
    # Tensors come in any order, and torch does without the counters of a normalisation: so a weight is named.
    others = {name: tensor for name, tensor in found.tensors.items() if name != "decoder.head.weight"}
    assert len(others) == len(found.tensors) - 1
    cut = Beginning(found.name, found.description, found.digest, others)
    with pytest.raises(ModelError, match="the weights of trees do not fit this version") as caught:
        cut.load_into(build_network(LITE0, pretrained=False))
    assert "train that model again" in caught.value.mend


def test_without_a_start_there_is_none(elsewhere: Project) -> None:
    assert Beginning.of(elsewhere, short_run()) is None


def test_other_pixels_are_told(elsewhere: Project, caplog: pytest.LogCaptureFixture) -> None:
    run = short_run(start=str(_package(elsewhere)))
    found = Beginning.of(elsewhere, run)
    assert found is not None
    found.warn_of_other_pixels(elsewhere, run)
    assert "which it starts from" not in caplog.text
    with caplog.at_level(logging.WARNING, "bocage"):
        found.warn_of_other_pixels(Project(elsewhere.folder, Settings(grid=GridSettings(resolution=1.0))), run)
    assert "which it starts from, learnt at 2 m with stretch percentile of 0.005 to 0.995;" in caplog.text
    assert "this project has 1 m" in caplog.text


def test_a_changed_model_elsewhere_makes_the_stage_stale(elsewhere: Project, tmp_path: Path) -> None:
    stage = next(stage for stage in STAGES if stage.name == "train")
    outside = set(stage.outside(build(tmp_path, (short_run(start=str(_package(elsewhere))),))))
    assert _package(elsewhere) / "model.json" in outside
    own = build(tmp_path / "own", (short_run(name="one"), short_run(name="two", start="one")))
    (own.models_folder / "one").mkdir(parents=True)
    assert not set(stage.outside(own))
    # Named by its path it is no more from outside before it is there than afterwards.
    named = build(tmp_path / "path", (short_run(name="one"), short_run(name="two", start="models/one")))
    assert not set(stage.outside(named))
    (named.models_folder / "one").mkdir(parents=True)
    assert not set(stage.outside(named))
    # A model in the folder of models that no run makes is from outside.
    (own.models_folder / "old").mkdir()
    kept = build(tmp_path / "own", (short_run(name="one"), short_run(name="two", start="models/old")))
    assert set(stage.outside(kept)) == {kept.models_folder / "old" / "model.json"}

"""The benchmark trains what is missing, goes on after a kill, and lets one failure be one failure."""

import json
import logging
import multiprocessing
import shutil
import threading
import time
from multiprocessing import connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

from bocage.cli.application import app
from bocage.errors import SettingsError, StorageError, TrainingError
from bocage.project import Project
from bocage.samples import Samples
from bocage.settings import BenchmarkSettings, Settings
from bocage.training import train_models
from bocage.training.chips import ChipStore, survey
from bocage.training.curve import run_benchmark
from bocage.training.curve.bench import Bench
from bocage.training.curve.cell import Cell, CellRecord
from bocage.training.curve.workers import train_cells
from bocage.training.self_training import PseudoLabelledStore
from tests.training.curve.simulated import counts
from tests.training.fakes import EDGE, build, short_run

ARMS = ("random", "imagenet")


def project_of(folder: Path, **changes: Any) -> Project:
    """A project of small chips with a benchmark of two arms, two budgets and two orders of few steps."""
    built = build(folder, (short_run(),))
    run = {"steps": 2, "batch_size": 2, "crop": 64, "learning_rate": 2e-3}
    given = {
        "unit": 48.0,
        "budgets": [2, 8],
        "orders": 2,
        "run": run,
        "baseline": "random",
        "factor": 4.0,
        "resamples": 100,
        "arms": [
            {"name": "random", "backbone": "efficientnet_lite0", "pretrained": False},
            {"name": "imagenet", "backbone": "efficientnet_lite0"},
        ],
    }
    benchmark = BenchmarkSettings.model_validate(given | changes)
    return Project(built.folder, built.settings.model_copy(update={"benchmark": benchmark}))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Any]]:
    project = project_of(tmp_path_factory.mktemp("benchmark"))
    outcome = run_benchmark(project)
    assert not outcome.refused
    assert all(path.exists() for path in outcome.outputs)
    return project, outcome.figures


def cells(project: Project) -> dict[str, str]:
    folder = project.benchmark_folder / "cells"
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.json"))}


def test_every_cell_is_trained_scored_and_its_package_removed(done: tuple[Project, dict[str, Any]]) -> None:
    project, figures = done
    assert sorted(cells(project)) == sorted(
        f"{arm}/{order}/{n}.json" for arm in ARMS for order in (0, 1) for n in (2, 8)
    )
    assert (figures["cells"], figures["done"], "missing" in figures) == (8, 8, False)
    cell = json.loads(cells(project)["random/1/8.json"])
    assert cell["status"] == "done"
    assert cell["figures"]["seed"] == 1
    assert cell["figures"]["labels"]["units"] == 8
    test = cell["figures"]["test"]
    assert set(test["scenes"]) == {"scene4"}
    assert test["scenes"]["scene4"]["counts"]["found"] + test["scenes"]["scene4"]["counts"]["missed"] > 0
    assert 0 <= test["boundary_f1"] <= 1
    assert not (project.benchmark_folder / "packages").exists()
    summary = json.loads((project.benchmark_folder / "benchmark.json").read_text(encoding="utf-8"))
    # There is one test scene only: chance over scenes is unknown, and the page says so.
    assert "cannot decide" in summary["verdicts"]["imagenet"]
    assert (project.benchmark_folder / "table.csv").read_text(encoding="utf-8").count("\n") == 5


def test_subsets_are_nested_and_the_same_for_every_arm(done: tuple[Project, dict[str, Any]]) -> None:
    bench = Bench(done[0])
    for order in (0, 1):
        assert bench.subset(order, 8)[:2] == bench.subset(order, 2)
    assert bench.subset(0, 8) != bench.subset(1, 8)
    labels = [json.loads(cells(done[0])[f"{arm}/0/8.json"])["figures"]["labels"] for arm in ARMS]
    assert labels[0] == labels[1]


def test_what_is_there_is_not_trained_again(
    done: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, figures = done
    before = cells(project)
    monkeypatch.setattr(Bench, "train", lambda *_: pytest.fail("it was trained again"))
    assert run_benchmark(project).figures == figures
    assert cells(project) == before
    # A second machine with the same chips takes the cells over.
    assert run_benchmark(project, arms=["imagenet", "random"], budgets=[8, 2]).figures["done"] == 8


def test_a_changed_setting_makes_its_cells_again(
    done: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = done
    asked: list[Cell] = []

    def note(_self: Bench, cell: Cell, _arm: object) -> CellRecord:
        asked.append(cell)
        return CellRecord(cell, "", {}, "stopped")

    monkeypatch.setattr(Bench, "train", note)
    arms = list(project.settings.benchmark.arms)
    arms[1] = arms[1].model_copy(update={"learning_rate": 1e-4})
    benchmark = project.settings.benchmark.model_copy(update={"arms": tuple(arms)})
    run_benchmark(Project(project.folder, project.settings.model_copy(update={"benchmark": benchmark})), orders=1)
    assert asked == [Cell("imagenet", 0, 2), Cell("imagenet", 0, 8)]


def test_a_killed_benchmark_goes_on(
    tmp_path: Path, done: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_of(tmp_path)
    train = Bench._train
    trained: list[Cell] = []

    def watch(self: Bench, cell: Cell, *others: Any) -> dict[str, Any]:
        if len(trained) == 1:
            trained.append(cell)
            raise KeyboardInterrupt
        trained.append(cell)
        return train(self, cell, *others)

    monkeypatch.setattr(Bench, "_train", watch)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(project, orders=1)
    assert len(cells(project)) == 1
    run_benchmark(project, orders=1)
    assert len(trained) == len(set(trained)) + 1 == 5
    # What was made in two goes is what was made in one.
    for name, text in cells(project).items():
        one, two = (json.loads(each)["figures"]["test"] for each in (text, cells(done[0])[name]))
        assert one["iou"] == pytest.approx(two["iou"], abs=1e-3)


def test_a_cell_that_fails_is_recorded_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of(tmp_path)

    def train(_self: Bench, cell: Cell, *_: Any) -> dict[str, Any]:
        if cell == Cell("imagenet", 0, 2):
            raise TrainingError("the loss is nan", "lower learning_rate")
        if cell == Cell("random", 0, 8):
            raise RuntimeError("out of memory")
        return fake()

    monkeypatch.setattr(Bench, "_train", train)
    outcome = run_benchmark(project, orders=1)
    assert [(one.subject, one.reason) for one in outcome.refused] == [
        ("imagenet, order 0, 2 annotations", "the loss is nan"),
        ("random, order 0, 8 annotations", "RuntimeError: out of memory"),
    ]
    assert outcome.figures["done"] == 2
    assert json.loads(cells(project)["imagenet/0/2.json"])["mend"] == "lower learning_rate"
    # It is tried again the next time, and what cannot be written ends the benchmark.
    monkeypatch.setattr(Bench, "_train", lambda *_: (_ for _ in ()).throw(StorageError("the disk is full")))
    with pytest.raises(StorageError):
        run_benchmark(project, orders=1)


def test_an_arm_that_cannot_be_trained_here_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arms = [
        {"name": "random", "backbone": "efficientnet_lite0", "pretrained": False},
        {"name": "brought", "backbone": "resnet50"},
        {"name": "unknown", "backbone": "nope"},
    ]
    monkeypatch.setenv("BOCAGE_WEIGHTS", str(tmp_path / "nowhere"))
    project = project_of(tmp_path, arms=arms)
    train = Bench._train
    monkeypatch.setattr(
        Bench,
        "_train",
        lambda self, cell, *others: train(self, cell, *others) if cell.arm == "unknown" else fake(),
    )
    outcome = run_benchmark(project, orders=1)
    assert [one.subject for one in outcome.refused] == ["arm brought", "arm unknown"]
    assert "nope" in outcome.refused[1].reason
    # What cannot begin leaves no cell.
    assert sorted(cells(project)) == ["random/0/2.json", "random/0/8.json"]
    page = (project.benchmark_folder / "benchmark.html").read_text(encoding="utf-8")
    assert "arm brought" in page
    # Nothing is refused to who only reads, nor to an arm whose cells another machine made.
    assert not run_benchmark(project, orders=1, train=False).refused
    project = project_of(tmp_path, arms=arms[:2])
    bench = Bench(project)
    for budget in (2, 8):
        cell = Cell("brought", 0, budget)
        inputs = bench.inputs(cell, project.settings.benchmark.arms[1])
        CellRecord(cell, inputs, fake()).write(project.benchmark_folder)
    outcome = run_benchmark(project, orders=1)
    assert not outcome.refused
    assert outcome.figures["done"] == 4


def test_a_test_without_trees_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    for chip in survey(project)["test"]:
        with rasterio.open(chip.label, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
            file.write(np.zeros_like(file.read()))
    with pytest.raises(TrainingError, match="hold no tree"):
        Bench(project)


def fake() -> dict[str, Any]:
    """What a training returns, as far as the benchmark reads it."""
    return {"test": {"iou": 0.5, "scenes": {"one": {"counts": counts(0.5)}}}, "seconds": 1.0}


def test_a_backbone_that_was_pretrained_anew_makes_its_cells_again(tmp_path: Path) -> None:
    arms = [{"name": "random", "pretrained": False}, {"name": "own", "backbone": "county"}]
    project = project_of(tmp_path, arms=arms)
    bench, cell, arm = Bench(project), Cell("own", 0, 2), project.settings.benchmark.arms[1]
    note = project.folder / "backbones" / "county" / "backbone.json"
    note.parent.mkdir(parents=True)
    digests = set()
    for text in ("one", "two"):
        note.write_text(text, encoding="utf-8")
        digests.add(bench.inputs(cell, arm))
    assert len(digests) == 2


def test_cells_are_made_again_with_other_features_arithmetic_or_published_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = [
        {"name": "forest", "backbone": "forest"},
        {"name": "random", "pretrained": False},
        {"name": "imagenet", "backbone": "efficientnet_lite0"},
    ]
    project = project_of(tmp_path, arms=arms)
    bench = Bench(project)

    def inputs() -> list[str]:
        return [bench.inputs(Cell(arm.name, 0, 2), arm) for arm in project.settings.benchmark.arms]

    def changed(before: list[str]) -> list[bool]:
        return [one != other for one, other in zip(before, inputs(), strict=True)]

    here = inputs()
    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.curve.bench.FOREST_VERSION", 99)
        assert changed(here) == [True, False, False]
    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.curve.bench.bfloat16_here", lambda: "elsewhere")
        assert changed(here) == [False, True, True]
    other = tmp_path / "efficientnet_lite0.pth"
    other.write_bytes(b"other weights")
    with monkeypatch.context() as patch:
        patch.setattr("bocage.training.curve.bench.locate_weights", lambda backbone: other)
        assert changed(here) == [False, False, True]


@pytest.mark.parametrize("weights", [(), ("sample",)])
def test_weights_that_changed_make_their_cells_again(tmp_path: Path, weights: tuple[str, ...]) -> None:
    run = {"steps": 2, "batch_size": 2, "crop": 64, "weights": weights}
    project = project_of(tmp_path, run=run)
    arm, cell = project.settings.benchmark.arms[0], Cell("random", 0, 2)
    before = Bench(project).inputs(cell, arm)
    table = Samples.read(project).table
    table.loc[table["split"] == "train", "weight"] = range(1, 1 + int((table["split"] == "train").sum()))
    Samples(table).write(project.samples_file)
    assert (Bench(project).inputs(cell, arm) != before) == bool(weights)


def _beginnings(start: Path) -> list[dict[str, Any]]:
    return [
        {"name": "random", "backbone": "efficientnet_lite0", "pretrained": False},
        {"name": "again", "backbone": "efficientnet_lite0", "pretrained": False, "self_training": 1},
        {"name": "started", "backbone": "efficientnet_lite0", "start": str(start)},
    ]


def test_arms_may_train_again_and_start_from_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = build(tmp_path / "elsewhere", (short_run(name="trees", steps=2),))
    train_models(elsewhere)
    start = elsewhere.models_folder / "trees"
    # Published weights are not looked for where a whole model takes their place.
    monkeypatch.setattr("bocage.models.network.load_pretrained", lambda *_: pytest.fail("they were looked for"))
    project = project_of(tmp_path / "here", arms=_beginnings(start), orders=1, budgets=[2])
    seen: list[PseudoLabelledStore] = []
    make = PseudoLabelledStore.__init__

    def watch(self: PseudoLabelledStore, base: ChipStore, *given: Any) -> None:
        make(self, base, *given)
        seen.append(self)
        # Two squares of 24 pixels are labelled, on all chips that there are: no budget counts another label.
        assert len(base) == 6
        assert sum(chip.tree + chip.other for chip in base.chips) <= 2 * 24 * 24

    monkeypatch.setattr(PseudoLabelledStore, "__init__", watch)
    assert not run_benchmark(project).refused
    assert len(seen) == 1
    assert seen[0].labelled > 5 * EDGE * EDGE
    once, again = (json.loads(cells(project)[f"{arm}/0/2.json"])["figures"] for arm in ("random", "again"))
    assert again["rounds_before"][0]["steps"] == again["steps"] == once["steps"] == 2
    assert again["labels"] == once["labels"]
    page = (project.benchmark_folder / "benchmark.html").read_text(encoding="utf-8")
    assert "again trained once more, for as many steps, on what it had labelled itself" in page
    # The model counts by what is in it, not by where it lies.
    inputs = json.loads(cells(project)["started/0/2.json"])["inputs"]
    copy = tmp_path / "copy"
    shutil.copytree(start, copy)
    moved = project_of(tmp_path / "here", arms=_beginnings(copy), orders=1, budgets=[2])
    assert Bench(moved).inputs(Cell("started", 0, 2), moved.settings.benchmark.arms[2]) == inputs
    monkeypatch.undo()
    train_models(elsewhere, seed=1)
    assert Bench(project).inputs(Cell("started", 0, 2), project.settings.benchmark.arms[2]) != inputs


def test_a_start_that_learnt_from_labels_here_or_is_not_there_bars_its_arm(tmp_path: Path) -> None:
    project = project_of(tmp_path, arms=_beginnings(Path("slf")), orders=1, budgets=[2])
    train_models(project, name="slf", steps=2)
    (refused,) = run_benchmark(project, arms=["started"]).refused
    assert refused.subject == "arm started"
    assert "it has learnt from labels here that no budget counts" in refused.reason
    project = project_of(tmp_path, arms=_beginnings(Path("nowhere")), orders=1, budgets=[2])
    (refused,) = run_benchmark(project, arms=["started"]).refused
    assert "holds no model package" in refused.reason


@pytest.mark.parametrize("wish", [{"self_training": 1}, {"start": "elsewhere"}])
def test_a_forest_is_told_that_it_cannot(tmp_path: Path, wish: dict[str, Any]) -> None:
    arms = [*_beginnings(Path("nowhere"))[:1], {"name": "forest", "backbone": "forest", **wish}]
    project = project_of(tmp_path, arms=arms, orders=1, budgets=[2])
    (refused,) = run_benchmark(project, arms=["forest"]).refused
    assert "is a forest, which has no start and no self_training" in refused.reason
    assert "forest trained" not in (project.benchmark_folder / "benchmark.html").read_text(encoding="utf-8")


def test_two_processes_make_what_one_makes(tmp_path: Path, done: tuple[Project, dict[str, Any]]) -> None:
    project = project_of(tmp_path)
    bench = Bench(project)
    arm = project.settings.benchmark.arms[1]
    jobs = [(Cell("imagenet", 0, 2), arm), (Cell("imagenet", 0, 8), arm)]
    records = {record.cell: record for record in train_cells(project, bench, jobs, 2, keep=True)}
    for cell, _ in jobs:
        assert records[cell].done, records[cell].reason
        alone = CellRecord.read(done[0].benchmark_folder, cell)
        assert alone is not None
        assert alone.inputs == records[cell].inputs
        assert alone.figures["test"]["iou"] == pytest.approx(records[cell].figures["test"]["iou"], abs=1e-3)
        assert (project.benchmark_folder / "packages" / "imagenet" / "0" / str(cell.budget) / "model.json").is_file()


def test_a_worker_that_is_killed_ends_the_benchmark(tmp_path: Path) -> None:
    project = project_of(tmp_path, run={"steps": 1_000_000, "batch_size": 2, "crop": 64})
    arm = project.settings.benchmark.arms[0]
    jobs = [(Cell("random", 0, budget), arm) for budget in (2, 8)]
    late = threading.Event()

    def kill() -> None:
        while len(list(project.benchmark_folder.rglob("training/inputs.json"))) < len(jobs):
            time.sleep(0.1)
        time.sleep(5)  # by then both train, and Lightning has its own way with signals
        first, *others = multiprocessing.active_children()
        first.kill()
        # The pool joins it, too; to ask whether it is alive at that very moment would be answered wrongly.
        if not connection.wait([others[0].sentinel], 90):
            late.set()
            others[0].kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(TrainingError, match="a process of the benchmark died"):
        list(train_cells(project, Bench(project), jobs, 2, keep=True))
    killer.join()
    assert not late.is_set(), "the other process trained on"


def test_cells_of_other_settings_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = project_of(tmp_path)
    monkeypatch.setattr(Bench, "_train", lambda *_: fake())
    run_benchmark(project, orders=1)
    changed = project_of(tmp_path, run={"steps": 3, "batch_size": 2, "crop": 64})
    for now, words in ((project, "4 are there, 0 to train"), (changed, "4 of the others are there of other settings")):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="bocage"):
            run_benchmark(now, orders=1, train=False)
        assert words in caplog.text
        assert ("of the others" in caplog.text) == (now is changed)


def test_wrong_wishes_are_refused(done: tuple[Project, dict[str, Any]]) -> None:
    project, _ = done
    with pytest.raises(SettingsError, match="no arm fores"):
        run_benchmark(project, arms=["fores"])
    with pytest.raises(SettingsError, match="a budget of 5000 is more than"):
        run_benchmark(project, budgets=[2, 5000])
    with pytest.raises(SettingsError, match="cannot be trained on"):
        run_benchmark(project, budgets=[0, 2])


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    project.benchmark_folder.touch()
    with pytest.raises(StorageError, match=r"could not be written(.|\n)*move the file away"):
        run_benchmark(project, budgets=[2], orders=1, arms=["random"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": [{"name": "a"}, {"name": "a"}], "baseline": "a"}, "share a name"),
        ({"baseline": "nobody"}, "is not an arm"),
        ({"budgets": [25, 5]}, "must rise"),
        ({"arms": [{"name": "a", "steps": 7}], "baseline": "a"}, "has its own steps"),
        ({"arms": [{"name": "a", "select": "best"}], "baseline": "a"}, "by validation labels"),
        ({"factor": 1.0}, "greater than 1"),
        ({"arm": []}, "Extra inputs"),
        ({"run": 3}, "valid dictionary"),
        ({"arms": 3}, "valid tuple"),
    ],
)
def test_unfair_or_misspelt_settings_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BenchmarkSettings.model_validate(changes)


def test_arms_take_what_they_share_from_the_run() -> None:
    given = {"run": {"steps": 70, "crop": 96}, "arms": [{"name": "a", "learning_rate": 0.1}], "baseline": "a"}
    settings = Settings.model_validate({"benchmark": given}).benchmark
    assert (settings.arms[0].steps, settings.arms[0].crop, settings.arms[0].learning_rate) == (70, 96, 0.1)
    assert Settings.model_validate(Settings(benchmark=settings).model_dump()).benchmark == settings
    assert BenchmarkSettings(run=settings.run, arms=settings.arms, baseline="a").arms == settings.arms
    assert BenchmarkSettings().baseline in {arm.name for arm in BenchmarkSettings().arms}


def test_the_command_exits_with_1_where_something_was_left_out(
    done: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = done
    monkeypatch.setattr(Project, "open", lambda _: project)
    runner = CliRunner()
    good = runner.invoke(app, ["benchmark", "--json"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["done"] == 8
    bad = runner.invoke(app, ["benchmark", "--budgets", "2,many"])
    assert bad.exit_code == 2
    partial = runner.invoke(app, ["benchmark", "--orders", "3", "--no-train", "--json"])
    assert partial.exit_code == 0
    assert json.loads(partial.stdout)["missing"] == "Cells without a result: random 2 of 6, imagenet 2 of 6."

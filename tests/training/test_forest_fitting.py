"""A run whose backbone is a forest leaves a package, figures and a receipt as any other run does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bocage.errors import TrainingError
from bocage.models import load_model, read_description
from bocage.models.forest.recipe import Recipe
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.samples import Samples, chip_paths
from bocage.training import train_models
from bocage.training.evaluation import predict_chip
from tests.training.fakes import build, scenery, short_run

RUNS = (short_run(name="one", backbone="forest"), short_run(name="each", backbone="forest_per_image"))


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.models.forest.growing.Recipe", lambda: replace(Recipe(), trees=8))


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Project, dict[str, Any]]:
    project = build(tmp_path, RUNS)
    return project, train_models(project).figures


def test_a_run_leaves_a_package_that_predicts_what_was_scored(trained: tuple[Project, dict[str, Any]]) -> None:
    project, figures = trained
    json.dumps(figures, allow_nan=False)
    for name in ("one", "each"):
        folder = project.models_folder / name
        assert sorted(path.name for path in folder.iterdir()) == [
            "README.md",
            "model.json",
            "model.safetensors",
            "training.json",
        ]
        model = load_model(folder)
        found = union = 0
        for index in (8, 9):
            image, label = scenery(index)
            says, tree, decided = predict_chip(model, image) >= 0.5, label == 1, label != 255
            found += int((says & tree & decided).sum())
            union += int(((says | tree) & decided).sum())
        test = figures["runs"][name]["test"]
        assert test["iou"] == pytest.approx(found / union, abs=1e-6)
        assert test["iou"] > 0.5
        assert set(test["scenes"]) == {"scene4"}
        description, _ = read_description(folder)
        assert description.bbox is not None
        assert description.metrics["iou"] == test["iou"]
    assert figures["runs"]["one"]["forests"] == 1
    assert figures["runs"]["each"]["forests"] > 1


def test_a_finished_run_is_left_alone(trained: tuple[Project, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    project, figures = trained
    monkeypatch.setattr("bocage.models.forest.growing.Forest.fit", lambda *_, **__: pytest.fail("it was fitted again"))
    assert train_models(project).figures == figures


def test_images_of_one_class_each_grow_no_forest_per_image(tmp_path: Path) -> None:
    project = build(tmp_path, RUNS[1:])
    samples = Samples.read(project)
    rows = zip(samples.table["sample_id"], samples.table["scene_id"], samples.windows(), strict=True)
    for name, scene, window in rows:
        label = np.full((96, 96), str(scene) == "scene0", np.uint8)
        if str(scene) in {"scene3", "scene4"}:
            continue
        write_cog(chip_paths(project, str(name))[1], label, grid=project.grid, window=window, nodata=255)
    with pytest.raises(TrainingError, match="run each: no image holds both"):
        train_models(project)

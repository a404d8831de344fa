"""The stage: what it writes, what it refuses, and that its estimates agree with the complete comparison."""

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from bocage.accuracy import Estimate, assess, plan_assessment
from bocage.accuracy.assessment import verdict
from bocage.errors import AccuracyError
from bocage.project import Project

Make = Callable[..., Project]


def test_estimates_hold_the_exhaustive_figures(project: Project) -> None:
    outcome = assess(project)
    content = json.loads((project.accuracy_folder / "accuracy.json").read_text())
    truth = content["exhaustive"]["all"]
    tree = content["estimates"]["classes"]["tree"]
    # By construction in cells a and b: 80 of 120 rows of the hedge are found, nothing else is mapped there.
    assert truth["iou"] == pytest.approx(80 / 120)
    assert truth["recall"] == pytest.approx(80 / 120)
    assert truth["precision"] == 1
    for name, figure in (("iou", "iou"), ("f1", "f1"), ("producers", "recall"), ("users", "precision")):
        assert tree[name]["low"] <= truth[figure] <= tree[name]["high"], name
    assert content["population"]["cells"] == 2
    assert content["design"]["unmapped_share"] == pytest.approx(20 / 500)
    # The ignored strip of 20 rows is no part of what can be decided.
    assert content["estimates"]["decided_share"]["low"] <= 230 / 250 <= content["estimates"]["decided_share"]["high"]
    # 90 x 120 pixels of 4 m2 are 4.32 ha.
    assert tree["area_ha"]["low"] <= 4.32 <= tree["area_ha"]["high"]
    sample = gpd.read_parquet(project.accuracy_folder / "sample.parquet")
    assert set(sample["response"]) <= {0, 1, 255}
    assert sample["weight"].sum() == pytest.approx(content["design"]["pixels"])
    assert outcome.figures["exhaustive"]["iou"] == truth["iou"]


def test_assess_again_gives_the_same_bytes(project: Project) -> None:
    assess(project)
    first = (project.accuracy_folder / "accuracy.json").read_bytes()
    assess(project)
    assert (project.accuracy_folder / "accuracy.json").read_bytes() == first


def test_area_population_covers_the_tile(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path, population="area")
    assess(project)
    content = json.loads((project.accuracy_folder / "accuracy.json").read_text())
    assert content["design"]["pixels"] == 480 * 500
    assert content["exhaustive"]["all"]["false"] == 400


def test_interpretation_takes_the_place_of_the_layer(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path, reference=False)
    plan_assessment(project)
    plan = project.accuracy_folder / "plan.gpkg"
    table = gpd.read_file(plan)
    assert set(table.columns) == {"point_id", "response", "note", "geometry"}  # blind: no map class, no stratum
    assert (table.geometry.area.round(6) == 4).all()
    sample = gpd.read_parquet(project.accuracy_folder / "sample.parquet").set_index("point_id")
    table["response"] = np.where(sample.loc[table["point_id"], "stratum"].to_numpy() == "tree", 1, 0)
    table.loc[0, "response"] = np.nan
    table.to_file(plan, driver="GPKG")
    with pytest.raises(AccuracyError, match="holds responses to the plan in place"):
        plan_assessment(project)
    assess(project)
    content = json.loads((project.accuracy_folder / "accuracy.json").read_text())
    assert content["source"] == "interpretation, plan.gpkg"
    assert content["exhaustive"] is None
    assert content["estimates"]["classes"]["tree"]["users"]["value"] == 1
    assert content["estimates"]["classes"]["tree"]["users"]["low"] < 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("P000001,1\nP999999,0\n", "point P999999 is not in the sample"),
        ("P000001,1\nP000001,0\n", "point P000001 is there twice"),
        ("P000001,7\n", "the response of point P000001 is 7"),
    ],
)
def test_a_faulty_table_is_refused(make_project: Make, tmp_path: Path, rows: str, words: str) -> None:
    project = make_project(tmp_path, reference=False)
    plan_assessment(project)
    (project.accuracy_folder / "responses.csv").write_text("point_id,response\n" + rows)
    with pytest.raises(AccuracyError, match=words):
        assess(project)


def test_a_table_without_its_column_is_refused(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path, reference=False)
    plan_assessment(project)
    (project.accuracy_folder / "responses.csv").write_text("point,response\nP000001,1\n")
    with pytest.raises(AccuracyError, match="no column 'point_id'"):
        assess(project)


def test_truth_of_one_class_gives_what_it_can(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path, truth_tree=False)
    assess(project)
    tree = json.loads((project.accuracy_folder / "accuracy.json").read_text())["estimates"]["classes"]["tree"]
    assert tree["producers"]["value"] is None
    assert tree["producers"]["reason"] == "the reference holds no tree"
    assert tree["users"]["value"] == 0


def test_what_is_missing_is_named(make_project: Make, tmp_path: Path) -> None:
    with pytest.raises(AccuracyError, match="holds no map"):
        assess(make_project(tmp_path / "unmapped", mapped=False))
    with pytest.raises(AccuracyError, match=r"accuracy\.reference is not set"):
        assess(make_project(tmp_path / "no_truth", reference=False))
    project = make_project(tmp_path / "no_samples")
    project.samples_file.unlink()
    with pytest.raises(AccuracyError, match=r"samples\.parquet is missing"):
        assess(project)


def test_a_reference_that_covers_nothing_is_refused(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path, ignore=[0, 1, 9])
    with pytest.raises(AccuracyError, match="no sample unit has a decided response"):
        assess(project)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.9, 0.01, 0.88, 0.92), "met"),
        (Estimate(0.82, 0.02, 0.78, 0.86), "likely"),
        (Estimate(0.78, 0.02, 0.74, 0.82), "unlikely"),
        (Estimate(0.5, 0.02, 0.46, 0.54), "missed"),
        (Estimate(None), "not known"),
    ],
)
def test_verdict(estimate: Estimate, words: str) -> None:
    assert verdict(estimate) == words

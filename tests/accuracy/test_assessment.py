"""The stage: what it writes, what it refuses, and that its estimates agree with the complete comparison."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from bocage.accuracy import Estimate, assess, plan_assessment
from bocage.accuracy.assessment import verdict
from bocage.accuracy.population import map_digest, population_of
from bocage.errors import AccuracyError, StorageError
from bocage.project import Project
from bocage.rasters import write_cog

from .conftest import GRID, TILE

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
    sample = gpd.read_parquet(project.accuracy_folder / "plan.parquet").set_index("point_id")
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
        ("{0},1\nC1R-1,0\n", "point C1R-1 is not in the plan"),
        ("{0},1\n{0},0\n", "point {0} is there twice"),
        ("{0},7\n", "the response of point {0} is 7"),
    ],
)
def test_a_faulty_table_is_refused(make_project: Make, tmp_path: Path, rows: str, words: str) -> None:
    project = make_project(tmp_path, reference=False)
    plan_assessment(project)
    first = gpd.read_parquet(project.accuracy_folder / "plan.parquet")["point_id"].iloc[0]
    (project.accuracy_folder / "responses.csv").write_text("point_id,response\n" + rows.format(first))
    with pytest.raises(AccuracyError, match=words.format(first)):
        assess(project)


def test_a_table_without_its_column_is_refused(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path, reference=False)
    plan_assessment(project)
    (project.accuracy_folder / "responses.csv").write_text("point,response\nP000001,1\n")
    with pytest.raises(AccuracyError, match="no column 'point_id'"):
        assess(project)


def test_responses_count_for_the_plan_they_were_given_to(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    plan_assessment(project)
    plan = gpd.read_parquet(project.accuracy_folder / "plan.parquet")
    assert plan["point_id"].is_unique
    assert (
        plan["point_id"] == [f"C{column}R{row}" for column, row in zip(plan["column"], plan["row"], strict=True)]
    ).all()
    # While the plan is out, another map is assessed with another sample.
    settings = project.folder / "bocage.toml"
    settings.write_text(settings.read_text().replace("count = 400", "count = 300\nseed = 7"))
    tile = next(project.map_folder.glob("*.tif"))
    with rasterio.open(tile) as file:
        bands = file.read()
    bands[0, 300:420, 300:420] = 220
    write_cog(tile, bands, grid=GRID, window=TILE, nodata=255)
    project = Project.open(project.folder)
    assess(project)
    drawn = gpd.read_parquet(project.accuracy_folder / "sample.parquet")
    assert set(drawn["point_id"]) != set(plan["point_id"])
    responses = plan[["point_id"]].assign(response=(plan["stratum"] == "tree").astype(int))
    responses.to_csv(project.accuracy_folder / "responses.csv", index=False)
    assess(project)
    used = gpd.read_parquet(project.accuracy_folder / "sample.parquet")
    assert used[["point_id", "weight", "column", "row"]].equals(plan[["point_id", "weight", "column", "row"]])
    design = json.loads((project.accuracy_folder / "accuracy.json").read_text())["design"]
    assert (design["points"], design["seed"]) == (len(plan), 0)
    assert {row["name"]: row["pixels"] for row in design["strata"]} == pytest.approx(
        plan.groupby("stratum")["weight"].sum().to_dict()
    )
    drawn[["point_id"]].assign(response=1).to_csv(project.accuracy_folder / "responses.csv", index=False)
    with pytest.raises(AccuracyError, match="is not in the plan"):
        assess(project)


def test_a_plan_on_another_lattice_is_refused(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    plan_assessment(project)
    (project.accuracy_folder / "responses.csv").write_text("point_id,response\n")
    about = project.accuracy_folder / "plan.json"
    about.write_text(about.read_text().replace("2.0", "1.0"))
    with pytest.raises(AccuracyError, match="a plan on the lattice"):
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_said_in_our_words(project: Project) -> None:
    project.accuracy_folder.mkdir()
    # The temporary name leads to a device on which every write fails for want of space.
    (project.accuracy_folder / f".plan.{os.getpid()}.part.gpkg").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"plan\.gpkg could not be written: No space left"):
        plan_assessment(project)
    assert not (project.accuracy_folder / "plan.gpkg").exists()


def test_the_rest_of_a_killed_run_is_no_tile(make_project: Make, tmp_path: Path) -> None:
    project = make_project(tmp_path, population="area")
    cells, digest = population_of(project).cells, map_digest(project)
    (project.map_folder / ".E4000N2999.123.part.tif").write_bytes(b"half")
    assert population_of(project).cells == cells
    assert map_digest(project) == digest

"""From a seed to a report: every stage on a small simulated landscape, twice."""

import json

import geopandas as gpd
import pytest
import rasterio

from bocage.chain import run_chain, status
from bocage.products import check_products
from bocage.project import Project
from bocage.scenes import Catalogue
from bocage.simulation import simulate
from bocage.stages import STAGES


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished project; the training is far too short for a good map, and long enough for every file."""
    folder = simulate(tmp_path_factory.mktemp("chain") / "p", size=2400, seed=3)
    settings = folder / "bocage.toml"
    text = settings.read_text(encoding="utf-8").split("[[training.runs]]")
    run = '\nname = "slf"\nsteps = 12\nbatch_size = 4\ncrop = 128\nvalidate_every = 6\n\n[mapping]\n'
    settings.write_text(text[0] + "[[training.runs]]" + run + text[-1].split("[mapping]\n")[1], encoding="utf-8")
    opened = Project.open(folder)
    run_chain(opened)
    return opened


def test_every_stage_is_done(project: Project) -> None:
    assert {entry.stage.name: entry.state for entry in status(project)} == {stage.name: "done" for stage in STAGES}


def test_nothing_was_refused(project: Project) -> None:
    for stage in STAGES:
        receipt = json.loads((project.receipts_folder / f"{stage.name}.json").read_text(encoding="utf-8"))
        assert receipt["refused"] == [], stage.name
        assert receipt["seconds"] > 0
        assert receipt["peak_memory_mb"] > 0


def test_a_second_run_changes_no_file(project: Project) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*") if path.is_file()}
    run_chain(project)
    after = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*") if path.is_file()}
    assert after == before


def test_the_report_and_the_geopackage_are_there(project: Project) -> None:
    page = (project.report_folder / "index.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    packages = list(project.products_folder.glob("*.gpkg"))
    assert packages
    assert gpd.read_file(packages[0]).crs.to_epsg() == 3035


def test_the_products_pass_their_own_rules(project: Project) -> None:
    verdicts = check_products(project.products_folder)
    assert verdicts
    assert [verdict for verdict in verdicts if not verdict.passed] == []


def test_every_receipt_of_a_tile_names_its_scenes_and_the_model(project: Project) -> None:
    known = {scene.id for scene in Catalogue.open(project.scenes_file, project.grid).scenes}
    receipts = sorted(project.map_folder.glob("*.json"))
    assert receipts
    model = json.loads((project.receipts_folder / "map.json").read_text(encoding="utf-8"))["figures"]["model_digest"]
    for path in receipts:
        text = path.read_text(encoding="utf-8")
        assert model in text
        assert any(name in text for name in known)


def test_nodata_of_the_mosaic_is_where_no_scene_looked(project: Project) -> None:
    for path in sorted(project.map_folder.glob("*.tif")):
        with rasterio.open(path) as file:
            probability, observations = file.read()
        assert ((probability == 255) == (observations == 0)).all()


def test_the_accuracy_is_stated_with_its_interval(project: Project) -> None:
    accuracy = json.loads((project.accuracy_folder / "accuracy.json").read_text(encoding="utf-8"))
    overall = accuracy["estimates"]["overall"]
    assert 0 <= overall["low"] <= overall["value"] <= overall["high"] <= 1

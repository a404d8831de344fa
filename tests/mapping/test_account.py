"""What a plan expects of a run: its start by what is known of workers, its tiles by who shares the cores."""

from dataclasses import replace
from pathlib import Path

import pytest

from bocage.grid import Tile, Window
from bocage.mapping.account import expect, forecast, last_run, reckon, startup
from bocage.mapping.engines import make_engine
from bocage.mapping.planning import Plan, TileJob
from bocage.mapping.rates import LastRun, Rates
from bocage.mapping.reckoning import Course
from bocage.mapping.staff import Staff
from bocage.project import Project
from bocage.settings import MachineSettings
from tests.mapping.fakes import fake_recipe

RATES = Rates(10.0, None, 1.0, "a test", tile_seconds=2.0)


def plan_of(tiles: int, **given: object) -> Plan:
    jobs = tuple(TileJob(Tile(f"t{column}", Window(64 * column, 0, 64, 64)), (), "", 100) for column in range(tiles))
    plan = Plan(fake_recipe(), jobs, (), RATES, loading=3.0, preparing=5.0)
    return replace(plan, **given)  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "bocage.toml").write_text("[mapping]\nworkers = 1\n", encoding="utf-8")
    return Project.open(tmp_path)


@pytest.mark.parametrize("tiles", [1, 2, 5])
def test_workers_beyond_the_tiles_neither_help_nor_harm(project: Project, tiles: int) -> None:
    """All cores of the machine do the work, however many workers share them: a tile has 100 chips, 10 a second."""
    for workers in range(1, 8):
        figures = forecast(project, plan_of(tiles), workers=workers, engine="local")
        at_once = min(workers, tiles)
        before = startup(plan_of(tiles), Staff(at_once, at_once, at_once > 1))
        rounds = -(-tiles // at_once)
        assert figures["hours"] * 3600 - before == pytest.approx(rounds * at_once * 12, rel=1e-3)
        assert (figures["bottleneck"] == "tiles") == (workers > tiles)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("tiles", [1, 3, 20])
def test_a_run_is_compared_with_the_plan_that_was_printed(project: Project, tiles: int, workers: int) -> None:
    plan = plan_of(tiles)
    course = Course(0, 0, 1, staff=make_engine("local", workers).staff(tiles))
    printed = forecast(project, plan, workers=workers)
    assert reckon(plan, (), course).planned.hours == pytest.approx(printed["hours"], abs=1e-6)


def test_the_start_is_that_of_the_last_run_where_there_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    plan = plan_of(20)
    assert startup(plan, Staff()) == 5
    assert startup(plan, Staff(2, 2, isolated=True)) == 5 + 3 + 2
    assert startup(plan, Staff(6, 6, isolated=True)) == 5 + 3 * (3 + 2)
    assert startup(plan, Staff(600, 2, isolated=True)) == 5 + 3 + 2, "each of a cluster's workers has a core"
    assert startup(replace(plan, rates=replace(RATES, start_seconds=7.5)), Staff(6, 6, isolated=True)) == 12.5


def test_machines_of_the_settings_take_the_place_of_this_one(project: Project) -> None:
    figures = forecast(project, plan_of(20), [MachineSettings(name="gpu", count=2, chips_per_second=100)], workers=1)
    assert figures["workers"] == 2
    assert figures["hours"] * 3600 == pytest.approx(20 * (1 + 2) / 2 + 3, rel=1e-3)
    assert expect(plan_of(20, rates=None), 4).rates is None


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", '{"run": {"workers": 1, "seconds": 3}}'])
def test_a_report_that_tells_nothing_of_a_run(project: Project, content: str) -> None:
    project.homogeneity_file.parent.mkdir(parents=True)
    project.homogeneity_file.write_text(content, encoding="utf-8")
    assert last_run(project, fake_recipe()) is None


def _report(project: Project, run: str) -> None:
    """Write the report of a run with the fake model, given the fields of the run as JSON."""
    project.homogeneity_file.parent.mkdir(parents=True)
    examined = f'"examined": {{"model_digest": "{fake_recipe().model_digest}"}}'
    project.homogeneity_file.write_text(f'{{"run": {{{run}}}, {examined}}}', encoding="utf-8")


def test_a_report_tells_of_the_same_model_only(project: Project) -> None:
    _report(project, '"workers": 2, "abreast": 2, "pace": 1.5, "border_seconds": 0.1, "start_seconds": null')
    assert last_run(project, fake_recipe()) == LastRun(2, 1.5, 0.1, None)
    assert last_run(project, replace(fake_recipe(), model_digest="0" * 64)) is None


def test_a_report_of_an_older_version_counts_workers_of_this_machine(project: Project) -> None:
    """Without that the receipts of two workers would be taken for those of one, and a plan for twice as long."""
    _report(project, '"workers": 2, "pace": 1.5, "border_seconds": 0.1, "start_seconds": 4.0')
    abreast = make_engine("local", 2).staff(2).abreast
    assert last_run(project, fake_recipe()) == LastRun(abreast, 1.5, 0.1, 4.0)

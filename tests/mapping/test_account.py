"""What a plan expects of a run: its start by what is known of workers, its tiles by who shares the cores."""

from dataclasses import replace
from pathlib import Path

import pytest

from bocage.grid import Tile, Window
from bocage.mapping.account import expect, forecast, last_run, startup
from bocage.mapping.planning import Plan, TileJob
from bocage.mapping.rates import LastRun, Rates
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
        before = startup(plan_of(tiles), min(workers, tiles), isolated=min(workers, tiles) > 1)
        at_once = min(workers, tiles)
        rounds = -(-tiles // at_once)
        assert figures["hours"] * 3600 - before == pytest.approx(rounds * at_once * 12, rel=1e-3)
        assert (figures["bottleneck"] == "tiles") == (workers > tiles)


def test_the_start_is_that_of_the_last_run_where_there_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    plan = plan_of(20)
    assert startup(plan, 1, isolated=False) == 5
    assert startup(plan, 2, isolated=True) == 5 + 3 + 2
    assert startup(plan, 6, isolated=True) == 5 + 3 * (3 + 2)
    assert startup(replace(plan, rates=replace(RATES, start_seconds=7.5)), 6, isolated=True) == 12.5


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


def test_a_report_tells_of_the_same_model_only(project: Project) -> None:
    project.homogeneity_file.parent.mkdir(parents=True)
    project.homogeneity_file.write_text(
        '{"run": {"workers": 2, "pace": 1.5, "border_seconds": 0.1, "start_seconds": null},'
        f' "examined": {{"model_digest": "{fake_recipe().model_digest}"}}}}',
        encoding="utf-8",
    )
    assert last_run(project, fake_recipe()) == LastRun(2, 1.5, 0.1, None)
    assert last_run(project, replace(fake_recipe(), model_digest="0" * 64)) is None

"""Budgets that nobody asked for are refused with a word on where they come from."""

from pathlib import Path

import pytest

from bocage.errors import SettingsError
from bocage.project import Project
from bocage.settings import Settings
from bocage.training.curve import run_benchmark
from tests.training.fakes import build, short_run


def _refusal(project: Project, budgets: list[int] | None = None) -> SettingsError:
    with pytest.raises(SettingsError, match=r"a budget of .* is more than the .* annotations") as refused:
        run_benchmark(project, budgets=budgets)
    return refused.value


def _with(project: Project, **benchmark: object) -> Project:
    return Project(project.folder, Settings.model_validate({"benchmark": benchmark}))


def test_of_default_budgets_it_is_told_that_they_are(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    none = _refusal(project)
    assert "a budget of 500 is more than the 6 annotations that the training chips hold; bocage.toml" in none.problem
    assert "has no section [benchmark], so these are the default budgets: 5, 25, 125, 500" in none.problem
    assert none.mend == "run: bocage benchmark --budgets 5; or set budgets in [benchmark], or draw more samples"
    other = _refusal(_with(project, orders=2))
    assert "names no budgets in [benchmark], so these are the default budgets" in other.problem
    # Where no default can be filled, none is proposed.
    few = _refusal(build(tmp_path / "few", (short_run(),), ("train",) * 2 + ("validation", "test")))
    assert "more than the 2 annotations" in few.problem
    assert few.mend == "either set budgets in [benchmark], or draw more samples"


def test_of_budgets_that_were_asked_for_it_is_not(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    for refusal in (_refusal(project, [2, 500]), _refusal(_with(project, budgets=[5, 25]))):
        assert "default" not in refusal.problem
        assert refusal.mend.startswith("lower the budget, ")

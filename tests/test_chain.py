import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from bocage import chain
from bocage.errors import SceneError, SettingsError
from bocage.outcome import Outcome, Refusal
from bocage.project import Project
from bocage.receipts import Receipt
from bocage.stages import STAGES, Stage


class Stages(ModuleType):
    """Two stages that count their runs: the second copies what the first wrote."""

    def __init__(self) -> None:
        super().__init__("fake_stages")
        self.runs: list[str] = []
        self.fail = False
        self.refuse = False

    def first(self, project: Project, word: str = "one") -> Outcome:
        self.runs.append("first")
        if self.fail:
            raise SceneError("a.tif has no coordinate reference system", "assign one")
        if word == "three":
            raise SettingsError("word 'three': there is no such word", "give another")
        project.scenes_file.write_text(word)
        refused = (Refusal("b.tif", "is truncated"),) if self.refuse else ()
        return Outcome((project.scenes_file,), {"scenes": 1}, refused)

    def second(self, project: Project, workers: int = 0) -> Outcome:
        self.runs.append("second")
        project.samples_file.write_text(project.scenes_file.read_text())
        return Outcome((project.samples_file,))


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stages]:
    fake = Stages()
    monkeypatch.setitem(sys.modules, "fake_stages", fake)
    table = (
        Stage(
            "first", "a catalogue", "fake_stages:first", ("scenes",), outside=lambda project: project.paths("in.txt")
        ),
        Stage(
            "second",
            "samples",
            "fake_stages:second",
            ("samples", "mapping"),
            after=("first",),
            indifferent=("mapping.workers",),
        ),
    )
    monkeypatch.setattr(chain, "STAGES", table)
    monkeypatch.setattr(chain, "stage_named", lambda name: next(stage for stage in table if stage.name == name))
    return fake


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "bocage.toml").touch()
    (tmp_path / "in.txt").write_text("1")
    return Project.open(tmp_path)


def states(project: Project) -> list[str]:
    return [entry.state for entry in chain.status(project)]


def test_a_second_run_does_nothing(project: Project, stages: Stages) -> None:
    assert states(project) == ["missing", "missing"]
    chain.run_chain(project)
    assert states(project) == ["done", "done"]
    chain.run_chain(project)
    assert stages.runs == ["first", "second"]


def test_a_changed_file_from_outside_makes_everything_after_it_stale(project: Project, stages: Stages) -> None:
    chain.run_chain(project)
    (project.folder / "in.txt").write_text("changed")
    assert states(project) == ["stale", "stale"]
    chain.run_chain(project)
    assert stages.runs == ["first", "second"] * 2


def test_a_changed_setting_makes_only_its_stage_and_later_ones_stale(project: Project, stages: Stages) -> None:
    chain.run_chain(project)
    (project.folder / "bocage.toml").write_text("[samples]\nseed = 1\n")
    changed = Project.open(project.folder)
    assert states(changed) == ["done", "stale"]


def test_a_lost_output_makes_its_stage_stale(project: Project, stages: Stages) -> None:
    chain.run_chain(project)
    project.samples_file.unlink()
    assert states(project) == ["done", "stale"]
    assert "samples.parquet" in chain.status(project)[1].reason


def test_a_run_with_options_is_stale_for_the_chain(project: Project, stages: Stages) -> None:
    chain.run_chain(project)
    chain.run_stage(project, "first", word="two")
    assert chain.status(project)[0].state == "stale"
    assert "word = two" in chain.status(project)[0].reason
    chain.run_chain(project)
    assert project.scenes_file.read_text() == "one"


def test_what_only_changes_how_a_stage_works_makes_nothing_stale(project: Project, stages: Stages) -> None:
    chain.run_chain(project)
    chain.run_stage(project, "second", workers=2)
    (project.folder / "bocage.toml").write_text("[mapping]\nworkers = 3\n")
    assert states(Project.open(project.folder)) == ["done", "done"]


def test_the_same_project_by_another_path_is_not_stale(project: Project, stages: Stages, tmp_path: Path) -> None:
    chain.run_chain(project)
    link = tmp_path.with_name(tmp_path.name + "_link")
    link.symlink_to(project.folder)
    assert states(Project.open(link)) == ["done", "done"]
    assert states(Project.open(project.folder / ".." / project.folder.name)) == ["done", "done"]


def test_a_failed_stage_says_why_and_stops_the_chain(project: Project, stages: Stages) -> None:
    stages.fail = True
    with pytest.raises(SceneError):
        chain.run_chain(project)
    assert states(project) == ["failed", "missing"]
    assert "coordinate reference system" in chain.status(project)[0].reason
    stages.fail = False
    chain.run_chain(project)
    assert states(project) == ["done", "done"]


def test_a_refused_option_leaves_what_was_made_as_it_is(project: Project, stages: Stages) -> None:
    with pytest.raises(SettingsError):
        chain.run_stage(project, "first", word="three")
    assert states(project) == ["failed", "missing"]
    chain.run_chain(project)
    with pytest.raises(SettingsError):
        chain.run_stage(project, "first", word="three")
    assert states(project) == ["done", "done"]


def test_a_killed_stage_is_interrupted(project: Project, stages: Stages) -> None:
    chain.run_chain(project)
    receipt = Receipt.read(project.receipts_folder, "second")
    assert receipt is not None
    replace(receipt, status="running").write(project.receipts_folder)
    assert states(project) == ["done", "interrupted"]


def test_refusals_are_kept_in_the_receipt(project: Project, stages: Stages) -> None:
    stages.refuse = True
    first, _ = chain.run_chain(project)
    assert first.refused == (Refusal("b.tif", "is truncated"),)
    again = Receipt.read(project.receipts_folder, "first")
    assert again == first


def test_the_real_stages_depend_only_on_earlier_ones() -> None:
    names = [stage.name for stage in STAGES]
    for position, stage in enumerate(STAGES):
        assert set(stage.after) <= set(names[:position]), stage.name


def test_the_samples_depend_on_the_layers_of_zones_and_towns_and_on_no_other(tmp_path: Path) -> None:
    stage = next(stage for stage in STAGES if stage.name == "samples")

    def digest(reference: str, samples: str = "") -> str:
        (tmp_path / "bocage.toml").write_text(f"[reference]\n{reference}\n[samples]\n{samples}\n")
        return chain.inputs_digest(Project.open(tmp_path), stage, {})

    zones = '[[reference.layers]]\nkind = "environmental_zones"\npaths = ["z.tif"]\n'
    height = '[[reference.layers]]\nkind = "canopy_height"\npaths = ["h.tif"]\n'
    bare = digest("")
    assert digest("tree_height = 5.0") == bare == digest(height)
    with_zones = digest(zones)
    assert with_zones != bare
    assert digest(zones + "other = [7]\n") not in {bare, with_zones}
    assert digest(zones + 'licence = "CC0"\n') == with_zones
    (tmp_path / "z.tif").write_text("changed")
    assert digest(zones) != with_zones
    # A path of its own takes the place of what is registered.
    own = digest(zones, 'zones = "own.tif"')
    (tmp_path / "z.tif").write_text("changed again")
    assert digest(zones, 'zones = "own.tif"') == own

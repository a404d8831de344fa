"""What is expected of a run and what came of it: the rates of its plan, its start, and the report that it leaves."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bocage.files import write_json
from bocage.grid import Window
from bocage.mapping.engines import make_engine
from bocage.mapping.homogeneity import examine, worst
from bocage.mapping.machines import Machine
from bocage.mapping.mosaic import read_probability
from bocage.mapping.planning import Plan
from bocage.mapping.rates import LastRun
from bocage.mapping.receipt import Recipe, TileSummary
from bocage.mapping.reckoning import Course, Reckoning
from bocage.mapping.seams import measure_borders
from bocage.mapping.staff import Staff
from bocage.mapping.trial import trial_rates
from bocage.progress import bar
from bocage.project import Project

if TYPE_CHECKING:
    from bocage.mapping.worker import Work
    from bocage.models.segmenter import Segmenter
    from bocage.settings import MachineSettings

_log = logging.getLogger("bocage")

_FRESH = 2.0
"""Seconds that a new process takes beside loading the model: its interpreter, imports, what its first tile opens."""


def with_rates(found: Plan, segmenter: Segmenter, work: Work) -> Plan:
    """Return the plan with rates: those of tiles on trial, mapped now, where no tile in place reports any."""
    if found.rates is not None or not found.jobs:
        return found
    return replace(found, rates=trial_rates(found, segmenter, work))


def expect(found: Plan, abreast: int) -> Plan:
    """Return the plan with the rates that workers have when so many of them share the cores of a machine."""
    return found if found.rates is None else replace(found, rates=found.rates.for_workers(abreast))


def startup(found: Plan, staff: Staff) -> float:
    """Return the seconds before the first tile: what this process has taken so far, and the start of the workers.

    Where none with a process of its own was timed yet, each is taken to load the model as this process did, and more of
    them than a machine has cores to share these.
    """
    if not staff.isolated:
        return found.preparing
    if found.rates is not None and found.rates.start_seconds is not None:
        return found.preparing + found.rates.start_seconds
    return found.preparing + (found.loading + _FRESH) * max(staff.abreast / (os.cpu_count() or 1), 1.0)


def forecast(
    project: Project,
    found: Plan,
    machines: Sequence[MachineSettings] = (),
    *,
    workers: int | None = None,
    engine: str | None = None,
) -> dict[str, Any]:
    """Return the figures of a plan on the machines, or on the workers of the engine where none is given.

    Parameters
    ----------
    workers, engine
        As for the run itself; the settings where None.

    Raises
    ------
    MissingExtraError, MappingError
        If the engine is Ray, and it is not installed or does not start: who would map is asked of the cluster.
    """
    settings = project.settings.mapping
    if machines and found.rates is not None:
        alone = expect(found, 1)
        assert alone.rates is not None
        return alone.as_dict([Machine.of(machine, alone.rates) for machine in machines], startup=found.loading)
    if not found.jobs:
        return found.as_dict()
    with closing(make_engine(engine or settings.engine, settings.workers if workers is None else workers)) as runner:
        staff, count = runner.staff(len(found.jobs)), runner.workers
    return expect(found, staff.abreast).as_dict(workers=count, startup=startup(found, staff))


def last_run(project: Project, recipe: Recipe) -> LastRun | None:
    """Return what the last finished run tells of the next one; None where there was none, or with another model."""
    report = read_report(project) or {}
    run = report.get("run")
    if run is None or report.get("examined", {}).get("model_digest") != recipe.model_digest or "pace" not in run:
        return None
    abreast = int(run["abreast"]) if "abreast" in run else _abreast_here(int(run["workers"]))
    return LastRun(max(abreast, 1), run["pace"], run["border_seconds"], run["start_seconds"])


def _abreast_here(workers: int) -> int:
    """Return how many share the cores of this machine, where a report of an older version says only how many ran."""
    return make_engine("local", workers).staff(workers).abreast


def read_report(project: Project) -> dict[str, Any] | None:
    """Return the report of homogeneity of the last finished run, or None where there is none that can be read."""
    try:
        content = json.loads(project.homogeneity_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def settle(
    project: Project,
    todo: Plan,
    mapped: Sequence[TileSummary],
    summaries: Sequence[TileSummary],
    course: Course,
) -> dict[str, Any]:
    """Examine the mosaic, compare the run with its plan, and write the report; return the figures for the receipt.

    Parameters
    ----------
    mapped, summaries
        The tiles of this run, and those of the whole plan.
    course
        What the run took so far.
    """
    started = time.perf_counter()
    before = read_report(project)
    if not mapped and before is not None and before.get("examined") == _examined(todo, summaries):
        return _figures(before)
    report: dict[str, Any] = {"examined": _examined(todo, summaries)}
    tiles = {each.id: each.inspection for each in summaries if each.inspection is not None}
    _, figures = examine(tiles, _borders(project, todo, summaries), _sensors(todo))
    report |= figures
    report["tiles_without_counts"] = len(summaries) - len(tiles)
    if mapped:
        course = replace(course, ending=time.perf_counter() - started)
        reckoning = reckon(todo, mapped, course)
        reckoning.log()
        report["run"] = reckoning.as_dict()
    elif before is not None and "run" in before:
        report["run"] = before["run"]
    write_json(project.homogeneity_file, report)
    if words := worst(report):
        _log.warning("%s (%s)", words, project.homogeneity_file)
    return _figures(report)


def reckon(todo: Plan, mapped: Sequence[TileSummary], course: Course) -> Reckoning:
    """Return what came of a plan whose tiles are mapped.

    Raises
    ------
    ValueError
        If the plan has no rates.
    """
    planned = expect(todo, course.staff.abreast)
    expected = planned.estimate(workers=course.staff.workers, startup=startup(todo, course.staff))
    if expected is None or planned.rates is None:
        raise ValueError("a plan without rates expects nothing")
    return Reckoning.of(expected, planned.load, mapped, course, source=planned.rates.source)


def _examined(todo: Plan, summaries: Sequence[TileSummary]) -> dict[str, Any]:
    """Return what tells one mosaic from another, to know whether a report is of it."""
    return {
        "tiles": len(summaries),
        "valid_pixels": sum(each.valid_pixels for each in summaries),
        "model_digest": todo.recipe.model_digest,
        "settings_digest": todo.recipe.settings_digest,
    }


def _borders(project: Project, todo: Plan, summaries: Sequence[TileSummary]) -> list[Any]:
    seen = {each.id for each in summaries if each.valid_pixels}
    tiles = [job.tile for job in todo.tiles if job.tile.id in seen]

    def read(window: Window) -> NDArray[np.uint8]:
        return read_probability(project, window)[0]

    with bar("compare borders of tiles", len(tiles)) as advance:
        found = measure_borders(tiles, project.tiling, read)
        advance(len(tiles))
    return found


def _sensors(todo: Plan) -> dict[str, str]:
    return {scene.id: scene.sensor for job in todo.tiles for scene in job.scenes}


def _figures(report: dict[str, Any]) -> dict[str, Any]:
    """Return what the receipt of the stage says of the report."""
    figures: dict[str, Any] = {
        "tiles_standing_out": len({entry["tile"] for entry in report["flagged"]}),
        "seams": report["seams"]["seams"],
        "worst_tile": worst(report),
    }
    return {**figures, "plan": report["run"]} if "run" in report else figures

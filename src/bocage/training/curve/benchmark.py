"""The benchmark: train the cells that are missing, then say what all of them show.

The folder ``benchmark/`` of the project is the memory: a cell whose file is there and agrees with today's settings is
kept, whoever made it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from bocage.errors import SettingsError
from bocage.outcome import Outcome
from bocage.progress import bar
from bocage.project import SETTINGS_FILE, Project
from bocage.settings import BenchmarkSettings
from bocage.training.curve.arms import choose_arms, refuse_arm, refuse_failed
from bocage.training.curve.bench import Bench
from bocage.training.curve.cell import CellRecord
from bocage.training.curve.plan import Plan
from bocage.training.curve.summary import write_summary
from bocage.training.curve.workers import Job, train_cells

_log = logging.getLogger("bocage")


def run_benchmark(
    project: Project,
    *,
    budgets: Sequence[int] | None = None,
    orders: int | None = None,
    arms: Sequence[str] | None = None,
    workers: int | None = None,
    keep: bool = False,
    train: bool = True,
) -> Outcome:
    """Train every cell that is missing and write what all of them show: ``benchmark/`` of the project.

    Parameters
    ----------
    budgets, orders, arms, workers
        In place of those of the settings.
    keep
        Whether the model packages of the cells stay; they are large.
    train
        False only reads the cells that are there.

    Returns
    -------
    Outcome
        Refused are arms with missing cells that cannot be trained here, and cells that failed; the rest went on.

    Raises
    ------
    ProjectError
        If no samples were drawn.
    SampleError
        If a chip cannot be read, or no chip holds a unit.
    TrainingError
        If a split is empty or holds one class only, or a process dies.
    SettingsError
        If an arm is unknown or a budget is more than there is.
    StorageError
        If nothing can be written, or a file of a cell is damaged.
    """
    plan = _plan(project.settings.benchmark, budgets, orders, arms)
    bench = Bench(project, keep=keep)
    try:
        bench.check_budgets(plan.budgets)
    except SettingsError as error:
        if budgets is not None or "budgets" in project.settings.benchmark.model_fields_set:
            raise
        raise _nobody_asked(project, error, len(bench.units)) from error
    records, missing, other = _look(project, bench, plan)
    asked = missing if train else []
    # An arm whose cells are all there, from another machine perhaps, needs nothing of this one.
    wanted = {cell.arm for cell, _ in asked}
    looks = {arm.name: refuse_arm(project, arm) for arm in plan.arms if arm.name in wanted}
    barred = {name: found for name, found in looks.items() if found is not None}
    jobs = [job for job in asked if job[0].arm not in barred]
    _log.info("benchmark: %d cells, %d are there, %d to train", len(plan.cells), len(records), len(jobs))
    if other:
        _log.info("%d of the others are there of other settings, chips or arithmetic, and do not count", other)
    records += _train(project, bench, jobs, workers or project.settings.benchmark.workers, keep)
    refused = [*barred.values(), *refuse_failed(records)]
    outputs, figures = write_summary(project, plan, records, refused)
    return Outcome(outputs, {**figures, "units": len(bench.units)}, tuple(refused))


def _plan(
    settings: BenchmarkSettings, budgets: Sequence[int] | None, orders: int | None, arms: Sequence[str] | None
) -> Plan:
    asked = tuple(sorted(set(settings.budgets if budgets is None else budgets)))
    if not asked or asked[0] < 1:
        raise SettingsError(f"budgets {list(asked)} cannot be trained on", "give one or more numbers above 0")
    return Plan(choose_arms(settings, arms), asked, settings.orders if orders is None else orders)


def _nobody_asked(project: Project, error: SettingsError, units: int) -> SettingsError:
    """Return the refusal of budgets that are those of the defaults: whoever reads it has named none."""
    written = "benchmark" in project.settings.model_fields_set
    wants = "names no budgets in [benchmark]" if written else "has no section [benchmark]"
    budgets = project.settings.benchmark.budgets
    filled = ",".join(str(budget) for budget in budgets if budget <= units)
    default = ", ".join(map(str, budgets))
    return SettingsError(
        f"{error.problem}; {SETTINGS_FILE} {wants}, so these are the default budgets: {default}",
        f"{f'run: bocage benchmark --budgets {filled}; or' if filled else 'either'} set budgets in [benchmark], or "
        "draw more samples",
    )


def _look(project: Project, bench: Bench, plan: Plan) -> tuple[list[CellRecord], list[Job], int]:
    """Return the records of cells done with today's inputs, the other cells, and how many of these are there."""
    records, missing, other = [], [], 0
    for cell, arm in plan.cells:
        record = CellRecord.read(project.benchmark_folder, cell)
        if record is not None and record.done and record.inputs == bench.inputs(cell, arm):
            records.append(record)
        else:
            missing.append((cell, arm))
            other += record is not None and record.done
    return records, missing, other


def _train(project: Project, bench: Bench, jobs: Sequence[Job], workers: int, keep: bool) -> list[CellRecord]:
    if not jobs:
        return []
    records: list[CellRecord] = []
    started = time.monotonic()

    def note(record: CellRecord) -> None:
        records.append(record)
        said = f"IoU {record.figures['test']['iou']}" if record.done else f"failed: {record.reason}"
        minutes = (time.monotonic() - started) / 60
        _log.info("%d of %d after %.1f min: %s: %s", len(records), len(jobs), minutes, record.cell, said)

    finished = train_cells(project, bench, jobs, workers, keep=keep)
    if workers <= 1:
        # The training shows its own bar, and there can be only one.
        for record in finished:
            note(record)
        return records
    with bar("cells trained", len(jobs)) as advance:
        for record in finished:
            note(record)
            advance(1)
    return records

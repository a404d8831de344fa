"""What a benchmark leaves behind beside its cells: table, plot, page and all figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bocage.files import write_bytes, write_json, write_text
from bocage.models.forest import FORESTS
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.training.curve.cell import CELLS, CellRecord
from bocage.training.curve.comparison import compare
from bocage.training.curve.page import render
from bocage.training.curve.plan import Plan
from bocage.training.curve.plot import draw
from bocage.training.curve.results import Results
from bocage.training.curve.table import as_csv
from bocage.training.curve.verdict import missing_words, verdicts

SUMMARY = "benchmark.json"
TABLE = "table.csv"
PLOT = "curve"
PAGE = "benchmark.html"


def write_summary(
    project: Project, plan: Plan, records: Sequence[CellRecord], refused: Sequence[Refusal]
) -> tuple[tuple[Path, ...], dict[str, Any]]:
    """Write what the cells show, however many there are; return the files and the figures for a person.

    Raises
    ------
    StorageError
        If something cannot be written, or cells were tested on different scenes.
    """
    folder, settings = project.benchmark_folder, project.settings.benchmark
    results = Results.of(records, [arm.name for arm in plan.arms], plan.orders, plan.budgets)
    comparison = compare(results, settings)
    unit = unit_in_words(settings.unit)
    said, missing = verdicts(comparison), missing_words(comparison)
    seconds = {arm.name: _seconds(records, arm.name) for arm in plan.arms}
    content = {
        "name": project.settings.project.name,
        "unit": unit,
        "arms": {arm.name: arm.model_dump(mode="json", exclude={"name", "seed"}) for arm in plan.arms},
        "comparison": comparison.as_json(),
        "verdicts": said,
        "missing": missing,
        "refused": [asdict(one) for one in refused],
        "seconds_per_cell": seconds,
    }
    write_json(folder / SUMMARY, content)
    write_text(folder / TABLE, as_csv(comparison))
    pictures = draw(comparison, results, unit)
    for suffix, picture in pictures.items():
        write_bytes(folder / f"{PLOT}.{suffix}", picture)
    again = {arm.name: arm.self_training for arm in plan.arms if arm.backbone not in FORESTS}
    write_text(folder / PAGE, render(project.settings.project.name, comparison, pictures["png"], unit, refused, again))
    files = tuple(folder / name for name in (CELLS, SUMMARY, TABLE, f"{PLOT}.png", f"{PLOT}.svg", PAGE))
    done = sum(record.done for record in records)
    figures = {"cells": len(plan.cells), "done": done, "page": str(folder / PAGE), "verdicts": said}
    return files, figures | ({"missing": missing} if missing else {})


def unit_in_words(metres: float | None) -> str:
    """Return what one annotation is."""
    return "a whole chip" if metres is None else f"a square of {metres:g} m"


def _seconds(records: Sequence[CellRecord], arm: str) -> float | None:
    """Return the mean time of a cell of an arm."""
    times = [float(one.figures["seconds"]) for one in records if one.cell.arm == arm and "seconds" in one.figures]
    return round(sum(times) / len(times), 1) if times else None

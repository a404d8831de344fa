"""The learning curve of the Ohio example with one thing changed: more steps, or larger annotations.

Whether the steps of the curve are enough is seen by training its cells again with twice as many, on the same
annotations with the same seeds: differences are paired by order. With larger annotations it is seen what "25 tiles"
come to where a tile is more than a square of 57.6 m.

    python benchmarks/curve_variant.py [--json] [--folder DIR] [--steps N] [--unit METRES] [--crop PIXELS]
        [--budgets A,B] [--factor F] [--orders N] [--arms a,b] [--against PROJECT] [--no-train]

The folder is made from ``examples/ohio`` and keeps its cells, so that a benchmark that was interrupted goes on.
``--against`` names a project whose cells these are compared with, and whose home-made backbone is taken. It needs the
imagery in ``BOCAGE_DATA``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from imitations import data_folder
from learning_curve import EXAMPLE, HOMEMADE, measure, print_scores
from scipy.stats import t

from bocage.errors import SettingsError
from bocage.files import write_text
from bocage.project import Project
from bocage.training.curve.cell import Cell, CellRecord

SCORES = ("iou", "boundary_f1")


def prepare(folder: Path, changes: dict[str, str], against: Path | None) -> None:
    """Make the project: the settings of the example with changes in their benchmark, unless it is there.

    Raises
    ------
    SettingsError
        If it is there with other settings: its figures would be taken for those that were asked for.
    """
    if (folder / "bocage.toml").is_file():
        benchmark = Project.open(folder).settings.benchmark
        there = {"steps": benchmark.run.steps, "crop": benchmark.run.crop} | {
            name: getattr(benchmark, name) for name in ("unit", "factor")
        }
        for name, value in changes.items():
            if name in there and float(value) != there[name]:
                raise SettingsError(f"{folder} has {name} {there[name]}, not {value}", "name another --folder")
        return
    head, mark, rest = (EXAMPLE / "bocage.toml").read_text(encoding="utf-8").partition("[benchmark]\n")
    shared, arm, tail = rest.partition("[[benchmark.arms]]")
    for key, value in changes.items():
        shared, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", shared)
        if not count:
            shared = f"{key} = {value}\n{shared}"
    folder.mkdir(parents=True, exist_ok=True)
    if against is not None:
        shutil.copytree(against / "backbones" / HOMEMADE, folder / "backbones" / HOMEMADE)
    write_text(folder / "bocage.toml", head + mark + shared + arm + tail)


def pairs(folder: Path, against: Path, arms: list[str], budgets: list[int], orders: int) -> list[dict[str, Any]]:
    """Return, for each arm and budget, how the scores differ from those of another project, paired by order.

    The interval is that of Student's t over the orders, two-sided, 95 %.
    """
    rows = []
    own_folder, other_folder = Project.open(folder).benchmark_folder, Project.open(against).benchmark_folder
    for arm in arms:
        for budget in budgets:
            found = []
            for order in range(orders):
                records = [CellRecord.read(one, Cell(arm, order, budget)) for one in (own_folder, other_folder)]
                if all(record is not None and record.done for record in records):
                    found.append([[record.figures["test"][name] for name in SCORES] for record in records if record])
            if len(found) < 2:
                continue
            scores = np.array(found)
            differences = scores[:, 0] - scores[:, 1]
            reach = float(t.ppf(0.975, len(found) - 1)) * differences.std(axis=0, ddof=1) / math.sqrt(len(found))
            row: dict[str, Any] = {"arm": arm, "budget": budget, "orders": len(found)}
            for index, name in enumerate(SCORES):
                row[name] = {
                    "here": round(float(scores[:, 0, index].mean()), 4),
                    "there": round(float(scores[:, 1, index].mean()), 4),
                    "difference": round(float(differences[:, index].mean()), 4),
                    "reach": round(float(reach[index]), 4),
                }
            rows.append(row)
    return rows


def compare(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train the cells that are missing, and return the table, what it says and the differences."""
    budgets = [int(one) for one in arguments.budgets.split(",")]
    given = {"steps": arguments.steps, "unit": arguments.unit, "crop": arguments.crop, "factor": arguments.factor}
    changes = {name: str(value) for name, value in given.items() if value is not None}
    prepare(folder, changes | {"budgets": str(budgets)}, arguments.against)
    options = ["--budgets", arguments.budgets, "--orders", str(arguments.orders), "--arms", arguments.arms]
    figures = measure(folder, [*options, *(["--no-train"] if arguments.no_train else [])])
    if arguments.against is not None:
        arms = arguments.arms.split(",")
        figures["pairs"] = pairs(folder, arguments.against, arms, budgets, arguments.orders)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="a temporary one without it")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--unit", type=float, help="edge of an annotation in metres")
    parser.add_argument("--crop", type=int, help="edge of a crop in pixels")
    parser.add_argument("--budgets", default="25,500")
    parser.add_argument("--factor", type=float, help="of the test of non-inferiority")
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--arms", default="unet_resnet50,lite0_random,lite0_imagenet,lite0_county")
    parser.add_argument("--against", type=Path)
    parser.add_argument("--no-train", action="store_true", help="only print what is there")
    arguments = parser.parse_args()
    os.environ.setdefault("BOCAGE_DATA", str(data_folder()))
    with tempfile.TemporaryDirectory() as temporary:
        figures = compare(arguments, arguments.folder or Path(temporary) / "curve")
    if arguments.json:
        print(json.dumps(figures))
        return
    print_scores(figures["table"])
    for row in figures.get("pairs", ()):
        told = ", ".join(
            f"{name} {row[name]['difference']:+.3f} ± {row[name]['reach']:.3f} (from {row[name]['there']:.3f})"
            for name in SCORES
        )
        print(f"{row['arm']} with {row['budget']}, {row['orders']} orders: {told}")
    for words in figures["verdicts"].values():
        print(words)


if __name__ == "__main__":
    main()

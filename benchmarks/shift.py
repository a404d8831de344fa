"""The learning curve under a shift of sensor: few annotations on scenes of two sensors, the test on two others.

A simulated landscape with exact truth, as in ``homogeneity.py``. Training chips show Pleiades and WorldView-2, test
chips show SPOT and Geosat-2 over ground that training never saw. No arm has a label of the sensors that it is scored
on: the forest per image has to answer with the forests of images that resemble. One arm begins with what
``bocage pretrain`` made of scenes of all four sensors without labels, but not of the test ground.

    python benchmarks/shift.py [--json] [--folder DIR] [--size METRES] [--steps N] [--orders N] [--workers N]

With ``--folder`` a benchmark that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from homogeneity import PRETRAINED, TRAINED, prepare

from bocage.files import write_text
from bocage.project import Project
from bocage.samples import Samples
from bocage.training import pretrain
from bocage.training.curve.benchmark import run_benchmark

SETTINGS = """
[benchmark]
unit = 64
budgets = [5, 25, 125]
orders = {orders}
workers = {workers}
run = {{steps = {steps}, batch_size = 8, crop = 96, learning_rate = 2e-3, average = 0.98}}
arms = [
    {{name = "forest_per_image", backbone = "forest_per_image"}},
    {{name = "forest", backbone = "forest"}},
    {{name = "unet_resnet50", backbone = "resnet50", pretrained = false}},
    {{name = "lite0_random", backbone = "efficientnet_lite0", pretrained = false}},
    {{name = "lite0_imagenet", backbone = "efficientnet_lite0"{trunk}}},
    {{name = "lite0_here", backbone = "{pretrained}"{trunk}}},
]
"""
TRUNK = ", trunk_learning_rate = 5e-4, layer_decay = 0.7"


def build(folder: Path, options: argparse.Namespace) -> Project:
    """Return the project: simulated, cut, parted by sensor, with a backbone pretrained on it."""
    if not (folder / "bocage.toml").is_file():
        made = prepare(folder, 0, options.size)
        table = Samples.read(made).table
        seen = table["sensor"].isin(TRAINED)
        Samples(table[seen != (table["split"] == "test")].reset_index(drop=True)).write(made.samples_file)
        text = (folder / "bocage.toml").read_text(encoding="utf-8")
        form = {"orders": options.orders, "workers": options.workers, "steps": options.steps}
        write_text(folder / "bocage.toml", text + SETTINGS.format(**form, trunk=TRUNK, pretrained=PRETRAINED))
    project = Project.open(folder)
    if not (project.backbones_folder / PRETRAINED / "backbone.json").is_file():
        pretrain(project, backbone="efficientnet_lite0", name=PRETRAINED, steps=options.steps)
    return project


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train every cell that is missing, and return the table and what it says."""
    project = build(folder, options)
    outcome = run_benchmark(project)
    with (project.benchmark_folder / "table.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    return {"table": table, **outcome.figures}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--size", type=float, default=2000.0)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(options, options.folder or Path(temporary) / "shift")
    if options.json:
        print(json.dumps(figures, default=str))
        return
    print(f"trained on {', '.join(TRAINED)}, scored on other sensors and other ground")
    print(f"{'annotations':>11} {'model':<18} {'IoU':>15} {'boundary F1':>12}")
    for row in figures["table"]:
        spread = f" ± {float(row['iou_spread']):.3f}" if row["iou_spread"] else ""
        iou = f"{float(row['iou']):.3f}{spread}" if row["iou"] else "missing"
        print(f"{row['training_samples']:>11} {row['model']:<18} {iou:>15} {row['boundary_f1']:>12}")
    for words in figures.get("verdicts", {}).values():
        print(words)


if __name__ == "__main__":
    main()

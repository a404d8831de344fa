"""The learning curve on real imagery: models compared on 5 to 500 annotations, beside the figures to beat.

It pretrains the home-made backbone of ``pretraining.toml`` beside this file unless the project has it, trains every
cell of ``examples/ohio`` that is not there yet, which takes an hour or more on two cores, and prints the table of those
that are. ``--no-train`` only prints. It needs the imagery in ``BOCAGE_DATA``. With ``--json`` it prints one object. The
figures to beat are those of earlier trials on unseen scenes of the same region; those scenes are not ours, so they say
what is usual, not what is equal.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "ohio"
SETTINGS = Path(__file__).with_name("pretraining.toml")
HOMEMADE, PRETRAINING_STEPS = "county", 800
# IoU and boundary F1 that the best recipe should reach with all annotations.
LIMIT_IOU, LIMIT_BOUNDARY = 0.80, 0.60
# IoU of earlier trials: with all scenes and 5.5 minutes of training, and with 5 and 25 tiles and 100 steps.
RIVALS = {
    ("lite0_imagenet", 500): "0.757",
    ("unet_resnet50", 500): "0.747",
    ("lite0_random", 500): "0.711",
    ("forest_per_image", 500): "0.59 to 0.71",
    ("forest", 500): "0.69 to 0.70",
    ("lite0_imagenet", 5): "0.67 to 0.69",
    ("lite0_random", 5): "0.58 to 0.65",
    ("lite0_imagenet", 25): "0.72",
    ("lite0_random", 25): "0.51 to 0.62",
}


def measure(folder: Path, options: list[str], *, pretrains: bool = True) -> dict[str, Any]:
    """Run the benchmark of a project, after its home-made backbone is made, and return its table and what it says."""
    environment = os.environ | {"BOCAGE_DATA": os.environ.get("BOCAGE_DATA", str(ROOT.parent / "shared" / "data"))}
    bocage = [sys.executable, "-m", "bocage"]
    chips = [*bocage, "run", "--project", str(folder), "--until", "chips", "--json"]
    subprocess.run(chips, stdout=subprocess.DEVNULL, check=True, env=environment)
    if pretrains and "--no-train" not in options:
        pretrain(folder, bocage, environment)
    command = [*bocage, "benchmark", "--project", str(folder), "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=environment)
    figures = json.loads(done.stdout)
    with (folder / "benchmark" / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = [row for row in rows if row["iou"]]
    best = max(known, key=lambda row: float(row["iou"]), default=None)
    return {
        "limit_ratio": None
        if best is None
        else round(max(LIMIT_IOU / float(best["iou"]), LIMIT_BOUNDARY / float(best["boundary_f1"])), 3),
        "best": best,
        "limit_iou": LIMIT_IOU,
        "limit_boundary_f1": LIMIT_BOUNDARY,
        "table": rows,
        **figures,
    }


def print_scores(table: list[dict[str, str]], width: int = 18) -> None:
    """Print the IoU, its deviation over the orders and the boundary F1 of every arm and budget that has them.

    Parameters
    ----------
    width
        Of the names of the arms.
    """
    print(f"{'annotations':>11} {'model':<{width}} {'IoU':>15} {'boundary F1':>12}")
    for row in table:
        if row["iou"]:
            print(
                f"{row['training_samples']:>11} {row['model']:<{width}} "
                f"{float(row['iou']):>7.3f} ± {float(row['iou_spread'] or 0):.3f} {float(row['boundary_f1']):>12.3f}"
            )


def pretrain(folder: Path, bocage: list[str], environment: dict[str, str]) -> None:
    """Give the project its home-made backbone, from random weights and scenes without labels; a killed one goes on."""
    if (folder / "backbones" / HOMEMADE / "backbone.json").is_file():
        return
    home = folder / "benchmark" / "pretraining"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SETTINGS, home / "bocage.toml")
    scenes = [*bocage, "run", "--project", str(home), "--until", "scenes", "--json"]
    subprocess.run(scenes, stdout=subprocess.DEVNULL, check=False, env=environment)
    command = [*bocage, "pretrain", "--project", str(home), "--name", HOMEMADE, "--from-scratch", "--json"]
    command += ["--steps", str(PRETRAINING_STEPS)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    shutil.copytree(home / "backbones" / HOMEMADE, folder / "backbones" / HOMEMADE)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-train", action="store_true", help="only print what is there")
    parser.add_argument("--project", type=Path, default=EXAMPLE)
    arguments = parser.parse_args()
    figures = measure(arguments.project, ["--no-train"] if arguments.no_train else [])
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"{'annotations':>11} {'model':<18} {'IoU':>15} {'accuracy':>9} {'F1':>6} {'boundary F1':>12}  to beat")
    for row in figures["table"]:
        spread = f" ± {float(row['iou_spread']):.3f}" if row["iou_spread"] else ""
        iou = f"{float(row['iou']):.3f}{spread}" if row["iou"] else "missing"
        others = [f"{float(row[name]):.3f}" if row[name] else "" for name in ("accuracy", "f1", "boundary_f1")]
        rival = RIVALS.get((row["model"], int(row["training_samples"])), "")
        print(
            f"{row['training_samples']:>11} {row['model']:<18} {iou:>15} {others[0]:>9} {others[1]:>6} {others[2]:>12}"
            f"  {rival}"
        )
    best = figures["best"]
    if best is not None:
        print(
            f"best: {best['model']} with {best['training_samples']}: IoU {best['iou']}, {LIMIT_IOU} or more is asked; "
            f"boundary F1 {best['boundary_f1']}, {LIMIT_BOUNDARY} or more is asked ({figures['limit_ratio']:.2f})"
        )
    for words in figures["verdicts"].values():
        print(words)
    if "missing" in figures:
        print(figures["missing"])


if __name__ == "__main__":
    main()

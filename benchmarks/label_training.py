"""What it costs to train on fused labels instead of true ones, measured on scenes that training never saw.

The labels of the Ohio example are replaced by labels fused from imitated layers (:mod:`imitations` beside this file),
by the rules and by the latent-class model. Per seed, with its own layers, its own first weights and its own crops,
equal networks are trained on each, and what they say of the test chips is compared with the true labels. Differences
are taken within a seed: the same first weights and crops, other labels.

    python benchmarks/label_training.py [--json] [--seeds N] [--steps N] [--folder DIR]

It needs the imagery in ``BOCAGE_DATA``. With ``--folder`` every finished run leaves a file there and is not repeated; a
run that was killed goes on after its last validation. ``rival_ratio`` is the mean IoU of the worse of the two fused
labels over that of the true ones.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

from imitations import data_folder, example_with, write_layers
from truth import test_iou

from bocage.chain import run_stage
from bocage.files import write_json
from bocage.project import Project

TRUE = "true labels"
FUSED = ("rules", "latent")


def train(folder: Path, labels: str, seed: int, steps: int) -> dict[str, Any]:
    """Train on one kind of labels and return the IoU with the truth on the chips of the test scenes."""
    layers = folder / f"seed{seed}" / "layers"
    if labels != TRUE and not layers.is_dir():
        write_layers(layers, seed, float("inf"))
    home = folder / f"seed{seed}" / labels.replace(" ", "_")
    home.mkdir(parents=True, exist_ok=True)
    text = example_with(None if labels == TRUE else layers, labels, steps=steps, seed=seed)
    (home / "bocage.toml").write_text(text, encoding="utf-8")
    project = Project.open(home)
    clock = time.perf_counter()
    for stage in ("scenes", "labels", "samples", "chips", "train"):
        print(f"seed {seed}, {labels}: {stage} at {time.perf_counter() - clock:.0f} s", file=sys.stderr, flush=True)
        run_stage(project, stage)
    return {
        "labels": labels,
        "seed": seed,
        "steps": steps,
        "iou": test_iou(project),
        "seconds": round(time.perf_counter() - clock, 1),
    }


def measure(folder: Path, seeds: int, steps: int) -> dict[str, Any]:
    """Return all figures; runs whose file is in the folder are not repeated."""
    runs = []
    for seed in range(seeds):
        for labels in (TRUE, *FUSED):
            path = folder / f"{labels.replace(' ', '_')}_seed{seed}_steps{steps}.json"
            if not path.is_file():
                write_json(path, train(folder, labels, seed, steps))
            runs.append(json.loads(path.read_text(encoding="utf-8")))
            print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    iou = {labels: [run["iou"] for run in runs if run["labels"] == labels] for labels in (TRUE, *FUSED)}
    means = {labels: statistics.fmean(values) for labels, values in iou.items()}
    return {
        "rival_ratio": round(min(means[labels] for labels in FUSED) / means[TRUE], 4),
        "steps": steps,
        "seeds": seeds,
        "iou": {labels: _spread(values) for labels, values in iou.items()},
        "difference": {
            labels: _spread([one - true for one, true in zip(iou[labels], iou[TRUE], strict=True)]) for labels in FUSED
        },
        "runs": runs,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(statistics.fmean(values), 4),
        "deviation": round(statistics.stdev(values), 4) if len(values) > 1 else float("nan"),
        "lowest": round(min(values), 4),
        "highest": round(max(values), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--folder", type=Path, default=None, help="where runs are kept; a temporary one by default")
    options = parser.parse_args()
    os.environ["BOCAGE_DATA"] = str(data_folder().resolve())
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure((options.folder or Path(temporary)).resolve(), options.seeds, options.steps)
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    print(f"{figures['steps']} steps, {figures['seeds']} seeds; IoU on unseen scenes with the truth")
    print("| trained on | IoU, mean (lowest to highest) | difference to true labels, mean ± standard deviation |")
    print("|---|---|---|")
    for labels, one in figures["iou"].items():
        to = figures["difference"].get(labels)
        difference = "" if to is None else f"{to['mean']:+.4f} ± {to['deviation']:.4f}"
        print(f"| {labels} | {one['mean']:.4f} ({one['lowest']:.4f} to {one['highest']:.4f}) | {difference} |")


if __name__ == "__main__":
    main()

"""What it is worth to correct where ``bocage samples rank`` says, measured on real labels.

The labels of the Ohio example are replaced by labels fused from imitated layers that are three years old and coarse
(:mod:`imitations` beside this file), a small network is trained on them, and the ground to train with is ranked in
squares of 38 m. Then 1 % of the area is given its true labels, where the ranking says and at random, and the IoU of the
label against the truth is compared. Every seed has its own layers, its own network and its own draws.

``--retrain`` writes the corrections as polygons, builds labels and chips anew, counts what was built, trains again and
compares the test scenes with the truth.

    python benchmarks/corrections.py [--json] [--seeds N] [--steps N] [--retrain]

It needs the imagery in ``BOCAGE_DATA``. ``rival_ratio`` is the mean gain of the ranking over that of chance.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import geopandas
import numpy as np
from imitations import OUTSIDE, data_folder, example_with, truth_layer, write_layers
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry import shape
from truth import test_iou

from bocage.chain import run_stage
from bocage.grid import Bounds, Window
from bocage.models import load_model
from bocage.project import Project
from bocage.reference import read_labels
from bocage.reference.layer import label_of
from bocage.samples.ranking import rank_samples

SHARE = 0.01
PARTS = 16
DRAWS = 200


def make_project(folder: Path, layers: Path, steps: int, seed: int) -> Project:
    """Return the Ohio example with fused labels in the place of the true ones, trained."""
    text = example_with(layers, "rules", steps=steps, seed=seed)
    folder.mkdir(parents=True)
    (folder / "bocage.toml").write_text(text, encoding="utf-8")
    project = Project.open(folder)
    for stage in ("scenes", "labels", "samples", "chips", "train"):
        run_stage(project, stage)
    return project


class Ground:
    """What each piece of ground holds: pixels that the truth knows, and the label's score before and after."""

    def __init__(self, project: Project, ranked: geopandas.GeoDataFrame) -> None:
        layer = truth_layer(project)
        rows = []
        for outline in ranked.geometry:
            window = project.grid.window(Bounds(*outline.bounds))
            label, truth = read_labels(project, window), label_of(layer, project.grid, window)
            asked = truth != OUTSIDE
            tree, decided = asked & (truth == 1), asked & (label != OUTSIDE)
            found = decided & (label == 1)
            rows.append((
                np.count_nonzero(asked),
                np.count_nonzero(found & tree),
                np.count_nonzero(found | (tree & decided)),
                np.count_nonzero(asked & ~decided),
                np.count_nonzero(tree),
            ))  # fmt: skip
        self.area, self.hits, self.union, self.doubt, self.tree = np.array(rows, np.int64).T

    def iou(self, corrected: NDArray[np.bool_], *, doubt_is_wrong: bool = False) -> float:
        """Return the IoU of the label with the truth where some pieces hold the truth."""
        union = self.union + (self.doubt if doubt_is_wrong else 0)
        return float(np.where(corrected, self.tree, self.hits).sum() / np.where(corrected, self.tree, union).sum())

    def first(self, order: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which pieces are corrected, in this order, until 1 % of the area is spent."""
        order = order[self.area[order] > 0]
        spent = np.cumsum(self.area[order]) <= SHARE * self.area.sum()
        chosen = np.zeros(len(self.area), np.bool_)
        chosen[order[spent]] = True
        return chosen

    def errors(self) -> NDArray[np.int64]:
        """Return the wrong pixels of each piece."""
        return np.asarray(self.union - self.hits)


def gains(ground: Ground, ranked: geopandas.GeoDataFrame, seed: int) -> dict[str, Any]:
    """Return what each order of correcting gains."""
    none = np.zeros(len(ground.area), np.bool_)
    gain, difference = ranked["gain_m2"].to_numpy(), ranked["difference"].to_numpy()
    decided = ranked["decided_share"].to_numpy()
    orders = {
        "rank": np.arange(len(ranked)),
        "expected gain": np.argsort(-gain, kind="stable"),
        "mean difference": np.argsort(-difference, kind="stable"),
        "difference": np.argsort(-difference * decided, kind="stable"),
        "true errors per area": np.argsort(-ground.errors() / np.maximum(ground.area, 1), kind="stable"),
    }
    random = np.random.default_rng(seed)
    draws = [ground.first(random.permutation(len(ranked))) for _ in range(DRAWS)]
    before = ground.iou(none)
    by_chance = np.array([ground.iou(chosen) for chosen in draws]) - before
    return {
        "iou": before,
        "iou_doubt_is_wrong": ground.iou(none, doubt_is_wrong=True),
        "pieces": int(np.count_nonzero(ground.area)),
        "corrected_pieces": int(ground.first(orders["rank"]).sum()),
        "gain": {name: ground.iou(ground.first(order)) - before for name, order in orders.items()}
        | {"random": float(by_chance.mean())},
        "gain_doubt_is_wrong": {
            name: ground.iou(ground.first(order), doubt_is_wrong=True) - ground.iou(none, doubt_is_wrong=True)
            for name, order in orders.items()
        }
        | {
            "random": float(
                np.mean([ground.iou(one, doubt_is_wrong=True) for one in draws]) - ground.iou(none, doubt_is_wrong=True)
            )
        },
        "random_deviation": float(by_chance.std()),
        "random_best": float(by_chance.max()),
    }


def correct(project: Project, pieces: Sequence[Any], name: str) -> dict[str, Any]:
    """Correct pieces of ground by polygons of the truth, build and train anew, and say what was built."""
    layer, grid = truth_layer(project), project.grid
    rows = []
    for outline in pieces:
        window: Window = grid.window(Bounds(*outline.bounds))
        truth = label_of(layer, grid, window)
        found = shapes(truth, mask=truth != OUTSIDE, transform=grid.transform(window))
        rows += [(int(code), shape(polygon).buffer(0)) for polygon, code in found]
    table = geopandas.GeoDataFrame(
        {
            "class": [code for code, _ in rows], "author": "truth", "date": "2026-05-01", "reason": name,
        },
        geometry=[polygon for _, polygon in rows], crs=grid.crs,
    )  # fmt: skip
    table.to_file(project.folder / "corrections.gpkg", driver="GPKG", layer="corrections")
    text = (project.folder / "bocage.toml").read_text(encoding="utf-8")
    if "corrections =" not in text:
        text = text.replace('method = "rules"', 'method = "rules"\ncorrections = "corrections.gpkg"')
        (project.folder / "bocage.toml").write_text(text, encoding="utf-8")
    project = Project.open(project.folder)
    labels, chips = (run_stage(project, stage).figures for stage in ("labels", "chips"))
    run_stage(project, "train")
    return {
        "polygons": len(table),
        "tiles_built": labels["built"],
        "tiles": labels["tiles"],
        "chips_cut": chips["cut"],
        "chips": chips["chips"],
        "test_iou": round(test_iou(project), 4),
    }


def measure(folder: Path, seeds: int, steps: int, *, retrain: bool) -> dict[str, Any]:
    """Return all figures."""
    runs = []
    for seed in range(seeds):
        clock = time.perf_counter()
        home = folder / f"seed{seed}"
        write_layers(home / "layers", seed, float("inf"))
        project = make_project(home / "project", home / "layers", steps, seed)
        ranked = rank_samples(project, load_model(project.models_folder / "slf"), parts=PARTS).table
        ground = Ground(project, ranked)
        run = {"seed": seed, **gains(ground, ranked, seed)}
        if retrain:
            by_chance = ground.first(np.random.default_rng(seed).permutation(len(ranked)))
            run["trained"] = {"not corrected": {"test_iou": round(test_iou(project), 4)}}
            for name, chosen in (("random", by_chance), ("rank", ground.first(np.arange(len(ranked))))):
                run["trained"][name] = correct(project, list(ranked.geometry[chosen]), name)
        runs.append(run)
        print(json.dumps(run), file=sys.stderr)
        print(f"seed {seed}: {time.perf_counter() - clock:.0f} s", file=sys.stderr, flush=True)

    def spread(kind: str, name: str) -> dict[str, float]:
        values = [run[kind][name] for run in runs]
        return {
            "mean": round(float(np.mean(values)), 5),
            "lowest": round(min(values), 5),
            "highest": round(max(values), 5),
        }

    names = tuple(runs[0]["gain"])
    return {
        "rival_ratio": round(
            float(np.mean([run["gain"]["rank"] for run in runs]) / np.mean([run["gain"]["random"] for run in runs])), 2
        ),
        "share_corrected": SHARE,
        "iou_before": round(float(np.mean([run["iou"] for run in runs])), 4),
        "gain": {name: spread("gain", name) for name in names},
        "gain_doubt_is_wrong": {name: spread("gain_doubt_is_wrong", name) for name in names},
        "steps": steps,
        "runs": runs,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--retrain", action="store_true")
    options = parser.parse_args()
    os.environ["BOCAGE_DATA"] = str(data_folder().resolve())
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.seeds, options.steps, retrain=options.retrain)
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    print(f"label IoU {figures['iou_before']:.4f}; gain by correcting {SHARE:.0%} of the area (mean, lowest, highest)")
    for name, gain in figures["gain"].items():
        wrong = figures["gain_doubt_is_wrong"][name]
        print(
            f"  {name:<24} {gain['mean']:8.5f} {gain['lowest']:8.5f} {gain['highest']:8.5f}"
            f"   where doubt counts as wrong {wrong['mean']:8.5f}"
        )
    for run in figures["runs"]:
        print(f"  seed {run['seed']}: " + ", ".join(f"{name} {gain:.5f}" for name, gain in run["gain"].items()))
        for name, trained in run.get("trained", {}).items():
            print(f"    trained, {name}: {trained}")
    print(f"rank gains {figures['rival_ratio']} times what chance gains")


if __name__ == "__main__":
    main()

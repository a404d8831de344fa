"""What the fused label is worth at every share of undecided pixels, for both methods and their sources.

The layers imitated from the Ohio labels (:mod:`imitations` beside this file) are fused once per method, and the
evidence of each pixel is kept. Moving the threshold of certainty then moves the share of pixels that become 255: at
each share the label is compared with the truth where it is decided, with doubt counted as wrong, and beside the best
single layer on the same pixels, its threshold chosen in hindsight. Without any 255 a pixel without evidence is no tree.
The points of the rules are whole numbers, so their shares go in steps: the nearest one is shown, and each once.

    python benchmarks/certainty.py [--json] [--seeds N]

It needs the imagery in ``BOCAGE_DATA``. ``rival_ratio`` is the IoU of the label over that of the best single layer at
the share nearest to 10 %, of the worse method.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
from fusion import THRESHOLDS, make_project, truth_of
from imitations import OUTSIDE, write_layers
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.reference.evidence import Sources
from bocage.reference.layer import Layer, Reading
from bocage.reference.learning import symbols_on, voters
from bocage.reference.votes import halo, vote

METHODS = ("rules", "latent")
SHARES = (0.0, 0.02, 0.05, 0.10, 0.15, 0.20)
# Columns of the sums: hits and union of an answer.
HITS, UNION = 0, 1


class Ladder:
    """The pixels by the strength of their evidence: counts of every answer against the truth."""

    def __init__(self) -> None:
        self._rungs: dict[int, NDArray[np.int64]] = {}
        self.answers: list[str] = []

    def add(
        self, evidence: NDArray[np.int64], tree: NDArray[np.bool_], layers: Mapping[str, NDArray[np.bool_]]
    ) -> None:
        """Add pixels: their evidence (above 0 for tree), the truth and what each layer says, by name."""
        answers = {"fused": evidence > 0, **layers}
        self.answers = list(answers)
        strengths, rung = np.unique(np.abs(evidence), return_inverse=True)
        size = len(strengths)
        sums = np.zeros((size, len(answers), 2), np.int64)
        for index, answer in enumerate(answers.values()):
            sums[:, index, HITS] = np.bincount(rung[answer & tree], minlength=size)
            sums[:, index, UNION] = np.bincount(rung[answer | tree], minlength=size)
        pixels = np.bincount(rung, minlength=size)
        for strength, count, each in zip(strengths.tolist(), pixels.tolist(), sums, strict=True):
            row = np.concatenate([[count], each.ravel()])
            self._rungs[strength] = self._rungs.get(strength, np.zeros_like(row)) + row

    def at(self, share: float) -> dict[str, Any]:
        """Return the figures at the threshold whose share of 255 is nearest to the wanted one."""
        strengths = sorted(self._rungs, reverse=True)
        sums = np.cumsum([self._rungs[one] for one in strengths], axis=0)
        pixels, total = sums[:, 0], sums[-1, 0]
        chosen = int(np.argmin(np.abs((1 - pixels / total) - share)))
        decided = sums[chosen, 1:].reshape(len(self.answers), 2)
        doubt = int(total - pixels[chosen])
        iou = dict(zip(self.answers, (decided[:, HITS] / decided[:, UNION]).tolist(), strict=True))
        best = max((name for name in self.answers if name != "fused"), key=iou.__getitem__)
        return {
            "ignored": doubt / int(total),
            "threshold": strengths[chosen],
            "iou": iou["fused"],
            "iou_doubt_wrong": float(decided[0, HITS] / (decided[0, UNION] + doubt)),
            "best_layer": best.partition(" ")[0],
            "best_layer_iou": iou[best],
        }


def evidence_of(sources: Sources, window: Window) -> NDArray[np.int64]:
    """Return the evidence of a window before any threshold: half nats of the rules, thousandths of a nat else."""
    voting = voters(sources.layers)
    if sources.model is not None:
        return sources.model.log_odds([symbols_on(layer, window, sources.settings) for layer in voting]).astype(
            np.int64
        )
    return np.sum([_points(sources, layer, window) for layer in voting], axis=0, dtype=np.int64)


def _points(sources: Sources, layer: Layer, window: Window) -> NDArray[np.int64]:
    wide = window.pad(halo(layer))
    gsd = layer.gsd / sources.grid.resolution
    found = vote(layer.read(sources.grid, wide), layer.settings, sources.settings, gsd)
    return np.where(found.valid, found.points, 0)[window.slices(wide)]


def climb(home: Path, method: str) -> Ladder:
    """Fuse by a method and sort the pixels by their evidence."""
    project = make_project(home, home / "layers", method)
    truths = truth_of(project)
    tiles = {tile.id: tile for window, _ in truths for tile in project.tiling.tiles(window)}
    sources = Sources.open(project).learned(home, list(tiles.values()))
    ladder = Ladder()
    for window, truth in truths:
        readings: dict[str, Reading] = {layer.kind: layer.read(project.grid, window) for layer in sources.layers}
        asked = (truth != OUTSIDE) & np.logical_and.reduce([one.valid for one in readings.values()])
        layers = {
            f"{kind} {threshold:g}": (np.asarray(reading.values) >= threshold)[asked]
            for kind, reading in readings.items()
            for threshold in THRESHOLDS[kind]
        }
        ladder.add(evidence_of(sources, window)[asked], (truth == 1)[asked], layers)
    return ladder


def measure(folder: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Return the figures per method and share, means and ranges over the seeds."""
    found: dict[str, list[list[dict[str, Any]]]] = {method: [] for method in METHODS}
    for seed in seeds:
        home = folder / f"seed{seed}"
        write_layers(home / "layers", seed, float("inf"))
        for method in METHODS:
            ladder = climb(home, method)
            found[method].append([ladder.at(share) for share in SHARES])
            print(f"seed {seed}, {method}: {json.dumps(found[method][-1])}", file=sys.stderr, flush=True)
    rows = {method: [_mean(list(steps)) for steps in zip(*runs, strict=True)] for method, runs in found.items()}
    middle = SHARES.index(0.10)
    return {
        "rival_ratio": round(
            min(rows[method][middle]["iou"] / rows[method][middle]["best_layer_iou"] for method in METHODS), 3
        ),
        "seeds": list(seeds),
        "shares": list(SHARES),
        "rows": rows,
    }


def _mean(runs: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: round(float(np.mean([run[name] for run in runs])), 4)
        for name in ("ignored", "iou", "iou_doubt_wrong", "best_layer_iou")
    }
    row["iou_range"] = [round(one([run["iou"] for run in runs]), 4) for one in (min, max)]
    row["best_layers"] = sorted({run["best_layer"] for run in runs})
    return row


def main() -> None:
    """Print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), range(options.seeds))
    if options.json:
        print(json.dumps(figures))
        return
    print("| method | 255 | IoU where decided (range) | best single layer on the same pixels | IoU, 255 as wrong |")
    print("|---|---|---|---|---|")
    for method, rows in figures["rows"].items():
        for row in (row for index, row in enumerate(rows) if row not in rows[:index]):
            low, high = row["iou_range"]
            print(
                f"| {method} | {100 * row['ignored']:.1f} % | {row['iou']:.3f} ({low:.3f} to {high:.3f}) "
                f"| {row['best_layer_iou']:.3f} ({', '.join(row['best_layers'])}) | {row['iou_doubt_wrong']:.3f} |"
            )


if __name__ == "__main__":
    main()

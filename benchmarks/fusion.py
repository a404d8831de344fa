"""What fusing reference layers is worth, measured on real labels, for both methods.

Three products are imitated from the labels by hand of 17 Ohio scenes (:mod:`imitations` beside this file). They are
fused by the rules and by the latent-class model, through the same code as a project's labels, and compared with the
labels that they came from. :mod:`certainty` compares the methods at equal shares of undecided pixels, and
:mod:`label_training` trains on the labels.

    python benchmarks/fusion.py [--json] [--seeds N]

It needs the imagery in ``BOCAGE_DATA``. ``rival_ratio`` is the IoU of the fused label over that of the best single
layer on the same decided pixels, the threshold of each layer chosen in hindsight: above 1 the fusion is better.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
from imitations import LARGEST_SMALL_FEATURE, OUTSIDE, layer_settings, truth_layer, write_layers
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.project import Project
from bocage.reference.evidence import Sources
from bocage.reference.latent import LatentModel
from bocage.reference.layer import label_of
from bocage.reference.learning import symbols_on, voters
from bocage.reference.symbols import alphabet_of
from bocage.settings import ReferenceSettings, Settings

METHODS = ("rules", "rules without dates", "latent", "latent, agreement alone")
WANTED_DECIDED = 0.9
# Thresholds that turn a layer into a map of trees; the best is chosen in hindsight.
THRESHOLDS: dict[str, tuple[float, ...]] = {
    "tree_cover_density": (10, 30, 50),
    "small_woody_features": (1,),
    "canopy_height": (2, 3, 5, 7),
}


def make_project(folder: Path, layers: Path, method: str) -> Project:
    """Return a project on a lattice of 2 m with the imitated layers."""
    reference = ReferenceSettings(
        layers=layer_settings(layers, dated=method != "rules without dates"),
        method="latent" if method.startswith("latent") else "rules",
        anchor=0.0 if method == "latent, agreement alone" else ReferenceSettings().anchor,
    )
    grid = {"crs": "EPSG:26917", "resolution": 2.0, "tile_size": 2000.0, "cell_size": 20_000.0}
    return Project(folder, Settings.model_validate({"grid": grid, "reference": reference.model_dump()}))


class Tally:
    """Counts of an answer against the truth: hits, union, and what is wrong if doubt counts as an error."""

    def __init__(self) -> None:
        self.hits = self.union = self.union_with_doubt = 0

    def add(self, found: NDArray[np.bool_], truth: NDArray[np.bool_], asked: NDArray[np.bool_]) -> None:
        """Add the pixels that were asked; the others are doubt."""
        self.hits += int(np.count_nonzero(found & truth & asked))
        self.union += int(np.count_nonzero((found | truth) & asked))
        self.union_with_doubt += int(np.count_nonzero(((found & asked) | truth) | ~asked))

    @property
    def iou(self) -> float:
        """The IoU over the pixels that were asked."""
        return self.hits / self.union

    @property
    def iou_with_doubt(self) -> float:
        """The IoU where every undecided pixel counts as wrong, tree or not."""
        return self.hits / self.union_with_doubt


def truth_of(project: Project) -> list[tuple[Window, NDArray[np.uint8]]]:
    """Return the true labels of every scene on the project's lattice."""
    layer = truth_layer(project)
    return [(file.window, label_of(layer, project.grid, file.window)) for file in layer.files]


def compare(folder: Path, layers: Path) -> dict[str, Any]:
    """Fuse by every method and compare with the truth; the single layers are asked on the same pixels."""
    figures: dict[str, Any] = {}
    truths = truth_of(make_project(folder, layers, "rules"))
    for method in METHODS:
        project = make_project(folder, layers, method)
        tiles = {tile.id: tile for window, _ in truths for tile in project.tiling.tiles(window)}
        clock = time.perf_counter()
        sources = Sources.open(project).learned(folder, list(tiles.values()))
        learning = time.perf_counter() - clock
        fused, decided, known, sure, right = Tally(), 0, 0, 0.0, 0
        everywhere: dict[tuple[str, float], Tally] = {}
        same: dict[tuple[str, float], Tally] = {}
        rates = Rates(sources)
        for window, truth in truths:
            label, confidence = sources.label(window)
            readings = {layer.kind: layer.read(project.grid, window) for layer in sources.layers}
            asked = (truth != OUTSIDE) & np.logical_and.reduce([one.valid for one in readings.values()])
            tree, settled = truth == 1, label != OUTSIDE
            known += int(np.count_nonzero(asked))
            decided += int(np.count_nonzero(asked & settled))
            right += int(np.count_nonzero(asked & settled & ((label == 1) == tree)))
            sure += float((confidence[asked & settled] / 200 + 0.5).sum())
            fused.add(*(one[asked] for one in (label == 1, tree, settled)))
            for kind, reading in readings.items():
                for threshold in THRESHOLDS[kind]:
                    answer = (np.asarray(reading.values) >= threshold)[asked]
                    here = tree[asked]
                    everywhere.setdefault((kind, threshold), Tally()).add(answer, here, np.ones_like(here))
                    same.setdefault((kind, threshold), Tally()).add(answer, here, settled[asked])
            rates.add(window, tree, asked)
        figures[method] = {
            "decided": decided / known,
            "iou": fused.iou,
            "iou_doubt_wrong": fused.iou_with_doubt,
            "stated_accuracy": sure / decided,
            "accuracy": right / decided,
            "layers_everywhere": _best(everywhere),
            "layers_on_decided": _best(same),
            "learning_seconds": round(learning, 2),
        }
        if sources.model is not None:
            figures[method]["error_rates"] = rates.compared(sources.model)
    return figures


def _best(tallies: dict[tuple[str, float], Tally]) -> dict[str, float]:
    best: dict[str, float] = {}
    for (kind, _), tally in tallies.items():
        best[kind] = max(best.get(kind, 0.0), tally.iou)
    return best


class Rates:
    """How often each layer truly speaks against trees where they stand, and for them where they do not."""

    def __init__(self, sources: Sources) -> None:
        self._layers, self._given = voters(sources.layers), sources.settings
        self._points = [np.array((0, *alphabet_of(one.settings, self._given).points)) for one in self._layers]
        self._counts = np.zeros((len(self._layers), 2, 3))

    def add(self, window: Window, tree: NDArray[np.bool_], asked: NDArray[np.bool_]) -> None:
        """Count what the layers say on a window."""
        for layer, points, counts in zip(self._layers, self._points, self._counts, strict=True):
            sign = np.sign(points[symbols_on(layer, window, self._given)]) + 1
            for where in (0, 1):
                counts[where] += np.bincount(sign[asked & (tree == bool(where))], minlength=3)

    def compared(self, model: LatentModel) -> dict[str, dict[str, float]]:
        """Return the learned and the true rates of every layer."""
        found = {}
        for profile, (other, tree) in zip(model.profiles, self._counts, strict=True):
            found[profile.layer] = {
                "omission": profile.omission,
                "true_omission": tree[0] / tree.sum(),
                "commission": profile.commission,
                "true_commission": other[2] / other.sum(),
            }
        return found


def _variants() -> Iterator[tuple[str, float]]:
    yield "small woody features of any size", float("inf")
    yield "small woody features below 5 ha only", LARGEST_SMALL_FEATURE


def measure(folder: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Return all figures."""
    variants: dict[str, Any] = {}
    for number, (variant, largest) in enumerate(_variants()):
        runs = []
        for seed in seeds:
            home = folder / f"variant{number}" / f"seed{seed}"
            write_layers(home / "layers", seed, largest)
            runs.append(compare(home, home / "layers"))
        variants[variant] = {method: _summary([run[method] for run in runs]) for method in METHODS}
    ratios = {
        method: min(variant[method]["rival_ratio"] for variant in variants.values()) for method in ("rules", "latent")
    }
    return {
        "rival_ratio": round(min(ratios.values()), 3),
        "rival_ratio_per_method": ratios,
        "wanted_decided": WANTED_DECIDED,
        "seeds": list(seeds),
        "variants": variants,
    }


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over seeds of every figure, and the spread of the IoU."""

    def mean(values: list[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: mean([value[key] for value in values]) for key in values[0]}
        return round(float(np.mean(values)), 4)

    figures: dict[str, Any] = {key: mean([run[key] for run in runs]) for key in runs[0]}
    figures["iou_lowest"] = round(min(run["iou"] for run in runs), 4)
    figures["iou_highest"] = round(max(run["iou"] for run in runs), 4)
    figures["decided_lowest"] = round(min(run["decided"] for run in runs), 4)
    figures["rival_ratio"] = round(min(run["iou"] / max(run["layers_on_decided"].values()) for run in runs), 3)
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print the tables."""
    for variant, methods in figures["variants"].items():
        print(f"{variant}; mean over seeds {figures['seeds']}")
        print("| answer | decided | 255 | IoU, 255 left out (lowest to highest) | IoU, 255 counted as wrong |")
        print("|---|---|---|---|---|")
        for kind, iou in methods["rules"]["layers_everywhere"].items():
            print(f"| {kind} alone | 1.000 | 0.000 | {iou:.3f} | {iou:.3f} |")
        for method, found in methods.items():
            spread = f"{found['iou_lowest']:.3f} to {found['iou_highest']:.3f}"
            print(
                f"| {method} | {found['decided']:.3f} | {1 - found['decided']:.3f} | {found['iou']:.3f} ({spread}) "
                f"| {found['iou_doubt_wrong']:.3f} |"
            )
            best = max(found["layers_on_decided"], key=found["layers_on_decided"].get)
            print(f"| best layer on the same pixels, {best} | | | {found['layers_on_decided'][best]:.3f} | |")
        for method, found in methods.items():
            print(f"{method}: accuracy {found['accuracy']:.3f}, stated {found['stated_accuracy']:.3f}")
        print("| layer | omission, learned | true | commission, learned | true |")
        print("|---|---|---|---|---|")
        for layer, rates in methods["latent"]["error_rates"].items():
            print(f"| {layer} | " + " | ".join(f"{rate:.3f}" for rate in rates.values()) + " |")
        print()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), range(options.seeds))
    if options.json:
        print(json.dumps(figures))
        return
    show(figures)


if __name__ == "__main__":
    main()

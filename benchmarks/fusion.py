"""What fusing reference layers is worth, measured on real labels, for both methods.

From the labels by hand of 17 Ohio scenes three products are imitated, each with the faults of the real one: tree cover
density (10 m, shifted, noisy, blind to thin cover), small woody features (5 m, three years old, without small crowns)
and canopy height (2 m, a mean error of 2.8 m). They are fused by the rules and by the latent-class model, through the
same code as a project's labels, and compared with the labels that they came from. ``--train`` then trains on fused and
on true labels, with the settings of examples/ohio, and compares the maps of unseen scenes with the true labels.

    python benchmarks/fusion.py [--json] [--seeds N] [--train] [--steps N]

It needs the imagery in ``BOCAGE_DATA``. ``rival_ratio`` is the IoU of the fused label over that of the best single
layer on the same decided pixels, the threshold of each layer chosen in hindsight: above 1 the fusion is better.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from bocage.chain import run_stage
from bocage.grid import Window
from bocage.project import Project
from bocage.reference.evidence import Sources
from bocage.reference.latent import LatentModel
from bocage.reference.layer import label_of, open_layer
from bocage.reference.learning import symbols_on, voters
from bocage.reference.symbols import alphabet_of
from bocage.settings import LayerSettings, ReferenceSettings, Settings

ROOT = Path(__file__).resolve().parents[1]
TREE = 4
OUTSIDE = 255
METHODS = ("rules", "rules without dates", "latent", "latent, agreement alone")
WANTED_DECIDED = 0.9
# Share of objects that came, and share that went, in three years, 2 % a year each.
CHANGED = 0.06
LARGEST_SMALL_FEATURE = 50_000.0
# Thresholds that turn a layer into a map of trees; the best is chosen in hindsight.
THRESHOLDS: dict[str, tuple[float, ...]] = {
    "tree_cover_density": (10, 30, 50),
    "small_woody_features": (1,),
    "canopy_height": (2, 3, 5, 7),
}
Field = NDArray[np.float64]


def data_folder() -> Path:
    """Return the folder of the real data."""
    return Path(os.environ.get("BOCAGE_DATA", str(ROOT.parent / "shared" / "data")))


def coarsen(values: Field, fine: float, coarse: float) -> Field:
    """Return area means over square pixels of ``coarse`` metres, exact for any ratio."""

    def along(rows: Field) -> Field:
        count = int(len(rows) * fine / coarse)
        sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
        place = np.arange(count + 1) * coarse / fine
        below = np.minimum(place.astype(int), len(rows))
        above = np.minimum(below + 1, len(rows))
        edges = sums[below] + (sums[above] - sums[below]) * (place - below)[:, np.newaxis]
        return np.asarray(np.diff(edges, axis=0) * fine / coarse)

    return along(along(values).T).T


def smooth_noise(shape: tuple[int, int], pixels: float, rng: np.random.Generator) -> Field:
    """Return noise of standard deviation 1 that is alike over some pixels."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), pixels)
    return np.asarray(noise / noise.std())


def three_years_ago(tree: Field, rng: np.random.Generator) -> Field:
    """Return an older landscape: some trees were not there yet, others, since felled, stood on open ground."""
    objects, count = ndimage.label(tree > 0, np.ones((3, 3)))
    young = rng.random(count + 1) < CHANGED
    young[0] = False
    older = np.where(young[objects], 0.0, tree)
    places = ndimage.find_objects(objects)
    for number in np.flatnonzero(rng.random(count) < CHANGED):
        piece = objects[places[number]] == number + 1
        height, width = piece.shape
        if height > tree.shape[0] // 2 or width > tree.shape[1] // 2:
            continue
        for _ in range(20):
            row, column = rng.integers(0, tree.shape[0] - height), rng.integers(0, tree.shape[1] - width)
            target = slice(row, row + height), slice(column, column + width)
            if not (tree[target][piece] > 0).any():
                older[target][piece] = 1.0
                break
    return older


def tree_cover_density(tree: Field, fine: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return cover in per cent at 10 m: shifted by up to 5 m, 15 % noise, below 20 % unseen, one wood in 20 missed."""
    shift = tuple(rng.uniform(-5, 5, 2) / fine)
    cover = coarsen(ndimage.shift(tree, shift, order=1, mode="nearest"), fine, 10.0)
    objects, count = ndimage.label(cover > 0.2, np.ones((3, 3)))
    cover = np.where(rng.random(count + 1)[objects] < 0.05, 0.0, cover)
    noisy = np.clip(100 * cover + rng.normal(0, 15, cover.shape), 1, 100)
    return np.where(cover < 0.2, 0, noisy).round().astype(np.uint8)


def small_woody_features(tree: Field, fine: float, largest: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return woody features of three years ago at 5 m: none below 200 m2 or above ``largest``, one in ten omitted."""
    woody = coarsen(three_years_ago(tree, rng), fine, 5.0) >= 0.5
    objects, count = ndimage.label(woody, np.ones((3, 3)))
    area = np.bincount(objects.ravel()) * 25.0
    keep = (area >= 200) & (area < largest) & (rng.random(count + 1) >= 0.1)
    return np.asarray(woody & keep[objects], np.uint8)


def canopy_height(tree: Field, fine: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return heights at 2 m: a mean error of 2.8 m, alike over about 5 m, everywhere, cut off at the ground."""
    truth = coarsen(tree, fine, 2.0) >= 0.5
    crowns = np.clip(10 + 4 * smooth_noise(truth.shape, 6, rng), 2, 25)
    error = smooth_noise(truth.shape, 2.5, rng) * 2.8 / np.sqrt(2 / np.pi)
    height = ndimage.gaussian_filter(np.where(truth, crowns, 0), 0.6) + error
    return np.asarray(np.clip(height, 0, None), np.float32)


def write_layers(folder: Path, seed: int, largest: float) -> None:
    """Imitate the three layers of every scene into ``folder``, in their own pixels and codes; unknown beyond labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(sorted((data_folder() / "ohio").glob("labels_*.tif"))):
        with rasterio.open(path) as file:
            codes, fine, crs, corner = file.read(1), file.res[0], file.crs, file.transform
        rng = np.random.default_rng([seed, number])
        tree, inside = (codes == TREE).astype(float), (codes != OUTSIDE).astype(float)
        for kind, values, pixel, absent in (
            ("tree_cover_density", tree_cover_density(tree, fine, rng), 10.0, 255.0),
            ("small_woody_features", small_woody_features(tree, fine, largest, rng), 5.0, 255.0),
            ("canopy_height", canopy_height(tree, fine, rng), 2.0, float("nan")),
        ):
            known = coarsen(inside, fine, pixel) > 0.5
            filled = np.where(known, values, np.asarray(absent, values.dtype))
            transform = Affine(pixel, 0, corner.c, 0, -pixel, corner.f)
            profile = {"driver": "GTiff", "count": 1, "dtype": filled.dtype, "crs": crs, "transform": transform}
            target = folder / f"{kind}_{path.stem[-2:]}.tif"
            with rasterio.open(
                target, "w", height=filled.shape[0], width=filled.shape[1], nodata=absent, **profile
            ) as file:
                file.write(filled, 1)


def layer_settings(folder: Path, *, dated: bool = True) -> tuple[LayerSettings, ...]:
    """Return the three layers as a project names them."""
    years = {"tree_cover_density": 2021, "small_woody_features": 2018, "canopy_height": None}
    return tuple(
        LayerSettings.model_validate(
            {"kind": kind, "paths": (str(folder / f"{kind}_*.tif"),), "year": year if dated else None}
        )
        for kind, year in years.items()
    )


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
    settings = LayerSettings(
        kind="classes", paths=(str(data_folder() / "ohio" / "labels_*.tif"),), tree=(TREE,), ignore=(OUTSIDE,)
    )
    layer = open_layer(settings, project)
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


def train(folder: Path, layers: Path, steps: int) -> dict[str, Any]:
    """Train on true and on fused labels with equal settings; the maps of test scenes are compared with true labels."""
    example = (ROOT / "examples" / "ohio" / "bocage.toml").read_text(encoding="utf-8")
    start, end = example.index("[[reference.layers]]"), example.index("# Every cell that a scene")
    figures: dict[str, Any] = {}
    os.environ["BOCAGE_DATA"] = str(data_folder())
    for name in ("true labels", "rules", "latent"):
        home = folder / name.replace(" ", "_")
        home.mkdir()
        text = example if name == "true labels" else example[:start] + _tables(layers, name) + example[end:]
        text = re.sub(r"^steps = \d+", f"steps = {steps}", text, flags=re.MULTILINE)
        (home / "bocage.toml").write_text(text, encoding="utf-8")
        project = Project.open(home)
        clock = time.perf_counter()
        for stage in ("scenes", "labels", "samples", "chips", "train", "map", "assess"):
            print(f"{name}: {stage} at {time.perf_counter() - clock:.0f} s", file=sys.stderr, flush=True)
            run_stage(project, stage)
        accuracy = json.loads((home / "accuracy" / "accuracy.json").read_text(encoding="utf-8"))
        figures[name] = {
            "iou": accuracy["exhaustive"]["all"]["iou"],
            "iou_per_scene": {one["scene_id"]: one["iou"] for one in accuracy["exhaustive"]["scenes"]},
            "seconds": round(time.perf_counter() - clock, 1),
        }
        print(f"{name}: {figures[name]}", file=sys.stderr, flush=True)
    return figures


def _tables(layers: Path, method: str) -> str:
    text = f'[reference]\nmethod = "{method}"\n\n'
    for one in layer_settings(layers):
        year = "" if one.year is None else f"year = {one.year}\n"
        text += f'[[reference.layers]]\nkind = "{one.kind}"\npaths = {json.dumps(list(one.paths))}\n{year}\n'
    return text


def _variants() -> Iterator[tuple[str, float]]:
    yield "small woody features of any size", float("inf")
    yield "small woody features below 5 ha only", LARGEST_SMALL_FEATURE


def measure(folder: Path, seeds: Sequence[int], *, steps: int | None) -> dict[str, Any]:
    """Return all figures; ``steps`` asks for the training too."""
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
    figures = {
        "rival_ratio": round(min(ratios.values()), 3),
        "rival_ratio_per_method": ratios,
        "wanted_decided": WANTED_DECIDED,
        "seeds": list(seeds),
        "variants": variants,
    }
    if steps is not None:
        figures["training"] = train(folder, folder / "variant0" / f"seed{seeds[0]}" / "layers", steps) | {
            "steps": steps
        }
    return figures


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
    if "training" in figures:
        true = figures["training"]["true labels"]["iou"]
        print(f"trained {figures['training']['steps']} steps on | IoU on unseen scenes | difference")
        for name in ("true labels", "rules", "latent"):
            found = figures["training"][name]
            print(f"{name:<12} {found['iou']:.3f} {found['iou'] - true:+.3f} ({found['seconds']:.0f} s)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train", action="store_true", help="also train on true and fused labels; 10 to 20 minutes")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), range(options.seeds), steps=options.steps if options.train else None)
    if options.json:
        print(json.dumps(figures))
        return
    show(figures)


if __name__ == "__main__":
    main()

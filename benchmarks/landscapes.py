"""Types of features on simulated landscapes with exact truth: confusion, confidence, recall by size.

The stage is given the exact cover, so that what is measured is the stage and not a model. Heights are exact, those
that a model saw (a mean error of 2.8 m, years apart), or unknown; streams, roads, fields and the village are given as
the simulation laid them, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from typed import HEIGHT, Typed, typed_features

from bocage.features.context import NAMES, Context, Layer
from bocage.features.decision_table import TYPES
from bocage.features.types import typed
from bocage.features.woody import average, overlaps
from bocage.grid import Grid
from bocage.simulation.context import context_of
from bocage.simulation.extent import Raster
from bocage.simulation.kinds import Woody
from bocage.simulation.landscape import Landscape
from bocage.simulation.layers import canopy_height
from bocage.simulation.truth import PIXEL, Truth

MIDDLE = (4_321_500.0, 3_019_500.0)
CRS = "EPSG:3035"
KINDS = {
    Woody.HEDGE: "hedge", Woody.TREE_LINE: "tree line", Woody.DOUBLE_TREE_LINE: "tree line", Woody.GROVE: "grove",
    Woody.SCRUB: "scrub", Woody.RIPARIAN: "riparian", Woody.LONE_TREE: "isolated tree", Woody.GARDEN: "(garden)",
    Woody.ORCHARD: "(orchard)", Woody.FOREST: "(forest)",
}  # fmt: skip
NAMED = sorted(set(KINDS.values()))
SIZES = (0.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, np.inf)
CASES = (("exact", True), ("modelled", True), ("none", True), ("modelled", False), ("none", False))


@dataclass(frozen=True, slots=True)
class Scene:
    """A landscape with its truth at 2 m, and what grows beside what."""

    truth: Truth
    objects: pd.DataFrame
    context: Context
    modelled: NDArray[np.float32]


def make_scene(seed: int, size: float) -> Scene:
    """Make a square landscape of ``size`` metres."""
    left, bottom = (middle - size / 2 for middle in MIDDLE)
    landscape, truth = Landscape.over(seed, left, bottom, size), Truth(left, bottom, size)
    extent = Raster(left, bottom + size, round(size), round(size))
    for core in extent.pieces(1000.0):
        truth.add(landscape.render(core.pad(16)), core)
    box = np.array([left, bottom, left + size, bottom + size])
    distances = {"streams": 15.0, "roads": 15.0, "fields": 10.0, "built_up": 20.0}
    shapes = context_of(landscape, extent)
    context = Context({theme: Layer.of(shapes[theme], box, distances[theme]) for theme in NAMES})
    return Scene(truth, truth.features(landscape), context, canopy_height(truth, seed))


def on_cells(values: NDArray[np.generic], frame: Raster, resolution: float) -> NDArray[np.float32]:
    """Return the means of a raster of 2 m over cells."""
    fine, coarse = Grid(CRS, PIXEL), Grid(CRS, resolution)
    count = round(frame.rows * PIXEL / resolution)
    rows = overlaps(fine, round(-frame.top / PIXEL), frame.rows, coarse, round(-frame.top / resolution), count)
    columns = overlaps(fine, round(frame.left / PIXEL), frame.columns, coarse, round(frame.left / resolution), count)
    return average(values.astype(np.float32), np.ones(values.shape, bool), rows, columns)


@dataclass(frozen=True, slots=True)
class Found:
    """The features of a landscape, with context, and (features, kinds) how many woody pixels of each kind they hold."""

    typed: Typed
    kinds: NDArray[np.int64]


def derive(scene: Scene, resolution: float, height: str) -> Found:
    """Derive the features of a landscape, and say of each what it holds in truth."""
    frame = scene.truth.raster
    heights = {"exact": scene.truth.height, "modelled": scene.modelled}.get(height)
    found = typed_features(
        on_cells(scene.truth.woody, frame, resolution),
        Affine(resolution, 0, frame.left, 0, -resolution, frame.top),
        CRS,
        height=None if heights is None else on_cells(heights, frame, resolution),
        context=scene.context,
    )
    fine = fine_labels(found, scene, resolution)
    code = np.full(max(Woody) + 1, len(NAMED))
    for kind, name in KINDS.items():
        code[kind] = NAMED.index(name)
    kinds = np.zeros((len(found.table) + 1, len(NAMED) + 1), np.int64)
    use = (fine > 0) & (scene.truth.woody > 0)
    np.add.at(kinds, (fine[use], code[scene.truth.types[use]]), 1)
    return Found(found, kinds[1:, :-1])


def told(found: Found, *, context: bool) -> pd.DataFrame:
    """Return the features with their types, and what they are in truth and how much of each is that."""
    table, kinds = found.typed.table, found.kinds
    if not context:
        unknown = [str(name) for name in table if str(name).startswith(("near_", "inside_", "along_"))]
        table = table.assign(**dict.fromkeys(unknown, np.nan))
        table = table.assign(**typed(table))
    return table.assign(
        truth=np.array(NAMED, object)[kinds.argmax(axis=1)] if len(kinds) else [],
        purity=kinds.max(axis=1) / np.maximum(kinds.sum(axis=1), 1),
        right_m2=[int(row[NAMED.index(kind)]) * PIXEL**2 for row, kind in zip(kinds, table["slf_type"], strict=True)],
        true_m2=kinds[:, [NAMED.index(name) for name in TYPES]].sum(axis=1) * PIXEL**2,
    )


def fine_labels(found: Typed, scene: Scene, resolution: float) -> NDArray[np.int32]:
    """Return the labels on the pixels of the truth."""
    place = ((np.arange(scene.truth.raster.rows) + 0.5) * PIXEL / resolution).astype(int)
    return found.labels[np.ix_(place, place)]


def recall(found: Typed, scene: Scene, resolution: float) -> list[dict[str, Any]]:
    """Return by type and size how many objects are found (half of their area or more) and the share of their area."""
    seen = fine_labels(found, scene, resolution) > 0
    numbers = scene.truth.objects
    area = np.bincount(numbers.ravel())
    kept = np.bincount(numbers[seen], minlength=len(area))
    rows = []
    for _, one in scene.objects.iterrows():
        name, number = KINDS.get(Woody(one["code"])), int(one["object_id"])
        if name in TYPES and number < len(area):
            size = float(area[number]) * PIXEL**2
            bin_ = int(np.searchsorted(SIZES, size, side="right")) - 1
            rows.append({"type": name, "bin": bin_, "area": size, "kept": float(kept[number]) * PIXEL**2})
    return rows


def typing_figures(seeds: list[int], size: float) -> dict[str, Any]:
    """Return all figures of the types over some landscapes."""
    scenes = [make_scene(seed, size) for seed in seeds]
    cases, confusion, reliability, recalls = [], {}, [], []
    for resolution in (5.0, 2.0):
        derived = {height: [derive(scene, resolution, height) for scene in scenes] for height, _ in CASES}
        for height, known in CASES:
            table = pd.concat([told(one, context=known) for one in derived[height]], ignore_index=True)
            table = table[table["truth"].isin(TYPES) & (table["area_m2"] >= 100)]
            right = table["truth"] == table["slf_type"]
            pure = table["purity"] >= 0.75
            old = _by_form_and_height(table)
            cases.append(
                {
                    "cell_m": resolution, "height": height, "context": known, "features": len(table),
                    "right_share": float(right.mean()), "right_share_pure": float(right[pure].mean()),
                    "right_area_share": float(table["right_m2"].sum() / table["true_m2"].sum()),
                    "old_rule_right_share": float((table["truth"] == old).mean()),
                    "confidence": float(table["type_confidence"].mean()),
                    "mean_calibration_error": _calibration(table["type_confidence"].to_numpy(), right.to_numpy()),
                }
            )  # fmt: skip
            if (height, known) == ("modelled", True):
                name = f"{resolution:g} m"
                both = pd.crosstab(table["truth"], table["slf_type"]).reindex(index=TYPES, columns=TYPES, fill_value=0)
                confusion[name] = both.to_numpy().tolist()
                reliability += _reliability(table["type_confidence"].to_numpy(), right.to_numpy(), resolution)
                found = [one.typed for one in derived[height]]
                rows = [row for one, scene in zip(found, scenes, strict=True) for row in recall(one, scene, resolution)]
                recalls += _recall_table(pd.DataFrame(rows), resolution)
    return {
        "seeds": seeds, "size_m": size, "types": list(TYPES), "cases": cases, "confusion": confusion,
        "reliability": reliability, "recall": recalls,
    }  # fmt: skip


def _by_form_and_height(table: pd.DataFrame) -> NDArray[np.object_]:
    """Return the types of the rule before: the class of the service, and whether the mean height reaches 5 m."""
    linear, tall = table["slf_class"] == 1, table[HEIGHT[0]] >= 5
    return np.where(linear, np.where(tall, "tree line", "hedge"), np.where(tall, "grove", "scrub")).astype(object)


def _calibration(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the mean difference of confidence and share of right ones over ten bins of equal number."""
    order = np.argsort(confidence)
    parts = [part for part in np.array_split(order, 10) if len(part)]
    gaps = [len(part) * abs(confidence[part].mean() - right[part].mean()) for part in parts]
    return float(np.sum(gaps) / len(confidence))


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], resolution: float) -> list[dict[str, Any]]:
    edges = (0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.001)
    rows = []
    for low, high in pairwise(edges):
        own = (confidence >= low) & (confidence < high)
        if own.any():
            rows.append(
                {
                    "cell_m": resolution, "from": low, "to": min(high, 1.0), "features": int(own.sum()),
                    "confidence": float(confidence[own].mean()), "right_share": float(right[own].mean()),
                }
            )  # fmt: skip
    return rows


def _recall_table(rows: pd.DataFrame, resolution: float) -> list[dict[str, Any]]:
    return [
        {
            "cell_m": resolution, "type": str(name),
            "from_m2": SIZES[own["bin"].iloc[0]], "to_m2": SIZES[own["bin"].iloc[0] + 1],
            "objects": len(own), "found_share": float((own["kept"] >= own["area"] / 2).mean()),
            "area_share": float(own["kept"].sum() / own["area"].sum()),
        }
        for (name, _), own in rows.groupby(["type", "bin"])
    ]  # fmt: skip

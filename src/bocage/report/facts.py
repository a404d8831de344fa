"""What the page says: figures in the reader's words, taken from the receipts and files of the stages."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bocage.files import digest_file
from bocage.outcome import Refusal
from bocage.project import SETTINGS_FILE, Project
from bocage.receipts import Receipt

STAGES = {
    "scenes": "recognise and check the scenes",
    "labels": "fuse the reference layers to labels",
    "samples": "draw the cells to learn from",
    "chips": "cut images and labels",
    "train": "train the models",
    "map": "map the probability",
    "features": "outline the features",
    "products": "write the layers for delivery",
    "assess": "assess the accuracy",
}
_PACKAGES = ("bocage", "torch", "timm", "rasterio", "shapely", "geopandas", "numpy")
_KNOWN_NAMES = {"ndvi": "colour threshold (NDVI)", "ndvi_threshold": "colour threshold (NDVI)"}


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage in the table of timings."""

    name: str
    words: str
    status: str
    seconds: float | None
    share: float
    peak_memory_mb: float | None
    refused: int
    reason: str


@dataclass(frozen=True, slots=True)
class Interval:
    """An accuracy with its interval, ready for a bar from 0 to 1."""

    name: str
    words: str
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """A model's scores on the test chips."""

    name: str
    iou: float
    f1: float | None
    precision: float | None
    recall: float | None
    rival: bool
    steps: int | None


def read_receipts(project: Project) -> dict[str, Receipt]:
    """Return the receipts of the stages that have run, by name of the stage."""
    found = {name: Receipt.read(project.receipts_folder, name) for name in STAGES}
    return {name: receipt for name, receipt in found.items() if receipt is not None}


def stage_rows(receipts: Mapping[str, Receipt]) -> list[StageRow]:
    """Return every stage in order, also those that did not run."""
    longest = max((receipt.seconds for receipt in receipts.values()), default=0.0)
    rows = []
    for name, words in STAGES.items():
        receipt = receipts.get(name)
        if receipt is None:
            rows.append(StageRow(name, words, "not run", None, 0.0, None, 0, ""))
            continue
        share = receipt.seconds / longest if longest else 0.0
        memory = receipt.peak_memory_mb or None
        rows.append(
            StageRow(name, words, receipt.status, receipt.seconds, share, memory, len(receipt.refused), receipt.reason)
        )
    return rows


def refusals(receipts: Mapping[str, Receipt]) -> list[tuple[str, Refusal]]:
    """Return what was refused or quarantined, with the stage that did so."""
    return [(name, refusal) for name in STAGES if name in receipts for refusal in receipts[name].refused]


def read_accuracy(project: Project) -> dict[str, Any] | None:
    """Return ``accuracy.json``, or None where the map was not assessed."""
    path = project.accuracy_folder / "accuracy.json"
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def read_verdicts(project: Project) -> dict[str, str]:
    """Return what the benchmark says of each model, by its name; empty where there was none."""
    path = project.benchmark_folder / "benchmark.json"
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {str(name): str(words) for name, words in content["verdicts"].items()}


def intervals(accuracy: Mapping[str, Any]) -> list[Interval]:
    """Return the accuracies of the tree class and overall, in the order in which a reader asks for them."""
    estimates = accuracy["estimates"]
    tree, target = estimates["classes"]["tree"], estimates["target"]
    rows = (
        ("Overall accuracy", "share of the ground that is mapped rightly", estimates["overall"], target["overall"]),
        ("User's accuracy", "of the ground mapped as woody, the share that is", tree["users"], target["users"]),
        (
            "Producer's accuracy",
            "of the woody ground, the share that is mapped",
            tree["producers"],
            target["producers"],
        ),
        ("F1", "balance of the two above", tree["f1"], ""),
        ("IoU", "overlap of mapped and true woody ground", tree["iou"], ""),
    )
    return [
        Interval(name, words, figure["value"], figure["low"], figure["high"], verdict, figure["reason"])
        for name, words, figure, verdict in rows
    ]


def scores(figures: Mapping[str, Any]) -> list[Score]:
    """Return the scores of each trained model and of the colour threshold, best first.

    The figures of the stage ``train`` are searched for entries with an IoU, at any depth but not below one (figures per
    scene lie there).
    """
    found = [
        Score(
            _KNOWN_NAMES.get(name.lower(), name),
            float(entry["iou"]),
            f1=entry.get("f1"),
            precision=entry.get("precision"),
            recall=entry.get("recall"),
            rival="ndvi" in name.lower(),
            steps=None if steps is None else int(steps),
        )
        for name, entry, steps in _entries(figures, "model")
    ]
    return sorted(found, key=lambda score: -score.iou)


def provenance(project: Project, receipts: Mapping[str, Receipt]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of the program and what it stands on, and the digests of what this project is made of."""
    versions = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    if "map" in receipts and (runtime := receipts["map"].figures.get("runtime")):
        versions["arithmetic of the map"] = str(runtime)
    digests = {}
    for name, path in (("settings", project.folder / SETTINGS_FILE), ("scene catalogue", project.scenes_file)):
        if path.is_file():
            digests[name] = digest_file(path)
    for path in sorted(project.models_folder.glob("*/model.safetensors")):
        digests[f"model {path.parent.name}"] = digest_file(path)
    return versions, digests


def _entries(node: Any, name: str, steps: float | None = None) -> Iterator[tuple[str, Mapping[str, Any], float | None]]:
    """Yield the entries with an IoU, their names, and the steps of the training run that each lies in."""
    if isinstance(node, Mapping):
        if isinstance(node.get("iou"), int | float):
            yield name, node, steps
            return
        steps = node.get("steps", steps)
        for key, value in node.items():
            # Where a score over all is undefined, the scores per scene must not take its place.
            if key == "scenes":
                continue
            inner = name if key in {"test", "metrics", "scores"} else str(key)
            yield from _entries(value, inner, steps)
    elif isinstance(node, list | tuple):
        for value in node:
            own = value.get("name", name) if isinstance(value, Mapping) else name
            yield from _entries(value, str(own), steps)

"""Features of the labels by hand of Ohio against features of a map of the same ground, on scenes kept for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from imitations import OUTSIDE, ROOT, data_folder, truth_layer
from numpy.typing import NDArray
from typed import Typed, typed_features

from bocage.features.woody import FULL, NODATA, cell_probability
from bocage.grid import Bounds, Grid, Window
from bocage.mapping import read_probability
from bocage.project import Project
from bocage.reference.layer import label_of

CELL = 5.0
# A feature is found where half of its cells are woody features in the other map, too.
_FOUND = 0.5

type Reader = Callable[[Window], NDArray[np.uint8]]


def ohio_figures(folder: Path | None) -> dict[str, Any]:
    """Return the figures of a mapped project, or of the example run from clean where none is named."""
    if folder is not None:
        return _compare(Project.open(folder))
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "ohio"
        project.mkdir()
        shutil.copy(ROOT / "examples" / "ohio" / "bocage.toml", project)
        command = [sys.executable, "-m", "bocage", "run", "--project", str(project), "--json"]
        environment = os.environ | {"BOCAGE_DATA": str(data_folder())}
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
        return _compare(Project.open(project))


def _compare(project: Project) -> dict[str, Any]:
    layer = truth_layer(project)
    sides: dict[str, list[pd.DataFrame]] = {"labels": [], "map": []}
    woody = {"both": 0, "labels": 0, "map": 0}
    for scene in project.settings.samples.test_scenes:
        with rasterio.open(data_folder() / "ohio" / f"{scene.replace('scene', 'labels')}.tif") as labels:
            bounds = Bounds(*labels.bounds)
        window = Grid(project.settings.grid.crs, CELL).window(bounds)

        def hand(part: Window) -> NDArray[np.uint8]:
            label = label_of(layer, project.grid, part)
            return np.where(label == OUTSIDE, NODATA, label * FULL).astype(np.uint8)

        def mapped(part: Window) -> NDArray[np.uint8]:
            return read_probability(project, part)[0]

        covers = [_cover(reader, project, window) for reader in (hand, mapped)]
        known = ~np.isnan(covers[0]) & ~np.isnan(covers[1])
        found = [_features(np.where(known, cover, np.nan), project, window) for cover in covers]
        for side, one, other in zip(sides, found, reversed(found), strict=True):
            sides[side].append(one.table.assign(shared=_shares(one, other)))
        seen = [one.labels > 0 for one in found]
        woody["both"] += int((seen[0] & seen[1]).sum())
        woody["labels"] += int(seen[0].sum())
        woody["map"] += int(seen[1].sum())
    hand_table, map_table = (pd.concat(parts, ignore_index=True) for parts in sides.values())
    rows = [_row(name, hand_table, map_table) for name in ("all", "linear", "patchy")]
    return {
        "cell_m": CELL,
        "scenes": list(project.settings.samples.test_scenes),
        "iou_of_feature_cells": woody["both"] / (woody["labels"] + woody["map"] - woody["both"]),
        "features": rows,
        "sizes": _sizes(hand_table, map_table),
    }


def _cover(reader: Reader, project: Project, window: Window) -> NDArray[np.float32]:
    return cell_probability(reader, project.grid, Grid(project.settings.grid.crs, CELL), window)


def _features(cover: NDArray[np.floating], project: Project, window: Window) -> Typed:
    grid = Grid(project.settings.grid.crs, CELL)
    return typed_features(cover, grid.transform(window), grid.crs)


def _shares(one: Typed, other: Typed) -> NDArray[np.float64]:
    """Return the share of each feature's cells that are features on the other side."""
    count = len(one.table)
    cells = np.bincount(one.labels.ravel(), minlength=count + 1)[1:]
    shared = np.bincount(one.labels[other.labels > 0], minlength=count + 1)[1:]
    return np.asarray(shared / np.maximum(cells, 1))


def _row(name: str, hand: pd.DataFrame, mapped: pd.DataFrame) -> dict[str, Any]:
    chosen = [
        table if name == "all" else table[(table["slf_class"] == 1) == (name == "linear")] for table in (hand, mapped)
    ]
    row: dict[str, Any] = {"form": name}
    for side, table in zip(("labels", "map"), chosen, strict=True):
        row |= {
            f"{side}_features": len(table),
            f"{side}_ha": float(table["area_m2"].sum() / 1e4),
            f"{side}_axis_km": float(table["axis_length_m"].sum() / 1e3),
            f"{side}_mean_width_m": float(table["area_m2"].sum() / table["axis_length_m"].sum())
            if name == "linear"
            else None,
        }
    row["found_share"] = float((chosen[0]["shared"] >= _FOUND).mean())
    row["right_share"] = float((chosen[1]["shared"] >= _FOUND).mean())
    return row


def _sizes(hand: pd.DataFrame, mapped: pd.DataFrame) -> list[dict[str, Any]]:
    edges = (0.0, 200.0, 500.0, 1000.0, 5000.0, np.inf)
    rows = []
    for low, high in pairwise(edges):
        own = hand[(hand["area_m2"] >= low) & (hand["area_m2"] < high)]
        other = mapped[(mapped["area_m2"] >= low) & (mapped["area_m2"] < high)]
        rows.append(
            {
                "from_m2": low, "to_m2": high,
                "labels": len(own), "found_share": float((own["shared"] >= _FOUND).mean()),
                "map": len(other), "right_share": float((other["shared"] >= _FOUND).mean()),
            }
        )  # fmt: skip
    return rows

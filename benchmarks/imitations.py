"""Imitations of public layers, made from the labels by hand of 17 Ohio scenes, each with the faults of the real one.

Tree cover density (10 m, shifted, noisy, blind to thin cover), small woody features (5 m, three years old, without
small crowns) and canopy height (2 m, a mean error of 2.8 m). The benchmarks of fusion, training and corrections share
them and the labels.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from bocage.project import Project
from bocage.reference.layer import Layer, open_layer
from bocage.settings import LayerSettings

ROOT = Path(__file__).resolve().parents[1]
TREE = 4
OUTSIDE = 255
# Share of objects that came, and share that went, in three years, 2 % a year each.
CHANGED = 0.06
LARGEST_SMALL_FEATURE = 50_000.0
Field = NDArray[np.float64]


def data_folder() -> Path:
    """Return the folder of the real data."""
    return Path(os.environ.get("BOCAGE_DATA", str(ROOT.parent / "shared" / "data")))


def truth_layer(project: Project) -> Layer:
    """Return the labels by hand."""
    pattern = str(data_folder() / "ohio" / "labels_*.tif")
    return open_layer(LayerSettings(kind="classes", paths=(pattern,), tree=(TREE,), ignore=(OUTSIDE,)), project)


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


def example_with(layers: Path | None, method: str, *, steps: int, seed: int) -> str:
    """Return the settings of the Ohio example with fused labels, or its own true ones where ``layers`` is None."""
    text = (ROOT / "examples" / "ohio" / "bocage.toml").read_text(encoding="utf-8")
    if layers is not None:
        start, end = text.index("[[reference.layers]]"), text.index("# Every cell that a scene")
        text = text[:start] + _tables(layers, method) + text[end:]
    # The first is that of the training run; what follows are the settings of the learning curve.
    return re.sub(r"^steps = \d+", f"steps = {steps}\nseed = {seed}", text, count=1, flags=re.MULTILINE)


def _tables(layers: Path, method: str) -> str:
    text = f'[reference]\nmethod = "{method}"\n\n'
    for one in layer_settings(layers):
        year = "" if one.year is None else f"year = {one.year}\n"
        text += f'[[reference.layers]]\nkind = "{one.kind}"\npaths = {json.dumps(list(one.paths))}\n{year}\n'
    return text

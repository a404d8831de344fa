"""What the fusion is worth: imitated layers over real landscapes, whose true labels are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from scipy import ndimage

from bocage.reference.fusion import fuse
from bocage.reference.layer import Reading
from bocage.reference.votes import vote
from bocage.settings import LayerKind, LayerSettings, ReferenceSettings

Mask = NDArray[np.bool_]
Field = NDArray[np.float64]
PIXEL = 2.0
GIVEN = ReferenceSettings()


def coarsen(values: Field, fine: float, coarse: float) -> Field:
    """Return area means of square pixels of ``coarse`` metres, exact for any ratio."""

    def along(rows: Field) -> Field:
        count = int(len(rows) * fine / coarse)
        sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
        place = np.arange(count + 1) * coarse / fine
        below = np.minimum(place.astype(int), len(rows))
        above = np.minimum(below + 1, len(rows))
        edges = sums[below] + (sums[above] - sums[below]) * (place - below)[:, np.newaxis]
        return np.asarray(np.diff(edges, axis=0) * fine / coarse)

    return along(along(values).T).T


def refine(values: NDArray[Any], coarse: float, shape: tuple[int, int]) -> NDArray[Any]:
    """Return a coarse layer on the 2 m lattice, each pixel from the coarse pixel that holds its centre."""
    rows, columns = (
        np.minimum(((np.arange(size) + 0.5) * PIXEL / coarse).astype(int), limit - 1)
        for size, limit in zip(shape, values.shape, strict=True)
    )
    return np.asarray(values[rows][:, columns])


def smooth_noise(shape: tuple[int, int], pixels: float, rng: np.random.Generator) -> Field:
    noise = ndimage.gaussian_filter(rng.normal(size=shape), pixels)
    return np.asarray(noise / noise.std())


def imitate(tree: Field, fine: float, rng: np.random.Generator) -> tuple[Mask, dict[LayerKind, NDArray[Any]]]:
    """Return the truth at 2 m and what three products would have made of it.

    TCD: 10 m, shifted by up to half a pixel, 15 per cent noise where there is cover, cover below 20 % missed, one wood
    in 20 missed. SWF: 5 m, one object in five omitted, and none above 5 ha. Canopy height: a mean error of 2.8 m,
    correlated over about 5 m, everywhere (also over open ground, cut off at 0).
    """
    truth = coarsen(tree, fine, PIXEL) >= 0.5
    shift = tuple(rng.uniform(-5, 5, 2) / fine)
    cover = coarsen(ndimage.shift(tree, shift, order=1, mode="nearest"), fine, 10.0)
    objects, count = ndimage.label(cover > 0.2, np.ones((3, 3)))
    cover = np.where(rng.random(count + 1)[objects] < 0.05, 0.0, cover)
    density = np.where(cover < 0.2, 0, np.clip(100 * cover + rng.normal(0, 15, cover.shape), 1, 100)).round()

    woody = coarsen(tree, fine, 5.0) >= 0.5
    objects, count = ndimage.label(woody, np.ones((3, 3)))
    area = np.bincount(objects.ravel()) * 25.0
    small = woody & (rng.random(count + 1) >= 0.2)[objects] & (area < 50_000)[objects]

    crowns = np.clip(10 + 4 * smooth_noise(truth.shape, 6, rng), 2, 25)
    error = smooth_noise(truth.shape, 2.5, rng) * 2.8 / np.sqrt(2 / np.pi)
    height = np.clip(ndimage.gaussian_filter(np.where(truth, crowns, 0), 0.6) + error, 0, None)
    return truth, {
        "tree_cover_density": refine(density.astype(np.int32), 10.0, truth.shape),
        "small_woody_features": refine(small.astype(np.int32), 5.0, truth.shape),
        "canopy_height": height,
    }


PIXELS: dict[LayerKind, float] = {"tree_cover_density": 5.0, "small_woody_features": 2.5, "canopy_height": 1.0}


def label(layers: dict[LayerKind, NDArray[Any]]) -> NDArray[np.uint8]:
    return fuse(
        [
            vote(
                Reading(values, np.ones(values.shape, np.bool_)),
                LayerSettings(kind=kind, paths=("x",)),
                GIVEN,
                PIXELS[kind],
            )
            for kind, values in layers.items()
        ]
    )[0]


def iou(counts: NDArray[np.int64]) -> float:
    return float(counts[0] / counts[1])


def overlap(found: Mask, truth: Mask, where: Mask) -> NDArray[np.int64]:
    return np.array([np.count_nonzero(found & truth & where), np.count_nonzero((found | truth) & where)])


@pytest.mark.real
def test_fused_labels_are_better_than_the_best_single_layer(data_folder: Path) -> None:
    """Fused IoU beats every layer alone, on all it is asked about and on the very pixels that it decides."""
    everywhere: dict[str, NDArray[np.int64]] = {}
    decided_only: dict[str, NDArray[np.int64]] = {}
    decided = known = 0
    for seed, path in enumerate(sorted((data_folder / "ohio").glob("labels_*.tif"))):
        with rasterio.open(path) as file:
            codes = file.read(1)
            fine = file.res[0]
        truth, layers = imitate((codes == 4).astype(float), fine, np.random.default_rng(seed))
        inside = coarsen((codes != 255).astype(float), fine, PIXEL) > 0.99
        fused = label(layers)
        sure = inside & (fused != 255)
        decided += int(np.count_nonzero(sure))
        known += int(np.count_nonzero(inside))
        answers: dict[str, Mask] = {
            "fused": fused == 1,
            "tree cover density": layers["tree_cover_density"] >= GIVEN.dense_cover,
            "small woody features": layers["small_woody_features"] == 1,
            "canopy height": layers["canopy_height"] >= GIVEN.tree_height,
        }
        for name, answer in answers.items():
            for sums, where in ((everywhere, inside), (decided_only, sure)):
                if name == "fused" and sums is everywhere:
                    continue
                sums[name] = sums.get(name, np.zeros(2, np.int64)) + overlap(answer, truth, where)
    figures = {name: round(iou(count), 3) for name, count in decided_only.items()}
    alone = {name: round(iou(count), 3) for name, count in everywhere.items()}
    share = decided / known
    report = f"decided {share:.3f}; on decided pixels {figures}; layers everywhere {alone}"
    best_decided = max(value for name, value in figures.items() if name != "fused")
    assert share >= 0.85, report
    assert figures["fused"] > best_decided, report
    assert figures["fused"] > max(alone.values()) + 0.03, report

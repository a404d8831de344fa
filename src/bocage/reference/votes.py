"""What a value of a reference layer says about a pixel: the table of rules, each with its reason.

A rule gives *evidence* in half nats: 2 points multiply the odds of "tree" by e, -2 points divide them. Evidence of
independent layers adds up, whatever their order. A rule may be decisive instead: then it settles the pixel alone. The
points were rounded from the log-likelihood ratios of imitated layers over real and simulated landscapes
(``tests/reference/test_fusion_figures.py`` measures what they give).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bocage.reference.codes import ARABLE_CROPS, VINEYARD
from bocage.reference.layer import Layer, Reading, classes_to_label
from bocage.settings import LayerKind, LayerSettings, ReferenceSettings

Values = NDArray[Any]
Condition = Callable[[Values, ReferenceSettings], NDArray[np.bool_]]

DECISIVE = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: where it holds, what it says in the inside and at the edge of a coarse pixel, and why.

    Attributes
    ----------
    inside, edge
        Points for "tree" (above 0) or "no tree" (below 0); plus or minus ``DECISIVE`` settles the pixel.
        ``edge`` counts within half a layer pixel of a pixel that votes differently.
    """

    kind: LayerKind
    name: str
    holds: Condition
    inside: int
    edge: int
    reason: str


RULES: tuple[Rule, ...] = (
    Rule(
        "tree_cover_density",
        "dense cover",
        lambda values, given: values >= given.dense_cover,
        8,
        4,
        "most of the 10 m pixel is crown; at its border the crown may end anywhere inside the pixel",
    ),
    Rule(
        "tree_cover_density",
        "sparse cover",
        lambda values, given: (values > 0) & (values < given.dense_cover),
        0,
        0,
        "some of the 10 m pixel is crown, and nothing says which part",
    ),
    Rule(
        "tree_cover_density",
        "no cover",
        lambda values, _: values == 0,
        -5,
        -3,
        "no crown was seen at 10 m; narrow hedges are missed, so this alone never outweighs SWF",
    ),
    Rule(
        "small_woody_features",
        "woody",
        lambda values, _: np.isin(values, (1, 2, 3)),
        8,
        4,
        "mapped from very-high-resolution imagery; the border is good to one 5 m pixel",
    ),
    Rule(
        "small_woody_features",
        "not a small feature",
        lambda values, _: values == 0,
        -1,
        0,
        "weak: woods above 0.5 ha are no small feature, and hedges are omitted",
    ),
    Rule(
        "canopy_height",
        "tall",
        lambda values, given: values >= 2 * given.tree_height,
        6,
        6,
        "twice the height of a tree is beyond the error of the model (2.8 m) above open ground",
    ),
    Rule(
        "canopy_height",
        "tree",
        lambda values, given: (values >= given.tree_height) & (values < 2 * given.tree_height),
        3,
        3,
        "as high as a tree, yet the error of the model is as large",
    ),
    Rule(
        "canopy_height",
        "between",
        lambda values, given: (values >= given.ground_height) & (values < given.tree_height),
        0,
        0,
        "crop, scrub and error cannot be told apart here",
    ),
    Rule(
        "canopy_height",
        "ground",
        lambda values, given: values < given.ground_height,
        -4,
        -4,
        "no canopy was seen, from imagery finer than the lattice",
    ),
    Rule(
        "crop_types",
        "vineyard",
        lambda values, _: values == VINEYARD,
        -DECISIVE,
        -2,
        "vines are never woody vegetation by the product's definition; a hedge may stand at the border of the vineyard",
    ),
    Rule(
        "crop_types",
        "arable",
        lambda values, _: np.isin(values, ARABLE_CROPS),
        -2,
        0,
        "a crop is harvested here every year; the 10 m map runs over hedges of one pixel's width",
    ),
)


@dataclass(frozen=True, slots=True)
class Vote:
    """What one layer says about each pixel.

    Attributes
    ----------
    points
        (rows, columns) int16: evidence for "tree", in half nats; ``DECISIVE`` or more settles the pixel.
    valid
        (rows, columns): where the layer says anything; points are 0 elsewhere.
    """

    points: NDArray[np.int16]
    valid: NDArray[np.bool_]


def halo(layer: Layer) -> int:
    """Return how many lattice pixels beyond a window the vote of a layer looks at."""
    return _reach(layer.gsd / layer.grid.resolution) if _has_edges(layer.kind) else 0


def vote(reading: Reading, settings: LayerSettings, given: ReferenceSettings, gsd_pixels: float) -> Vote:
    """Apply the rules of a layer's kind to its values.

    Parameters
    ----------
    gsd_pixels
        Edge of a layer pixel in lattice pixels; it says how wide the uncertain border is.
    """
    shape = reading.values.shape
    if settings.kind == "classes":
        label = classes_to_label(reading, settings)
        points = np.select([label == 1, label == 0], [DECISIVE, -DECISIVE], 0).astype(np.int16)
        return Vote(points, label != 255)
    rules = [rule for rule in RULES if rule.kind == settings.kind]
    which = np.full(shape, -1, np.int8)
    for index, rule in enumerate(rules):
        which[reading.valid & rule.holds(reading.values, given)] = index
    inside = np.array([rule.inside for rule in rules] + [0], np.int16)
    points = inside[which]
    if _has_edges(settings.kind):
        edge = np.array([rule.edge for rule in rules] + [0], np.int16)
        border = _border(points, reading.valid, gsd_pixels)
        points = np.where(border, edge[which], points).astype(np.int16)
    return Vote(points, reading.valid)


def _has_edges(kind: LayerKind) -> bool:
    return any(rule.inside != rule.edge for rule in RULES if rule.kind == kind)


def _reach(gsd_pixels: float) -> int:
    """Return half a layer pixel in lattice pixels; a layer as fine as the lattice has no uncertain border."""
    return math.ceil(gsd_pixels / 2 - 1e-6) if gsd_pixels > 1 + 1e-6 else 0


def _border(points: NDArray[np.int16], valid: NDArray[np.bool_], gsd_pixels: float) -> NDArray[np.bool_]:
    """Return the pixels that lie within half a layer pixel of one with other points; the unknown makes no border."""
    reach = _reach(gsd_pixels)
    if reach == 0:
        return np.zeros(points.shape, np.bool_)
    size = 2 * reach + 1
    lowest = ndimage.minimum_filter(np.where(valid, points, np.int16(32000)), size)
    highest = ndimage.maximum_filter(np.where(valid, points, np.int16(-32000)), size)
    return np.asarray(valid & (lowest != highest))

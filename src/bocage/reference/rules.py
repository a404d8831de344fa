"""The table of rules: what a value of each kind of layer says about a pixel, and why.

A rule gives *evidence* in half nats: 2 points multiply the odds of "tree" by e, -2 points divide them. Evidence of
independent layers adds up, whatever their order. A rule may be decisive instead: then it settles the pixel alone. The
points were rounded from the log-likelihood ratios of imitated layers over real and simulated landscapes
(``tests/reference/test_fusion_figures.py`` and ``benchmarks/fusion.py`` measure what they give).

Kinds without a rule do not vote: urban areas and environmental zones only sort samples, and small woody features at
100 m are the 5 m layer once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocage.reference.codes import (
    ARABLE_CROPS,
    BACKBONE_SHRUBS,
    BACKBONE_TREES,
    VINEYARD,
    WORLDCOVER_MANGROVES,
    WORLDCOVER_SHRUBS,
    WORLDCOVER_TREES,
)
from bocage.settings import LayerKind, ReferenceSettings

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


_BACKBONE_WOODY = (*BACKBONE_TREES, BACKBONE_SHRUBS)
_WORLDCOVER_WOODY = (WORLDCOVER_TREES, WORLDCOVER_MANGROVES, WORLDCOVER_SHRUBS)

RULES: tuple[Rule, ...] = (
    Rule(
        "classes",
        "tree",
        lambda values, _: values == 1,
        DECISIVE,
        DECISIVE,
        "a complete map of the project's own, such as labels by hand",
    ),
    Rule(
        "classes",
        "other",
        lambda values, _: values == 0,
        -DECISIVE,
        -DECISIVE,
        "a complete map of the project's own, such as labels by hand",
    ),
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
    Rule(
        "clc_backbone",
        "trees",
        lambda values, _: np.isin(values, BACKBONE_TREES),
        6,
        3,
        "trees are the dominant cover of the 10 m pixel; which part of it they leave open is not said",
    ),
    Rule(
        "clc_backbone",
        "shrubs",
        lambda values, _: values == BACKBONE_SHRUBS,
        1,
        0,
        "low woody plants: a hedge of the product, or scrub and heath that are none",
    ),
    Rule(
        "clc_backbone",
        "other cover",
        lambda values, _: ~np.isin(values, _BACKBONE_WOODY),
        -3,
        -1,
        "another cover dominates the 10 m pixel; hedges narrower than half a pixel are hidden in it",
    ),
    Rule(
        "worldcover",
        "trees",
        lambda values, _: np.isin(values, (WORLDCOVER_TREES, WORLDCOVER_MANGROVES)),
        5,
        2,
        "a tree cover of 10 % is enough for the class, so some of the 10 m pixel may be open",
    ),
    Rule(
        "worldcover",
        "shrubs",
        lambda values, _: values == WORLDCOVER_SHRUBS,
        1,
        0,
        "low woody plants: a hedge of the product, or scrub and heath that are none",
    ),
    Rule(
        "worldcover",
        "other cover",
        lambda values, _: ~np.isin(values, _WORLDCOVER_WOODY),
        -3,
        -1,
        "another class was seen at 10 m; hedges narrower than half a pixel are hidden in it",
    ),
    Rule(
        "forest_mask",
        "forest",
        lambda values, _: values == 1,
        3,
        0,
        "forest of 5 ha or more with a cover from 10 % on, widened by 10 m: gaps and a strip of open ground are in it",
    ),
    Rule(
        "forest_mask",
        "not forest",
        lambda values, _: values != 1,
        0,
        0,
        "hedges, groves and lone trees are no forest, so this says nothing of them",
    ),
    Rule(
        "crop_mask",
        "cropland",
        lambda values, _: values == 1,
        -1,
        0,
        "any agricultural crop, orchards and vineyards among them; hedges run through it unseen",
    ),
    Rule(
        "crop_mask",
        "not cropland",
        lambda values, _: values != 1,
        0,
        0,
        "grassland, forest, settlements: nothing is said of trees",
    ),
)

VOTING: frozenset[LayerKind] = frozenset(rule.kind for rule in RULES)
"""The kinds of layers that vote."""


def rules_of(kind: LayerKind) -> tuple[Rule, ...]:
    """Return the rules of a kind, in the order of the table; none for a kind that does not vote."""
    return tuple(rule for rule in RULES if rule.kind == kind)

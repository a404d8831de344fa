"""Votes: the table of rules applied to what a layer says, weaker at the edges of coarse pixels and for other years."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bocage.reference.layer import Layer, Reading, classes_to_label
from bocage.reference.rules import DECISIVE, RULES, Rule, rules_of
from bocage.settings import LayerKind, LayerSettings, ReferenceSettings

__all__ = [
    "DECISIVE",
    "RULES",
    "Judgement",
    "Rule",
    "Vote",
    "fade",
    "halo",
    "has_edges",
    "judge",
    "points_of",
    "vote",
    "years_apart",
]


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


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which rule holds at each pixel.

    Attributes
    ----------
    values
        (rows, columns): what the rules were asked about; 1 tree and 0 other for a map of classes.
    which
        (rows, columns) int8: the number of the rule within its kind, -1 where none holds or the layer is silent.
    edge
        (rows, columns): within half a layer pixel of a pixel that votes differently.
    valid
        (rows, columns): where the layer says anything.
    """

    values: NDArray[np.generic]
    which: NDArray[np.int8]
    edge: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def halo(layer: Layer) -> int:
    """Return how many lattice pixels beyond a window the vote of a layer looks at."""
    return _reach(layer.gsd / layer.grid.resolution) if has_edges(layer.kind) else 0


def judge(reading: Reading, settings: LayerSettings, given: ReferenceSettings, gsd_pixels: float) -> Judgement:
    """Find the rule that holds at each pixel; where several do, the last one of the table.

    Parameters
    ----------
    gsd_pixels
        Edge of a layer pixel in lattice pixels; it says how wide the uncertain border is.
    """
    values, valid = reading.values, reading.valid
    if settings.kind == "classes":
        label = classes_to_label(reading, settings)
        values, valid = label, label != 255
    rules = rules_of(settings.kind)
    which = np.full(values.shape, -1, np.int8)
    for index, rule in enumerate(rules):
        which[valid & rule.holds(values, given)] = index
    edge = np.zeros(values.shape, np.bool_)
    if has_edges(settings.kind):
        inside = np.array([rule.inside for rule in rules] + [0], np.int16)
        edge = _border(inside[which], valid, gsd_pixels)
    return Judgement(values, which, edge, valid)


def vote(reading: Reading, settings: LayerSettings, given: ReferenceSettings, gsd_pixels: float) -> Vote:
    """Apply the rules of a layer's kind to its values; see :func:`judge` and :func:`fade`."""
    found = judge(reading, settings, given, gsd_pixels)
    inside, edge = points_of(settings, given)
    return Vote(np.where(found.edge, edge[found.which], inside[found.which]).astype(np.int16), found.valid)


def points_of(settings: LayerSettings, given: ReferenceSettings) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return the points of a layer's rules in the inside and at the edge, faded by its age; a last 0 for no rule."""
    years, rules = years_apart(settings.year, given), rules_of(settings.kind)

    def faded(points: Sequence[int]) -> NDArray[np.int16]:
        return np.array([*(fade(one, years, given.yearly_change) for one in points), 0], np.int16)

    return faded([rule.inside for rule in rules]), faded([rule.edge for rule in rules])


def years_apart(year: int | None, given: ReferenceSettings) -> int:
    """Return the years between a layer and what the labels describe; 0 where the layer names no year.

    The labels describe ``reference.year``, or the year of the newest layer that names one.
    """
    named = [layer.year for layer in given.layers if layer.year is not None]
    wanted = given.year if given.year is not None else max(named, default=None)
    return 0 if year is None or wanted is None else abs(wanted - year)


def fade(points: int, years: int, yearly_change: float) -> int:
    """Return the points that are left of a vote after some years.

    With c = 1 - (1 - yearly_change)^years, the probability that the pixel is no longer what it was, evidence of a
    likelihood ratio L becomes ((1 - c) L + c) / ((1 - c) + c L): the vote is a mixture of what it says of the pixel as
    it was and of its opposite. However strong, it never says more than (1 - c) / c, so a decisive vote of another year
    is strong evidence and no longer decisive. Rounded up: a vote loses whole points only, and its sign never turns.
    """
    change = min(1 - (1 - yearly_change) ** years, 0.5)
    if change == 0 or points == 0:
        return points
    if abs(points) >= DECISIVE:
        left = math.log((1 - change) / change)
    else:
        ratio = math.exp(abs(points) / 2)
        left = math.log(((1 - change) * ratio + change) / ((1 - change) + change * ratio))
    return int(math.copysign(math.ceil(2 * left - 1e-9), points))


def has_edges(kind: LayerKind) -> bool:
    """Return whether the votes of a kind are weaker at the edges of its pixels."""
    return any(rule.inside != rule.edge for rule in rules_of(kind))


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

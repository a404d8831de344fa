"""What layers say, put into a few symbols each, and how often every joint answer of the layers occurs.

The latent-class model counts answers; it knows no metres and no codes. A coarse layer says beside its value whether the
pixel lies at an edge, where all layers err more, and together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bocage.reference.layer import Reading
from bocage.reference.rules import DECISIVE, rules_of
from bocage.reference.votes import has_edges, judge, points_of
from bocage.settings import LayerKind, LayerSettings, ReferenceSettings

STRONGEST_START = 8
"""No pixel starts as certain, in half nats: the first step of the learning would never leave it."""

# Continuous layers say more than their rules ask: their errors differ from bin to bin. The thresholds are added.
_BINS: dict[LayerKind, tuple[float, ...]] = {
    "tree_cover_density": (1, 10, 30, 50, 80),
    "canopy_height": (1, 2, 3, 5, 7, 10),
}


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The symbols of a layer: what it can say, and what the rules make of it.

    Attributes
    ----------
    names
        One per symbol, such as "3 to 5" or "woody, edge"; symbol s of an array of symbols has ``names[s - 1]``.
    points
        The points of the rules for each symbol, in half nats: where the learning starts, and its anchor.
    settled
        -1 or 1 where the product's definition settles the class, else 0.
    witness
        Whether the layer is asked for its error rates. One that never speaks for trees, or never against them, sorts
        land by something else: its evidence stays that of the rules.
    """

    names: tuple[str, ...]
    points: tuple[int, ...]
    settled: tuple[int, ...]
    witness: bool = True


@dataclass(frozen=True, slots=True)
class Patterns:
    """How often each joint answer of the layers occurs.

    Attributes
    ----------
    symbols
        (patterns, layers) uint8, each row once and sorted; 0 where a layer is silent.
    counts
        (patterns,) int64: pixels.
    """

    symbols: NDArray[np.uint8]
    counts: NDArray[np.int64]


def alphabet_of(settings: LayerSettings, given: ReferenceSettings) -> Alphabet:
    """Return the symbols of a layer.

    A continuous layer has one per bin, any other layer one per rule of its kind and one for codes without a rule; a
    layer with uncertain borders has each of them twice, inside and at the edge.
    """
    rules, edges = rules_of(settings.kind), _edges(settings.kind, given)
    if edges:
        lowest = np.array((0.0, *edges))
        bounds = (f"below {edges[0]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(edges)))
        names: tuple[str, ...] = (*bounds, f"{edges[-1]:g} and more")
        which = [[rule.holds(np.array([low]), given)[0] for rule in rules].index(True) for low in lowest]
        chosen = [rules[index] for index in which]
        pairs = [(rule.inside, rule.edge) for rule in chosen]
    else:
        names = (*(rule.name for rule in rules), "without a rule")
        pairs = [*((rule.inside, rule.edge) for rule in rules), (0, 0)]
        if not speaks_both_ways(settings.kind):
            # Nothing is learned of such a layer, so its age counts as it does for the rules.
            pairs = [(int(inside), int(edge)) for inside, edge in zip(*points_of(settings, given), strict=True)]
    if not has_edges(settings.kind):
        points = [inside for inside, _ in pairs]
    else:
        points = [point for pair in pairs for point in pair]
        names = tuple(f"{name}{place}" for name in names for place in ("", ", edge"))
    # A map of classes is one witness among others here; what always wins is a correction.
    definite = settings.kind != "classes"
    settled = tuple((point > 0) - (point < 0) if definite and abs(point) >= DECISIVE else 0 for point in points)
    bounded = tuple(max(-STRONGEST_START, min(STRONGEST_START, point)) for point in points)
    return Alphabet(names, bounded, settled, speaks_both_ways(settings.kind))


def speaks_both_ways(kind: LayerKind) -> bool:
    """Return whether layers of a kind speak both for trees and against them, so that they can err both ways."""
    inside = [rule.inside for rule in rules_of(kind)]
    return any(point > 0 for point in inside) and any(point < 0 for point in inside)


def symbols_of(
    reading: Reading, settings: LayerSettings, given: ReferenceSettings, gsd_pixels: float
) -> NDArray[np.uint8]:
    """Return the symbol of each pixel, (rows, columns) uint8: 0 where the layer is silent, else 1 and up."""
    found = judge(reading, settings, given, gsd_pixels)
    edges = _edges(settings.kind, given)
    if edges:
        number = np.digitize(np.asarray(found.values, np.float64), edges)
    else:
        number = np.where(found.which < 0, len(rules_of(settings.kind)), found.which)
    if has_edges(settings.kind):
        number = 2 * number + found.edge
    return np.where(found.valid, number + 1, 0).astype(np.uint8)


def _edges(kind: LayerKind, given: ReferenceSettings) -> tuple[float, ...]:
    """Return the lower edges of the bins of a continuous layer but the first, or none for a layer of codes."""
    thresholds: dict[LayerKind, tuple[float, ...]] = {
        "tree_cover_density": (given.dense_cover,),
        "canopy_height": (given.ground_height, given.tree_height, 2 * given.tree_height),
    }
    return tuple(sorted({*map(float, _BINS.get(kind, ())), *map(float, thresholds.get(kind, ()))}))


def count_patterns(blocks: Iterable[Sequence[NDArray[np.uint8]]], layers: int) -> Patterns:
    """Count the joint answers of the layers over blocks; pixels where no layer speaks are left out."""
    total: dict[bytes, int] = {}
    for block in blocks:
        stacked = np.stack([one.ravel() for one in block], axis=1)
        rows, counts = np.unique(_as_keys(stacked), return_counts=True)
        for key, count in zip(rows.tolist(), counts.tolist(), strict=True):
            total[key] = total.get(key, 0) + count
    # numpy hands keys out without their trailing zeros; the empty one is the pixels of which no layer speaks.
    sums = sorted((key.ljust(layers, b"\0"), count) for key, count in total.items() if key)
    symbols = np.frombuffer(b"".join(key for key, _ in sums), np.uint8).reshape(-1, layers)
    return Patterns(symbols, np.array([count for _, count in sums], np.int64))


def _as_keys(stacked: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    return np.ascontiguousarray(stacked).view(f"S{stacked.shape[1]}").ravel()

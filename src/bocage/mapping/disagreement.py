"""Scenes and tiles in which overlapping scenes say other things of the same ground than elsewhere.

How far two scenes differ depends on their sensors and dates, so each pair is measured against the usual difference of
pairs of the same two sensors, as the logarithm of a ratio. A scene with a wrong stretch differs from all scenes that
it overlaps; each of these differs from one only, and the median over the pairs of a scene tells the two apart.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from bocage.mapping.fusion import SCALE
from bocage.mapping.inspection import Inspection, Overlap
from bocage.mapping.outliers import critical, deviate, outlying

type Pair = tuple[str, str]

FEWEST_PIXELS = 400
"""Compared pixels from which a pair says anything."""
_FEWEST_PAIRS = 5  # pairs of two sensors that have a usual difference of their own
_SOFTENER = 0.5 / SCALE  # half a step: differences below it are rounding
_LEAST_SPREAD = 0.15
_MOST_SHARE = 0.25  # more scenes than this are not outliers but the usual
_TIMES = 1.5  # an outlier differs at least so many times as much as is usual


@dataclass(frozen=True, slots=True)
class OutlyingScene:
    """A scene that differs from those it overlaps.

    Attributes
    ----------
    difference, usual
        Mean absolute difference of probability from the scenes it overlaps, and what is usual for these sensors.
    shift
        Mean difference: above 0 where the scene says more than the others.
    others
        The scenes that it overlaps.
    """

    scene: str
    difference: float
    usual: float
    shift: float
    others: tuple[str, ...]

    @property
    def times(self) -> float:
        """How many times as much as is usual it differs."""
        return self.difference / max(self.usual, _SOFTENER)


def sum_pairs(inspections: Iterable[Inspection]) -> dict[Pair, Overlap]:
    """Return the counts of each pair of scenes over all tiles."""
    found: dict[Pair, Overlap] = {}
    for overlap in (each for inspection in inspections for each in inspection.overlaps):
        pair = (overlap.first, overlap.second)
        known = found.get(pair)
        found[pair] = overlap if known is None else _add(known, overlap)
    return dict(sorted(found.items()))


def _add(one: Overlap, other: Overlap) -> Overlap:
    return Overlap(
        one.first,
        one.second,
        one.pixels + other.pixels,
        one.both + other.both,
        one.one + other.one,
        one.difference + other.difference,
        one.shift + other.shift,
    )


def mean_difference(overlap: Overlap) -> float:
    """Return the mean absolute difference of probability."""
    return overlap.difference / overlap.pixels / SCALE


class Usual:
    """The usual difference of two sensors: the median over their pairs of scenes; over all pairs where they are few."""

    def __init__(self, pairs: Mapping[Pair, Overlap], sensors: Mapping[str, str]) -> None:
        self._sensors = sensors
        groups: defaultdict[Pair, list[float]] = defaultdict(list)
        for overlap in pairs.values():
            if overlap.pixels >= FEWEST_PIXELS:
                groups[self._group(overlap)].append(mean_difference(overlap))
        everything = [value for values in groups.values() for value in values]
        self._all = median(everything) if everything else 0.0
        self._own = {group: median(values) for group, values in groups.items() if len(values) >= _FEWEST_PAIRS}

    def of(self, overlap: Overlap) -> float:
        """Return the usual difference of the sensors of a pair."""
        return self._own.get(self._group(overlap), self._all)

    def ratio(self, overlap: Overlap) -> float:
        """Return the logarithm of the difference of a pair over the usual one."""
        return math.log((mean_difference(overlap) + _SOFTENER) / (self.of(overlap) + _SOFTENER))

    def _group(self, overlap: Overlap) -> Pair:
        one, two = sorted((self._sensors.get(overlap.first, ""), self._sensors.get(overlap.second, "")))
        return one, two


def outlying_scenes(pairs: Mapping[Pair, Overlap], usual: Usual) -> list[OutlyingScene]:
    """Return the scenes that stand out, the most different first.

    A scene is taken out with its pairs before the next is looked for, so that it does not count against the others.
    """
    left = {pair: overlap for pair, overlap in pairs.items() if overlap.pixels >= FEWEST_PIXELS}
    count = len({name for pair in left for name in pair})
    taken: list[OutlyingScene] = []
    kept = 0
    while len(taken) < max(1, int(_MOST_SHARE * count)):
        of_scene: defaultdict[str, list[Overlap]] = defaultdict(list)
        for overlap in left.values():
            of_scene[overlap.first].append(overlap)
            of_scene[overlap.second].append(overlap)
        if len(of_scene) < 3:
            break
        names = sorted(of_scene)
        scores = [median(usual.ratio(overlap) for overlap in of_scene[name]) for name in names]
        place, size = deviate(scores, _LEAST_SPREAD)
        taken.append(_outlier(names[place], of_scene[names[place]], usual))
        if size > critical(count, len(taken) - 1) and scores[place] >= math.log(_TIMES):
            kept = len(taken)
        left = {pair: overlap for pair, overlap in left.items() if names[place] not in pair}
    return taken[:kept]


def _outlier(name: str, overlaps: list[Overlap], usual: Usual) -> OutlyingScene:
    pixels = sum(overlap.pixels for overlap in overlaps)
    shift = sum(overlap.shift if overlap.second == name else -overlap.shift for overlap in overlaps)
    others = sorted({overlap.first if overlap.second == name else overlap.second for overlap in overlaps})
    return OutlyingScene(
        name,
        sum(overlap.difference for overlap in overlaps) / pixels / SCALE,
        sum(usual.of(overlap) * overlap.pixels for overlap in overlaps) / pixels,
        shift / pixels / SCALE,
        tuple(others),
    )


def outlying_tiles(tiles: Mapping[str, Inspection], usual: Usual, without: Iterable[str]) -> list[tuple[str, float]]:
    """Return the tiles in which scenes differ more than elsewhere, and how many times as much, the worst first.

    Parameters
    ----------
    without
        Scenes that stand out everywhere; their pairs do not count.
    """
    left_out = set(without)
    scores: dict[str, float] = {}
    for name, inspection in tiles.items():
        pairs = [
            overlap
            for overlap in inspection.overlaps
            if overlap.pixels >= FEWEST_PIXELS and not {overlap.first, overlap.second} & left_out
        ]
        pixels = sum(overlap.pixels for overlap in pairs)
        if pixels:
            scores[name] = sum(usual.ratio(overlap) * overlap.pixels for overlap in pairs) / pixels
    names = sorted(scores)
    values = [scores[name] for name in names]
    found = outlying(values, most=max(1, len(names) // 10), least_spread=_LEAST_SPREAD)
    centre = median(values) if values else 0.0
    times = [(names[index], math.exp(values[index] - centre)) for index in found]
    return [(name, factor) for name, factor in times if factor >= _TIMES]

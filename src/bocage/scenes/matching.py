"""Two overlapping scenes: the straight line between their stretched values, band by band.

Both ways of finding it give the same line from either side: the scenes of a pair have no order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MatchMethod = Literal["histogram", "invariant"]
Floats = NDArray[np.float64]
Line = tuple[float, float, float, float, float]
"""Slope, centre of the first, centre of the second, weight of the centre, weight of the slope."""

# Quantiles that are compared: beyond them lie clouds, clipped values and small bright roofs.
_LEVELS = np.linspace(0.05, 0.95, 19)
# A line needs this many quantiles and pixels; its slope is known where values spread by this many grey values.
_LEAST_LEVELS = 5
_LEAST_PIXELS = 50
_LEAST_SPREAD = 1.0
# Spread in grey values at which a slope counts half.
_HALF_SPREAD = 10.0
# The share of pixels that are taken for unchanged: the least that withstands as many changed ones as can be.
_UNCHANGED = 0.5
_ROUNDS = 50
_SETTLED = 1e-4
_NO_LINE: Line = (1.0, 128.0, 128.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Pair:
    """Pixels that two scenes both saw.

    Attributes
    ----------
    first, second
        Ids of the scenes.
    first_values, second_values
        (bands, pixels) stretched values, 1 to 255: red, green, blue and, where both scenes have it, nir. Values of 1
        and 255 may be clipped.
    """

    first: str
    second: str
    first_values: NDArray[np.float32]
    second_values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Match:
    """The line ``second = second_centre + slope * (first - first_centre)`` of each band of a pair.

    Attributes
    ----------
    first, second
        Ids of the scenes.
    slope, first_centre, second_centre
        (bands,) slope above 0, and the point of the line in the middle of the values.
    level_weight, slope_weight
        (bands,) how many pixels speak for the point and for the slope; 0 where nothing does.
    """

    first: str
    second: str
    slope: Floats
    first_centre: Floats
    second_centre: Floats
    level_weight: Floats
    slope_weight: Floats

    def turned(self) -> Match:
        """Return the same line with the scenes exchanged."""
        return Match(
            self.second,
            self.first,
            1.0 / self.slope,
            self.second_centre,
            self.first_centre,
            self.level_weight,
            self.slope_weight,
        )


def match_histogram(pair: Pair) -> Match:
    """Return the line between the distributions of both scenes.

    Quantiles from 5 to 95 percent in steps of 5 are paired, without those that are clipped in either scene. The slope
    is the ratio of their standard deviations (reduced major axis).
    """
    lines = []
    for first, second in zip(pair.first_values, pair.second_values, strict=True):
        if first.size < _LEAST_PIXELS:
            lines.append(_NO_LINE)
            continue
        x = np.quantile(first.astype(np.float64), _LEVELS)
        y = np.quantile(second.astype(np.float64), _LEVELS)
        kept = _unclipped(x) & _unclipped(y)
        lines.append(_axis(x[kept], y[kept], first.size) if kept.sum() >= _LEAST_LEVELS else _NO_LINE)
    return _match(pair, lines)


def match_invariant(pair: Pair) -> Match:
    """Return the line through the half of the pixels that changed least, whatever was ploughed or grew on the rest.

    Least trimmed squares: from the line between the distributions, the half of the pixels that lies nearest in all
    bands together gets a new line, and so on until the distance no longer falls (the concentration steps of Rousseeuw
    and Van Driessen 2006, doi:10.1007/s10618-005-0024-4). Distances are orthogonal and the slope is the reduced major
    axis, so that neither scene is the reference. Pixels that are clipped in any band are left out.
    """
    start = match_histogram(pair)
    inside = (_unclipped(pair.first_values) & _unclipped(pair.second_values)).all(axis=0)
    kept = int(_UNCHANGED * inside.sum())
    if kept < _LEAST_PIXELS or not start.level_weight.all():
        return _match(pair, [_NO_LINE] * len(pair.first_values))
    first = pair.first_values[:, inside].astype(np.float64)
    second = pair.second_values[:, inside].astype(np.float64)
    table = np.stack([start.slope, start.first_centre, start.second_centre])
    lines: list[Line] = []
    before = np.inf
    for _ in range(_ROUNDS):
        slope, x, y = table[:3, :, None]
        distance = ((second - y - slope * (first - x)) ** 2 / (1 + slope**2)).sum(axis=0)
        nearest = np.argpartition(distance, kept - 1)[:kept]
        after = float(distance[nearest].mean())
        if after >= before * (1 - _SETTLED):
            break
        before = after
        lines = [_axis(a[nearest], b[nearest], first.shape[1]) for a, b in zip(first, second, strict=True)]
        table = np.array(lines).T
    return _match(pair, lines)


MATCHERS: Mapping[MatchMethod, Callable[[Pair], Match]] = {"histogram": match_histogram, "invariant": match_invariant}


def _axis(x: Floats, y: Floats, count: int) -> Line:
    """Return the reduced major axis of paired values; without spread or agreement, a slope of 1 without weight."""
    deviation_x, deviation_y = float(x.std()), float(y.std())
    spread = min(deviation_x, deviation_y)
    rising = float(((x - x.mean()) * (y - y.mean())).sum()) > 0
    known = spread >= _LEAST_SPREAD and rising
    slope = deviation_y / deviation_x if known else 1.0
    trust = spread**2 / (spread**2 + _HALF_SPREAD**2) if known else 0.0
    return slope, float(x.mean()), float(y.mean()), float(count), count * trust


def _unclipped(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    return (values > 1.0) & (values < 255.0)


def _match(pair: Pair, lines: Sequence[Line]) -> Match:
    slope, first, second, level_weight, slope_weight = np.array(lines, dtype=np.float64).T
    return Match(pair.first, pair.second, slope, first, second, level_weight, slope_weight)

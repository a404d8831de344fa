"""Overlapping scenes made alike: a gain and an offset per scene and band, found from what neighbours both saw.

Each scene is stretched linearly to 8 bits. A linear change of the stretched values is only another pair of low and high
digital numbers, so that a reader, and the law that a window never decides a value, stay as they are. Here is the pure
part: the matches of all pairs are balanced over the graph of overlaps, and the result is written into the stretch.
:mod:`bocage.scenes.matching` matches a pair, :mod:`bocage.scenes.harmonising` reads the pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu

from bocage.scenes.bands import BANDS
from bocage.scenes.matching import Floats, Match, Pair
from bocage.scenes.scene import Stretch

GAINS = (0.5, 2.0)
"""A scene's contrast is at most halved or doubled."""

LARGEST_SHIFT = 64.0
"""A scene's level moves by a quarter of the 8 bits at most."""

# What holds a scene where it is, as if this many pixels said so. It bounds the drift along a chain of scenes.
_PRIOR = 200.0


@dataclass(frozen=True, slots=True)
class Solution:
    """What becomes of each scene.

    Attributes
    ----------
    adjustments
        Scene id to (4, 2) gain and offset of red, green, blue, nir: ``new = gain * old + offset`` on stretched values.
    bounded
        Scenes whose gain or shift would have gone beyond ``GAINS`` or ``LARGEST_SHIFT``.
    """

    adjustments: dict[str, Floats]
    bounded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Median absolute difference of stretched values over all overlaps.

    Attributes
    ----------
    bands
        One of red, green, blue and, where any pair has it, nir, in grey values.
    overall
        Over all bands together.
    pixels
        How many pixels were compared.
    """

    bands: tuple[float, ...]
    overall: float
    pixels: int


def solve(matches: Iterable[Match], scenes: Sequence[str]) -> Solution:
    """Return the gains and offsets that make all pairs agree best, all at once.

    Per band, the logarithms of the gains and then the shifts of the levels are the solution of a weighted least-squares
    problem on the graph of overlaps, with a small weight on no change. Both add up to zero within every group of scenes
    that hang together, so the geometric mean of its gains is 1 and its mean level stays (until a bound is met): nothing
    can be won by making all scenes flat. A scene without overlap stays as it is. The order of scenes and pairs, and
    which scene of a pair is the first, do not matter.

    Parameters
    ----------
    matches
        One per pair of overlapping scenes.
    scenes
        Ids of all scenes.
    """
    names = sorted(scenes)
    ordered = sorted(
        (match if match.first <= match.second else match.turned() for match in matches),
        key=lambda match: (match.first, match.second),
    )
    place = {name: index for index, name in enumerate(names)}
    adjustments = {name: np.tile([1.0, 0.0], (len(BANDS), 1)) for name in names}
    bounded: set[str] = set()
    for band in range(len(BANDS)):
        present = [match for match in ordered if len(match.slope) > band and match.level_weight[band] > 0]
        if not present:
            continue
        table = np.array(
            [
                (m.slope[band], m.first_centre[band], m.second_centre[band], m.level_weight[band], m.slope_weight[band])
                for m in present
            ]
        )
        first = np.array([place[match.first] for match in present])
        second = np.array([place[match.second] for match in present])
        gain, shift, middle = _balance(table, first, second, len(names))
        for name, index in place.items():
            held_gain = min(max(gain[index], GAINS[0]), GAINS[1])
            held_shift = min(max(shift[index], -LARGEST_SHIFT), LARGEST_SHIFT)
            if (held_gain, held_shift) != (gain[index], shift[index]):
                bounded.add(name)
            adjustments[name][band] = held_gain, middle[index] * (1 - held_gain) + held_shift
    return Solution(adjustments, tuple(sorted(bounded)))


def _balance(
    table: Floats, first: NDArray[np.intp], second: NDArray[np.intp], count: int
) -> tuple[Floats, Floats, Floats]:
    """Return gain, shift of the level and the level of each scene before the shift."""
    slope, first_centre, second_centre, weight, slope_weight = table.T
    # gain_first * first + ... = gain_second * second + ... for every value of the line: the slope is the gains' ratio.
    gain = np.exp(_spread(first, second, slope_weight, np.log(slope), count))
    bounded = np.clip(gain, *GAINS)
    total = np.bincount(first, weight, count) + np.bincount(second, weight, count)
    levels = np.bincount(first, weight * first_centre, count) + np.bincount(second, weight * second_centre, count)
    middle = levels / np.where(total > 0, total, 1.0)
    gap = (middle[second] + bounded[second] * (second_centre - middle[second])) - (
        middle[first] + bounded[first] * (first_centre - middle[first])
    )
    return gain, _spread(first, second, weight, gap, count), middle


def _spread(first: NDArray[np.intp], second: NDArray[np.intp], weight: Floats, gap: Floats, count: int) -> Floats:
    """Return x with the least ``sum(weight * (x[first] - x[second] - gap)**2) + _PRIOR * sum(x**2)``.

    The columns of the graph's Laplacian add up to zero, hence so does x over every connected group.
    """
    rows = np.concatenate([first, second, first, second])
    columns = np.concatenate([first, second, second, first])
    laplacian = coo_array((np.concatenate([weight, weight, -weight, -weight]), (rows, columns)), shape=(count, count))
    system = (laplacian + diags_array(np.full(count, _PRIOR))).tocsc()
    right = np.bincount(first, weight * gap, count) - np.bincount(second, weight * gap, count)
    return np.asarray(splu(system).solve(right), dtype=np.float64)


def apply(stretch: Stretch, adjustment: Floats) -> Stretch:
    """Return the low and high digital numbers whose stretched values are ``gain * old + offset``.

    Parameters
    ----------
    stretch
        (low, high) of each band.
    adjustment
        (bands or more, 2) gain above 0 and offset of each band.
    """
    result = []
    for (low, high), (gain, offset) in zip(stretch, adjustment[: len(stretch)].tolist(), strict=True):
        width = (high - low) / gain
        # The digital number that becomes 1: gain * (1 + (number - low) * 254 / (high - low)) + offset = 1.
        start = low + ((1 - offset) / gain - 1) * (high - low) / 254
        result.append((start, start + width))
    return tuple(result)


def median_difference(pairs: Sequence[Pair], adjustments: Mapping[str, Floats] | None = None) -> Difference | None:
    """Return by how much scenes differ where they overlap, or None where no pixel is compared.

    Parameters
    ----------
    pairs
        Pixels of each pair.
    adjustments
        Gains and offsets to apply before; the result is clipped to 1 to 255 as a reader would.
    """
    gaps: list[list[Floats]] = [[] for _ in BANDS]
    for pair in pairs:
        for band, (first, second) in enumerate(zip(pair.first_values, pair.second_values, strict=True)):
            one, other = (
                _adjusted(first, pair.first, band, adjustments),
                _adjusted(second, pair.second, band, adjustments),
            )
            gaps[band].append(np.abs(one - other))
    pooled = [np.concatenate(band) for band in gaps if band]
    if not pooled or not pooled[0].size:
        return None
    return Difference(
        tuple(float(np.median(band)) for band in pooled), float(np.median(np.concatenate(pooled))), pooled[0].size
    )


def _adjusted(values: NDArray[np.float32], name: str, band: int, adjustments: Mapping[str, Floats] | None) -> Floats:
    gain, offset = (1.0, 0.0) if adjustments is None else adjustments[name][band]
    return np.clip(values.astype(np.float64) * gain + offset, 1.0, 255.0)

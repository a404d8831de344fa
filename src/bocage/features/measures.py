"""From the joined sums of a feature to its measures, in metres, shares and degrees; NaN where a thing is unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bocage.features.context import NAMES
from bocage.features.sums import ONE, Sums
from bocage.features.thinning import TURNS

# Share of a feature that must be known for a figure that is a mean or a share of it.
_KNOWN = 0.5
# Cells of a profile from which its rhythm is judged, and pairs of them at one lag: fewer show a period by chance.
_PROFILE, _PAIRS = 25, 12

type Column = NDArray[np.float64]


def measures_of(sums: Sums, resolution: float, linear: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the measures of components, one row each.

    Parameters
    ----------
    sums
        The sums of axis, shape and context together (:meth:`bocage.features.sums.Sums.merged`), joined over all tiles.
    linear
        (count,): which components are linear; the others have no axis.

    Returns
    -------
    pandas.DataFrame
        ``area_m2`` (of cells), ``cover_m2`` (of cover, cells that are woody in part included), ``compactness`` (4 pi
        area / outline^2; 0.785 for a square), ``breadth_m`` (diameter of the largest disk inside, at most 100 m),
        ``elongation`` (length / breadth, the length being that of the axis, or area / breadth where there is none),
        ``axis_length_m``, ``axis_width_m``, ``width_max_m``, ``orientation_deg`` (0 to 180 from north, clockwise),
        ``straightness`` (0 to 1), ``axis_ends``, ``gaps``, ``gap_share`` (of axis and gaps), ``rhythm`` (0 to 1),
        ``rhythm_m``, ``canopy_m`` (mean height of what is woody),
        ``tall_share`` (of cells of 5 m and more), and for each theme ``near_<theme>``, ``inside_<theme>`` (shares of
        the cells) and ``along_<theme>`` (share of the axis).
    """
    added = {name: values.astype(np.float64) for name, values in sums.added.items()}
    cells = added["cells"]
    area = cells * resolution**2
    measured = added["cover_n"] >= 0.9 * cells
    cover = np.where(measured, (added["cover"] + added["rim"]) / ONE * resolution**2, np.nan)
    outline = added["outline"] / ONE * resolution
    thin = linear & (added["axis_cells"] > 0)
    length = np.where(thin, added["axis_length"] / ONE / TURNS * resolution, np.nan)
    width = np.where(measured, cover, area) / length
    radius = _ratio(added["axis_radii"], added["axis_cells"])
    gap = added["gap_length"] / ONE / TURNS * resolution
    angle = np.degrees(np.arctan2(added["axis_sin"], added["axis_cos"])) / 2 % 180
    rhythm, period = _rhythm(added, resolution)
    canopy = np.where(added["height_n"] >= _KNOWN * cells, 1.0, np.nan)
    # Cells at the edge are woody in part, and their height is a mean over open ground, too: all height by all cover.
    # Many layers know no height of open ground: cells around without one count for neither.
    own = _ratio(added["height"], added["height_n"])
    woody = (added["cover"] + added["height_cover"]) / ONE
    height = np.where(measured, _ratio(own * cells + added["height_rim"], woody), own)
    # A feature without a cell, which simplification may leave, has no measures.
    breadth = 2 * sums.largest["distance_most"] / ONE * resolution
    block = _ratio(area, breadth)
    columns = {
        "area_m2": area,
        "cover_m2": cover,
        "compactness": np.minimum(_ratio(4 * np.pi * area, outline**2), 1),
        "breadth_m": breadth,
        "elongation": _ratio(np.where(thin, np.fmax(length, block), block), breadth),
        "axis_length_m": length,
        "axis_width_m": width,
        "width_max_m": width * _ratio(sums.largest["axis_radius"].astype(np.float64), radius),
        "orientation_deg": np.where(thin, angle, np.nan),
        "straightness": np.where(
            thin, _ratio(np.hypot(added["axis_sin"], added["axis_cos"]), added["axis_length"]), np.nan
        ),
        "axis_ends": np.where(thin, added["axis_ends"] / TURNS, np.nan),
        "gaps": np.where(thin, added["gap_ends"] / 2 / TURNS, np.nan),
        "gap_share": gap / (gap + length),
        "rhythm": np.where(thin, rhythm, np.nan),
        "rhythm_m": np.where(thin, period, np.nan),
        "canopy_m": canopy * height / 100,
        "tall_share": canopy * _ratio(added["tall"], added["height_n"]),
    }
    for theme in NAMES:
        known = np.where(added[f"{theme}_known"] >= _KNOWN * cells, added[f"{theme}_known"], np.nan)
        axis = np.where(thin & ~np.isnan(known), added[f"{theme}_axis"], np.nan)
        columns[f"near_{theme}"] = _ratio(added[f"{theme}_near"], known)
        columns[f"inside_{theme}"] = _ratio(added[f"{theme}_inside"], known)
        columns[f"along_{theme}"] = _ratio(added[f"{theme}_along"], axis)
    return pd.DataFrame(columns)


def _rhythm(added: dict[str, Column], resolution: float) -> tuple[Column, Column]:
    """Return the strength (0 to 1) of the crown rhythm and its period in metres.

    The strength is how far the correlation of the profile with itself rises again after its first fall, less the rise
    that is expected by chance (two standard errors of a difference of correlations).
    """
    number, square = added["rhythm_n"] / TURNS, added["rhythm_square"] / TURNS
    count = len(number)
    enough = (number >= _PROFILE) & (square > 0)
    # Each pair of cells is met from both of its ends.
    pairs = added["rhythm_pairs"] / TURNS / 2
    variance = np.where(enough, square / np.maximum(number, 1), 1.0)
    lags = _ratio(added["rhythm_lag"], added["rhythm_pairs"]) / variance[:, np.newaxis]
    lags = np.hstack([np.ones((count, 1)), np.where(pairs >= _PAIRS, lags, 0)])
    chance = np.hstack([np.ones((count, 1)), 2 * np.sqrt(2 / np.maximum(pairs, 1))])
    lowest = np.minimum.accumulate(lags, axis=1)
    peak = np.zeros_like(lags)
    peak[:, 2:-1] = np.where(
        (lags[:, 2:-1] > lags[:, 1:-2]) & (lags[:, 2:-1] >= lags[:, 3:]), (lags - lowest - chance)[:, 2:-1], 0
    )
    best = peak.argmax(axis=1)
    strength = np.where(enough, np.clip(peak[np.arange(count), best], 0, 1), np.nan)
    return strength, np.where(strength > 0, best * resolution, np.nan)


def _ratio(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one / other, NaN where the other is 0."""
    result = np.full(np.broadcast(one, other).shape, np.nan)
    np.divide(one, other, out=result, where=other != 0)
    return result

"""Hedges and tree lines of known width and length, planted as the simulation plants them, and measured on cells.

A line bends smoothly. A hedge is a band of shrubs, a tree line one or more rows of crowns; both are stamped at half a
metre with the lobed crowns of the simulation. The true width is the area under crowns by the true length, and the
true length is that of the stretch of the line along which crowns stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from typed import typed_features

from bocage.simulation import kinds
from bocage.simulation.crowns import stamp
from bocage.simulation.extent import Raster
from bocage.simulation.woody import CROWN

WIDTHS = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0)
PIXEL = 0.5
SIZE = 400.0
CRS = "EPSG:3035"
LEFT, BOTTOM = 4_321_000.0, 3_019_000.0
# Where the stage sees it as one or more features.
_SEEN = 0.5


@dataclass(frozen=True, slots=True)
class Planted:
    """The share of each pixel of half a metre under crowns, with the true measures in metres."""

    crowns: NDArray[np.float32]
    width: float
    length: float


def plant(kind: str, width: float, rng: np.random.Generator) -> Planted:
    """Plant one line of about that width."""
    line = _line(rng)
    tangent = np.gradient(line, axis=0)
    tangent /= np.hypot(tangent[:, :1], tangent[:, 1:])
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    radius = min(width / 2, 1.8 if kind == "hedge" else 4.0)
    rows = max(int(np.ceil((width - 2 * radius) / (1.4 * radius))) + 1, 1)
    offsets = np.linspace(-(width / 2 - radius), width / 2 - radius, rows) if rows > 1 else np.zeros(1)
    step = radius * (0.8 if kind == "hedge" else 1.3)
    parts = []
    for offset in offsets:
        along = np.arange(rng.uniform(0, step), len(line) - 1, step).astype(int)
        spots = line[along] + normal[along] * offset + rng.normal(0, 0.05 * width, (len(along), 2))
        crowns = np.zeros(len(spots), CROWN)
        crowns["x"], crowns["y"] = spots.T
        crowns["radius"] = radius * rng.uniform(0.9, 1.15, len(spots))
        crowns["height"] = 3.0 if kind == "hedge" else 11.0
        crowns["species"] = kinds.SHRUB if kind == "hedge" else kinds.OAK
        crowns["phase"] = rng.uniform(0, 2 * np.pi, len(spots))
        parts.append(crowns)
    planted = np.concatenate(parts)
    raster = Raster(LEFT, BOTTOM + SIZE, round(SIZE / PIXEL), round(SIZE / PIXEL), PIXEL)
    woody = stamp(planted, raster, np.ones(len(planted), bool))[0].height > 0
    row, column = np.nonzero(woody)
    x, y = LEFT + (column + 0.5) * PIXEL, BOTTOM + SIZE - (row + 0.5) * PIXEL
    # The line goes on straight beyond its ends, so that what stands there has a place along it too.
    reach = np.arange(1, 41)[:, np.newaxis]
    longer = np.vstack([line[0] - tangent[0] * reach[::-1], line, line[-1] + tangent[-1] * reach])
    place = cKDTree(longer).query(np.stack([x, y], axis=1))[1]
    length = float(np.quantile(place, 0.9995) - np.quantile(place, 0.0005))
    return Planted(woody.astype(np.float32), float(woody.sum() * PIXEL**2 / length), length)


def _line(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a smooth line of some 180 m as points one metre apart, in the middle of the raster."""
    count = 180
    bend = np.cumsum(rng.normal(0, 0.012, count + 60))
    bend = np.convolve(bend, np.ones(61) / 61, "valid")
    heading = rng.uniform(0, 2 * np.pi) + bend
    line = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    middle = np.array([LEFT, BOTTOM]) + SIZE / 2 + rng.uniform(0, 5, 2)
    return np.asarray(line - (line.max(axis=0) + line.min(axis=0)) / 2 + middle)


def measured(planted: Planted, resolution: float) -> dict[str, float]:
    """Return errors of length and width and the share of the line that was found, on cells of that size."""
    cells = round(SIZE / resolution)
    fine = int(resolution / PIXEL)
    cover = planted.crowns.reshape(cells, fine, cells, fine).mean(axis=(1, 3))
    found = typed_features(
        cover, Affine(resolution, 0, LEFT, 0, -resolution, BOTTOM + SIZE), CRS, forest=np.zeros(cover.shape, bool)
    ).table
    lines = found[found["axis_length_m"].notna()]
    length = float(lines["axis_length_m"].sum())
    if length < _SEEN * planted.length:
        return {"found": length / planted.length, "length": np.nan, "width": np.nan, "rectangle": np.nan}
    width = float((lines["axis_width_m"] * lines["axis_length_m"]).sum() / length)
    return {
        "found": length / planted.length,
        "length": length / planted.length - 1,
        "width": width - planted.width,
        "parts": float(len(lines)),
    }


def planted_figures(lines: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return one row per kind, width and cell size: the median and 90th percentile of the absolute errors."""
    rows = []
    for kind in ("hedge", "tree line"):
        for width in WIDTHS:
            rng = np.random.default_rng([seed, round(width * 10), kind == "hedge"])
            stock = [plant(kind, width, rng) for _ in range(lines)]
            for resolution in (5.0, 2.0):
                found = [measured(one, resolution) for one in stock]
                seen = [one for one in found if not np.isnan(one["length"])]
                row: dict[str, Any] = {
                    "kind": kind, "planted_m": width, "true_width_m": float(np.mean([one.width for one in stock])),
                    "cell_m": resolution, "lines": lines, "found": len(seen) / lines,
                }  # fmt: skip
                for name, scale in (("length", 100.0), ("width", 1.0)):
                    errors = scale * np.array([one[name] for one in seen]) if seen else np.array([np.nan])
                    unit = "percent" if name == "length" else "m"
                    row[f"{name}_bias_{unit}"] = float(np.mean(errors))
                    row[f"{name}_median_{unit}"] = float(np.median(np.abs(errors)))
                    row[f"{name}_p90_{unit}"] = float(np.quantile(np.abs(errors), 0.9))
                rows.append(row)
    return rows

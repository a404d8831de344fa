"""The geometric rules for polygons: those of 2015, and the smallest street tree.

The quality tool tests them on the layers of 2015 and no longer since; linear and patchy features are one code then.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.products.conformance.polygons import Rows, VectorLayer
from bocage.products.conformance.rule import MANUAL, QC, Rule, rule
from bocage.products.conformance.verdict import Finding, Skip

LINEAR, PATCHY = "1", "2"
LARGEST_WIDTH, SMALLEST_LENGTH, SMALLEST_WIDTH = 30.0, 50.0, 10.0
PATCHY_AREA = (200.0, 5000.0)
MOST_COMPACT = 0.75
STREET_AREA = 500.0
_2015 = (2015, 2015)
_SWF = ("swf vec",)


@rule("shape.compactness", "error",
      "Compactness 4 pi A / P2 is at most 0.75 for linear (1), more for patchy (2) features.", QC,
      layers=_SWF, years=_2015)  # fmt: skip
def _compactness(layer: VectorLayer) -> Finding | Skip | None:
    rows, compactness = layer.sound, _compactness_of(layer.geometries[layer.sound])
    codes = layer.codes[rows]
    wrong = ((codes == LINEAR) & (compactness > MOST_COMPACT)) | ((codes == PATCHY) & (compactness <= MOST_COMPACT))
    found = np.flatnonzero(wrong)
    if not len(found):
        return None
    one = found[0]
    return Finding(
        f"{layer.places(rows[found])}: row {rows[one]} has code {codes[one]} and compactness {compactness[one]:.3f}",
        "give it the code of its shape",
    )


@rule("shape.smallest_patch", "error", "A patchy feature (2) has 200 m2 or more.", QC, layers=_SWF, years=_2015)
def _smallest_patch(layer: VectorLayer) -> Finding | None:
    rows = _with_code(layer, PATCHY)
    found = rows[layer.areas[rows] < PATCHY_AREA[0]]
    return _told(layer, found, f"smaller than {PATCHY_AREA[0]:g} m2", "leave it out, or make it code 3")


@rule("shape.largest_patch", "error", "A patchy feature (2) has 5000 m2 at most.", QC, layers=_SWF, years=_2015)
def _largest_patch(layer: VectorLayer) -> Finding | None:
    rows = _with_code(layer, PATCHY)
    found = rows[layer.areas[rows] > PATCHY_AREA[1]]
    return _told(layer, found, f"larger than {PATCHY_AREA[1]:g} m2", "make it code 3")


@rule("shape.patch_width", "warning", "A patchy feature (2) is 10 m wide or more: it stays one part 5 m inside.", QC,
      layers=_SWF, years=_2015)  # fmt: skip
def _patch_width(layer: VectorLayer) -> Finding | None:
    rows = _with_code(layer, PATCHY)
    inner = shapely.buffer(layer.geometries[rows], -SMALLEST_WIDTH / 2)
    whole = ~shapely.is_empty(inner) & (shapely.get_num_geometries(inner) == 1)
    return _told(layer, rows[~whole], f"narrower than {SMALLEST_WIDTH:g} m somewhere", "part it, or make it code 3")


@rule("shape.linear_width", "warning", "A linear feature (1) is 30 m wide at most: nothing of it is left 15 m inside.",
      QC, layers=_SWF, years=_2015)  # fmt: skip
def _linear_width(layer: VectorLayer) -> Finding | None:
    rows = _with_code(layer, LINEAR)
    wide = ~shapely.is_empty(shapely.buffer(layer.geometries[rows], -LARGEST_WIDTH / 2))
    return _told(layer, rows[wide], f"wider than {LARGEST_WIDTH:g} m somewhere", "make it code 3")


@rule("shape.linear_length", "warning",
      "A linear feature (1) is 50 m long or more, by the long side of its turned box or along its axis.", QC,
      layers=_SWF, years=_2015)  # fmt: skip
def _linear_length(layer: VectorLayer) -> Finding | None:
    rows = _with_code(layer, LINEAR)
    short = rows[long_sides(layer.geometries[rows]) < SMALLEST_LENGTH]
    found = short[axis_lengths(layer.geometries[short]) <= SMALLEST_LENGTH]
    return _told(layer, found, f"shorter than {SMALLEST_LENGTH:g} m", "leave it out, or make it code 3")


@rule("shape.street_tree", "error", "A row or patch of street trees (stl = 1) has 500 m2 or more.", f"{QC}; {MANUAL}",
      layers=("stl vec",))  # fmt: skip
def _street_tree(layer: VectorLayer) -> Finding | None:
    rows = _with_code(layer, "1")
    return _told(layer, rows[layer.areas[rows] < STREET_AREA], f"smaller than {STREET_AREA:g} m2", "leave it out")


def _with_code(layer: VectorLayer, code: str) -> Rows:
    return np.asarray(layer.sound[layer.codes[layer.sound] == code], np.intp)


def _told(layer: VectorLayer, rows: Rows, what: str, mend: str) -> Finding | None:
    return Finding(f"{what}: {layer.places(rows)}", mend) if len(rows) else None


def _compactness_of(geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return 4 pi A / P2 (Polsby and Popper 1991), 1 for a disk."""
    return np.asarray(4 * np.pi * shapely.area(geometries) / np.maximum(shapely.length(geometries), 1e-9) ** 2, float)


def long_sides(geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the long side of the smallest turned box around each geometry, metres."""
    sides = np.zeros(len(geometries))
    for row, box in enumerate(shapely.oriented_envelope(geometries)):
        corners = shapely.get_coordinates(box)
        sides[row] = np.hypot(*np.diff(corners[:3], axis=0).T).max() if len(corners) > 2 else 0.0
    return sides


def axis_lengths(geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the length of each geometry along its axis, metres.

    It is that of the rectangle with the same area and outline, which a bent strip shares with a straight one: the
    larger root of L**2 - P L / 2 + A = 0. The quality tool takes the medial axis of PostGIS, branches and all.
    """
    half = shapely.length(geometries) / 2
    return np.asarray((half + np.sqrt(np.maximum(half**2 - 4 * shapely.area(geometries), 0.0))) / 2, float)


SHAPE_RULES: tuple[Rule[VectorLayer], ...] = (
    _compactness, _smallest_patch, _largest_patch, _patch_width, _linear_width, _linear_length, _street_tree,
)  # fmt: skip

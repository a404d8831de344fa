"""The rules for polygons: file, columns, codes and geometry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from bocage.products.conformance.names import EUROPE
from bocage.products.conformance.polygons import SHORTEST, SMALLEST, VectorLayer
from bocage.products.conformance.raster_rules import crs_finding
from bocage.products.conformance.rule import LAST, MANUAL, OWN, QC, SAMPLE, Rule, rule
from bocage.products.conformance.specification import (
    CLASS_NAME,
    CLASS_NAMES_2015,
    IGNORED_COLUMNS,
    area_tolerance_of,
    code_column_of,
    code_values_of,
    columns_of,
    formats_of,
)
from bocage.products.conformance.verdict import Finding, Skip

_CODED = ("swf vec", "stl vec")


@rule("vector.format", "error", "Polygons come in a format that the service takes.", QC)
def _format(layer: VectorLayer) -> Finding | None:
    allowed = formats_of(layer.layer)
    if layer.path.suffix.lower() in allowed:
        return None
    return Finding(f"it is {layer.path.suffix}, not of {', '.join(allowed)}", "deliver it as GeoPackage (.gpkg)")


@rule("vector.crs", "error", "The system of coordinates is that of the name; EPSG:3035 in Europe.", QC)
def _crs(layer: VectorLayer) -> Finding | None:
    return crs_finding(layer.epsg, layer.crs, layer.layer.epsg)


@rule("vector.columns", "error", "Every column of the layer is there.", f"{QC}; {MANUAL}")
def _columns(layer: VectorLayer) -> Finding | Skip | None:
    wanted = columns_of(layer.layer)
    if wanted is None:
        return Skip("no document lists its columns")
    missing = [name for name in wanted if name not in layer.types]
    return Finding(f"{', '.join(missing)} missing", "add the columns") if missing else None


@rule("vector.column_types", "error", "Columns are of the types of the service.", f"{QC}; {MANUAL}")
def _column_types(layer: VectorLayer) -> Finding | Skip | None:
    wanted = columns_of(layer.layer)
    if wanted is None:
        return Skip("no document lists its columns")
    wrong = [
        f"{name} is {layer.types[name]}, not {kind}"
        for name, kind in wanted.items()
        if layer.types.get(name, kind) != kind
    ]
    return Finding("; ".join(wrong), "write the columns with these types") if wrong else None


@rule("vector.extra_columns", "error", "There is no further column.", QC)
def _extra_columns(layer: VectorLayer) -> Finding | Skip | None:
    wanted = columns_of(layer.layer)
    if wanted is None:
        return Skip("no document lists its columns")
    extra = sorted(set(layer.types) - set(wanted) - IGNORED_COLUMNS)
    if not extra:
        return None
    return Finding(
        f"further columns: {', '.join(extra[:8])}{' ...' if len(extra) > 8 else ''}",
        "deliver them in a file of their own that has no name of the service",
    )


@rule("vector.nulls", "error", "No attribute of the service is empty.", MANUAL, layers=_CODED)
def _nulls(layer: VectorLayer) -> Finding | None:
    columns = [name for name in columns_of(layer.layer) or {} if name in layer.frame]
    for name in columns:
        rows = np.flatnonzero(layer.frame[name].isna().to_numpy())
        if len(rows):
            return Finding(f"{name} is empty in {layer.places(rows)}", "fill it")
    return None


@rule("vector.code", "error", "Every code is one of the layer.", f"{QC}; {MANUAL}", layers=_CODED)
def _code(layer: VectorLayer) -> Finding | Skip | None:
    if code_column_of(layer.layer) not in layer.frame:
        return Skip("there is no column of codes")
    allowed = code_values_of(layer.layer)
    rows = np.flatnonzero(~np.isin(layer.codes.astype(str), [*allowed, ""]))
    if not len(rows):
        return None
    others = sorted(set(layer.codes[rows].tolist()))
    return Finding(
        f"codes {', '.join(others[:5])} in {layer.places(rows)}; allowed: {', '.join(sorted(allowed))}", "recode them"
    )


@rule("vector.class_name", "error", f'The name of the class is "{CLASS_NAME}".', MANUAL, layers=("swf vec",),
      years=(2018, LAST))  # fmt: skip
def _class_name(layer: VectorLayer) -> Finding | Skip | None:
    if "class_name" not in layer.frame:
        return Skip("there is no column class_name")
    names = layer.frame["class_name"]
    rows = np.flatnonzero((names.notna() & (names != CLASS_NAME)).to_numpy())
    if not len(rows):
        return None
    return Finding(f"{names.iloc[rows[0]]!r} in {layer.places(rows)}", "write the name of the class as published")


@rule("vector.class_name_2015", "warning", "The name of the class goes with its code as in the published files.",
      SAMPLE, layers=("swf vec",), years=(2015, 2015))  # fmt: skip
def _class_name_2015(layer: VectorLayer) -> Finding | Skip | None:
    if not {"class_name", "code"} <= set(layer.frame.columns):
        return Skip("there is no column class_name or code")
    expected = np.asarray([CLASS_NAMES_2015.get(code) for code in layer.codes], object)
    known = np.asarray([name is not None for name in expected], bool)
    rows = np.flatnonzero(known & (layer.frame["class_name"].to_numpy() != expected))
    if not len(rows):
        return None
    return Finding(f"{layer.frame['class_name'].iloc[rows[0]]!r} in {layer.places(rows)}", "write the published name")


@rule("vector.geometry", "error", "Every row has a geometry, and it is a polygon.", QC)
def _geometry(layer: VectorLayer) -> Finding | None:
    rows = np.flatnonzero(~layer.present)
    if len(rows):
        return Finding(f"no geometry in {layer.places(rows)}", "remove the rows, or draw them")
    rows = np.flatnonzero(~layer.polygonal)
    return Finding(f"not polygons: {layer.places(rows)}", "deliver polygons only") if len(rows) else None


@rule("vector.single_part", "error", "Every polygon has one part.", QC, layers=_CODED)
def _single_part(layer: VectorLayer) -> Finding | None:
    rows = np.flatnonzero(layer.polygonal & (shapely.get_num_geometries(layer.geometries) > 1))
    return Finding(f"several parts in {layer.places(rows)}", "make a row of each part") if len(rows) else None


@rule("vector.valid", "error", "Every polygon is valid.", QC)
def _valid(layer: VectorLayer) -> Finding | None:
    rows = np.flatnonzero(layer.present & ~layer.valid)
    if not len(rows):
        return None
    reason = shapely.is_valid_reason(layer.geometries[rows[0]])
    return Finding(f"{layer.places(rows)}: {reason}", "mend the outlines")


@rule("vector.area", "error", "The column area is the area of the polygon, within 0.5 m2 (2015: 0.001 m2).", QC,
      layers=_CODED)  # fmt: skip
def _area(layer: VectorLayer) -> Finding | Skip | None:
    recorded = _numbers(layer, "area")
    if recorded is None:
        return Skip("there is no column area that holds numbers")
    tolerance = area_tolerance_of(layer.layer)
    # An empty value is told by another rule: it compares as not off.
    off = np.abs(recorded - layer.areas)
    rows = layer.sound[off[layer.sound] > tolerance]
    if not len(rows):
        return None
    worst = rows[np.argmax(off[rows])]
    return Finding(
        f"more than {tolerance:g} m2 off in {layer.places(rows)}; worst: row {worst} says {recorded[worst]:.3f}, its "
        f"polygon has {layer.areas[worst]:.3f} m2",
        "compute the column from the polygons as they are delivered",
    )


@rule("vector.perimeter", "warning", "The column perimeter is the length of the outline, within 0.5 m.", MANUAL,
      layers=("stl vec",))  # fmt: skip
def _perimeter(layer: VectorLayer) -> Finding | Skip | None:
    recorded = _numbers(layer, "perimeter")
    if recorded is None:
        return Skip("there is no column perimeter that holds numbers")
    length = np.nan_to_num(shapely.length(layer.geometries))
    rows = np.flatnonzero(np.abs(recorded - length) > 0.5)
    return (
        Finding(f"more than 0.5 m off in {layer.places(rows)}", "compute it from the polygons") if len(rows) else None
    )


@rule("vector.city", "error", "The code of the urban area is that of the name.", QC, layers=("stl vec",))
def _city(layer: VectorLayer) -> Finding | Skip | None:
    if "fua_code" not in layer.frame or not layer.layer.area:
        return Skip("there is no column fua_code, or the name says nothing")
    codes = layer.frame["fua_code"].astype(str).str.upper().to_numpy(str)
    # Older names have a digit of revision behind the six characters of the code.
    rows = np.flatnonzero(~np.char.startswith(codes, layer.layer.area[:6]))
    if not len(rows):
        return None
    return Finding(f"{codes[rows[0]]} in {layer.places(rows)}, the name says {layer.layer.area}", "correct one of them")


@rule("vector.overlap", "error", "No two polygons overlap.", QC, layers=_CODED)
def _overlap(layer: VectorLayer) -> Finding | None:
    first, second, area, _ = layer.contacts
    pairs = np.flatnonzero(area > SMALLEST)
    if not len(pairs):
        return None
    one = pairs[np.argmax(area[pairs])]
    return Finding(
        f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''}; largest: {layer.place(int(first[one]))} and "
        f"row {second[one]}, {area[one]:.3f} m2",
        "give what is shared to one of them",
    )


@rule("vector.neighbours", "error", "No two polygons of one code share a border.", QC, layers=_CODED)
def _neighbours(layer: VectorLayer) -> Finding | Skip | None:
    if code_column_of(layer.layer) not in layer.frame:
        return Skip("there is no column of codes")
    first, second, area, length = layer.contacts
    # Pairs that overlap are told by that rule.
    pairs = np.flatnonzero((layer.codes[first] == layer.codes[second]) & (length > SHORTEST) & (area <= SMALLEST))
    if not len(pairs):
        return None
    one = pairs[np.argmax(length[pairs])]
    return Finding(
        f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''}; longest: {layer.place(int(first[one]))} and "
        f"row {second[one]}, {length[one]:.1f} m",
        "merge them",
    )


@rule("vector.cell", "error", "Every polygon has a part in the cell of the name.", MANUAL)
def _cell(layer: VectorLayer) -> Finding | Skip | None:
    cell = layer.layer.cell_bounds
    if cell is None or layer.epsg != EUROPE:
        return Skip("the name holds no cell of the European grid, or the layer is not in it")
    boxes = shapely.bounds(layer.geometries)
    outside = (boxes[:, 2] < cell[0]) | (boxes[:, 0] > cell[2]) | (boxes[:, 3] < cell[1]) | (boxes[:, 1] > cell[3])
    rows = np.flatnonzero(outside)
    if not len(rows):
        return None
    return Finding(f"outside {layer.layer.area}: {layer.places(rows)}", "deliver them under the name of their own cell")


@rule("vector.empty", "warning", "There is a polygon.", OWN)
def _empty(layer: VectorLayer) -> Finding | None:
    return None if len(layer.frame) else Finding("the layer holds no row", "deliver no layer where nothing was found")


def _numbers(layer: VectorLayer, column: str) -> NDArray[np.float64] | None:
    """Return a column of numbers, NaN where it is empty, or None where it is not one."""
    if layer.types.get(column) not in {"real", "integer"}:
        return None
    return np.asarray(pd.to_numeric(layer.frame[column]), np.float64)


VECTOR_RULES: tuple[Rule[VectorLayer], ...] = (
    _format, _crs, _columns, _column_types, _extra_columns, _nulls, _code, _class_name, _class_name_2015, _geometry,
    _single_part, _valid, _area, _perimeter, _city, _overlap, _neighbours, _cell, _empty,
)  # fmt: skip

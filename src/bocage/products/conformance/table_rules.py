"""The rules for what a raster carries beside its pixels: colours, statistics and the table of attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError
from bocage.products.conformance.raster import RasterFile
from bocage.products.conformance.rule import LAST, MANUAL, QC, Rule, rule
from bocage.products.conformance.specification import OUTSIDE, Colour, colours_of, manual_colours_of
from bocage.products.conformance.verdict import Finding, Skip
from bocage.scenes.documents import parse_xml

# The columns of the table as the layers of vegetated land cover have them.
COLUMNS = ("value", "count", "area_km2", "area_perc", "class_name")
_COLOURED = ("swf r5m", "swf r100m", "awf r100m", "swfawf r100m", "wvl r5m", "fm r5m", "swfc r100m")
_UNCOLOURED = ("cm r5m", "wvcl r5m")
_CURRENT = (2021, LAST)
_NO_TABLE = "the raster has no table of attributes"


@rule("raster.palette", "error", "A table of colours is embedded.", QC, layers=_COLOURED)
def _palette(file: RasterFile) -> Finding | Skip | None:
    return _palette_finding(file)


@rule(
    "raster.palette_masks",
    "warning",
    "A table of colours is embedded in crop mask and confidence too, though no document gives one.",
    MANUAL,
    layers=_UNCOLOURED,
)
def _palette_masks(file: RasterFile) -> Finding | Skip | None:
    return _palette_finding(file)


def _palette_finding(file: RasterFile) -> Finding | Skip | None:
    if file.dtype != "uint8":
        return Skip("tables of colours are for bytes")
    return None if file.palette is not None else Finding("no table of colours is embedded", "embed the published one")


@rule("raster.colours", "error", "Every colour that the quality tool tests is as published.", QC)
def _colours(file: RasterFile) -> Finding | Skip | None:
    expected = colours_of(file.layer)
    if expected is None:
        return Skip("no colours are published for this layer and year")
    return _colour_finding(file, expected)


@rule("raster.colours_manual", "warning", "Colours that only documents name are as they say.", MANUAL)
def _colours_manual(file: RasterFile) -> Finding | Skip | None:
    expected = manual_colours_of(file.layer)
    return _colour_finding(file, expected) if expected else Skip("documents name no further colours")


def _colour_finding(file: RasterFile, expected: Mapping[int, Colour]) -> Finding | Skip | None:
    if file.palette is None:
        return Skip("no table of colours is embedded")
    wrong = [value for value, colour in expected.items() if file.palette.get(value) != colour]
    if not wrong:
        return None
    first = wrong[0]
    return Finding(
        f"other colours for {', '.join(map(str, wrong[:8]))}{' ...' if len(wrong) > 8 else ''}: "
        f"{first} is {file.palette.get(first)}, published is {expected[first]}",
        "embed the published table of colours",
    )


@rule("raster.statistics", "warning", "Statistics are recorded in the file or beside it.", MANUAL, years=_CURRENT)
def _statistics(file: RasterFile) -> Finding | None:
    missing = [name for name in ("MINIMUM", "MAXIMUM", "MEAN", "STDDEV") if f"STATISTICS_{name}" not in file.statistics]
    if not missing or set(file.counts) <= {OUTSIDE}:
        return None
    return Finding(f"no {', '.join(missing).lower()} is recorded", "write statistics into NAME.tif.aux.xml")


@rule("raster.statistics_true", "error", "Recorded statistics are those of the pixels that are not 255.", MANUAL)
def _statistics_true(file: RasterFile) -> Finding | Skip | None:
    counts = {value: count for value, count in file.counts.items() if value != OUTSIDE}
    if not file.statistics or not counts:
        return Skip("no statistics are recorded, or there is no pixel that they would be of")
    total = sum(counts.values())
    mean = sum(value * count for value, count in counts.items()) / total
    spread = math.sqrt(sum(count * (value - mean) ** 2 for value, count in counts.items()) / total)
    true = {"MINIMUM": float(min(counts)), "MAXIMUM": float(max(counts)), "MEAN": mean, "STDDEV": spread}
    for name, value in true.items():
        text = file.statistics.get(f"STATISTICS_{name}")
        recorded = value if text is None else _number(text)
        if not math.isclose(recorded, value, rel_tol=1e-3, abs_tol=1e-3):
            return Finding(f"{name.lower()} is recorded as {text}, the pixels give {value:g}", "compute them anew")
    return None


@rule("raster.attributes", "warning", "A table of attributes stands in NAME.tif.aux.xml.", MANUAL, years=_CURRENT)
def _attributes(file: RasterFile) -> Finding | None:
    if _table(file.path) is not None:
        return None
    older = file.path.with_name(f"{file.path.name}.vat.dbf").is_file()
    return Finding(
        "it has an ESRI table (.vat.dbf) only" if older else _NO_TABLE,
        f"write one into NAME.tif.aux.xml with the columns {', '.join(COLUMNS)}",
    )


@rule(
    "raster.attribute_columns",
    "warning",
    f"The table of attributes has the columns {', '.join(COLUMNS)}.",
    f"{QC}, layers of vegetated land cover",
    years=_CURRENT,
)
def _attribute_columns(file: RasterFile) -> Finding | Skip | None:
    table = _table(file.path)
    if table is None:
        return Skip(_NO_TABLE)
    missing = [name for name in COLUMNS if name not in table[0]]
    return Finding(f"the table lacks {', '.join(missing)}", "add the columns") if missing else None


@rule("raster.attribute_rows", "error", "The table of attributes counts the pixels as they are.", MANUAL)
def _attribute_rows(file: RasterFile) -> Finding | Skip | None:
    table = _table(file.path)
    if table is None or not {"value", "count"} <= set(table[0]) or not file.counts:
        return Skip(_NO_TABLE if table is None else "the table has no value and count")
    values, numbers = table[0].index("value"), table[0].index("count")
    rows = {int(_number(row[values])): int(_number(row[numbers])) for row in table[1] if row[values].strip()}
    for value, count in file.counts.items():
        if rows.get(value, 0 if value != OUTSIDE else count) != count:
            return Finding(f"it counts {rows.get(value, 0)} pixels of {value}, there are {count}", "write it anew")
    ghosts = [value for value, count in rows.items() if count and value not in file.counts]
    return Finding(f"it counts pixels of {ghosts[:5]}, there are none", "write it anew") if ghosts else None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return -1.0
    return value if math.isfinite(value) else -1.0


def _table(path: Path) -> tuple[list[str], list[list[str]]] | None:
    """Return the columns (in small letters) and rows of the table of attributes beside a raster, None without one."""
    notes = path.with_name(f"{path.name}.aux.xml")
    try:
        root: Element = parse_xml(notes.name, notes.read_bytes())
    except (OSError, MetadataError):
        return None
    table = root.find("./PAMRasterBand/GDALRasterAttributeTable")
    if table is None:
        return None
    columns = [(field.findtext("Name") or "").strip().lower() for field in table.findall("FieldDefn")]
    rows = [[cell.text or "" for cell in row.findall("F")] for row in table.findall("Row")]
    return columns, [row for row in rows if len(row) == len(columns)]


TABLE_RULES: tuple[Rule[RasterFile], ...] = (
    _palette, _palette_masks, _colours, _colours_manual, _statistics, _statistics_true, _attributes,
    _attribute_columns, _attribute_rows,
)  # fmt: skip

"""The tables of the service: codes, colours, columns and formats of every layer and year.

They are stated here once more, apart from the tables by which Bocage writes: an error in a shared table would pass its
own check. Sources: product definitions of the Copernicus quality tools 2.4.5 (``swf_2015_vec_ras``,
``swf_2018_vec_ras``, ``swf_2021_vec_ras``, ``clms_hrlslf_swfc_c2018-2021_r100m``, ``clms_ua_stl_s2021_vec``) and the
user manual of HRL SLF v1.1, tables 3 to 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from bocage.products.conformance.names import Layer

type Colour = tuple[int, int, int]

OUTSIDE, UNCLASSIFIABLE = 255, 254
LARGEST_BLOCK = 1024
ORIGIN_STEP = 1000.0

_GREY: Colour = (240, 240, 240)
_BLACK: Colour = (0, 0, 0)
_UNCLASSIFIABLE: Colour = (153, 153, 153)
_PERCENT = frozenset(range(101))


def codes_of(layer: Layer) -> frozenset[int]:
    """Return the values that a raster layer may hold, without 254."""
    if layer.variable == "swfc":
        return frozenset((0, 1, 2, OUTSIDE)) | (
            frozenset((201, 202, 203)) if layer.profile >= 2021 else frozenset((210,))
        )
    if layer.form == "r100m" or layer.variable == "wvcl":
        return _PERCENT | {OUTSIDE}
    return frozenset((0, 1, 2, 3, OUTSIDE)) if layer.profile == 2015 else frozenset((0, 1, OUTSIDE))


def colours_of(layer: Layer) -> Mapping[int, Colour] | None:
    """Return the colours that the quality tool tests one by one, None where it tests none."""
    ends = {0: _GREY, OUTSIDE: _BLACK}
    if layer.kind == "swf r5m":
        swf = {1: (215, 245, 0), UNCLASSIFIABLE: _UNCLASSIFIABLE}
        return ends | swf | ({3: (240, 200, 0)} if layer.profile == 2015 else {})
    if layer.profile < 2021:
        return None
    if layer.kind == "wvl r5m":
        return ends | {1: (117, 221, 0)}
    if layer.kind == "swf r100m":
        return ends | _ramp() | {UNCLASSIFIABLE: _UNCLASSIFIABLE}
    if layer.kind == "swfc r100m":
        forest: dict[int, Colour] = {201: (188, 130, 67), 202: (121, 83, 43), 203: (88, 61, 31)}
        return ends | {1: (20, 255, 0), 2: (255, 0, 0), UNCLASSIFIABLE: _UNCLASSIFIABLE} | forest
    return None


def manual_colours_of(layer: Layer) -> Mapping[int, Colour]:
    """Return the colours that documents name and the quality tool does not test."""
    if layer.kind == "fm r5m":
        return {1: (121, 83, 43)}
    return {1: (186, 255, 172)} if layer.kind == "swf r100m" and layer.profile == 2018 else {}


def _ramp() -> dict[int, Colour]:
    """Return the colours of 1 to 100 per cent: straight lines from 1 to 50 to 100, which give all."""
    knots: tuple[tuple[int, Colour], ...] = ((1, (168, 255, 172)), (50, (85, 160, 89)), (100, (28, 92, 36)))
    table: dict[int, Colour] = {}
    for (low, first), (high, last) in pairwise(knots):
        for value in range(low, high + 1):
            share = (value - low) / (high - low)
            red, green, blue = (round(one + (two - one) * share) for one, two in zip(first, last, strict=True))
            table[value] = (red, green, blue)
    return table


# Polygons ---------------------------------------------------------------------------------------------------------

CLASS_NAME = "Small structures of trees, hedges, bushes and scrub"
# As the published files of 2015 write them; no document lists them.
CLASS_NAMES_2015 = {
    "1": "Linear structures of trees, hedges, bushes and scrub",
    "2": "Patchy structures of trees, hedges, bushes and scrub",
    "3": "Additional woody features",
}
STREET_CODES = (0, 1, 91000, 92000)
# Columns that the quality tool reads over.
IGNORED_COLUMNS = frozenset(
    {
        "shape_area", "shape_length", "fid", "ogc_fid", "objectid", "geometry_bbox.xmin", "geometry_bbox.xmax",
        "geometry_bbox.ymin", "geometry_bbox.ymax",
    }
)  # fmt: skip


def columns_of(layer: Layer) -> Mapping[str, str] | None:
    """Return the columns of a vector layer and their types, None where no document lists them."""
    if layer.variable == "swf":
        return {"code": "string" if layer.profile == 2015 else "integer", "area": "real", "class_name": "string"}
    if layer.variable == "stl":
        texts = dict.fromkeys(("country", "fua_name", "fua_code"), "string")
        return texts | {"stl": "integer", "perimeter": "real", "area": "real"}
    return None


def code_column_of(layer: Layer) -> str | None:
    """Return the column that holds the code of a polygon."""
    return {"swf": "code", "stl": "stl"}.get(layer.variable)


def code_values_of(layer: Layer) -> frozenset[str]:
    """Return the codes that polygons may have, as text."""
    if layer.variable == "stl":
        return frozenset(map(str, STREET_CODES))
    return frozenset("123") if layer.profile == 2015 else frozenset("1")


def formats_of(layer: Layer) -> tuple[str, ...]:
    """Return the suffixes of vector files that the service takes."""
    current = (".gdb", ".gpkg", ".fgb", ".parquet")
    return current if layer.profile >= 2021 else (*current, ".shp")


def area_tolerance_of(layer: Layer) -> float:
    """Return how far the column "area" may be off, in square metres."""
    return 0.001 if layer.profile == 2015 else 0.5


def area_limits_of(layer: Layer) -> tuple[float, float]:
    """Return by how much raster and vector area may differ, per cent: before a warning, before an error."""
    return (0.05, 0.5) if layer.profile == 2015 else (0.05, 1.5)


# Names --------------------------------------------------------------------------------------------------------------

REGIONS_2015 = range(1, 137)
COUNTRIES_2015 = frozenset(
    (
        "AL", "AT", "BA", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FO", "FR", "GB", "GR", "HR",
        "HU", "IE", "IS", "IT", "KS", "LT", "LV", "ME", "MK", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK",
        "TR",
    )
)  # fmt: skip
PRODUCT_YEARS = {2015: (2015,), 2018: (2018,), 2021: (2018, 2021)}

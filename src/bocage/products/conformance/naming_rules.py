"""The rules for the name of a file and for what kind of file it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bocage.products.conformance.names import EUROPE, FUTURE, OVERSEAS, Layer, parse_name
from bocage.products.conformance.rule import MANUAL, NAMES, OWN, QC, SAMPLE, Rule, rule
from bocage.products.conformance.specification import COUNTRIES_2015, PRODUCT_YEARS, REGIONS_2015
from bocage.products.conformance.verdict import Finding, Skip


@dataclass(frozen=True, slots=True)
class Named:
    """A file or a layer of one by its name.

    Attributes
    ----------
    stem
        The name without suffix; in a database of several layers the name of the layer.
    layer
        What the name says, None where it says nothing.
    raster
        Whether the file is a raster.
    inner
        Name of the layer inside a GeoPackage or geodatabase, empty for other formats.
    forced
        Whether the caller said what it is, so that the name was not read.
    """

    path: Path
    stem: str
    layer: Layer | None
    raster: bool
    inner: str = ""
    forced: bool = False


@rule(
    "name.pattern", "error", "The name follows a pattern of the service for small landscape features.", f"{QC}; {NAMES}"
)
def _pattern(named: Named) -> Finding | Skip | None:
    if named.forced:
        return Skip("the caller said which layer it is")
    if named.layer is not None:
        return None
    return Finding(
        f"{named.stem!r} is no name of a layer of small landscape features, so that no other rule can be applied",
        "name it as the page on the products shows (Releases), or say what it is: --layer swf --year 2021",
    )


@rule("name.form", "error", "Names of rasters stand on rasters, names of polygons on polygons.", QC)
def _form(named: Named) -> Finding | Skip | None:
    if named.layer is None:
        return Skip("the name says nothing")
    if named.raster == (named.layer.pixel is not None):
        return None
    said, found = ("polygons", "a raster") if named.raster else ("a raster", "polygons")
    return Finding(f"the name says {said}, the file holds {found}", "rename it")


@rule("name.layer", "error", "The layer inside a GeoPackage or geodatabase carries the name of the product.", QC)
def _inner(named: Named) -> Finding | Skip | None:
    if not named.inner or named.layer is None or named.forced:
        return Skip("the format holds one layer without a name of its own, or the name says nothing")
    if parse_name(named.inner) == named.layer:
        return None
    return Finding(f"the layer is called {named.inner!r}", f"rename it to {named.stem}")


@rule("name.epsg", "error", "The name holds the code of its area: 3035 in Europe, UTM in the overseas regions.", QC)
def _epsg(named: Named) -> Finding | Skip | None:
    layer = named.layer
    if layer is None or layer.epsg is None or layer.area_kind in {"cell", "other", "none"}:
        return Skip("the name holds no area of the service")
    if layer.elsewhere:
        return Skip("the layer is none of the service, see name.grid")
    expected = OVERSEAS.get(layer.area, EUROPE)
    if layer.epsg == expected:
        return None
    return Finding(f"the name says EPSG:{layer.epsg}, {layer.area} is in EPSG:{expected}", "reproject and rename it")


@rule(
    "name.grid",
    "warning",
    "Cells are those of the European grid, EPSG:3035, and other layers in a system of the service.",
    QC,
)
def _grid(named: Named) -> Finding | Skip | None:
    layer = named.layer
    if layer is None or not (layer.area_kind == "cell" or layer.elsewhere):
        return Skip("the name holds no cell")
    if layer.epsg == EUROPE:
        return None
    what = "a cell of" if layer.area_kind == "cell" else "in"
    return Finding(f"{layer.area} is {what} EPSG:{layer.epsg}", "the service takes EPSG:3035 only")


@rule("name.area", "error", "The area is a cell, Europe, a country or region of the service.", QC)
def _area(named: Named) -> Finding | Skip | None:
    layer = named.layer
    if layer is None or layer.area_kind == "none":
        return Skip("the name says nothing")
    if layer.elsewhere:
        return Skip("the layer is none of the service, see name.grid")
    if layer.profile == 2015:
        return _area_finding_2015(layer)
    if layer.area_kind in {"country", "other"}:
        return Finding(f"{layer.area} is no cell and no overseas region", "write the cell, e.g. e34n27")
    return None


def _area_finding_2015(layer: Layer) -> Finding | None:
    if layer.form == "r100m":
        whole = layer.area_kind == "europe"
        return None if whole else Finding(f"{layer.area} is not Europe, which the layers of 100 m cover", "write eu")
    if layer.area not in COUNTRIES_2015:
        return Finding(f"{layer.area} is no country of 2015", "write the code of a country, e.g. FR")
    if layer.region is not None and layer.region not in REGIONS_2015:
        return Finding(f"there is no region {layer.region}; they are 1 to {max(REGIONS_2015)}", "correct the name")
    return None


@rule("name.region", "warning", "In 2015 the region has three digits and stands after the system of coordinates.", QC,
      years=(2015, 2015))  # fmt: skip
def _region(named: Named) -> Finding | Skip | None:
    if named.layer is None or named.layer.region is None:
        return Skip("the name holds no region")
    digits = r"\d{3}" if named.raster else r"0*\d+"
    if re.match(rf"(?i)swf_2015_(?:005m|vec)_[a-z]{{2}}_0?3035_{digits}(?:_|$)", named.stem):
        return None
    return Finding("the region is written as in files for download", "write swf_2015_005m_FR_3035_123_...")


@rule("name.cell", "warning", "Cells of 2018 have even numbers to the east and odd ones to the north.", SAMPLE,
      years=(2018, 2018))  # fmt: skip
def _cell(named: Named) -> Finding | Skip | None:
    numbers = re.findall(r"\d+", named.layer.area) if named.layer and named.layer.area_kind == "cell" else []
    if len(numbers) != 2:
        return Skip("the name holds no cell")
    if int(numbers[0]) % 2 == 0 and int(numbers[1]) % 2 == 1:
        return None
    return Finding(f"{named.stem}: no tile of 200 km begins there", "write the tile of 2018, e.g. E34N27")


@rule("name.year", "warning", "The year is one that the service has published.", QC)
def _year(named: Named) -> Finding | Skip | None:
    if named.layer is None or named.layer.profile not in PRODUCT_YEARS:
        return Skip("the years of this pattern are not fixed")
    years = PRODUCT_YEARS[named.layer.profile]
    right = named.layer.year in years and (named.layer.year == named.layer.profile or named.layer.variable == "wvl")
    return None if right else Finding(f"the service has no {named.layer.text}", "correct the year, if it is a mistake")


@rule("name.date", "warning", "The date at the end of the name is a day.", MANUAL, years=(2021, 2021))
def _date(named: Named) -> Finding | Skip | None:
    if named.layer is None or not named.layer.date:
        return Skip("the name holds no date")
    try:
        datetime.strptime(named.layer.date, "%Y%m%d")  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return Finding(f"{named.layer.date} is no day", "write the day of production as YYYYMMDD")
    return None


@rule("name.case", "warning", "Names of 2021 are in small letters, those of the future pattern in capitals.",
      f"{MANUAL}; {NAMES}", years=(2021, 9999))  # fmt: skip
def _case(named: Named) -> Finding | Skip | None:
    if named.layer is None or named.forced:
        return Skip("the name says nothing")
    future = named.layer.profile >= FUTURE
    # The unit of a resolution is the only small letter of the future pattern.
    plain = re.sub(r"_(R\d+)m_|_(V\d+)ha_", "_", named.stem) if future else named.stem
    if plain == (plain.upper() if future else plain.lower()):
        return None
    return Finding("letters are of the wrong case", f"write it in {'capitals' if future else 'small letters'}")


@rule("name.zeros", "warning", "The future pattern writes the code of the system without zeros before it.", NAMES,
      years=(FUTURE, 9999))  # fmt: skip
def _zeros(named: Named) -> Finding | None:
    return Finding("the code has a zero before it", "write 3035") if "_0" in named.stem else None


@rule("name.provisional", "information", "The pattern of 2024 is provisional: no product has been published in it.",
      NAMES, years=(FUTURE, 9999))  # fmt: skip
def _provisional(named: Named) -> Finding | None:
    return Finding(
        f"{named.stem}: tested by the rules of 2021 under a name of the future pattern",
        "ask the service for the code of the product before delivering",
    )


@rule("name.forced", "information", "What a file is, is read off its name.", OWN)
def _forced(named: Named) -> Finding | None:
    if not named.forced or named.layer is None:
        return None
    return Finding(f"tested as {named.layer.text} because the caller said so", "name it by the pattern of the service")


NAMING_RULES: tuple[Rule[Named], ...] = (
    _pattern, _form, _inner, _epsg, _grid, _area, _region, _cell, _year, _date, _case, _zeros, _provisional, _forced,
)  # fmt: skip

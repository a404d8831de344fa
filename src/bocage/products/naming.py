"""The file names of the service, in the convention of each release.

===========  ==========================================================================================================
convention   example
===========  ==========================================================================================================
2021         ``clms_hrlslf_swf_s2021_r5m_e43n30_03035_v01_r00_20210714``, in small letters; a change layer has
             ``c2018-2021`` for ``s2021``; street trees are of the Urban Atlas,
             ``clms_ua_stl_s2021_vec_at001l3_wien_03035_v01_r00_20210714``
2018         ``swf_2018_005m_e42n29_03035_v1_0``, ``swf_2018_fm_...``, ``swf_2018_vec_...``, ``swf_2018_100m_eu_...``,
             ``swfc_1518_100m_eu_...``
2015         ``swf_2015_005m_fr_03035_123_v1_0``, ``swf_2015_vec_...``, ``{swf,awf,swfawf}_2015_100m_eu_...``
2024         ``CLMS_SLF-SWF_S2024_R5m_E43N30_3035_V01-R00``: provisional, from the design principles for names of
             2026-07-24. The code SLF is inferred, since no product of 2024 is registered yet.
===========  ==========================================================================================================

A project on another grid uses the same patterns with its own EPSG code and the cells of its own lattice. The date is
the setting ``products.date``, else the day of the newest scene, else the last day of the reference year; never today's,
so that the same inputs give the same names.

Names are read in either case, and those of 2015 and 2018 with whatever follows the EPSG code, so that deliveries of
others can be checked and compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Self, cast

from pyproj import CRS
from pyproj.exceptions import CRSError

from bocage.errors import ProductError

Variable = Literal["swf", "wvl", "fm", "cm", "wvcl", "swfc", "psil", "stl", "awf", "swfawf"]
Form = Literal["r5m", "r100m", "vec"]
Convention = Literal["2015", "2018", "2021", "2024"]

_PIXELS: Mapping[Form, float | None] = MappingProxyType({"r5m": 5.0, "r100m": 100.0, "vec": None})
_OLD_FORMS: Mapping[str, Form] = MappingProxyType({"005m": "r5m", "100m": "r100m", "vec": "vec"})
# Smallest mapping units of the vectors, 200 and 500 m2, as the principles of 2026 write them: no decimal point.
_UNITS: Mapping[str, str] = MappingProxyType({"swf": "V002ha", "stl": "V005ha"})
_CURRENT = re.compile(
    r"clms_hrlslf_(?P<variable>swf|wvl|fm|cm|wvcl|psil|swfc)_(?:s|c(?P<before>\d{4})-)(?P<year>\d{4})"
    r"_(?P<form>r5m|r100m|vec)_(?P<cell>[ew]\d+[ns]\d+|[a-z]{2})_(?P<epsg>\d{5})"
    r"_(?P<version>v\d{2})_(?P<revision>r\d{2})_(?P<date>\d{8})"
)
_STREETS = re.compile(
    r"clms_ua_(?P<variable>stl)_s(?P<year>\d{4})_(?P<form>vec)_(?P<cell>[a-z]{2}\d{3}[a-z]\d)_(?P<town>[a-z_]+)"
    r"_(?P<epsg>\d{5})_(?P<version>v\d{2})_(?P<revision>r\d{2})_(?P<date>\d{8})"
)
_PROVISIONAL = re.compile(
    r"clms_(?:slf|ua)-(?P<variable>swf|wvl|fm|cm|wvcl|psil|swfc|stl)_(?:s|c(?P<before>\d{4})-)(?P<year>\d{4})"
    r"(?:_(?P<form>r5m|r100m|v002ha|v005ha))?_(?P<cell>[ew]\d+[ns]\d+|[a-z]{2}\d{3}[a-z]\d|[a-z]{2}|europe)"
    r"_(?P<epsg>\d{4,5})_(?P<version>v\d{2})-(?P<revision>r\d{2})"
)
_OF_2018 = re.compile(
    r"(?:(?P<variable>swf)_(?P<year>2018)_(?P<form>005m|100m|vec|fm)|(?P<change>swfc_1518_100m))"
    r"_(?P<cell>[ew]\d+[ns]\d+|[a-z]{2})_(?P<epsg>0?\d{4,5})(?P<version>(?:_.+)?)"
)
_OF_2015 = re.compile(
    r"(?P<variable>swf|awf|swfawf)_(?P<year>2015)_(?P<form>005m|100m|vec)_(?P<cell>[a-z]{2})_(?P<epsg>0?\d{4,5})"
    r"(?P<version>_.+)"
)


@dataclass(frozen=True, slots=True)
class ProductName:
    """The parts of a file name.

    Attributes
    ----------
    variable
        swf small woody features, wvl woody vegetation layer, fm forest mask, cm crop mask, wvcl confidence of the woody
        vegetation layer, swfc change of small woody features, psil parent scenes, stl street trees; of 2015 also awf
        additional woody features and swfawf both.
    year
        The reference year; of a change the later one.
    form
        r5m and r100m for rasters, vec for polygons.
    cell
        Production cell such as E43N30; two letters for a layer that is not tiled; the code of a town for street trees;
        a country code for names of 2015.
    epsg
        Code of the coordinate reference system.
    version, revision, date
        As they stand in the name; of 2015 and 2018 all that follows the EPSG code is the version.
    before
        The earlier year of a change, else None.
    town
        Name of the town of street trees, in small letters.
    convention
        The release whose names these are.
    """

    variable: Variable
    year: int
    form: Form
    cell: str
    epsg: int
    version: str
    revision: str
    date: str
    before: int | None = None
    town: str = ""
    convention: Convention = "2021"

    @property
    def stem(self) -> str:
        """The file name without its suffix."""
        return {"2015": self._of_2015, "2018": self._of_2018, "2021": self._current, "2024": self._provisional}[
            self.convention
        ]()

    @property
    def pixel(self) -> float | None:
        """Edge of a pixel in metres, None for polygons."""
        return _PIXELS[self.form]

    @classmethod
    def parse(cls, stem: str) -> Self | None:
        """Return the parts of a name, or None if it follows no pattern of the service.

        Names of 2021 are in small letters, those of 2024 in capitals but for the unit; older ones occur in both.
        """
        if found := _CURRENT.fullmatch(stem) or _STREETS.fullmatch(stem):
            name = cls._of_parts(found.groupdict(), "2021")
            return name if name._placed else None
        if found := _PROVISIONAL.fullmatch(stem.lower()):
            name = cls._of_parts(found.groupdict(), "2024")
            return name if name._placed and name.stem == stem else None
        if found := _OF_2018.fullmatch(stem.lower()):
            return cls._of_parts(found.groupdict(), "2018")
        found = _OF_2015.fullmatch(stem.lower())
        return None if found is None else cls._of_parts(found.groupdict(), "2015")

    @property
    def _placed(self) -> bool:
        """Whether the kind of place is one that the layer can have: most are cut into production cells."""
        if self.variable in {"psil", "swfc"} or self.form == "r100m":
            return True
        return len(self.cell) > len("EU") and self.cell != "EUROPE"

    @classmethod
    def _of_parts(cls, parts: dict[str, str | None], convention: Convention) -> Self:
        variable, form, year, before = parts["variable"], parts["form"], parts["year"], parts.get("before")
        if parts.get("change"):
            variable, form, year, before = "swfc", "r100m", "2018", "2015"
        elif form == "fm":
            variable, form = "fm", "r5m"
        cell = parts["cell"] or ""
        return cls(
            cast("Variable", variable),
            int(year or 0),
            _OLD_FORMS.get(form or "", cast("Form", form if form in _PIXELS else "vec")),
            cell if convention == "2015" else cell.upper(),
            int(parts["epsg"] or 0),
            parts["version"] or "",
            parts.get("revision") or "",
            parts.get("date") or "",
            int(before) if before else None,
            parts.get("town") or "",
            convention,
        )

    def _current(self) -> str:
        family = "clms_ua" if self.variable == "stl" else "clms_hrlslf"
        time = f"s{self.year}" if self.before is None else f"c{self.before}-{self.year}"
        place = f"{self.cell.lower()}_{self.town}" if self.town else self.cell.lower()
        return (
            f"{family}_{self.variable}_{time}_{self.form}_{place}_{self.epsg:05d}"
            f"_{self.version}_{self.revision}_{self.date}"
        )

    def _provisional(self) -> str:
        family = "UA" if self.variable == "stl" else "SLF"
        time = f"S{self.year}" if self.before is None else f"C{self.before}-{self.year}"
        unit = _UNITS.get(self.variable, "") if self.form == "vec" else f"R{self.form[1:]}"
        place = "EUROPE" if self.cell.upper() == "EU" else self.cell.upper()
        parts = [f"CLMS_{family}-{self.variable.upper()}", time, *([unit] if unit else []), place, str(self.epsg)]
        return "_".join((*parts, f"{self.version.upper()}-{self.revision.upper()}"))

    def _of_2018(self) -> str:
        if self.variable == "swfc":
            kind = "swfc_1518_100m"
        else:
            kind = f"swf_{self.year}_{'fm' if self.variable == 'fm' else _old_form(self.form)}"
        return f"{kind}_{self.cell.lower()}_{self.epsg:05d}{self.version}"

    def _of_2015(self) -> str:
        return f"{self.variable}_{self.year}_{_old_form(self.form)}_{self.cell.lower()}_{self.epsg:05d}{self.version}"


def _old_form(form: Form) -> str:
    return {"r5m": "005m", "r100m": "100m", "vec": "vec"}[form]


def epsg_of(crs: str) -> int:
    """Return the EPSG code of a coordinate reference system.

    Raises
    ------
    ProductError
        If it has none: a product's name carries it.
    """
    try:
        code = CRS.from_user_input(crs).to_epsg()
    except CRSError as error:
        raise ProductError(f"grid.crs {crs!r} is not a coordinate reference system", "set it as EPSG:3035") from error
    if code is None or code > 99_999:
        raise ProductError(
            "grid.crs has no EPSG code of five digits, which the names of products carry",
            "set grid.crs to a registered system, e.g. EPSG:3035",
        )
    return int(code)

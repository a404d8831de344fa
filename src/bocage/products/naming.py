"""The file names of the service.

A layer of 2021 is called ``clms_hrlslf_<variable>_s<year>_<form>_<cell>_<epsg>_<version>_<revision>_<date>``, in small
letters, with the EPSG code in five digits: ``clms_hrlslf_swf_s2021_r5m_e43n30_03035_v01_r00_20210714``. A project on
another grid uses the same pattern with its own EPSG code and the cells of its own lattice. The date is the setting
``products.date``, else the day of the newest scene, else the last day of the reference year; never today's, so that the
same inputs give the same names.

Names of 2015 are read, so that older deliveries can be checked, but not written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self, cast

from pyproj import CRS
from pyproj.exceptions import CRSError

from bocage.errors import ProductError

Variable = Literal["swf", "wvl", "fm", "cm", "awf", "swfawf"]
Form = Literal["r5m", "r100m", "vec"]

_CURRENT = re.compile(
    r"clms_hrlslf_(?P<variable>swf|wvl|fm|cm)_s(?P<year>\d{4})_(?P<form>r5m|r100m|vec)_(?P<cell>[ew]\d+[ns]\d+)"
    r"_(?P<epsg>\d{5})_(?P<version>v\d{2})_(?P<revision>r\d{2})_(?P<date>\d{8})"
)
_OF_2015 = re.compile(
    r"(?P<variable>swf|awf|swfawf)_(?P<year>2015)_(?P<form>005m|100m|vec)_(?P<cell>[a-z]{2})_(?P<epsg>0?\d{4})"
    r"(?P<version>_.+)"
)
_FORMS_2015: dict[str, Form] = {"005m": "r5m", "100m": "r100m", "vec": "vec"}


@dataclass(frozen=True, slots=True)
class ProductName:
    """The parts of a file name.

    Attributes
    ----------
    variable
        swf small woody features, wvl woody vegetation layer, fm forest mask, cm crop mask.
    form
        r5m and r100m for rasters, vec for polygons.
    cell
        Production cell such as E43N30; a country code for names of 2015.
    epsg
        Code of the coordinate reference system.
    """

    variable: Variable
    year: int
    form: Form
    cell: str
    epsg: int
    version: str
    revision: str
    date: str

    @property
    def stem(self) -> str:
        """The file name without its suffix."""
        return (
            f"clms_hrlslf_{self.variable}_s{self.year}_{self.form}_{self.cell.lower()}_{self.epsg:05d}"
            f"_{self.version}_{self.revision}_{self.date}"
        )

    @property
    def pixel(self) -> float | None:
        """Edge of a pixel in metres, None for polygons."""
        return {"r5m": 5.0, "r100m": 100.0, "vec": None}[self.form]

    @classmethod
    def parse(cls, stem: str) -> Self | None:
        """Return the parts of a name, or None if it follows no pattern of the service.

        Names of 2021 are in small letters; those of 2015 occur in both.
        """
        found = _CURRENT.fullmatch(stem)
        if found is not None:
            parts = found.groupdict()
            return cls(
                cast("Variable", parts["variable"]),
                int(parts["year"]),
                cast("Form", parts["form"]),
                parts["cell"].upper(),
                int(parts["epsg"]),
                parts["version"],
                parts["revision"],
                parts["date"],
            )
        found = _OF_2015.fullmatch(stem.lower())
        if found is None:
            return None
        parts = found.groupdict()
        form = _FORMS_2015[parts["form"]]
        return cls(
            cast("Variable", parts["variable"]), 2015, form, parts["cell"], int(parts["epsg"]), parts["version"], "", ""
        )


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

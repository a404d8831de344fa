"""What the name of a file says: the patterns of the service, read without any help of what writes them.

==========  ========================================================================================================
rules of    pattern
==========  ========================================================================================================
2015        ``swf_2015_005m_FR_3035_123_v1_1``, ``swf_2015_vec_…``; ``{swf,awf,swfawf}_2015_100m_eu_03035_…``. Files
            for download write ``swf_2015_005m_FR123_3035_v012``.
2018        ``SWF_2018_005m_E34N27_03035…``, ``swf_2018_{fm,vec}_…``, ``swf_2018_100m_EU_03035…``,
            ``swfc_1518_100m_EU_03035…``
2021        ``clms_hrlslf_{swf,wvl,fm,cm,wvcl,psil}_s2021_{r5m,r100m,vec}_e34n27_03035_v01_r00_20240101``; also
            ``…_wvl_s2018_…``; ``clms_hrlslf_swfc_c2018-2021_r100m_eu_03035_v01_r00_00``;
            ``clms_ua_stl_s2021_vec_at001l3_wien_03035_v01_r00_20240101``
2024        provisional: ``CLMS_SLF-SWF_S2024_R5m_E34N27_3035_V01-R00``, ``…_R100m_…``, polygons ``…_V002ha_…`` or
            without a resolution; change ``CLMS_SLF-SWFC_C2021-2024_R100m_…``; ``CLMS_UA-STL_S2024_V005ha_AT001L3_…``
==========  ========================================================================================================

Case is read over: the quality tool does so too, and a rule of its own remarks on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

AreaKind = Literal["cell", "overseas", "country", "region", "europe", "city", "other", "none"]

# The French overseas regions and their systems of coordinates.
OVERSEAS = {"GP": 32620, "MQ": 32620, "GF": 32622, "RE": 32740, "YT": 32738}
EUROPE = 3035
SYSTEMS = frozenset({EUROPE, *OVERSEAS.values()})
FUTURE = 2024

_CELL = re.compile(r"([EW])(\d{1,3})([NS])(\d{1,3})")
_CITY = re.compile(r"[A-Z]{2}\d{3}L\d?")
_REST = r"(?:_.*)?"
_VARIABLE, _YEAR, _SPAN = (
    r"(?P<variable>swf|wvl|fm|cm|wvcl|psil)",
    r"(?P<year>\d{4})",
    r"(?P<since>\d{4})-(?P<year>\d{4})",
)
_AREA, _FUA = r"(?P<area>[a-z0-9]{2,8})", r"(?P<area>[a-z]{2}\d{3}l\d)"
_2021 = r"(?P<epsg>\d{5})_v\d{2}_r\d{2}"
_2015 = r"(?P<variable>swf)_(?P<year>2015)_(?P<form>005m|vec)_(?P<area>[a-z]{2})"
_NEXT = r"(?P<epsg>\d{4,5})_v\d{2}-r\d{2}"
_PATTERNS: tuple[tuple[int, re.Pattern[str]], ...] = tuple(
    (profile, re.compile(pattern, re.IGNORECASE))
    for profile, pattern in (
        (2021, rf"clms_hrlslf_{_VARIABLE}_s{_YEAR}_(?P<form>r5m|r100m|vec)_{_AREA}_{_2021}_(?P<date>\d{{8}})"),
        (
            2021,
            rf"clms_hrlslf_(?P<variable>swfc)_c{_SPAN}_(?P<form>r100m)_{_AREA}_{_2021}_(?:\d{{2}}|(?P<date>\d{{8}}))",
        ),
        (2021, rf"clms_ua_(?P<variable>stl)_s{_YEAR}_(?P<form>vec)_{_FUA}_[a-z_-]+_{_2021}_(?P<date>\d{{8}})"),
        (2015, rf"{_2015}_(?P<epsg>\d{{4,5}})_(?P<region>\d+){_REST}"),
        (2015, rf"{_2015}(?P<region>\d+)_(?P<epsg>\d{{4,5}}){_REST}"),
        (
            2015,
            rf"(?P<variable>swf|awf|swfawf)_(?P<year>2015)_(?P<form>100m)_(?P<area>[a-z]{{2}})_(?P<epsg>\d{{4,5}}){_REST}",
        ),
        (2018, rf"(?P<variable>swf)_(?P<year>2018)_(?P<form>005m|fm|vec|100m)_{_AREA}_(?P<epsg>\d{{5}}){_REST}"),
        (2018, rf"(?P<variable>swfc)_(?P<years>1518)_(?P<form>100m)_(?P<area>[a-z]{{2}})_(?P<epsg>\d{{5}}){_REST}"),
        (FUTURE, rf"clms_(?:hrl)?slf-{_VARIABLE}_s{_YEAR}(?:_(?P<form>r5m|r100m|v\d+ha))?_{_AREA}_{_NEXT}"),
        (FUTURE, rf"clms_(?:hrl)?slf-(?P<variable>swfc)_c{_SPAN}_(?P<form>r100m)_{_AREA}_{_NEXT}"),
        (FUTURE, rf"clms_ua-(?P<variable>stl)_s{_YEAR}(?:_(?P<form>v\d+ha))?_{_FUA}_{_NEXT}"),
    )
)
_FORMS = {"r5m": "r5m", "r100m": "r100m", "005m": "r5m", "100m": "r100m", "fm": "r5m"}
# Which forms the layers of the service have.
KINDS = (
    "swf r5m", "swf r100m", "swf vec", "awf r100m", "swfawf r100m", "wvl r5m", "fm r5m", "cm r5m", "wvcl r5m",
    "psil vec", "swfc r100m", "stl vec",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layer:
    """The layer that a name speaks of.

    Attributes
    ----------
    variable
        swf, awf, swfawf, wvl woody vegetation, fm forest mask, cm crop mask, wvcl confidence, psil parent scenes,
        swfc change, stl street trees.
    form
        "r5m" and "r100m" for rasters of that pixel, "vec" for polygons.
    year, since
        Reference year; for change also the first year.
    profile
        Product year whose rules hold: 2015, 2018, 2021 or, provisionally, 2024.
    area, area_kind, region
        Cell, country, city or overseas region, in capitals; region number of the layers of 2015.
    epsg
        Code of the system of coordinates, None where nobody said it.
    date
        YYYYMMDD at the end of names of 2021, else empty.
    """

    variable: str
    form: str
    year: int
    profile: int
    area: str = ""
    area_kind: AreaKind = "none"
    epsg: int | None = None
    since: int | None = None
    region: int | None = None
    date: str = ""

    @property
    def kind(self) -> str:
        """Variable and form, e.g. "swf r5m"."""
        return f"{self.variable} {self.form}"

    @property
    def text(self) -> str:
        """Kind and year in words."""
        return f"{self.kind} {self.year if self.since is None else f'{self.since}-{self.year}'}"

    @property
    def pixel(self) -> float | None:
        """Edge of a pixel in metres, None for polygons."""
        return {"r5m": 5.0, "r100m": 100.0}.get(self.form)

    @property
    def elsewhere(self) -> bool:
        """Whether the name is of a whole area in a system of coordinates that no layer of the service is in."""
        return self.area_kind == "country" and self.epsg is not None and self.epsg not in SYSTEMS

    @property
    def cell_bounds(self) -> tuple[float, float, float, float] | None:
        """Left, bottom, right and top of the cell in metres; None where the area is no cell of the European grid.

        Cells of layers of 2018 have 200 km, even numbers to the east and odd ones to the north (read off their codes).
        """
        found = _CELL.fullmatch(self.area) if self.area_kind == "cell" and self.epsg == EUROPE else None
        if found is None:
            return None
        east = int(found[2]) * (1 if found[1] == "E" else -1) * 100_000.0
        north = int(found[4]) * (1 if found[3] == "N" else -1) * 100_000.0
        size = 200_000.0 if self.year == 2018 and self.since is None else 100_000.0
        return east, north, east + size, north + size

    @property
    def place(self) -> tuple[str, int | None]:
        """What layers of one delivery unit share: area and region."""
        return self.area, self.region


def parse_name(stem: str) -> Layer | None:
    """Return the layer that a name without its suffix speaks of, or None if it follows no pattern of the service."""
    for profile, pattern in _PATTERNS:
        found = pattern.fullmatch(stem)
        if found is None:
            continue
        parts = found.groupdict()
        form = _FORMS.get((parts["form"] or "vec").lower(), "vec")
        variable = "fm" if (parts["form"] or "").lower() == "fm" else parts["variable"].lower()
        if f"{variable} {form}" not in KINDS:
            return None
        year, since = (2018, 2015) if parts.get("years") else (int(parts["year"]), parts.get("since"))
        area = parts["area"].upper()
        return Layer(
            variable,
            form,
            year,
            profile,
            area,
            area_kind(area),
            int(parts["epsg"]),
            None if since is None else int(since),
            int(parts["region"]) if parts.get("region") else None,
            parts.get("date") or "",
        )
    return None


def area_kind(area: str) -> AreaKind:
    """Return what kind of area a code in capitals names."""
    if _CELL.fullmatch(area):
        return "cell"
    if area in OVERSEAS:
        return "overseas"
    if area in {"EU", "EUROPE"}:
        return "europe"
    if _CITY.fullmatch(area):
        return "city"
    return "country" if re.fullmatch(r"[A-Z]{2}", area) else "other"

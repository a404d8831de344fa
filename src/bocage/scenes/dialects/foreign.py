"""Families of imagery that Bocage does not support, told by their metadata so that they are refused by name.

Signatures are those of GDAL's samples (ALOS, Landsat, OrbView, EROS, Resurs, RapidEye), of an Orfeo ToolBox sample
(SPOT-5 metadata in the form of an IMD), and the roots that PlanetScope, Sentinel-2 and GaoFen files are known for.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NoReturn

from bocage.errors import UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.dialect import NAME_BANDS
from bocage.scenes.dialects.signatures import root_name, suffix

_HEAD = 4096

_ROOTS = MappingProxyType(
    {
        "re:EarthObservation": "RapidEye",
        "ps:EarthObservation": "PlanetScope",
        "n1:Level-1C_User_Product": "Sentinel-2",
        "n1:Level-2A_User_Product": "Sentinel-2",
        "xfdu:XFDU": "Sentinel",
    }
)

_TEXTS = (
    re.compile(rb'Lbi_Satellite\s*=\s*"([^"\r\n]+)"'),
    re.compile(rb'SPACECRAFT_ID\s*=\s*"(LANDSAT_\d)"'),
    re.compile(rb"^satellite\s+(EROS\S*)", re.MULTILINE),
    re.compile(rb'cCodeKA\s*=\s*"([^"\r\n]+)"'),
    re.compile(rb"<SatelliteID>\s*((?:GF|ZY|HJ|CB|GB)\w*)\s*</SatelliteID>"),
)
_SPOT = re.compile(rb"Scene_Source\.MISSION\s*=\s*(\w+);?\s+\S*Scene_Source\.MISSION_INDEX\s*=\s*(\w+)")
_NAMES = MappingProxyType({"RDK1": "Resurs-DK1"})


def claims(name: str, head: bytes) -> bool:
    """Say whether a file is metadata of a family that is told apart here."""
    return _family(name, head) is not None


def parse(name: str, files: DeliveryFiles) -> NoReturn:
    """Refuse the file.

    Raises
    ------
    UnsupportedSensorError
        Always.
    """
    family = _family(name, files.head(name, _HEAD)) or "this kind of metadata"
    raise UnsupportedSensorError(
        f"{name}: not supported: {family}",
        f"deliver a supported sensor's scenes, or {NAME_BANDS}",
    )


def _family(name: str, head: bytes) -> str | None:
    if family := _ROOTS.get(root_name(head)):
        return family
    if suffix(name) == ".pvl" and b"BEGIN_GROUP = productInfo" in head:
        return "OrbView-3"
    if suffix(name) == ".imd" and (spot := _SPOT.search(head)):
        return f"{spot[1].decode()}-{spot[2].decode()}"
    for pattern in _TEXTS:
        if found := pattern.search(head):
            code = found[1].decode("ascii", "replace").strip()[:40]
            return _NAMES.get(code, code.replace("LANDSAT_", "Landsat-"))
    return None

"""The sensors of the European very-high-resolution coverage, as their products are delivered.

Facts are those of the VHR_IMAGE_2021 product tables and of the makers' metadata. ``bands`` is the order in the
delivered file; it documents a sensor (the simulation renders it) and is never used to guess the bands of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Sensor:
    """A family of satellites whose products share band order, bit depth and pixel size.

    Attributes
    ----------
    code
        Short name that Bocage uses in tables, such as ``PHR``.
    name
        Name for a person.
    platforms
        Satellites of the family.
    bands
        Common names of the bands in the order of the delivered file.
    gsd
        Pixel size of the delivered orthoimage in metres.
    bit_depth
        Significant bits of a digital number.
    solar_irradiance
        Solar irradiance outside the atmosphere by band in W m-2 um-1, of the first platform. Empty where the values
        stand in the product's own metadata only. A fallback: the metadata of a product comes first.
    """

    code: str
    name: str
    platforms: tuple[str, ...]
    bands: tuple[str, ...]
    gsd: float
    bit_depth: int
    solar_irradiance: Mapping[str, float]


_RGBN = ("red", "green", "blue", "nir")
_BGRN = ("blue", "green", "red", "nir")
_NRGB = ("nir", "red", "green", "blue")


def _irradiance(blue: float, green: float, red: float, nir: float) -> Mapping[str, float]:
    return MappingProxyType({"blue": blue, "green": green, "red": red, "nir": nir})


_NONE: Mapping[str, float] = MappingProxyType({})

_TABLE = (
    Sensor("PHR", "Pléiades", ("PHR1A", "PHR1B"), _RGBN, 2.0, 12, _irradiance(1915.0, 1831.0, 1594.0, 1060.0)),
    Sensor("SPOT", "SPOT-6/7", ("SPOT6", "SPOT7"), _RGBN, 4.0, 12, _irradiance(1982.67, 1826.09, 1540.49, 1094.75)),
    Sensor("WV2", "WorldView-2", ("WorldView-2",), _BGRN, 2.0, 11, _irradiance(2007.27, 1829.62, 1538.85, 1053.21)),
    Sensor("WV3", "WorldView-3", ("WorldView-3",), _BGRN, 2.0, 11, _irradiance(2004.61, 1830.18, 1535.33, 1055.94)),
    Sensor("GE1", "GeoEye-1", ("GeoEye-1",), _BGRN, 2.0, 11, _irradiance(1993.18, 1828.83, 1491.49, 1022.58)),
    # Delivered as one file per band, _B _G _R _N; the order is that in which a stack of them is made.
    Sensor(
        "KS3",
        "KOMPSAT-3/3A",
        ("KOMPSAT-3", "KOMPSAT-3A"),
        _BGRN,
        2.0,
        14,
        _irradiance(1970.281, 1814.155, 1516.303, 1024.850),
    ),
    Sensor("SV1", "SuperView-1", ("SuperView-1",), _BGRN, 2.0, 11, _NONE),
    Sensor("GEOSAT2", "Geosat-2", ("Geosat-2",), _NRGB, 4.0, 10, _irradiance(1811.59, 1794.38, 1517.43, 1076.89)),
    # Two published sets of irradiance disagree; these are the maker's.
    Sensor("VS1", "Vision-1", ("Vision-1",), _BGRN, 4.0, 10, _irradiance(2003.0, 1828.0, 1618.0, 1042.0)),
)

SENSORS: Mapping[str, Sensor] = MappingProxyType({sensor.code: sensor for sensor in _TABLE})
"""Sensors by code."""

GENERIC = "GENERIC"
"""The code of a scene whose sensor is not known or not in the table."""

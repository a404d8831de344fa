"""The sensors of the European very-high-resolution coverage, as their products are delivered.

Facts are those of the VHR_IMAGE_2021 product tables and of the makers' metadata. ``bands`` is the order in the
delivered file; it documents a sensor (the simulation renders it) and is never used to guess the bands of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        Common names of the bands in the order of the delivered image, ``other`` for those that Bocage does not use.
    gsd
        Pixel size of the delivered multispectral orthoimage in metres.
    bit_depth
        Significant bits of a digital number of the delivered product.
    native_gsd
        Ground sampling distance of the multispectral instrument at nadir in metres.
    wavelengths
        Lower and upper limit of red, green, blue and nir in nanometres.
    calibration
        How digital numbers become radiance (W m-2 sr-1 um-1) or reflectance, in words.
    solar_irradiance
        By platform and band: solar irradiance outside the atmosphere in W m-2 um-1. Empty where the values stand in
        the product's own metadata only. A fallback: the metadata of a product come first.
    fill
        The digital number around the image where neither the file nor the metadata declare one: all makers fill the
        frame with 0.
    share_2021
        Percent of the VHR_IMAGE_2021 coverage; 0 for a sensor that joined later.
    """

    code: str
    name: str
    platforms: tuple[str, ...]
    bands: tuple[str, ...]
    gsd: float
    bit_depth: int
    native_gsd: float
    wavelengths: Mapping[str, tuple[float, float]]
    calibration: str
    share_2021: float
    solar_irradiance: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: MappingProxyType({}))
    fill: float = 0.0


_RGBN = ("red", "green", "blue", "nir")
_BGRN = ("blue", "green", "red", "nir")
_NRGB = ("nir", "red", "green", "blue")


def _bands(
    blue: tuple[float, float], green: tuple[float, float], red: tuple[float, float], nir: tuple[float, float]
) -> Mapping[str, tuple[float, float]]:
    return MappingProxyType({"blue": blue, "green": green, "red": red, "nir": nir})


def _irradiance(**platforms: tuple[float, float, float, float]) -> Mapping[str, Mapping[str, float]]:
    """Return irradiance by platform (``_`` stands for a hyphen) from values of blue, green, red and nir."""
    names = ("blue", "green", "red", "nir")
    return MappingProxyType(
        {
            platform.replace("_", "-"): MappingProxyType(dict(zip(names, values, strict=True)))
            for platform, values in platforms.items()
        }
    )


# Sources beyond the product tables of the coverage. Band limits: EOReader, from the makers' guides (SPOT, Geosat-2,
# Pléiades Neo); CATALYST and the International Charter (SuperView-1, KOMPSAT, Vision-1, TripleSat). Irradiance of
# WorldView and GeoEye: release 2018v0 of DigitalGlobe's note on absolute radiometric calibration. Orders and bits of
# KOMPSAT, Vision-1 and Geosat-2: real metadata among the test data of Terradue/Stars.
_TABLE = (
    Sensor(
        "PHR", "Pléiades", ("PHR1A", "PHR1B"), _RGBN, 2.0, 12, 2.0,
        _bands((430, 550), (490, 610), (600, 720), (750, 950)),
        "radiance = DN / GAIN + BIAS of the DIMAP metadata; REFLECTANCE products: reflectance = DN / 10000",
        28.68,
        _irradiance(PHR1A=(1915.0, 1831.0, 1594.0, 1060.0), PHR1B=(1912.0, 1835.6, 1547.8, 1041.4)),
    ),
    Sensor(
        "PNEO", "Pléiades Neo", ("PNEO3", "PNEO4"), ("red", "green", "blue", "nir", "other", "other"), 2.0, 12, 1.2,
        _bands((450, 520), (530, 590), (620, 690), (770, 880)),
        "as Pléiades",
        0.0,
    ),
    Sensor(
        "SPOT", "SPOT-6/7", ("SPOT6", "SPOT7"), _RGBN, 4.0, 12, 6.0,
        _bands((450, 520), (530, 590), (625, 695), (760, 890)),
        "as Pléiades",
        26.66,
        _irradiance(SPOT6=(1982.67, 1826.09, 1540.49, 1094.75), SPOT7=(1964.63, 1810.11, 1520.30, 1084.46)),
    ),
    Sensor(
        "SV1", "SuperView-1", ("SuperView-1",), _BGRN, 2.0, 11, 2.0,
        _bands((450, 520), (520, 590), (630, 690), (770, 890)),
        "radiance = Gain * DN + Offset of the metadata",
        17.33,
    ),
    Sensor(
        "WV2", "WorldView-2", ("WorldView-2",), _BGRN, 2.0, 11, 1.85,
        _bands((450, 510), (510, 580), (630, 690), (770, 895)),
        "radiance = gain * DN * ABSCALFACTOR / EFFECTIVEBANDWIDTH + offset, gain and offset of 2018v0",
        13.5,
        _irradiance(WorldView_2=(2007.27, 1829.62, 1538.85, 1053.21)),
    ),
    Sensor(
        # The published share of 13.5 percent is that of both WorldViews; it stands with the first.
        "WV3", "WorldView-3", ("WorldView-3",), _BGRN, 2.0, 11, 1.24,
        _bands((450, 510), (510, 580), (630, 690), (770, 895)),
        "as WorldView-2",
        0.0,
        _irradiance(WorldView_3=(2004.61, 1830.18, 1535.33, 1055.94)),
    ),
    Sensor(
        # The ground sampling distance is that of KOMPSAT-3; KOMPSAT-3A, which flies lower, has 2.2 m.
        "KS3", "KOMPSAT-3/3A", ("KOMPSAT-3", "KOMPSAT-3A"), _BGRN, 2.0, 14, 2.8,
        _bands((450, 520), (520, 600), (630, 690), (760, 900)),
        "radiance = Gain * DN + Offset of the auxiliary file",
        7.12,
        _irradiance(
            KOMPSAT_3=(1970.281, 1814.155, 1516.303, 1024.850), KOMPSAT_3A=(2001.0, 1875.0, 1525.0, 1027.0)
        ),
    ),
    Sensor(
        "GE1", "GeoEye-1", ("GeoEye-1",), _BGRN, 2.0, 11, 1.65,
        _bands((450, 510), (510, 580), (655, 690), (780, 920)),
        "as WorldView-2",
        3.81,
        _irradiance(GeoEye_1=(1993.18, 1828.83, 1491.49, 1022.58)),
    ),
    Sensor(
        # The instrument has 10 bits; products of 2023 hold scaled numbers up to 26 581.
        "GEOSAT2", "Geosat-2", ("Geosat-2",), _NRGB, 4.0, 16, 3.0,
        _bands((466, 525), (532, 599), (640, 697), (770, 892)),
        "radiance = GAIN * DN + BIAS of the DIMAP metadata",
        0.98,
        _irradiance(Geosat_2=(1811.59, 1794.38, 1517.43, 1076.89)),
    ),
    Sensor(
        # Two published sets of irradiance disagree; these are the maker's. The numbers are radiance times 100: one
        # product of 2020 holds values up to 42 330.
        "VS1", "Vision-1", ("Vision-1",), _BGRN, 4.0, 16, 3.48,
        _bands((440, 510), (510, 590), (600, 670), (760, 910)),
        "radiance = 0.01 * DN",
        0.94,
        _irradiance(Vision_1=(2003.0, 1828.0, 1618.0, 1042.0)),
    ),
    Sensor(
        # Catalogues give 0.8 m for the panchromatic band (CATALYST and eoPortal: 1 m and 4 m); the multispectral pixel
        # is four times as large. The bit depth is not confirmed.
        "TRIPLESAT", "TripleSat", ("TripleSat",), _BGRN, 4.0, 10, 3.2,
        _bands((440, 510), (510, 590), (600, 670), (760, 910)),
        "none is published",
        0.63,
    ),
)  # fmt: skip

SENSORS: Mapping[str, Sensor] = MappingProxyType({sensor.code: sensor for sensor in _TABLE})
"""Sensors by code."""

GENERIC = "GENERIC"
"""The code of a scene whose sensor is not known or not in the table."""

"""The families of sensors that the simulation flies, with the radiometry of their delivered numbers.

Gains are of the order that real deliveries state. The solar irradiance is the simulation's own, written down a second
time from the same publications: a slip in the table of sensors then shows in the reflectance of every simulated scene.
Where that table has none, because it stands in the product's own metadata, the simulation writes its value there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bocage.scenes.sensors import SENSORS, Sensor

BAND_NAMES = ("blue", "green", "red", "nir")

type Four = tuple[float, float, float, float]

IRRADIANCE: Mapping[str, Four] = MappingProxyType(
    {
        "PHR1A": (1915.0, 1831.0, 1594.0, 1060.0),
        "PHR1B": (1912.0, 1835.6, 1547.8, 1041.4),
        "PNEO3": (1972.0, 1815.4, 1551.7, 1060.1),
        "PNEO4": (1972.0, 1815.4, 1551.7, 1060.1),
        "SPOT6": (1982.67, 1826.09, 1540.49, 1094.75),
        "SPOT7": (1964.63, 1810.11, 1520.30, 1084.46),
        "SuperView-1": (1958.0, 1853.0, 1566.0, 1093.0),
        "WorldView-2": (2007.27, 1829.62, 1538.85, 1053.21),
        "WorldView-3": (2004.61, 1830.18, 1535.33, 1055.94),
        "KOMPSAT-3": (1970.281, 1814.155, 1516.303, 1024.850),
        "KOMPSAT-3A": (2001.0, 1875.0, 1525.0, 1027.0),
        "GeoEye-1": (1993.18, 1828.83, 1491.49, 1022.58),
        "Geosat-2": (1811.59, 1794.38, 1517.43, 1076.89),
        "Vision-1": (2003.0, 1828.0, 1618.0, 1042.0),
        "TripleSat": (2003.0, 1828.0, 1618.0, 1042.0),
    }
)
"""Solar irradiance outside the atmosphere by platform, for blue, green, red and near infrared, in W m-2 um-1."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One band of a delivered file.

    Attributes
    ----------
    name
        Common name: blue, green, red, nir or other.
    gain
        Counts per W m-2 sr-1 um-1.
    bias
        Radiance at count zero: L = DN / gain + bias.
    irradiance
        Solar irradiance outside the atmosphere in W m-2 um-1.
    mix
        How much of the reflectance in blue, green, red and near infrared it sees.
    label
        The maker's own name of a band that Bocage does not use.
    """

    name: str
    gain: float
    bias: float
    irradiance: float
    mix: Four
    label: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of sensors and how its simulated instrument counts.

    Attributes
    ----------
    gain, bias
        As those of :class:`Channel`, for blue, green, red and near infrared.
    blur
        Standard deviation of the point spread in ground samples.
    noise, shot
        Standard deviation of the counts at zero, and how much their variance grows with a count.
    largest
        The count of a saturated pixel.
    others
        The bands of the file that Bocage does not use, in their order.
    """

    sensor: Sensor
    gain: Four
    blur: float
    noise: float
    largest: int
    bias: Four = (0.0, 0.0, 0.0, 0.0)
    shot: float = 0.012
    others: tuple[Channel, ...] = ()

    def channels(self, platform: str) -> tuple[Channel, ...]:
        """Return the bands of a file of one platform, in its order."""
        solar = dict(zip(BAND_NAMES, IRRADIANCE[platform], strict=True))
        others = iter(self.others)
        channels = []
        for name in self.sensor.bands:
            if name == "other":
                channels.append(next(others))
                continue
            band = BAND_NAMES.index(name)
            mix = (float(band == 0), float(band == 1), float(band == 2), float(band == 3))
            channels.append(Channel(name, self.gain[band], self.bias[band], solar[name], mix))
        return tuple(channels)


@dataclass(frozen=True, slots=True)
class Factors:
    """What the metadata of one DigitalGlobe band state, and the maker's correction of it (set 2018v0).

    Radiance is ``gain * DN * absolute / bandwidth + offset``.
    """

    absolute: float
    bandwidth: float
    gain: float
    offset: float


FACTORS: Mapping[str, tuple[Factors, Factors, Factors, Factors]] = MappingProxyType(
    {
        "WV2": (
            Factors(1.783568e-02, 5.430000e-02, 1.002, -9.835),
            Factors(1.364197e-02, 6.300000e-02, 0.953, -7.218),
            Factors(1.851735e-02, 5.740000e-02, 0.955, -5.046),
            Factors(2.050828e-02, 9.890000e-02, 0.966, -5.096),
        ),
        "WV3": (
            Factors(1.762010e-02, 5.400000e-02, 0.946, -9.409),
            Factors(1.331870e-02, 6.180000e-02, 0.958, -7.771),
            Factors(1.438560e-02, 5.850000e-02, 0.969, -4.579),
            Factors(1.669260e-02, 1.004000e-01, 0.977, -6.508),
        ),
        "GE1": (
            Factors(8.919000e-03, 6.000000e-02, 1.041, 0.0),
            Factors(1.202810e-02, 7.000000e-02, 0.972, 0.0),
            Factors(5.667901e-03, 3.500000e-02, 0.979, 0.0),
            Factors(1.343020e-02, 1.400000e-01, 0.951, 0.0),
        ),
    }
)
"""By family, for blue, green, red and near infrared; the values of real deliveries."""


def _inverse(blue: float, green: float, red: float, nir: float) -> Four:
    """Return counts per radiance from radiance per count."""
    return 1 / blue, 1 / green, 1 / red, 1 / nir


def _digitalglobe(code: str, blur: float) -> Family:
    blue, green, red, nir = (factors.gain * factors.absolute / factors.bandwidth for factors in FACTORS[code])
    first, second, third, fourth = (factors.offset for factors in FACTORS[code])
    return Family(SENSORS[code], _inverse(blue, green, red, nir), blur, 1.5, 2047, bias=(first, second, third, fourth))


_GEOSAT2 = (0.014307912429, 0.013184818227, 0.011123248049, 0.006800104616)

_TABLE = (
    Family(SENSORS["PHR"], (8.85, 8.89, 9.95, 15.24), 0.50, 2.0, 4095),
    Family(
        SENSORS["PNEO"], (6.529, 7.151, 7.97, 11.798), 0.48, 2.0, 4095,
        others=(
            Channel("other", 9.886, 0.0, 1349.0, (0.0, 0.0, 0.45, 0.55), "RE"),
            Channel("other", 8.57, 0.0, 1797.1, (1.1, 0.0, 0.0, 0.0), "DB"),
        ),
    ),
    Family(SENSORS["SPOT"], (7.41, 9.16, 10.34, 13.88), 0.45, 2.5, 4095),
    Family(SENSORS["SV1"], _inverse(0.1612, 0.1514, 0.1346, 0.1015), 0.52, 1.6, 2047),
    _digitalglobe("WV2", 0.46),
    _digitalglobe("WV3", 0.44),
    Family(
        SENSORS["KS3"], _inverse(0.0362, 0.0249, 0.0229, 0.0130), 0.50, 6.0, 16383,
        bias=(-22.1416, -14.021, -13.0457, -10.2834), shot=0.03,
    ),
    _digitalglobe("GE1", 0.46),
    # Ten bits are delivered on a finer scale: the largest number of a real scene is 26 581.
    Family(
        SENSORS["GEOSAT2"], _inverse(*_GEOSAT2), 0.55, 36.0, 26581,
        bias=(-_GEOSAT2[0], -_GEOSAT2[1], -_GEOSAT2[2], -_GEOSAT2[3]), shot=0.3,
    ),
    Family(SENSORS["VS1"], (100.0, 100.0, 100.0, 100.0), 0.50, 45.0, 65535, shot=0.4),
    Family(SENSORS["TRIPLESAT"], (2.5, 2.7, 3.2, 4.6), 0.50, 1.2, 1023),
)  # fmt: skip

FAMILIES: Mapping[str, Family] = MappingProxyType({family.sensor.code: family for family in _TABLE})
"""Families by the code of their sensor."""

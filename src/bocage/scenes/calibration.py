"""From digital numbers to reflectance at the top of the atmosphere.

Reflectance is ``pi * L * d**2 / (ESUN * sin(h))`` with radiance L = gain * DN + offset, the solar irradiance ESUN at
the mean distance of the sun, the distance d of the date in astronomical units and the sun's elevation h above the
horizon. For one scene all of it but DN is constant, so reflectance is a straight line over the digital numbers of a
band.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bocage.errors import MetadataError
from bocage.scenes.bands import BANDS
from bocage.scenes.metadata import BandRecord, ProductMetadata
from bocage.scenes.sensors import SENSORS

_J2000 = datetime(2000, 1, 1, 12)  # noqa: DTZ001 - the difference of two naive UTC times is what counts
# Below this elevation the plane-parallel sun of the formula says nothing any more.
_LOWEST_SUN = 5.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Reflectance at the top of the atmosphere is ``scale * DN + offset``.

    Attributes
    ----------
    scale, offset
        One of each for red, green, blue and, where there is one, nir. Reflectance 1 is that of a white diffuser.
    source
        Where the coefficients come from: ``metadata``, or ``metadata and table`` where the irradiance is that of the
        table of sensors.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    source: str

    def reflectance(self, numbers: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return (bands, ...) float32 reflectance of (bands, ...) digital numbers, red, green, blue, nir."""
        shape = (len(self.scale),) + (1,) * (numbers.ndim - 1)
        scale = np.asarray(self.scale, dtype=np.float32).reshape(shape)
        return numbers.astype(np.float32) * scale + np.asarray(self.offset, dtype=np.float32).reshape(shape)

    def numbers(self, reflectance: tuple[float, ...]) -> tuple[float, ...]:
        """Return the digital number of each band at which it has the given reflectance."""
        return tuple(
            (value - offset) / scale for value, scale, offset in zip(reflectance, self.scale, self.offset, strict=True)
        )


def sun_distance(time: datetime) -> float:
    """Return the distance of the sun in astronomical units at a time (UTC).

    The low-precision series of the Astronomical Almanac, good to 0.0001: d = 1.00014 - 0.01671 cos g - 0.00014 cos 2g
    with the mean anomaly g = 357.529 + 0.98560028 D degrees, D days after 2000-01-01 12:00.
    """
    days = (time.replace(tzinfo=None) - _J2000) / timedelta(days=1)
    anomaly = math.radians(357.529 + 0.98560028 * days)
    return 1.00014 - 0.01671 * math.cos(anomaly) - 0.00014 * math.cos(2 * anomaly)


def find_calibration(metadata: ProductMetadata, subject: str) -> Calibration | None:
    """Return the calibration that metadata allow, or None.

    None is for products without gains, without the time or height of the sun, and of sensors whose irradiance neither
    the metadata nor the table of sensors gives.

    Raises
    ------
    MetadataError
        If a gain is not positive, or the sun is less than 5 degrees above the horizon.
    """
    records = [_record(metadata, name) for name in BANDS if name != "nir" or _record(metadata, name) is not None]
    lines: list[tuple[float, float]] = []
    tabled = False
    for record in records:
        if record is None or record.gain is None or record.offset is None:
            return None
        if not record.gain > 0:
            raise MetadataError(f"{subject}: the gain {record.gain} of {record.name} is not positive", _MEND)
        if metadata.numbers == "reflectance":
            lines.append((record.gain, record.offset))
            continue
        irradiance = record.solar_irradiance
        if irradiance is None:
            irradiance, tabled = _tabled(metadata, record.name), True
        if irradiance is None or metadata.acquired is None or metadata.sun_elevation is None:
            return None
        factor = _factor(metadata.acquired, metadata.sun_elevation, irradiance, subject)
        lines.append((record.gain * factor, record.offset * factor))
    source = "metadata and table" if tabled else "metadata"
    return Calibration(tuple(scale for scale, _ in lines), tuple(offset for _, offset in lines), source)


_MEND = "deliver the product's own metadata file again"


def _record(metadata: ProductMetadata, name: str) -> BandRecord | None:
    return next((record for record in metadata.bands if record.name == name), None)


def _tabled(metadata: ProductMetadata, name: str) -> float | None:
    sensor = SENSORS.get(metadata.sensor)
    platform = sensor.solar_irradiance.get(metadata.platform) if sensor else None
    return platform.get(name) if platform else None


def _factor(acquired: datetime, elevation: float, irradiance: float, subject: str) -> float:
    if elevation < _LOWEST_SUN:
        raise MetadataError(
            f"{subject}: the sun stands {elevation} degrees above the horizon",
            "leave the scene out: it shows no ground",
        )
    if not irradiance > 0:
        raise MetadataError(f"{subject}: the solar irradiance {irradiance} is not positive", _MEND)
    return math.pi * sun_distance(acquired) ** 2 / (irradiance * math.sin(math.radians(elevation)))

"""How a satellite sees the landscape: atmosphere, optics, sampling, radiometry, cloud and footprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from bocage.scenes.sensors import SENSORS, Sensor
from bocage.simulation.extent import Raster
from bocage.simulation.noise import bell_field, noise_field
from bocage.simulation.reflectance import BAND_NAMES, Image, Sun

# Reflectance that a clear and a hazy atmosphere add, and the share of the ground's signal that hazy air takes away.
_PATH = np.array([0.060, 0.036, 0.020, 0.008], dtype=np.float32)
_HAZE = np.array([0.070, 0.058, 0.046, 0.024], dtype=np.float32)
_LOSS = np.array([0.30, 0.24, 0.20, 0.12], dtype=np.float32)
# Octaves of the outline of a cloud of 330 m radius: wavelength (m) and amplitude.
_PUFFS = ((233.0, 0.36), (131.0, 0.26), (79.0, 0.2), (47.0, 0.15), (27.0, 0.1), (16.0, 0.07))
_CLOUD = np.array([0.62, 0.63, 0.64, 0.66], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Family:
    """A family of sensors and how its simulated instrument counts.

    ``gain`` is in counts per W m-2 sr-1 um-1 for blue, green, red and near infrared; ``blur`` is the standard deviation
    of the point spread in ground samples, ``noise`` that of the counts at zero.
    """

    sensor: Sensor
    gain: tuple[float, float, float, float]
    blur: float
    noise: float


FAMILIES: Mapping[str, Family] = {
    "PHR": Family(SENSORS["PHR"], (8.85, 8.89, 9.95, 15.24), 0.50, 2.0),
    "SPOT": Family(SENSORS["SPOT"], (7.41, 9.16, 10.34, 13.88), 0.45, 2.5),
    "WV2": Family(SENSORS["WV2"], (4.3, 5.2, 6.1, 8.4), 0.46, 1.5),
    "GEOSAT2": Family(SENSORS["GEOSAT2"], (2.6, 2.9, 3.4, 5.2), 0.55, 1.4),
}


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cumulus: its middle in metres, radius and height of its base above ground (m)."""

    x: float
    y: float
    radius: float
    base: float

    def cover(self, seed: int, raster: Raster) -> Image:
        """Return the opacity of the cloud over a raster, 0 to 1."""
        x, y = (raster.x - self.x)[np.newaxis, :], (raster.y - self.y)[:, np.newaxis]
        away = np.sqrt(x * x + (1.5 * y) ** 2).astype(np.float32) / np.float32(self.radius)
        if float(away.min()) > 1.9:
            return np.zeros(raster.shape, dtype=np.float32)
        puff = np.zeros(raster.shape, dtype=np.float32)
        for index, (wavelength, amplitude) in enumerate(_PUFFS):
            puff += np.float32(amplitude) * noise_field(seed + 90 + index, raster, wavelength * self.radius / 330)
        dense = np.clip((1 - away + puff) * 1.6, 0, 1)
        return np.asarray(dense * dense * (3 - 2 * dense), dtype=np.float32)

    def shadow(self, seed: int, raster: Raster, sun: Sun) -> Image:
        """Return the share of direct light that the cloud takes from the ground; its shadow lies away from the sun."""
        east, down = sun.direction()
        length = self.base / np.tan(np.radians(sun.elevation))
        seen = Raster(
            raster.left + east * length, raster.top - down * length, raster.rows, raster.columns, raster.pixel
        )
        return self.cover(seed, seen)


@dataclass(frozen=True, slots=True)
class Take:
    """One acquisition: the family, date and light, the state of the air, where it looks and how far it is misplaced.

    ``footprint`` is in the coordinate system of the landscape; ``shift`` is the misregistration in ground samples
    (columns, rows); ``crs`` is that of the delivered file.
    """

    id: str
    family: Family
    platform: str
    acquired: datetime
    sun: Sun
    off_nadir: float
    haze: float
    footprint: Polygon
    shift: tuple[float, float]
    crs: str
    described: bool
    cloud: Cloud | None = None

    @property
    def day(self) -> int:
        """Day of the year."""
        return self.acquired.timetuple().tm_yday


def observe(image: Image, raster: Raster, core: Raster, take: Take, seed: int, *, pixel: float) -> NDArray[np.uint16]:
    """Turn reflectance at 1 m into counts of the sensor on ``core``.

    Parameters
    ----------
    image
        (4, rows, columns) reflectance on ``raster``, which reaches beyond ``core`` on all sides.
    pixel
        Sampling of the result in metres; the point spread is always that of the sensor.

    Returns
    -------
    numpy.ndarray
        (4, rows, columns) in the file order of the family; 0 (nodata) never occurs, saturation is the largest count.
    """
    family = take.family
    rows, columns = round((core.top - core.bottom) / pixel), round((core.right - core.left) / pixel)
    own = (seed + 83 + hash_text(take.id)) & 0xFFFFFFFF
    # Haze and cloud are smooth, so it is enough to know them at the samples.
    sampling = Raster(core.left, core.top, rows, columns, pixel)
    haze = take.haze * (1 + 0.35 * noise_field(seed + 81, sampling, 1300.0))
    haze += take.haze * 0.12 * noise_field(seed + 82, sampling, 310.0)
    cover = take.cloud.cover(seed, sampling) if take.cloud else None
    shade = take.cloud.shadow(seed, sampling, take.sun) if take.cloud else None
    matrix = np.array(
        [
            [pixel, 0, (core.left - raster.left) + pixel / 2 - 0.5 + take.shift[0] * family.sensor.gsd],
            [0, pixel, (raster.top - core.top) + pixel / 2 - 0.5 + take.shift[1] * family.sensor.gsd],
        ]
    )
    result = np.empty((4, rows, columns), dtype=np.uint16)
    brightest = (1 << family.sensor.bit_depth) - 1
    sine = np.sin(np.radians(take.sun.elevation))
    for place, name in enumerate(family.sensor.bands):
        band = BAND_NAMES.index(name)
        seen = cv2.GaussianBlur(image[band], (0, 0), family.blur * family.sensor.gsd)
        seen = cv2.warpAffine(seen, matrix, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        if shade is not None:
            seen *= 1 - (0.82 - 0.3 * _PATH[band] / _PATH[0]) * shade
        seen = seen * (1 - _LOSS[band] * haze) + (_PATH[band] + _HAZE[band] * haze)
        if cover is not None:
            seen += (_CLOUD[band] - seen) * cover
        counts = seen * np.float32(family.sensor.solar_irradiance[name] * sine / np.pi * family.gain[band])
        spread = np.sqrt(family.noise**2 + 0.012 * np.maximum(counts, 0))
        counts += spread * bell_field(own + band, sampling)
        result[place] = np.clip(np.rint(counts), 1, brightest).astype(np.uint16)
    return result


def hash_text(text: str) -> int:
    """Return a number of 32 bits that depends on a text alone."""
    number = 2166136261
    for byte in text.encode():
        number = (number ^ byte) * 16777619 & 0xFFFFFFFF
    return number

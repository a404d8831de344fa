"""How a satellite sees the landscape: atmosphere, optics, sampling, radiometry, cloud and footprint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from bocage.scenes.calibration import sun_distance
from bocage.simulation.extent import Raster
from bocage.simulation.families import BAND_NAMES, FAMILIES, Channel, Family
from bocage.simulation.noise import bell_field, noise_field
from bocage.simulation.reflectance import Image, Sun

__all__ = ["FAMILIES", "Channel", "Cloud", "Family", "Take", "count", "observe", "top_of_atmosphere"]

# Reflectance that a clear and a hazy atmosphere add, and the share of the ground's signal that hazy air takes away.
_PATH = np.array([0.060, 0.036, 0.020, 0.008], dtype=np.float32)
_HAZE = np.array([0.070, 0.058, 0.046, 0.024], dtype=np.float32)
_LOSS = np.array([0.30, 0.24, 0.20, 0.12], dtype=np.float32)
# Octaves of the outline of a cloud of 330 m radius: wavelength (m) and amplitude.
_PUFFS = ((233.0, 0.36), (131.0, 0.26), (79.0, 0.2), (47.0, 0.15), (27.0, 0.1), (16.0, 0.07))
_CLOUD = np.array([0.62, 0.63, 0.64, 0.66], dtype=np.float32)
# A product of reflectance counts ten-thousandths; its noise is that of an instrument of 12 bits.
_REFLECTANCE_GAIN = 10_000.0
_REFLECTANCE_NOISE = 12.0
_REFLECTANCE_SHOT = 0.06
_REFLECTANCE_LARGEST = 65_535


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

    Attributes
    ----------
    acquired
        Time of acquisition, UTC.
    off_nadir, view_azimuth
        Angle at the satellite, and where the satellite stands as seen from the ground, degrees.
    footprint
        Convex, in the coordinate system of the landscape.
    shift
        Misregistration in ground samples (columns, rows).
    crs
        That of the delivered file.
    processing
        ``basic``: the file holds counts; ``reflectance``: ten-thousandths of reflectance at the top of the atmosphere.
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
    cloud: Cloud | None = None
    view_azimuth: float = 98.0
    processing: Literal["basic", "reflectance"] = "basic"

    @property
    def day(self) -> int:
        """Day of the year."""
        return self.acquired.timetuple().tm_yday

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The bands of the delivered file, in its order."""
        return self.family.channels(self.platform)

    @property
    def largest(self) -> int:
        """The number of a saturated pixel."""
        return self.family.largest if self.processing == "basic" else _REFLECTANCE_LARGEST

    def radiance(self, irradiance: float) -> float:
        """Return the radiance (W m-2 sr-1 um-1) of reflectance 1 at the top of the atmosphere.

        L = ESUN sin(h) / (pi d^2) with the sun's elevation h and its distance d in astronomical units; the inverse of
        the formula of reflectance in Chander et al. 2009, doi 10.1016/j.rse.2009.01.007.
        """
        height = math.sin(math.radians(self.sun.elevation))
        return irradiance * height / (math.pi * sun_distance(self.acquired) ** 2)


def observe(image: Image, raster: Raster, core: Raster, take: Take, seed: int, *, pixel: float) -> NDArray[np.uint16]:
    """Turn reflectance at 1 m into the numbers of the delivered file on ``core``.

    The parameters are those of :func:`top_of_atmosphere`, the result that of :func:`count`.
    """
    return count(top_of_atmosphere(image, raster, core, take, seed, pixel=pixel), core, take, seed, pixel=pixel)


def top_of_atmosphere(image: Image, raster: Raster, core: Raster, take: Take, seed: int, *, pixel: float) -> Image:
    """Return the reflectance at the top of the atmosphere that an instrument without noise sees on ``core``.

    Parameters
    ----------
    image
        (4, rows, columns) reflectance on ``raster``, which reaches beyond ``core`` on all sides.
    pixel
        Sampling of the result in metres; the point spread is always that of the sensor.

    Returns
    -------
    numpy.ndarray
        (4, rows, columns) in the order of ``BAND_NAMES``.
    """
    family = take.family
    sampling = _sampling(core, pixel)
    # Haze and cloud are smooth, so it is enough to know them at the samples.
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
    result = np.empty((len(BAND_NAMES), *sampling.shape), dtype=np.float32)
    for band in range(len(BAND_NAMES)):
        seen = cv2.GaussianBlur(image[band], (0, 0), family.blur * family.sensor.gsd)
        seen = cv2.warpAffine(seen, matrix, sampling.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        if shade is not None:
            seen *= 1 - (0.82 - 0.3 * _PATH[band] / _PATH[0]) * shade
        seen = seen * (1 - _LOSS[band] * haze) + (_PATH[band] + _HAZE[band] * haze)
        if cover is not None:
            seen += (_CLOUD[band] - seen) * cover
        result[band] = seen
    return result


def count(reflectance: Image, core: Raster, take: Take, seed: int, *, pixel: float) -> NDArray[np.uint16]:
    """Turn reflectance at the top of the atmosphere into the numbers of the delivered file.

    Returns
    -------
    numpy.ndarray
        (bands, rows, columns) in the file order of the family; 0 (nodata) never occurs, saturation is the largest
        number.
    """
    sampling = _sampling(core, pixel)
    own = (seed + 83 + hash_text(take.id)) & 0xFFFFFFFF
    basic = take.processing == "basic"
    noise = take.family.noise if basic else _REFLECTANCE_NOISE
    shot = take.family.shot if basic else _REFLECTANCE_SHOT
    channels = take.channels
    result = np.empty((len(channels), *sampling.shape), dtype=np.uint16)
    for place, channel in enumerate(channels):
        scale = take.radiance(channel.irradiance) * channel.gain if basic else _REFLECTANCE_GAIN
        offset = -channel.bias * channel.gain if basic else 0.0
        counts = np.full(sampling.shape, offset, dtype=np.float32)
        for band, share in enumerate(channel.mix):
            if share:
                counts += reflectance[band] * np.float32(share * scale)
        spread = np.sqrt(noise**2 + shot * np.maximum(counts, 0))
        # The noise of a band does not depend on where the file holds it.
        stream = BAND_NAMES.index(channel.name) if channel.name in BAND_NAMES else place
        counts += spread * bell_field(own + stream, sampling)
        result[place] = np.clip(np.rint(counts), 1, take.largest).astype(np.uint16)
    return result


def _sampling(core: Raster, pixel: float) -> Raster:
    rows, columns = round((core.top - core.bottom) / pixel), round((core.right - core.left) / pixel)
    return Raster(core.left, core.top, rows, columns, pixel)


def hash_text(text: str) -> int:
    """Return a number of 32 bits that depends on a text alone."""
    number = 2166136261
    for byte in text.encode():
        number = (number ^ byte) * 16777619 & 0xFFFFFFFF
    return number

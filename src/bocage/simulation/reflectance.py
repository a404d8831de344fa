"""Surface reflectance in blue, green, red and near infrared at 1 m: seasons, crop rows, soil, crowns and shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.simulation import kinds
from bocage.simulation.extent import Raster
from bocage.simulation.kinds import GROUNDS, SPECIES, Spectrum, at_day
from bocage.simulation.landscape import Scenery, cover_height
from bocage.simulation.noise import grain_field, noise_field

# Share of the light on flat ground that comes from the sky, per band: it is what remains in full shadow.
_SKY = np.array([0.34, 0.26, 0.20, 0.13], dtype=np.float32)
_TRAMLINE = 24.0
# Brings the smoothed grain of the leaves back to a standard deviation of 1.
_CLUMP_GAIN = 5.5

type Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands: azimuth clockwise from north and elevation, in degrees."""

    azimuth: float
    elevation: float

    def direction(self) -> tuple[float, float]:
        """Return the step toward the sun in (columns, rows) per metre along the ground."""
        angle = np.radians(self.azimuth)
        return float(np.sin(angle)), float(-np.cos(angle))


@dataclass(frozen=True, slots=True)
class Texture:
    """What does not change with the date: noise and row patterns of one raster, made once for all scenes."""

    patches: Image
    soil: Image
    grain: Image
    clumps: Image
    rows: Image
    tramlines: NDArray[np.bool_]
    relief: Image

    def rows_of(self, rows: slice) -> Texture:
        """Return the texture of some rows."""
        return Texture(*(getattr(self, name)[rows] for name in self.__slots__))


def texture(seed: int, scenery: Scenery) -> Texture:
    """Make the noise and row patterns of one raster."""
    raster = scenery.raster
    grain = grain_field(seed + 70, raster)
    clumps: Image = np.float32(_CLUMP_GAIN) * _blurred(grain_field(seed + 71, raster), 0.9)
    broad, mid = noise_field(seed + 72, raster, 75.0), noise_field(seed + 73, raster, 19.0)
    fine = noise_field(seed + 74, raster, 5.5)
    patches = np.asarray(0.55 * broad + 0.35 * mid + 0.3 * fine, dtype=np.float32)
    soil = np.asarray(0.6 * noise_field(seed + 75, raster, 160.0) + 0.35 * mid + 0.15 * grain, dtype=np.float32)
    looks, surface = scenery.looks, scenery.surface
    rows, tramlines = _machine_passes(looks, surface, raster, mid)
    rough = np.where(scenery.height > 0, scenery.height + np.float32(0.5) * clumps, np.float32(0))
    relief = _blurred(rough, 0.7)
    return Texture(patches, soil, grain, clumps, rows, tramlines, relief)


def _blurred(field: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), dtype=np.float32)


def _machine_passes(
    looks: NDArray[np.void], surface: NDArray[np.intp], raster: Raster, bend: Image
) -> tuple[Image, NDArray[np.bool_]]:
    """Return the row pattern (-1..1, 0 without rows) and where the tramlines of sown crops run."""
    covers = looks["ground"]
    period = np.array([ground.rows for ground in GROUNDS])[covers]
    table = np.zeros((4, len(looks)))
    table[0], table[1] = -np.sin(looks["angle"]), np.cos(looks["angle"])
    table[2] = np.where(period > 0, 2 * np.pi / np.maximum(period, 1), 0)
    table[3] = np.isin(covers, (kinds.CEREAL, kinds.RAPESEED, kinds.BEET))
    x, y = raster.x, raster.y
    rows, tramlines = np.empty(surface.shape, dtype=np.float32), np.empty(surface.shape, dtype=bool)
    for first in range(0, surface.shape[0], _STRIP):
        strip = slice(first, first + _STRIP)
        look = table[:, surface[strip]]
        across = look[0] * x + look[1] * y[strip, np.newaxis]
        phase = np.mod(across * look[2], 2 * np.pi).astype(np.float32)
        rows[strip] = np.cos(phase + np.float32(1.2) * bend[strip]) * (look[2] > 0)
        track = np.mod(across, _TRAMLINE)
        tramlines[strip] = (look[3] > 0) & ((track < 1.0) | ((track > 2.3) & (track < 3.3)))
    return rows, tramlines


def reflect(scenery: Scenery, texture: Texture, day: int, sun: Sun) -> Image:
    """Return (4, rows, columns) reflectance in blue, green, red and near infrared, shaded by the sun.

    Parameters
    ----------
    day
        Day of the year.
    sun
        Lambertian shading and cast shadows follow from it; the light is relative to flat ground.
    """
    image, tall = _ground(scenery, texture, day)
    _crowns(image, scenery, texture, day)
    top = np.maximum(scenery.height, tall)
    shadow = cast_shadow(top, sun, scenery.raster.pixel)
    # Light enters a crown between its leaves: a shadow on a crown is less than half as deep as one on the ground.
    shadow *= np.where(scenery.owner >= 0, np.float32(0.4), np.float32(1))
    lit = _lambert(texture.relief, sun) * (1 - shadow)
    for band in range(4):
        image[band] *= _SKY[band] + (1 - _SKY[band]) * lit
    return image


def _ground(scenery: Scenery, texture: Texture, day: int) -> tuple[Image, Image]:
    """Return the reflectance of the ground without crowns, and the height of what grows or stands on it (m)."""
    looks, surface = scenery.looks, scenery.surface
    covers = looks["ground"]
    leafy, dry = np.zeros(len(looks)), np.zeros(len(looks))
    for code, ground in enumerate(GROUNDS):
        mine = covers == code
        # Meadows and pastures are mown and grazed on different days, so they differ more than crops do.
        spread = 2.2 if code in (kinds.MEADOW, kinds.PASTURE, kinds.LAWN) else 1.0
        leafy[mine], dry[mine] = at_day(ground.phenology, day + spread * looks["shift"][mine])
    leaf, straw, soil = (_table(name)[covers] for name in ("leaf", "dry", "soil"))
    dry = np.clip(dry + 0.12 * looks["vigour"] * (dry > 0.02), 0, 1)[:, np.newaxis]
    plants = leaf * (1 - dry) + straw * dry
    plants = plants * (1 + 0.16 * looks["tone"])[:, np.newaxis]
    plants[:, 3] *= 1 + 0.1 * looks["vigour"]
    bare = soil * (1 + 0.25 * looks["soil"] + 0.1 * looks["tone"])[:, np.newaxis]
    if 92 <= day <= 140:
        flowering = (covers == kinds.RAPESEED) & (np.abs(day + looks["shift"] - 122) < 16)
        plants[flowering] = np.array([0.045, 0.185, 0.165, 0.47])
    full = cover_height()[covers]
    grown = np.where(np.isin(covers, kinds.ROOFS), full, full * np.clip(leafy, 0, 1) ** 1.5)
    table = np.zeros((len(_COLUMNS), len(looks)), dtype=np.float32)
    table[:4], table[4:8] = bare.T, plants.T
    table[8], table[9] = leafy, grown
    contrast = np.array([ground.contrast for ground in GROUNDS])[covers]
    patchiness = np.array([ground.patchiness for ground in GROUNDS])[covers]
    table[10], table[11] = contrast * np.minimum(leafy * 2, 1), contrast * 0.8
    table[12] = patchiness * np.where(leafy > 0.03, 1.0, 0.2)
    table[13], table[14] = patchiness > 0.07, covers == kinds.VINES
    image = np.empty((4, *surface.shape), dtype=np.float32)
    height = np.empty(surface.shape, dtype=np.float32)
    # Strips of a few rows stay in the processor's cache, which makes this several times faster.
    for first in range(0, surface.shape[0], _STRIP):
        rows = slice(first, first + _STRIP)
        _mix(table[:, surface[rows]], texture.rows_of(rows), image[:, rows], height[rows])
    return image, height


_STRIP = 24
_COLUMNS = (
    "soil blue", "soil green", "soil red", "soil nir", "plant blue", "plant green", "plant red", "plant nir", "leafy",
    "grown", "row contrast of leaves", "row contrast of soil", "patchiness", "patchy colour", "vines",
)  # fmt: skip


def _mix(look: Image, texture: Texture, image: Image, height: Image) -> None:
    """Mix soil and plants on some rows, in place; the first axis of ``look`` holds ``_COLUMNS``."""
    leafy = look[8]
    share = leafy + look[12] * texture.patches + look[10] * texture.rows - 0.3 * leafy * texture.tramlines
    np.clip(share, 0, 1, out=share)
    ridges = 1 + 0.22 * texture.soil + look[11] * texture.rows * (1 - leafy)
    speckle = 1 + 0.06 * texture.grain + 0.045 * texture.clumps
    patchy = look[13] * texture.patches
    visible = speckle * (1 - 0.08 * patchy)
    infrared = speckle * (1 + 0.1 * patchy)
    for band in range(4):
        low = look[band] * ridges
        high = look[4 + band] * (infrared if band == 3 else visible)
        image[band] = low + (high - low) * share
    height[:] = look[9] * np.where((look[14] > 0) & (share < 0.55), np.float32(0), np.float32(1))


def _crowns(image: Image, scenery: Scenery, texture: Texture, day: int) -> None:
    """Paint the crowns over the ground, in place; a crown that has lost leaves lets the ground show through."""
    crowns = scenery.crowns
    if not len(crowns):
        return
    leafy, dry = np.zeros(len(crowns)), np.zeros(len(crowns))
    for code, species in enumerate(SPECIES):
        mine = crowns["species"] == code
        leafy[mine], dry[mine] = at_day(species.phenology, day + 9 * crowns["tone"][mine])
    green = np.array([species.leaf for species in SPECIES])[crowns["species"]]
    old = np.array([species.bare for species in SPECIES])[crowns["species"]]
    wood = np.array([0.052, 0.064, 0.076, 0.160])
    dry, leafy = dry[:, np.newaxis], leafy[:, np.newaxis]
    colour = (green * (1 - dry) + old * dry) * leafy + wood * (1 - leafy)
    colour *= (1 + 0.2 * crowns["tone"])[:, np.newaxis]
    colour[:, 2] *= 1 + 0.1 * np.sin(7 * crowns["phase"])
    where = np.flatnonzero(scenery.owner.ravel() >= 0)
    owner = scenery.owner.ravel()[where]
    gaps = 1 + 0.2 * texture.clumps.ravel()[where] + 0.12 * texture.patches.ravel()[where]
    through = ((1 - leafy.ravel()) * 0.45).astype(np.float32)[owner]
    flat = image.reshape(4, -1)
    for band in range(4):
        leaves = colour[:, band].astype(np.float32)[owner] * np.maximum(gaps, 0.3)
        flat[band, where] = leaves * (1 - through) + flat[band, where] * through


def _table(name: str) -> NDArray[np.float64]:
    spectra: list[Spectrum] = [getattr(ground, name) for ground in GROUNDS]
    return np.array(spectra)


def _lambert(relief: Image, sun: Sun) -> Image:
    """Return the light that a slope receives from the sun, relative to flat ground, within 0.3 and 1.6."""
    # Crowns are porous: a sixth of the slope of their outline shades like a solid surface does.
    gx = cv2.Scharr(relief, cv2.CV_32F, 1, 0, scale=0.17 / 32)
    gy = cv2.Scharr(relief, cv2.CV_32F, 0, 1, scale=0.17 / 32)
    east, down = sun.direction()
    tangent = 1 / np.tan(np.radians(sun.elevation))
    slope = (1 - (gx * np.float32(east) + gy * np.float32(down)) * np.float32(tangent)) / np.sqrt(1 + gx * gx + gy * gy)
    return np.clip(slope, np.float32(0.3), np.float32(1.6))


def cast_shadow(height: Image, sun: Sun, pixel: float) -> Image:
    """Return the share of direct light that is blocked, 0 to 1, by marching along the sun's azimuth.

    The highest ray over each pixel is found by doubling the distance looked at: after k steps the maximum of
    ``height - distance * tan(elevation)`` over 2^k positions is known, so the cost grows with the logarithm of the
    longest shadow.
    """
    drop = np.tan(np.radians(sun.elevation)) * pixel
    longest = float(height.max()) / drop
    east, down = sun.direction()
    ray = height.copy()
    distance = 1
    while distance <= longest:
        _raise_to(ray, round(distance * east), round(distance * down), np.float32(distance * drop))
        distance *= 2
    ray -= height
    ray *= np.float32(1 / 0.8)
    return np.clip(ray, 0, 1, out=ray)


def _raise_to(ray: Image, columns: int, rows: int, drop: np.float32) -> None:
    """Raise each pixel to the one that lies (columns, rows) further, less ``drop``, in place."""
    moved = ray - drop
    here, there = [], []
    for shift, length in ((rows, ray.shape[0]), (columns, ray.shape[1])):
        here.append(slice(max(-shift, 0), length - max(shift, 0)))
        there.append(slice(max(shift, 0), length - max(-shift, 0)))
    target = ray[here[0], here[1]]
    np.maximum(target, moved[there[0], there[1]], out=target)

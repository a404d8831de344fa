"""Surface reflectance in blue, green, red and near infrared at 1 m: seasons, crop rows, soil, crowns and shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.simulation import kinds
from bocage.simulation.kinds import GROUNDS, SPECIES, Spectrum, at_day
from bocage.simulation.landscape import Scenery, cover_height
from bocage.simulation.noise import grain_field, noise_field

BAND_NAMES = ("blue", "green", "red", "nir")
# Share of the light on flat ground that comes from the sky, per band: it is what remains in full shadow.
_SKY = np.array([0.34, 0.26, 0.20, 0.13], dtype=np.float32)
_TRAMLINE = 24.0

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


def texture(seed: int, scenery: Scenery) -> Texture:
    """Make the noise and row patterns of one raster."""
    raster = scenery.raster
    grain = grain_field(seed + 70, raster)
    clumps = cv2.GaussianBlur(grain_field(seed + 71, raster), (0, 0), 0.9)
    clumps *= np.float32(1 / max(float(clumps.std()), 1e-6))
    broad, mid = noise_field(seed + 72, raster, 75.0), noise_field(seed + 73, raster, 19.0)
    fine = noise_field(seed + 74, raster, 5.5)
    patches = 0.55 * broad + 0.35 * mid + 0.3 * fine
    soil = 0.6 * noise_field(seed + 75, raster, 160.0) + 0.35 * mid + 0.15 * grain
    looks, surface = scenery.looks, scenery.surface
    period = np.array([ground.rows for ground in GROUNDS], dtype=np.float32)[looks["ground"]]
    u = (np.sin(looks["angle"]) * -1).astype(np.float32)[surface] * raster.x.astype(np.float64)[np.newaxis, :]
    u += np.cos(looks["angle"]).astype(np.float32)[surface] * raster.y[:, np.newaxis]
    turn = np.where(period > 0, 2 * np.pi / np.maximum(period, 1), 0)
    rows = np.cos(u * turn[surface] + 1.2 * mid).astype(np.float32)
    rows[(period == 0)[surface]] = 0
    sown = np.isin(looks["ground"], (kinds.CEREAL, kinds.RAPESEED, kinds.BEET))[surface]
    along = np.mod(u, _TRAMLINE)
    tramlines = sown & ((along < 1.0) | ((along > 2.3) & (along < 3.3)))
    relief = cv2.GaussianBlur(scenery.height + 0.5 * clumps * (scenery.height > 0), (0, 0), 0.7)
    return Texture(patches, soil.astype(np.float32), grain, clumps, rows, tramlines, relief)


def reflect(scenery: Scenery, texture: Texture, day: int, sun: Sun) -> Image:
    """Return (4, rows, columns) reflectance in the order of ``BAND_NAMES``, shaded by the sun.

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
    # Light enters a crown between its leaves: the shadow on a crown is half as deep as the one on the ground.
    shadow *= np.where(scenery.owner >= 0, np.float32(0.5), np.float32(1))
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
    contrast = np.array([ground.contrast for ground in GROUNDS], dtype=np.float32)[covers]
    rough = np.array([ground.patchiness for ground in GROUNDS], dtype=np.float32)[covers]
    cover = leafy.astype(np.float32)[surface]
    share = cover + (rough * np.where(leafy > 0.03, 1.0, 0.2)).astype(np.float32)[surface] * texture.patches
    share += (contrast * np.minimum(leafy * 2, 1)).astype(np.float32)[surface] * texture.rows
    share -= 0.3 * cover * texture.tramlines
    np.clip(share, 0, 1, out=share)
    speckle = 1 + 0.06 * texture.grain + 0.045 * texture.clumps
    ridges = 1 + 0.22 * texture.soil + (contrast * 0.8).astype(np.float32)[surface] * texture.rows * (1 - cover)
    image = np.empty((4, *surface.shape), dtype=np.float32)
    for band in range(4):
        low = bare[:, band].astype(np.float32)[surface] * ridges
        high = plants[:, band].astype(np.float32)[surface] * speckle
        high *= 1 + (0.1 if band == 3 else -0.08) * texture.patches * (rough > 0.07)[surface]
        image[band] = low + (high - low) * share
    full = cover_height()[covers]
    grown = np.where(np.isin(covers, kinds.ROOFS), full, full * np.clip(leafy, 0, 1) ** 1.5).astype(np.float32)[surface]
    grown *= np.where((covers == kinds.VINES)[surface], share > 0.55, 1)
    return image, grown


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
    # Crowns are porous: a quarter of the slope of their outline shades like a solid surface does.
    gx = cv2.Scharr(relief, cv2.CV_32F, 1, 0, scale=0.25 / 32)
    gy = cv2.Scharr(relief, cv2.CV_32F, 0, 1, scale=0.25 / 32)
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
        shift = np.array([[1, 0, distance * east], [0, 1, distance * down]], dtype=np.float64)
        # Whole-pixel shifts keep the maximum sharp.
        shift[:, 2] = np.rint(shift[:, 2])
        moved = cv2.warpAffine(
            ray, shift, ray.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        moved -= np.float32(distance * drop)
        np.maximum(ray, moved, out=ray)
        distance *= 2
    ray -= height
    ray *= np.float32(1 / 0.8)
    return np.clip(ray, 0, 1, out=ray)

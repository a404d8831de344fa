"""What the landscape is made of: woody types, tree species, and covers of the ground, with their codes.

The codes of :class:`Woody` are those of ``truth/types.tif`` and of the column ``code`` in ``truth/objects.gpkg``.
Spectra are surface reflectances in blue, green, red and near infrared, chosen within the range of published field
spectra; a phenology is a list of (day of year, share of ground under leaves, share of leaves that are dry).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

type Spectrum = tuple[float, float, float, float]
type Phenology = tuple[tuple[int, float, float], ...]


class Woody(IntEnum):
    """Types of woody objects; a vineyard is in the table but is not woody vegetation by the rules of the WVL."""

    HEDGE = 1
    TREE_LINE = 2
    DOUBLE_TREE_LINE = 3
    GROVE = 4
    SCRUB = 5
    RIPARIAN = 6
    FOREST = 7
    ORCHARD = 8
    GARDEN = 9
    LONE_TREE = 10
    VINEYARD = 11


@dataclass(frozen=True, slots=True)
class Species:
    """A kind of tree or shrub: leaf spectrum, spectrum when it is bare or dry, phenology and crown shape.

    ``roundness`` is the share of the height by which the crown falls from its top to its edge.
    """

    leaf: Spectrum
    bare: Spectrum
    phenology: Phenology
    roundness: float


_WOOD: Spectrum = (0.050, 0.062, 0.074, 0.165)
_AUTUMN: Spectrum = (0.042, 0.080, 0.105, 0.270)
_DECIDUOUS: Phenology = ((1, 0.12, 0), (105, 0.15, 0), (135, 0.95, 0), (240, 1, 0.05), (275, 0.95, 0.35), (310, 0.3, 1))

SPECIES: tuple[Species, ...] = (
    Species((0.026, 0.064, 0.032, 0.460), _AUTUMN, _DECIDUOUS, 0.45),  # 0 oak, beech
    Species((0.031, 0.075, 0.038, 0.510), _AUTUMN, _DECIDUOUS, 0.35),  # 1 ash, maple, poplar
    Species(
        (0.042, 0.082, 0.050, 0.450),
        _WOOD,
        ((1, 0.2, 0), (95, 0.4, 0), (120, 0.95, 0), (270, 0.95, 0.1), (310, 0.3, 0.6)),
        0.4,
    ),  # 2 willow, alder
    Species((0.020, 0.042, 0.026, 0.290), _WOOD, ((1, 0.97, 0), (365, 0.97, 0)), 0.65),  # 3 spruce, pine
    Species(
        (0.034, 0.074, 0.042, 0.410),
        _AUTUMN,
        ((1, 0.25, 0), (90, 0.5, 0), (115, 0.95, 0), (250, 0.95, 0.15), (290, 0.8, 0.5)),
        0.3,
    ),  # 4 blackthorn, hawthorn, hazel
    Species(
        (0.038, 0.078, 0.048, 0.420), _WOOD, ((1, 0.15, 0), (110, 0.6, 0), (140, 0.9, 0), (285, 0.8, 0.3)), 0.35
    ),  # 5 fruit trees
    Species((0.060, 0.078, 0.086, 0.200), _WOOD, ((1, 0.3, 0.5), (365, 0.3, 0.5)), 0.5),  # 6 dying trees
)
OAK, ASH, WILLOW, SPRUCE, SHRUB, FRUIT, DYING = range(7)


@dataclass(frozen=True, slots=True)
class Ground:
    """A cover of the ground: crop-type code of the reference layer, spectra, phenology, height and row pattern.

    ``crop`` is the code in the crop-type layer (0 where it is not cropland); ``height`` is that of the full-grown
    cover in metres; ``rows`` is the distance between machine passes in metres (0 for none) with its contrast.
    """

    name: str
    crop: int
    leaf: Spectrum
    dry: Spectrum
    soil: Spectrum
    phenology: Phenology
    height: float = 0.2
    rows: float = 0.0
    contrast: float = 0.0
    patchiness: float = 0.1


_SOIL: Spectrum = (0.078, 0.112, 0.140, 0.210)
_STRAW: Spectrum = (0.100, 0.155, 0.200, 0.320)
_HAY: Spectrum = (0.060, 0.105, 0.115, 0.300)
_GRASS: Spectrum = (0.034, 0.082, 0.042, 0.420)
_LUSH: Spectrum = (0.026, 0.072, 0.030, 0.470)
_ALWAYS: Phenology = ((1, 0.0, 0.0), (365, 0.0, 0.0))
_TURF: Phenology = ((1, 0.6, 0.3), (100, 0.85, 0.05), (150, 0.95, 0.05), (210, 0.75, 0.35), (260, 0.9, 0.1))


def _mineral(name: str, spectrum: Spectrum, height: float = 0.0) -> Ground:
    return Ground(name, 0, spectrum, spectrum, spectrum, _ALWAYS, height, patchiness=0.05)


def _year(text: str) -> Phenology:
    """Read a phenology from "day cover dry; day cover dry; ..."."""
    rows = [part.split() for part in text.split(";")]
    return tuple((int(day), float(cover), float(dry)) for day, cover, dry in rows)


_MEADOW = _year("1 .7 .2; 95 .95 0; 165 1 .1; 185 .7 .5; 215 .95 .05; 280 .95 .05")
_CEREAL = _year("1 .35 0; 95 .8 0; 130 .97 0; 170 .97 .15; 200 .95 1; 212 .9 1; 222 .45 1; 250 .1 .8; 290 .15 0")
_MAIZE = _year("1 .02 .5; 135 .03 0; 165 .4 0; 190 .96 0; 245 .97 .1; 275 .85 .7; 290 .2 1")
_RAPE = _year("1 .5 0; 95 .93 0; 150 .98 .05; 185 .95 .6; 200 .8 1; 215 .25 1; 255 .3 0; 300 .7 0")
_BEET = _year("1 0 0; 115 .02 0; 150 .4 0; 175 .92 0; 255 .93 .1; 285 .3 .4")
_PLOUGHED = _year("1 .03 0; 365 .06 0")
_FALLOW = _year("1 .3 .4; 140 .6 .3; 230 .6 .8; 290 .5 .5")
_VINES = _year("1 .05 0; 120 .2 0; 160 .75 0; 260 .8 .1; 300 .5 .9")
_ROUGH = _year("1 .7 .8; 110 .8 .5; 150 .95 .1; 215 .9 .4; 280 .85 .6")
_MARGIN = _year("1 .7 .4; 100 .9 .1; 200 .95 .15; 270 .9 .2")
_BED = _year("1 .2 .3; 130 .4 0; 200 .7 .1; 270 .5 .3")
_HUMUS: Spectrum = (0.066, 0.092, 0.113, 0.170)
_LITTER: Spectrum = (0.050, 0.062, 0.074, 0.150)
_DUST: Spectrum = (0.120, 0.145, 0.170, 0.240)

GROUNDS: tuple[Ground, ...] = (
    Ground("meadow", 0, _LUSH, _HAY, _SOIL, _MEADOW, 0.4, 7, 0.05, 0.12),
    Ground("pasture", 0, _GRASS, _HAY, _SOIL, _TURF, 0.15, patchiness=0.25),
    Ground("winter cereal", 1110, _LUSH, _STRAW, _SOIL, _CEREAL, 0.9, 8, 0.05, 0.12),
    Ground("maize", 1150, (0.027, 0.072, 0.033, 0.450), _STRAW, _SOIL, _MAIZE, 2.3, 6, 0.05, 0.08),
    Ground("rapeseed", 1430, (0.036, 0.110, 0.070, 0.470), _STRAW, _SOIL, _RAPE, 1.3, 9, 0.04, 0.1),
    Ground("beet and potato", 1320, (0.031, 0.085, 0.036, 0.500), _HAY, _SOIL, _BEET, 0.5, 5, 0.07, 0.1),
    Ground("ploughed", 3100, _GRASS, _HAY, _HUMUS, _PLOUGHED, 0.1, 6, 0.12, 0.25),
    Ground("stubble and fallow", 3100, _GRASS, _STRAW, _SOIL, _FALLOW, 0.3, 7, 0.05, 0.3),
    Ground("vineyard", 2100, (0.034, 0.072, 0.042, 0.400), _HAY, _SOIL, _VINES, 1.7, 3, 0.9, 0.06),
    Ground("orchard grass", 2310, _GRASS, _HAY, _SOIL, _TURF, 0.2, patchiness=0.15),
    Ground("forest floor", 0, (0.030, 0.055, 0.034, 0.280), _LITTER, _LITTER, _TURF, 0.2, patchiness=0.25),
    Ground("rough grass", 0, (0.036, 0.078, 0.050, 0.330), _HAY, _SOIL, _ROUGH, 0.5, patchiness=0.35),
    Ground("lush margin", 0, _LUSH, _HAY, _SOIL, _MARGIN, 0.7, patchiness=0.2),
    Ground("verge", 0, (0.037, 0.080, 0.048, 0.360), _HAY, _DUST, _TURF, 0.3, patchiness=0.25),
    Ground("lawn", 0, (0.030, 0.084, 0.036, 0.440), _HAY, _SOIL, _TURF, 0.05, patchiness=0.2),
    Ground("garden bed", 0, (0.030, 0.070, 0.040, 0.380), _HAY, _SOIL, _BED, 0.4, 3, 0.3, 0.3),
    _mineral("asphalt", (0.088, 0.102, 0.112, 0.140)),
    _mineral("gravel", (0.135, 0.172, 0.205, 0.265)),
    _mineral("yard", (0.140, 0.158, 0.172, 0.205)),
    _mineral("water", (0.040, 0.046, 0.030, 0.016)),
    _mineral("red roof", (0.062, 0.086, 0.180, 0.250), 7.0),
    _mineral("grey roof", (0.150, 0.160, 0.170, 0.190), 6.5),
    _mineral("dark roof", (0.058, 0.062, 0.068, 0.085), 7.0),
    _mineral("metal roof", (0.240, 0.255, 0.265, 0.285), 8.0),
)
(
    MEADOW, PASTURE, CEREAL, MAIZE, RAPESEED, BEET, PLOUGHED, FALLOW, VINES, ORCHARD_GRASS, FOREST_FLOOR, ROUGH, MARGIN,
    VERGE, LAWN, BED, ASPHALT, GRAVEL, YARD, WATER, RED_ROOF, GREY_ROOF, DARK_ROOF, METAL_ROOF,
) = range(len(GROUNDS))  # fmt: skip
ROOFS = (RED_ROOF, GREY_ROOF, DARK_ROOF, METAL_ROOF)


def at_day(phenology: Phenology, day: float | NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share under leaves and the dry share of the leaves on a day of the year (or on many)."""
    days, cover, dry = (np.array(column, dtype=np.float64) for column in zip(*phenology, strict=True))
    return np.asarray(np.interp(day, days, cover)), np.asarray(np.interp(day, days, dry))

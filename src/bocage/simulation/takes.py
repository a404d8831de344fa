"""The acquisitions of a simulated project: takes of several sensor families over one square, on different dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from shapely.geometry import Polygon, box

from bocage.errors import SettingsError
from bocage.simulation.reflectance import Sun
from bocage.simulation.sensor import FAMILIES, Cloud, Take

_LANDSCAPE_CRS = "EPSG:3035"
_UTM = "EPSG:32632"
_NEXT_ROUND = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A take before a family flies it; the footprint is in shares of the square, from its south-west corner."""

    acquired: datetime
    sun: Sun
    off_nadir: float
    haze: float
    footprint: tuple[tuple[float, float], ...]
    shift: tuple[float, float]
    crs: str = _LANDSCAPE_CRS
    cloudy: bool = False


def _at(month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(2021, month, day, hour, minute, tzinfo=UTC)


_WEST = ((-0.1, -0.1), (0.62, -0.1), (0.53, 1.1), (-0.1, 1.1))
_NORTH = ((-0.1, 0.40), (1.1, 0.55), (1.1, 1.1), (-0.1, 1.1))
_EAST = ((0.42, -0.1), (1.1, -0.1), (1.1, 1.1), (0.36, 1.1))
_SOUTH = ((-0.1, -0.1), (1.1, -0.1), (1.1, 0.46), (-0.1, 0.58))
_CENTRE = ((0.30, 0.21), (0.79, 0.30), (0.71, 0.80), (0.22, 0.71))
_FAR_EAST = ((0.64, 0.04), (1.1, -0.02), (1.1, 0.86), (0.56, 0.76))

_PLANS = (
    _Plan(_at(6, 16, 10, 41), Sun(152.0, 59.0), 9.0, 0.20, _WEST, (0.0, 0.0)),
    _Plan(_at(5, 9, 10, 17), Sun(146.0, 53.0), 14.0, 0.70, _NORTH, (0.25, -0.15)),
    _Plan(_at(8, 29, 10, 53), Sun(164.0, 47.0), 17.0, 0.10, _EAST, (-0.4, 0.3)),
    _Plan(_at(9, 24, 9, 48), Sun(157.0, 36.5), 6.0, 1.00, _SOUTH, (0.2, 0.25), crs=_UTM),
    _Plan(_at(7, 22, 10, 33), Sun(149.0, 56.0), 21.0, 0.35, _CENTRE, (0.8, 0.5), cloudy=True),
    _Plan(_at(7, 3, 10, 22), Sun(141.0, 55.0), 11.0, 0.50, _FAR_EAST, (-0.15, -0.2)),
)


def plan_takes(left: float, bottom: float, size: float, families: Sequence[str]) -> tuple[Take, ...]:
    """Return the takes over a square: every spot lies in one at least and most in two or three.

    The families take turns: fewer than six fly the same six takes, and more fly a second round some days later.

    Raises
    ------
    SettingsError
        If a family is not known or none is given.
    """
    unknown = sorted(set(families) - set(FAMILIES))
    if unknown or not families:
        raise SettingsError(
            f"families: {', '.join(unknown) or 'none given'} cannot be simulated", f"choose from {', '.join(FAMILIES)}"
        )
    takes = []
    for number in range(max(len(_PLANS), len(families))):
        turn, place = divmod(number, len(_PLANS))
        plan = _PLANS[place]
        acquired = plan.acquired + turn * _NEXT_ROUND
        family = FAMILIES[families[number % len(families)]]
        platforms = family.sensor.platforms
        platform = platforms[(number // len(families)) % len(platforms)]
        outline = Polygon(np.array([left, bottom]) + np.array(plan.footprint) * size)
        radius = min(0.055 * size, 330.0)
        takes.append(
            Take(
                id=f"{platform}_{acquired:%Y%m%d}".replace("-", ""),
                family=family,
                platform=platform,
                acquired=acquired,
                sun=plan.sun,
                off_nadir=plan.off_nadir,
                haze=plan.haze,
                footprint=outline.intersection(box(left, bottom, left + size, bottom + size)),
                shift=plan.shift,
                crs=plan.crs,
                cloud=Cloud(left + 0.56 * size, bottom + 0.5 * size, radius, 2.6 * radius) if plan.cloudy else None,
            )
        )
    return tuple(takes)

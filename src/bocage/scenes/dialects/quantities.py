"""The quantities that every dialect states: angles, shares of cloud, counts. Each is checked; a missing one is None."""

from __future__ import annotations

import math

from bocage.errors import MetadataError
from bocage.scenes.documents import number


def sun_elevation(text: str | None, name: str) -> float | None:
    """Return the height of the sun above the horizon in degrees, 0 to 90.

    Raises
    ------
    MetadataError
        If the text is not such an angle.
    """
    return None if text is None else number(text, "the sun elevation", name, low=0.0, high=90.0)


def azimuth(text: str | None, what: str, name: str) -> float | None:
    """Return an angle from north, clockwise, in degrees, 0 to 360 (exclusive); negative angles are taken round.

    Raises
    ------
    MetadataError
        If the text is not an angle between -360 and 360.
    """
    return None if text is None else number(text, what, name, low=-360.0, high=360.0) % 360.0


def tilt(text: str | None, what: str, name: str) -> float | None:
    """Return the size of an angle from the vertical in degrees, 0 to 80; its sign (left or right) is dropped.

    Raises
    ------
    MetadataError
        If the text is not such an angle: no satellite of the table looks further aside.
    """
    return None if text is None else abs(number(text, what, name, low=-80.0, high=80.0))


def whole_tilt(along: float | None, across: float | None) -> float | None:
    """Return the angle from the vertical in degrees of a line of sight that is tilted along and across the track.

    Both tilts are projections onto perpendicular vertical planes, so that their tangents add as a right triangle's
    sides do. One that is missing counts as 0; None where both are.
    """
    if along is None and across is None:
        return None
    sides = [math.tan(math.radians(angle or 0.0)) for angle in (along, across)]
    return math.degrees(math.atan(math.hypot(*sides)))


def cloud_percent(text: str | None, name: str) -> float | None:
    """Return the share of cloud in percent, 0 to 100; a negative number stands for unknown.

    Raises
    ------
    MetadataError
        If the text is not a number up to 100.
    """
    value = None if text is None else number(text, "the cloud cover", name, high=100.0)
    return None if value is None or value < 0.0 else value


def whole_number(text: str, what: str, name: str, *, low: int = 0, high: int = 10_000_000) -> int:
    """Return an integer within limits (both allowed); ``20`` and ``20.0`` are one number.

    Raises
    ------
    MetadataError
        If the text is not such a number.
    """
    value = number(text, what, name, low=low, high=high)
    if not value.is_integer():
        raise MetadataError(f"{name}: {what} {text} is not a whole number", "deliver the product's own metadata again")
    return int(value)


def bit_depth(text: str | None, what: str, name: str) -> int | None:
    """Return a number of significant bits, 8 to 16.

    Raises
    ------
    MetadataError
        If the text is not such a number.
    """
    return None if text is None else whole_number(text, what, name, low=8, high=16)

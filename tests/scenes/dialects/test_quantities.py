"""Angles, shares and counts."""

from __future__ import annotations

import math

import pytest

from bocage.errors import MetadataError
from bocage.scenes.dialects import quantities


def test_what_is_missing_is_none() -> None:
    assert quantities.sun_elevation(None, "a") is None
    assert quantities.azimuth(None, "azimuth", "a") is None
    assert quantities.tilt(None, "tilt", "a") is None
    assert quantities.cloud_percent(None, "a") is None
    assert quantities.bit_depth(None, "bits", "a") is None
    assert quantities.whole_tilt(None, None) is None


def test_azimuths_are_taken_round_and_tilts_lose_their_sign() -> None:
    assert quantities.azimuth("-10", "azimuth", "a") == 350.0
    assert quantities.azimuth("360", "azimuth", "a") == 0.0
    assert quantities.tilt("-12.5", "tilt", "a") == 12.5
    assert quantities.cloud_percent("-1", "a") is None


def test_tilts_along_and_across_make_one_angle() -> None:
    assert quantities.whole_tilt(None, 20.0) == pytest.approx(20.0)
    assert quantities.whole_tilt(45.0, 45.0) == pytest.approx(math.degrees(math.atan(math.sqrt(2.0))))


@pytest.mark.parametrize("text", ["-0.1", "90.1", "nan", "inf", "low", ""])
def test_a_sun_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(MetadataError, match=r"^a: the sun elevation"):
        quantities.sun_elevation(text, "a")


@pytest.mark.parametrize("text", ["0.5", "-1", "1e30"])
def test_a_count_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(MetadataError, match=r"^a: rows"):
        quantities.whole_number(text, "rows", "a")

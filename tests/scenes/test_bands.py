"""Band names."""

from __future__ import annotations

import pytest

from bocage.errors import SceneError
from bocage.scenes.bands import band_indexes, check_bands, common_name, common_names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Red", "red"),
        ("  near infrared ", "nir"),
        ("Near-Infrared", "nir"),
        ("NIR", "nir"),
        ("band_green", "green"),
        ("Blue band", "blue"),
        ("B3", None),
        ("red edge", None),
        ("", None),
        (None, None),
    ],
)
def test_common_name(text: str | None, name: str | None) -> None:
    assert common_name(text) == name


def test_descriptions_without_any_name_say_nothing() -> None:
    assert common_names([None, "b1", "dataset"]) is None
    assert common_names(["coastal", "red"]) == ("other", "red")


def test_indexes_follow_the_names() -> None:
    assert band_indexes(("nir", "red", "green", "blue")) == (2, 3, 4, 1)


def test_near_infrared_may_be_missing() -> None:
    assert check_bands(("blue", "other", "green", "red"), 4, "a.tif") == ("blue", "other", "green", "red")
    assert band_indexes(("blue", "other", "green", "red")) == (4, 3, 1)


@pytest.mark.parametrize(
    ("bands", "count", "fault"),
    [
        (("red", "green", "nir"), 3, "no blue"),
        (("red", "green", "blue", "nir"), 3, "3 bands but 4"),
        (("red", "red", "green", "blue", "nir"), 5, "red twice"),
        (("red", "green", "blue", "infra"), 4, "infra is not the name"),
    ],
)
def test_incomplete_or_ambiguous_bands_are_refused(bands: tuple[str, ...], count: int, fault: str) -> None:
    with pytest.raises(SceneError, match=fault):
        check_bands(bands, count, "a.tif")

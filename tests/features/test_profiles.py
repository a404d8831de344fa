from dataclasses import replace

import pytest

from bocage.errors import FeatureError
from bocage.features.profiles import PROFILES, profile_of


def test_profiles_hold_the_published_rules() -> None:
    assert PROFILES["2021"].linear_length == 30
    assert PROFILES["2015"].linear_length == 50
    assert {profile.linear_width for profile in PROFILES.values()} == {30}
    assert (PROFILES["2015"].least_width, PROFILES["2021"].least_width) == (10, 0)
    assert replace(PROFILES["2024"], name="2021") == PROFILES["2021"]
    assert {profile.patchy_area for profile in PROFILES.values()} == {(200, 5000)}


def test_a_profile_that_is_not_known_is_refused() -> None:
    assert profile_of("2018") is profile_of(PROFILES["2018"])
    with pytest.raises(FeatureError, match="2015, 2018, 2021, 2024"):
        profile_of("1999")

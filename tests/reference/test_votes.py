"""Laws of the votes: edges, dates, and the table of rules over every code that a layer may hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.reference.codes import TABLES
from bocage.reference.fusion import CERTAIN, fuse
from bocage.reference.layer import Reading
from bocage.reference.rules import DECISIVE, RULES, VOTING, rules_of
from bocage.reference.votes import fade, vote, years_apart
from bocage.settings import LayerKind, LayerSettings, ReferenceSettings

POINTS = st.one_of(st.integers(-9, 9), st.sampled_from((-DECISIVE, DECISIVE)))
RATES = st.floats(0, 0.4)


@pytest.mark.parametrize("kind", sorted(VOTING))
def test_exactly_one_rule_holds_for_each_code_or_none(kind: LayerKind) -> None:
    table, given_settings = TABLES[kind], ReferenceSettings()
    values = np.array(sorted(table.codes - set(table.nodata))) if table.codes else np.arange(0, 60, 0.25)
    if kind == "classes":
        values = np.array([0, 1])
    holding = np.sum([rule.holds(values, given_settings) for rule in rules_of(kind)], axis=0)
    assert holding.max() == 1
    # Woody crops and ground without a crop are the only codes that say nothing at all.
    assert kind == "crop_types" or holding.min() == 1


def test_kinds_that_only_sort_samples_do_not_vote() -> None:
    assert {"urban", "environmental_zones", "small_woody_density"}.isdisjoint(VOTING)


@pytest.mark.parametrize(
    ("kind", "codes", "signs"),
    [
        ("clc_backbone", [1, 2, 3, 4, 5, 7], [-1, 1, 1, 1, 1, -1]),
        ("worldcover", [10, 20, 30, 40, 95], [1, 1, -1, -1, 1]),
        ("forest_mask", [0, 1], [0, 1]),
        ("crop_mask", [0, 1], [0, -1]),
        ("crop_types", [0, 1110, 2100, 2200], [0, -1, -1, 0]),
    ],
)
def test_codes_speak_for_or_against_trees(kind: LayerKind, codes: list[int], signs: list[int]) -> None:
    values = np.array([codes])
    found = vote(Reading(values, values >= 0), LayerSettings(kind=kind, paths=("x",)), ReferenceSettings(), 1.0)
    np.testing.assert_array_equal(np.sign(found.points), [signs])


@given(POINTS, st.integers(0, 40), RATES)
@settings(max_examples=200, deadline=None)
def test_age_only_ever_weakens_a_vote_and_never_turns_it(points: int, years: int, rate: float) -> None:
    now, later = fade(points, years, rate), fade(points, years + 1, rate)
    assert abs(later) <= abs(now) <= abs(points)
    assert now * points >= 0
    assert fade(points, 0, rate) == points
    assert fade(points, years, 0.0) == points


@given(POINTS, st.integers(1, 40), st.floats(0.001, 0.4))
@settings(max_examples=200, deadline=None)
def test_a_vote_of_another_year_never_says_more_than_change_allows(points: int, years: int, rate: float) -> None:
    change = min(1 - (1 - rate) ** years, 0.5)
    assert abs(fade(points, years, rate)) <= 2 * math.log((1 - change) / change) + 1


def test_three_years_at_two_per_cent() -> None:
    # c = 0.0588; 8 points are L = e^4 = 54.6, and (0.9412 L + 0.0588) / (0.9412 + 0.0588 L) = 12.4 = e^2.52,
    # which is 5.04 points.
    assert fade(8, 3, 0.02) == 6
    # A decisive vote: (1 - c) / c = 16.0 = e^2.77, or 5.5 points.
    assert fade(-DECISIVE, 3, 0.02) == -6


def test_years_count_from_the_year_of_the_labels_or_from_the_newest_layer() -> None:
    layers = [
        {"kind": "small_woody_features", "paths": ["a"], "year": 2018},
        {"kind": "tree_cover_density", "paths": ["b"], "year": 2021},
        {"kind": "canopy_height", "paths": ["c"]},
    ]
    relative = ReferenceSettings.model_validate({"layers": layers})
    assert [years_apart(layer.year, relative) for layer in relative.layers] == [3, 0, 0]
    absolute = ReferenceSettings.model_validate({"layers": layers, "year": 2020})
    assert [years_apart(layer.year, absolute) for layer in absolute.layers] == [2, 1, 0]
    assert years_apart(2018, ReferenceSettings()) == 0


def test_an_old_complete_map_no_longer_decides_alone() -> None:
    own = {"kind": "classes", "paths": ["own"], "year": 2015, "tree": [1]}
    tall = {"kind": "canopy_height", "paths": ["chm"], "year": 2021}
    for year, expected in ((2021, 1), (2015, 255)):
        reference = ReferenceSettings.model_validate({"layers": [own | {"year": year}, tall]})
        seen = np.ones((1, 1), np.bool_)
        votes = [
            vote(Reading(np.array([[value]]), seen), layer, reference, 1.0)
            for layer, value in zip(reference.layers, (1, 0.0), strict=True)
        ]
        assert fuse(votes)[0][0, 0] == expected


def test_the_sign_of_an_edge_is_that_of_the_inside_and_certain_is_within_reach() -> None:
    for rule in RULES:
        assert rule.inside * rule.edge >= 0
    assert max(rule.inside for rule in RULES if rule.kind == "canopy_height") >= CERTAIN

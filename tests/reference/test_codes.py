"""The tables of codes accept what the products hold and nothing else."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bocage.reference.codes import TABLES, table_of
from bocage.settings import LayerKind, LayerSettings


def given(kind: LayerKind, **more: Any) -> LayerSettings:
    return LayerSettings.model_validate({"kind": kind, "paths": ("x",)} | more)


@pytest.mark.parametrize(
    ("kind", "values", "unknown"),
    [
        ("tree_cover_density", [0, 37, 100, 254, 255], []),
        ("tree_cover_density", [101, 50, 200], [101, 200]),
        ("small_woody_features", [0, 1, 2, 3, 254, 255], []),
        ("small_woody_features", [4], [4]),
        ("small_woody_density", [0, 57, 100, 254, 255], []),
        ("small_woody_density", [101], [101]),
        ("crop_types", [0, 1110, 2100, 3200, 65535], []),
        ("crop_types", [1, 2100], [1]),
        ("canopy_height", [0.0, 38.5, 255.0, np.nan], []),
        ("canopy_height", [140.0, -9.0], [-9.0, 140.0]),
        ("clc_backbone", [*range(1, 12), 253, 254, 255], []),
        ("clc_backbone", [0, 12, 252], [0, 12, 252]),
        ("worldcover", [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100], []),
        ("worldcover", [1, 11, 255], [1, 11, 255]),
        ("forest_mask", [0, 1, 255], []),
        ("crop_mask", [2, 1], [2]),
        ("urban", [0, 1, 11100, 14200, 31000, 92000, 255], []),
        ("urban", [11000, 111], [111, 11000]),
        ("environmental_zones", [1, 13, 15], []),
        ("environmental_zones", [16], [16]),
        ("classes", [0, 4, 77], []),
        ("classes", [4, 0.5], [0.5]),
    ],
)
def test_a_value_outside_the_table_is_unknown(kind: LayerKind, values: list[float], unknown: list[float]) -> None:
    assert TABLES[kind].unknown(np.array(values)) == unknown


@pytest.mark.parametrize(("year", "foreign"), [(2015, [4]), (2018, [2, 3, 4]), (2021, [2, 3, 4]), (None, [4])])
def test_small_woody_features_have_the_codes_of_their_year(year: int | None, foreign: list[float]) -> None:
    table = table_of(given("small_woody_features", year=year))
    assert table.unknown(np.array([0, 1, 2, 3, 4, 254, 255])) == foreign
    assert year is None or str(year) in table.source


def test_the_table_of_a_map_of_one_s_own_is_open_without_other_and_strict_with_it() -> None:
    values = np.array([1, 2, 3, 9])
    assert table_of(given("classes", tree=(1,), ignore=(2,))).unknown(values) == []
    strict = table_of(given("classes", tree=(1,), other=(3,), ignore=(2,)))
    assert strict.unknown(values) == [9]
    assert strict.nodata == (2,)
    assert table_of(given("environmental_zones", other=(101, 102))).unknown(np.array([101, 1])) == [1]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"kind": "classes"}, "needs tree"),
        ({"kind": "classes", "tree": (1,), "other": (1, 2)}, r"codes \[1\] of other are in tree or ignore"),
        ({"kind": "tree_cover_density", "tree": (1,)}, "has its own"),
        ({"kind": "worldcover", "ignore": (10,)}, "has its own"),
        ({"kind": "environmental_zones", "tree": (1,)}, "has its own"),
        ({"kind": "worldcover", "release": "v2"}, "canopy_height"),
        ({"kind": "canopy_height", "release": "v3"}, "v1"),
        ({"kind": "hedges"}, "tree_cover_density"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        LayerSettings.model_validate({"paths": ("x",)} | settings)

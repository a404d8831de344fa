"""The decision table as data, and the types that it gives to plain cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from bocage.features.axis import axis_sums
from bocage.features.context import Context, context_sums
from bocage.features.decision_table import SOURCES, START, TABLE, TYPES, Row
from bocage.features.measures import measures_of
from bocage.features.patch import Patch
from bocage.features.shape import shape_sums
from bocage.features.sums import Sums
from bocage.features.types import COLUMNS, strength, type_columns, typed
from bocage.features.types_page import types_page

ROOT = Path(__file__).resolve().parents[2]
EVERY_MEASURE = sorted({name for row in TABLE for name in row.when})


def case(**measures: float) -> pd.DataFrame:
    return pd.DataFrame([dict.fromkeys(EVERY_MEASURE, np.nan) | measures])


def test_every_row_has_a_reason_a_source_and_points_for_known_types() -> None:
    assert set(START) == set(TYPES)
    assert len({row.name for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert row.reason
        assert row.sources
        assert set(row.sources) <= set(SOURCES)
        assert row.points
        assert set(row.points) <= set(TYPES)
        assert all(silent != full for silent, full in row.when.values())
    assert {source for row in TABLE for source in row.sources} | {"EUNIS T4"} == set(SOURCES)


def test_the_page_of_the_documentation_is_that_of_the_table() -> None:
    page = (ROOT / "docs" / "reference" / "types.md").read_text(encoding="utf-8")
    assert page == types_page(), "run: python -m bocage.features.types_page > docs/reference/types.md"


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ({"elongation": 20, "axis_width_m": 4.5, "canopy_m": 3, "tall_share": 0}, "hedge"),
        ({"elongation": 20, "axis_width_m": 8, "canopy_m": 12, "tall_share": 1, "rhythm": 0.6}, "tree line"),
        ({"elongation": 1.3, "area_m2": 2000, "canopy_m": 14, "tall_share": 1}, "grove"),
        ({"elongation": 1.3, "area_m2": 2000, "canopy_m": 2.5, "tall_share": 0}, "scrub"),
        ({"elongation": 9, "axis_width_m": 12, "canopy_m": 9, "near_streams": 0.9, "along_streams": 0.8}, "riparian"),
        ({"elongation": 1.2, "area_m2": 180, "canopy_m": 12, "tall_share": 1}, "isolated tree"),
        ({"elongation": 9, "axis_width_m": 12, "canopy_m": 3, "tall_share": 0, "near_streams": 0}, "scrub"),
    ],
)  # fmt: skip
def test_plain_cases(measures: dict[str, float], expected: str) -> None:
    found = typed(case(**measures)).iloc[0]
    assert found["slf_type"] == expected
    assert found["type_confidence"] > 0.6


def test_without_streams_nothing_is_called_riparian_and_without_height_a_strip_is_uncertain() -> None:
    strip = {"elongation": 15, "axis_width_m": 6.0}
    plain = typed(case(**strip)).iloc[0]
    assert plain["type_confidence"] < 0.75
    assert typed(case(**strip, canopy_m=2.5, tall_share=0)).iloc[0]["type_confidence"] > plain["type_confidence"]
    assert plain["slf_type"] != "riparian"


def test_a_missing_layer_says_less_than_a_layer_that_says_no() -> None:
    """Unknown is not "no": only where streams are known and far are the odds of riparian taken away."""
    unknown, no = (typed(case(elongation=9, canopy_m=9, **more)).iloc[0] for more in ({}, {"near_streams": 0.0}))
    assert "no stream" not in unknown["type_rules"]
    assert "no stream" in no["type_rules"]


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.sampled_from(EVERY_MEASURE), st.floats(0, 100) | st.just(float("nan"))))
def test_any_measures_give_a_type_and_a_confidence(measures: dict[str, float]) -> None:
    found = typed(case(**measures)).iloc[0]
    assert found["slf_type"] in TYPES
    assert 1 / len(TYPES) - 1e-9 <= found["type_confidence"] <= 1


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(TABLE), st.floats(0, 1), st.floats(0, 1))
def test_a_row_never_speaks_less_as_its_measure_grows_towards_its_full_value(row: Row, one: float, two: float) -> None:
    low, high = sorted((one, two))
    at = [
        case(**{name: silent + share * (full - silent) for name, (silent, full) in row.when.items()})
        for share in (low, high)
    ]
    assert strength(row, at[0])[0] <= strength(row, at[1])[0] + 1e-12


def test_a_table_without_features_is_one_without_rows() -> None:
    labels = np.zeros((4, 4), np.int32)
    patch = Patch.whole(labels, labels > 0, 0, 5.0)
    sums = Sums.merged([axis_sums(patch), shape_sums(patch), context_sums(patch, [], Context({}))])
    found = type_columns(sums, 5.0, np.zeros(0, bool))
    assert (list(found.columns), len(found)) == (list(COLUMNS), 0)
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dict(COLUMNS)


def test_the_outline_of_a_disk_and_of_a_slanting_square() -> None:
    y, x = np.mgrid[-60:61, -60:61]
    for mask, expected in ((np.hypot(x, y) <= 40, 1.0), (np.maximum(np.abs(x + y), np.abs(x - y)) <= 50, np.pi / 4)):
        labels = mask.astype(np.int32)
        patch = Patch.whole(labels, np.zeros_like(mask), 1, 5.0)
        sums = Sums.merged([axis_sums(patch), shape_sums(patch), context_sums(patch, [], Context({}))])
        row = measures_of(sums, 5.0, np.zeros(1, bool)).iloc[0]
        assert row["compactness"] == pytest.approx(expected, rel=0.12)
        assert np.isnan(row["axis_length_m"])


def test_the_cover_around_a_narrow_hedge_belongs_to_it_and_is_shared_between_neighbours() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[4, 1], labels[4, 3] = 1, 2
    cover = np.zeros((9, 9), np.float32)
    cover[4, 1:4] = (1.0, 0.4, 1.0)
    sums = shape_sums(Patch.whole(labels, labels > 0, 2, 5.0, cover=cover))
    np.testing.assert_allclose((sums.added["cover"] + sums.added["rim"]) / 65536, [1.2, 1.2], atol=1e-4)


def test_a_smooth_layer_of_height_gives_a_narrow_line_its_true_height() -> None:
    cover = np.zeros((30, 60), np.float32)
    cover[14:16, 5:55] = 1
    for blur in (0.0, 0.8):
        height = 9 * (gaussian_filter(cover, blur) if blur else cover)
        patch = Patch.whole((cover > 0).astype(np.int32), cover > 0, 1, 2.0, cover=cover, height=height)
        sums = Sums.merged([axis_sums(patch), shape_sums(patch), context_sums(patch, [], Context({}))])
        assert measures_of(sums, 2.0, np.ones(1, bool))["canopy_m"].iloc[0] == pytest.approx(9, rel=0.06)


def test_ground_without_a_known_height_does_not_lower_a_line() -> None:
    cover = np.zeros((30, 60), np.float32)
    cover[14:16, 5:55] = 1
    around = gaussian_filter(cover, 0.8)
    for known in (cover > 0, np.ones(cover.shape, bool)):
        height = np.where(known, 9 * around, np.nan).astype(np.float32)
        patch = Patch.whole((cover > 0).astype(np.int32), cover > 0, 1, 2.0, cover=around, height=height)
        sums = Sums.merged([axis_sums(patch), shape_sums(patch), context_sums(patch, [], Context({}))])
        assert measures_of(sums, 2.0, np.ones(1, bool))["canopy_m"].iloc[0] == pytest.approx(9, rel=0.01)

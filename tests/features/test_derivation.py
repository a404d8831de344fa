import numpy as np
import pytest
import shapely
from affine import Affine

from bocage.errors import FeatureError
from bocage.features import derivation
from bocage.features.derivation import CLASS_NAME, empty_features, features_of
from tests.features.landscape import disk, origin, rectangle

SHAPE = (120, 120)


def test_a_straight_hedge_is_one_linear_feature() -> None:
    found = features_of(rectangle(SHAPE, 40, 30, 2, 40), origin(), "EPSG:3035")
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["slf_class"], row["code"], row["class_name"]) == (1, 1, CLASS_NAME)
    assert row["width_m"] == pytest.approx(10, rel=0.02)
    assert row["length_m"] == pytest.approx(200, rel=0.02)
    assert row["area"] == pytest.approx(2000)
    assert row.geometry.bounds == (4_300_150, 2_999_790, 4_300_350, 2_999_800)
    assert not row["truncated"]
    assert np.isnan(row["height_m"])
    assert np.isnan(row["crop_share"])


def test_a_slanting_hedge_is_one_linear_feature() -> None:
    y, x = np.mgrid[:120, :120]
    mask = (np.abs(y - 0.6 * x - 20) <= 1.2) & (x > 10) & (x < 70)
    found = features_of(mask, origin(), "EPSG:3035")
    assert found["slf_class"].tolist() == [1]
    # The notches of the staircase make a slanting feature of two cells about a tenth too narrow.
    assert found["length_m"].iloc[0] == pytest.approx(59 * 5 * np.hypot(1, 0.6), rel=0.15)


def test_cells_that_touch_by_corners_are_one_valid_polygon() -> None:
    found = features_of(np.eye(60, dtype=bool), origin(), "EPSG:3035")
    assert len(found) == 1
    assert found.geometry.iloc[0].geom_type == "Polygon"
    assert found.is_valid.all()
    assert found["slf_class"].iloc[0] == 1


def test_a_round_grove_is_patchy() -> None:
    found = features_of(disk(SHAPE, 60, 60, 5.05), origin(), "EPSG:3035")
    assert found["slf_class"].tolist() == [2]
    assert found["area"].iloc[0] == pytest.approx(2000, rel=0.05)
    assert found["length_m"].iloc[0] >= found["width_m"].iloc[0]


def test_a_forest_is_no_feature_but_the_hedge_at_its_edge_is() -> None:
    forest = rectangle(SHAPE, 10, 10, 70, 70)
    assert features_of(forest, origin(), "EPSG:3035").empty
    found = features_of(forest | rectangle(SHAPE, 40, 80, 2, 35), origin(), "EPSG:3035")
    assert found["slf_class"].tolist() == [1]
    # 175 m of hedge, of which the forest's margin takes 10 m.
    assert found["length_m"].iloc[0] == pytest.approx(165, rel=0.05)


def test_an_angled_hedge_keeps_its_width() -> None:
    mask = rectangle(SHAPE, 20, 20, 2, 60) | rectangle(SHAPE, 20, 20, 60, 2)
    found = features_of(mask, origin(), "EPSG:3035")
    assert found["slf_class"].tolist() == [1]
    assert found["width_m"].iloc[0] == pytest.approx(10, rel=0.02)


def test_a_ring_keeps_its_hole() -> None:
    mask = disk(SHAPE, 60, 60, 20) & ~disk(SHAPE, 60, 60, 18)
    found = features_of(mask, origin(), "EPSG:3035")
    assert found["slf_class"].tolist() == [1]
    assert len(found.geometry.iloc[0].interiors) == 1


def test_a_small_spot_is_dropped() -> None:
    assert features_of(rectangle(SHAPE, 50, 50, 2, 3), origin(), "EPSG:3035").empty


def test_a_hedge_that_leads_to_a_grove_is_a_feature_of_its_own() -> None:
    mask = disk(SHAPE, 60, 40, 5.05) | rectangle(SHAPE, 59, 44, 2, 40)
    found = features_of(mask, origin(), "EPSG:3035")
    assert sorted(found["slf_class"]) == [1, 2]
    assert shapely.coverage_is_valid(found.geometry.values)
    assert found.geometry.iloc[0].intersection(found.geometry.iloc[1]).length > 0


def test_finer_cells_give_the_same_hedge() -> None:
    mask = rectangle((200, 250), 40, 30, 8, 166)
    found = features_of(mask, origin(1.2), "EPSG:26917")
    assert found["width_m"].iloc[0] == pytest.approx(9.6, rel=0.02)
    assert found["length_m"].iloc[0] == pytest.approx(199.2, rel=0.02)


def test_unknown_ground_flags_what_touches_it_and_enters_no_mean() -> None:
    mask = rectangle(SHAPE, 40, 30, 2, 40)
    valid = np.ones(SHAPE, bool)
    valid[:, 60:] = False
    probability = np.where(valid, 0.75, np.nan)
    height = np.where(valid, 8.0, np.nan)
    found = features_of(mask, origin(), "EPSG:3035", valid=valid, probability=probability, height=height)
    assert len(found) == 1
    row = found.iloc[0]
    assert row["truncated"]
    assert row["area"] == pytest.approx(1500)
    assert row["confidence"] == pytest.approx(0.75)
    assert row["height_m"] == 8.0


def test_what_may_go_on_in_unknown_ground_is_not_called_narrow() -> None:
    # A strip of 20 m along the edge of a scene may be the rim of a forest.
    mask = rectangle(SHAPE, 0, 30, 120, 4)
    valid = np.ones(SHAPE, bool)
    valid[:, 34:] = False
    assert features_of(mask, origin(), "EPSG:3035")["slf_class"].tolist() == [1]
    assert features_of(mask, origin(), "EPSG:3035", valid=valid).query("slf_class == 1").empty


def test_isolated_patches_follow_the_profile() -> None:
    wood = rectangle(SHAPE, 20, 20, 20, 20)
    assert features_of(wood, origin(), "EPSG:3035", profile="2021").empty
    kept = features_of(wood, origin(), "EPSG:3035", profile="2018")
    assert kept["slf_class"].tolist() == [3]


def test_patches_on_crops_are_dropped() -> None:
    grove = disk(SHAPE, 60, 60, 5.05)
    crop = np.ones(SHAPE, np.uint8)
    assert features_of(grove, origin(), "EPSG:3035", crop=crop).empty
    crop[:, :60] = 0
    found = features_of(grove, origin(), "EPSG:3035", crop=crop)
    assert 0.4 < found["crop_share"].iloc[0] < 0.6
    crop[:] = 255
    assert features_of(grove, origin(), "EPSG:3035", crop=crop)["crop_share"].isna().all()


def test_an_empty_result_has_the_columns_of_a_full_one() -> None:
    full = features_of(rectangle(SHAPE, 40, 30, 2, 40), origin(), "EPSG:3035")
    none = empty_features("EPSG:3035")
    assert none.columns.tolist() == full.columns.tolist()
    assert none.dtypes.tolist() == full.dtypes.tolist()
    assert none.crs == full.crs


def test_feature_ids_are_places_on_the_lattice() -> None:
    mask = rectangle(SHAPE, 40, 30, 2, 40)
    moved = Affine(5, 0, 4_300_050, 0, -5, 2_999_900)
    first = features_of(mask, origin(), "EPSG:3035")["feature_id"].iloc[0]
    second = features_of(mask[20:, 10:], moved, "EPSG:3035")["feature_id"].iloc[0]
    assert first == second == "860030_-599960"


@pytest.mark.parametrize(
    ("transform", "crs", "words"),
    [
        (Affine(5, 0, 0, 0, -4, 0), "EPSG:3035", "square"),
        (Affine(5, 1, 0, 0, -5, 0), "EPSG:3035", "square"),
        (Affine(5, 0, 0, 0, -5, 0), "EPSG:4326", "metres"),
        (Affine(5, 0, 0, 0, -5, 0), "nonsense", "coordinate reference system"),
    ],
)
def test_a_grid_without_square_metres_is_refused(transform: Affine, crs: str, words: str) -> None:
    with pytest.raises(FeatureError, match=words):
        features_of(np.ones((5, 5), bool), transform, crs)


def test_arrays_that_do_not_match_are_refused() -> None:
    with pytest.raises(FeatureError, match="shape"):
        features_of(np.ones((5, 5), bool), origin(), "EPSG:3035", valid=np.ones((5, 6), bool))


def test_a_mask_too_large_to_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "MOST_CELLS", 20)
    with pytest.raises(FeatureError, match="held in memory"):
        features_of(np.ones((5, 5), bool), origin(), "EPSG:3035")

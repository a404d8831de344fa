import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from bocage.features.classes import Kind, classify, crop_shares, crop_sums
from bocage.features.masks import crop_mask, forest_mask
from bocage.features.profiles import PROFILES
from bocage.features.sums import Sums
from tests.features.landscape import disk, rectangle

SHAPE = (100, 160)
RULES = PROFILES["2021"]


def kinds(mask: np.ndarray, crop: np.ndarray | None = None) -> tuple[set[int], np.ndarray, np.ndarray]:
    found = classify(mask.astype(np.uint8), np.zeros(SHAPE, np.uint8), crop, 5.0, RULES)
    return set(np.unique(found.kinds[mask]).tolist()), found.kinds, found.kept


def test_each_class_has_its_shape() -> None:
    hedge, grove, wood = rectangle(SHAPE, 10, 40, 2, 60), disk(SHAPE, 60, 60, 5), disk(SHAPE, 60, 60, 12)
    crops = np.ones(SHAPE, np.uint8)
    assert kinds(hedge)[0] == {Kind.LINEAR}
    assert kinds(grove)[0] == {Kind.PATCHY}
    assert kinds(wood)[0] == {Kind.OUT_OF_RANGE}
    assert kinds(grove, crops)[0] == {Kind.ON_CROPS}
    led_to = wood | rectangle(SHAPE, 59, 72, 2, 50)
    assert kinds(led_to)[0] == {Kind.LINEAR, Kind.CONNECTED}
    assert kinds(led_to, crops)[0] == {Kind.LINEAR, Kind.CONNECTED_ON_CROPS}


def test_the_product_holds_classes_1_2_and_5() -> None:
    wood = disk(SHAPE, 60, 60, 12)
    assert not kinds(wood)[2].any()
    led_to = wood | rectangle(SHAPE, 59, 72, 2, 50)
    np.testing.assert_array_equal(kinds(led_to)[2], led_to)
    found = kinds(led_to, np.ones(SHAPE, np.uint8))
    np.testing.assert_array_equal(found[2], found[1] == Kind.LINEAR)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), smooth=st.sampled_from([1.0, 2.0, 4.0]), unknown=st.floats(0, 0.3))
def test_every_woody_cell_outside_the_forest_has_one_class_and_no_other_cell_has(
    seed: int, smooth: float, unknown: float
) -> None:
    generator = np.random.default_rng(seed)
    noise = gaussian_filter(generator.normal(size=(60, 60)), smooth)
    woody = (noise > 0).astype(np.uint8)
    woody[gaussian_filter(generator.random((60, 60)), 2) < np.quantile(noise, 0) + unknown] = 255
    woody[generator.random((60, 60)) < unknown] = 255
    forest = forest_mask(woody, 5.0, RULES)
    found = classify(woody, forest, None, 5.0, RULES)
    candidate = (woody == 1) & (forest != 1)
    assert set(np.unique(found.kinds[candidate]).tolist()) <= {1, 2, 3, 4, 5, 6}
    assert (found.kinds[woody == 255] == 255).all()
    assert (found.kinds[~candidate & (woody != 255)] == 0).all()
    assert not (found.kept & ~candidate).any()


def test_shares_of_crops_leave_unknown_cells_out() -> None:
    inside = rectangle(SHAPE, 10, 10, 2, 10)
    owner = np.ones(20, np.int32)
    crop = np.full(SHAPE, 255, np.uint8)
    assert np.isnan(crop_shares(Sums(1, crop_sums(owner, inside, crop, 1)))).all()
    assert np.isnan(crop_shares(Sums(1, crop_sums(owner, inside, None, 1)))).all()
    crop[10, 10:15], crop[11, 10:15] = 1, 0
    assert crop_shares(Sums(1, crop_sums(owner, inside, crop, 1))).tolist() == [0.5]


def test_forest_follows_density_and_gives_way_to_crops() -> None:
    woody = np.zeros(SHAPE, np.uint8)
    cover = np.where(rectangle(SHAPE, 20, 20, 50, 50), 60.0, 0.0)
    forest = forest_mask(woody, 5.0, RULES, cover=cover)
    # 250 x 250 m are 6.25 ha; the margin of 10 m is two cells on each side.
    assert (forest == 1).any(axis=0).sum() == 54
    assert forest[18, 40] == 1
    assert forest[17, 40] == 0
    crop = crop_mask(np.where(rectangle(SHAPE, 0, 0, 40, 160), 1110, 0), np.ones(SHAPE, bool))
    assert not (forest_mask(woody, 5.0, RULES, cover=cover, crop=crop)[:40] == 1).any()


def test_gaps_between_crowns_part_no_stand() -> None:
    forest = rectangle(SHAPE, 20, 20, 50, 50)
    forest[22:68:6, 22:68:6] = False
    found = forest_mask(forest.astype(np.uint8), 5.0, RULES)
    np.testing.assert_array_equal(
        found == 1, forest_mask(rectangle(SHAPE, 20, 20, 50, 50).astype(np.uint8), 5.0, RULES) == 1
    )
    grove = disk(SHAPE, 60, 60, 5)
    grove[60, 60] = False
    assert kinds(grove)[0] == {Kind.PATCHY}


def test_small_stands_and_lines_of_trees_are_no_forest() -> None:
    stand, line = rectangle(SHAPE, 20, 20, 40, 40), rectangle(SHAPE, 80, 0, 5, 160)
    forest = forest_mask((stand | line).astype(np.uint8), 5.0, RULES)
    assert not (forest == 1).any()


def test_woody_cells_stand_in_where_the_density_is_unknown() -> None:
    woody = rectangle(SHAPE, 20, 20, 50, 50).astype(np.uint8)
    cover = np.full(SHAPE, np.nan)
    np.testing.assert_array_equal(forest_mask(woody, 5.0, RULES, cover=cover), forest_mask(woody, 5.0, RULES))
    woody[:, :5] = 255
    assert (forest_mask(woody, 5.0, RULES, cover=cover)[:, :5] == 255).all()


def test_crops_are_all_classes_of_the_layer() -> None:
    codes, valid = np.array([[0, 1110, 2200, 0]]), np.array([[True, True, True, False]])
    assert crop_mask(codes, valid).tolist() == [[0, 1, 1, 255]]


def test_in_2015_a_patch_has_a_place_of_10_m() -> None:
    # Too short for a linear feature and 5 m wide: 200 m2 and more only where the product does without a width.
    mask = rectangle(SHAPE, 10, 10, 1, 9)
    narrow = classify(mask.astype(np.uint8), np.zeros(SHAPE, np.uint8), None, 5.0, PROFILES["2015"])
    assert set(narrow.kinds[mask]) == {Kind.OUT_OF_RANGE}
    wide = rectangle(SHAPE, 10, 10, 2, 5)
    found = classify(wide.astype(np.uint8), np.zeros(SHAPE, np.uint8), None, 5.0, PROFILES["2015"])
    assert set(found.kinds[wide]) == {Kind.PATCHY}

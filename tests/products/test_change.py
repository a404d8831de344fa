import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.products.change import (
    DECREASE,
    FOREST_BOTH,
    FOREST_FIRST,
    FOREST_SECOND,
    INCREASE,
    STABLE,
    Rules,
    Year,
    change_codes,
    changed,
    margin,
)

RULES = Rules()


def year(mask: np.ndarray, *, forest: np.ndarray | None = None, confidence: int | None = None) -> Year:
    features = mask.astype(np.uint8)
    sure = None if confidence is None else np.full(mask.shape, confidence, np.uint8)
    return Year(features, features, None if forest is None else forest.astype(np.uint8), sure)


def hedges(shape: tuple[int, int] = (200, 200)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[30:32, 10:190] = mask[40:180, 60:62] = mask[100:110, 120:135] = True
    mask[np.arange(60, 160), np.arange(80, 180)] = mask[np.arange(60, 160), np.arange(81, 181)] = True
    return mask


def test_what_is_planted_and_cut_is_found_in_its_own_cells() -> None:
    before = hedges()
    after = before.copy()
    after[150:154, 25:29] = True
    after[100:110, 120:135] = False
    codes = change_codes(year(before), year(after), RULES)
    assert codes.shape == (10, 10)
    assert codes[7, 1] == INCREASE
    assert codes[5, 6] == DECREASE
    assert np.isin(codes, (INCREASE, DECREASE)).sum() == 2
    np.testing.assert_array_equal(
        change_codes(year(after), year(before), RULES) == DECREASE, codes == INCREASE, "the years exchange the signs"
    )


@pytest.mark.parametrize("move", [(0, 0), (0, 1), (1, 0), (-1, 1), (1, 1)])
def test_a_landscape_that_moved_by_a_cell_has_not_changed(move: tuple[int, int]) -> None:
    before = hedges()
    codes = change_codes(year(before), year(np.roll(before, move, (0, 1))), RULES)
    assert (codes == STABLE).all()


def test_two_cells_are_more_than_the_tolerance() -> None:
    before = hedges()
    codes = change_codes(year(before), year(np.roll(before, 4, 0)), RULES)
    assert np.isin(codes, (INCREASE, DECREASE)).any()


def test_a_grove_that_outgrew_the_rules_was_not_felled() -> None:
    woody = np.zeros((40, 40), bool)
    woody[5:25, 5:25] = True
    features = np.zeros((40, 40), np.uint8)
    before = Year(woody.astype(np.uint8), woody.astype(np.uint8))
    after = Year(features, woody.astype(np.uint8))
    assert (change_codes(before, after, RULES) == STABLE).all()


def test_a_grove_that_sampling_made_too_small_for_a_feature_counts() -> None:
    nothing, grove = np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint8)
    grove[5:7, 5:8] = 1
    assert change_codes(Year(nothing, nothing), Year(nothing, grove), RULES)[0, 0] == INCREASE
    grove[5:7, 5:10] = 1
    assert change_codes(Year(nothing, nothing), Year(nothing, grove), RULES)[0, 0] == STABLE


def test_years_that_are_not_sure_do_not_tell_of_change() -> None:
    nothing, grove = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    grove[5:9, 5:9] = True
    sure = change_codes(year(nothing, confidence=90), year(grove, confidence=90), RULES)
    unsure = change_codes(year(nothing, confidence=10), year(grove, confidence=90), RULES)
    unknown = change_codes(year(nothing, confidence=255), year(grove, confidence=90), RULES)
    assert (sure[0, 0], unsure[0, 0], unknown[0, 0]) == (INCREASE, STABLE, STABLE)


def test_gain_and_loss_of_one_cell_are_set_off() -> None:
    before, after = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    before[2:6, 2:6] = after[12:16, 12:16] = True
    assert change_codes(year(before), year(after), RULES)[0, 0] == STABLE
    after[12:16, 12:18] = True
    assert change_codes(year(before), year(after), RULES)[0, 0] == INCREASE


def test_forest_has_codes_of_its_own() -> None:
    nothing = np.zeros((20, 80), bool)
    first, second = np.zeros((20, 80), bool), np.zeros((20, 80), bool)
    first[:, :40] = True
    second[:, 20:60] = True
    first[:9, 60:] = second[:9, 60:] = True
    codes = change_codes(year(nothing, forest=first), year(nothing, forest=second), RULES)
    assert codes.tolist() == [[FOREST_FIRST, FOREST_BOTH, FOREST_SECOND, STABLE]]


def test_what_was_not_seen_is_no_change() -> None:
    features = np.zeros((20, 80), np.uint8)
    unseen = features.copy()
    unseen[:, 20:40] = 255
    unseen[:11, 40:60] = 254
    unseen[:9, 60:] = 255
    grown = features.copy()
    grown[2:8, 22:28] = grown[2:8, 42:48] = grown[1:7, 65:70] = 1
    codes = change_codes(Year(unseen, unseen), Year(grown, grown), RULES)
    assert codes.tolist() == [[STABLE, 254, 254, STABLE]]
    both = np.full((20, 80), 255, np.uint8)
    assert (change_codes(Year(both, both), Year(both, both), RULES) == 255).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.02, 0.2), sure=st.booleans())
def test_a_block_with_its_margin_gives_what_the_whole_gives(seed: int, density: float, sure: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = (240, 240)
    masks = []
    for _ in range(2):
        mask = np.zeros(shape, np.uint8)
        for _ in range(int(density * 400)):
            top, left = rng.integers(0, 230, 2)
            height, width = ((3, 90), (60, 2), (5, 5))[rng.integers(3)]
            mask[top : top + height, left : left + width] = 1
        mask[rng.random(shape) < 0.001] = 255
        masks.append(mask)
    confidence = [rng.integers(0, 101, shape).astype(np.uint8) if sure else None for _ in masks]
    first, second = (Year(mask, mask, None, some) for mask, some in zip(masks, confidence, strict=True))
    frame = margin(RULES)
    assert frame < 100
    inner = (slice(100, 140), slice(100, 140))
    outer = (slice(100 - frame, 140 + frame), slice(100 - frame, 140 + frame))

    def part(one: Year) -> Year:
        return Year(
            one.features[outer], one.woody[outer], None, None if one.confidence is None else one.confidence[outer]
        )

    whole, cut = changed(first, second, RULES), changed(part(first), part(second), RULES)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(one[inner], other[frame : frame + 40, frame : frame + 40])

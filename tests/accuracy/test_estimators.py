"""Published worked examples to the printed digit, and the laws of the estimators."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.accuracy.estimators import Estimate, StratifiedSample, olofsson, stehman
from bocage.errors import AccuracyError

Z = NormalDist().inv_cdf(0.975)
HECTARES = 0.09  # of a 30 m pixel
NAMES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
# Olofsson et al. 2014, Table 8: sample counts, map classes in rows.
TABLE_8 = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = (200_000, 150_000, 3_200_000, 6_450_000)


def half_width(estimate: Estimate) -> float:
    assert estimate.se is not None
    return Z * estimate.se


def value(estimate: Estimate) -> float:
    assert estimate.value is not None
    return estimate.value


def test_olofsson_2014_accuracies_as_printed() -> None:
    """Page 54, left column: 0.88 +- 0.07 and so on."""
    result = olofsson(TABLE_8, PIXELS, NAMES)
    assert (round(value(result.overall), 2), round(half_width(result.overall), 2)) == (0.95, 0.02)
    users = [(round(value(c.users), 2), round(half_width(c.users), 2)) for c in result.classes]
    assert users == [(0.88, 0.07), (0.73, 0.10), (0.93, 0.04), (0.96, 0.02)]
    assert [round(value(c.producers), 2) for c in result.classes] == [0.75, 0.85, 0.93, 0.96]
    # The paper prints 0.23 for forest gain and 0.01 for stable non-forest; its own equation 7 gives 0.254 and 0.018,
    # as mapaccuracy (CRAN) and others have found. The two others agree with the print.
    assert [round(half_width(c.producers), 3) for c in result.classes] == [0.213, 0.254, 0.034, 0.018]


def test_olofsson_2014_areas_as_printed() -> None:
    """Page 54, right column: deforestation 21,158 +- 6,158 ha. The paper multiplies by 1.96."""
    result = olofsson(TABLE_8, PIXELS, NAMES)
    areas = [c.share.scaled(sum(PIXELS) * HECTARES) for c in result.classes]
    assert [round(value(area)) for area in areas] == [21_158, 11_686, 285_770, 581_386]
    errors = [area.se for area in areas]
    assert [round(1.96 * error) for error in errors if error is not None] == [6_158, 3_756, 15_510, 16_282]


def test_olofsson_2014_matches_the_reference_implementation() -> None:
    """Figures of mapaccuracy::olofsson() for the same table, to seven digits."""
    result = olofsson(TABLE_8, PIXELS, NAMES)
    assert value(result.overall) == pytest.approx(0.9465119, abs=5e-8)
    assert half_width(result.overall) == pytest.approx(0.01848328, abs=5e-9)
    assert [value(c.users) for c in result.classes] == pytest.approx([0.88, 0.7333333, 0.9272727, 0.9630769], abs=5e-8)
    expected = [0.7486614, 0.8471564, 0.9345089, 0.9616090]
    assert [value(c.producers) for c in result.classes] == pytest.approx(expected, abs=5e-8)
    widths = [0.07403962, 0.10075516, 0.03974464, 0.02053312]
    assert [half_width(c.users) for c in result.classes] == pytest.approx(widths, abs=5e-8)
    widths = [0.21330593, 0.25440369, 0.03432379, 0.01836120]
    assert [half_width(c.producers) for c in result.classes] == pytest.approx(widths, abs=5e-8)


def test_olofsson_2013_example_1() -> None:
    """Olofsson et al. 2013, Tables 1 to 4: 45,112 pixels of class 1, accuracies .97 .93 .97."""
    counts = np.array([[97, 0, 3], [3, 279, 18], [2, 1, 97]])
    sizes = (22_353, 1_122_543, 610_228)
    result = olofsson(counts, sizes, ("1", "2", "3"))
    area = result.classes[0].share.scaled(sum(sizes))
    assert value(area) == pytest.approx(45_112.4, abs=0.05)
    # The paper prints 10,751.9 from rounded proportions; unrounded it is 10,751.4.
    assert area.se == pytest.approx(10_751.9, abs=1)
    assert [round(value(c.users), 2) for c in result.classes] == [0.97, 0.93, 0.97]
    assert [round(value(c.producers), 2) for c in result.classes] == [0.48, 0.99, 0.90]
    assert [round(half_width(c.producers), 3) for c in result.classes] == [0.225, 0.011, 0.041]
    assert round(value(result.overall), 3) == 0.944


STRATA = "A" * 10 + "B" * 10 + "C" * 10 + "D" * 10
MAPPED = "A" * 7 + "B" * 3 + "A" + "B" * 11 + "C" * 6 + "B" * 2 + "D" * 10
REFERENCE = "AAAAACBABC" + "A" + "B" * 5 + "AABB" + "C" * 5 + "DDBBA" + "D" * 7 + "CCB"


def codes(text: str) -> np.ndarray:
    return np.array(["ABCD".index(letter) for letter in text])


def test_stehman_2014_worked_example() -> None:
    """Pages 4932 to 4936, and the digits that mapaccuracy::stehman2014() gives for it."""
    result = stehman(codes(STRATA), codes(MAPPED), codes(REFERENCE), (40_000, 30_000, 20_000, 10_000), "ABCD")
    a, b, c, _ = result.classes
    assert (round(value(a.share), 2), round(a.share.se or 0, 3)) == (0.35, 0.082)
    assert (round(value(c.share), 2), round(c.share.se or 0, 3)) == (0.20, 0.064)
    assert (round(value(result.overall), 2), round(result.overall.se or 0, 3)) == (0.63, 0.085)
    assert (round(value(b.users), 3), round(b.users.se or 0, 3)) == (0.574, 0.125)
    assert (round(value(b.producers), 3), round(b.producers.se or 0, 3)) == (0.794, 0.117)
    assert result.matrix[1, 2] == pytest.approx(0.08)
    exact = [a.share.se, c.share.se, result.overall.se, b.users.se, b.producers.se]
    assert exact == pytest.approx([0.0822478, 0.06427977, 0.08464219, 0.1247822, 0.1165479], abs=5e-8)


def test_weights_matter() -> None:
    plain = TABLE_8.trace() / TABLE_8.sum()
    assert abs(plain - value(olofsson(TABLE_8, PIXELS, NAMES).overall)) > 0.02


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_f1_and_iou_agree_with_the_matrix(seed: int, classes: int, strata: int) -> None:
    rng = np.random.default_rng(seed)
    cube = rng.integers(0, 20, (strata, classes, classes))
    cube[:, 0, 0] += 2
    sizes = rng.integers(5_000, 10_000, strata).astype(float)
    result = StratifiedSample(cube, np.zeros(strata, dtype=np.int64), sizes).assess("abcd"[:classes], 0.95)
    matrix = result.matrix
    assert matrix.sum() == pytest.approx(1)
    assert sum(value(c.share) for c in result.classes) == pytest.approx(1)
    assert value(result.overall) == pytest.approx(matrix.trace())
    for index, own in enumerate(result.classes):
        hit, mapped, truly = matrix[index, index], matrix[index].sum(), matrix[:, index].sum()
        if mapped + truly > 0:
            assert value(own.iou) == pytest.approx(hit / (mapped + truly - hit))
            assert value(own.f1) == pytest.approx(2 * hit / (mapped + truly))
        for estimate in (own.users, own.producers, own.f1, own.iou, own.share):
            if estimate.value is not None:
                assert estimate.low is not None
                assert estimate.high is not None
                assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Many samples of one known population: the 95 % interval of IoU and F1 holds the truth in about 95 %."""
    rng = np.random.default_rng(7)
    shares = np.array([[[0.70, 0.03], [0.01, 0.01]], [[0.02, 0.02], [0.03, 0.18]]])  # stratum, map, reference
    sizes = shares.sum(axis=(1, 2)) * 1e6
    total = shares.sum(axis=0)
    iou = total[1, 1] / (total[1].sum() + total[:, 1].sum() - total[1, 1])
    held = 0
    rounds = 600
    for _ in range(rounds):
        cube = np.stack([rng.multinomial(400, part.ravel() / part.sum()).reshape(2, 2) for part in shares])
        sample = StratifiedSample(cube, np.zeros(2, dtype=np.int64), sizes)
        estimate = sample.assess(("background", "tree"), 0.95).classes[1].iou
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= iou <= estimate.high
    assert 0.92 <= held / rounds <= 0.98


def test_a_census_has_no_error() -> None:
    cube = np.array([[[30, 2], [1, 7]]])
    result = StratifiedSample(cube, np.zeros(1, dtype=np.int64), np.array([40.0])).assess(("no", "yes"), 0.95)
    assert result.overall.se == 0
    assert result.overall.low == result.overall.high == value(result.overall) == pytest.approx(37 / 40)


def test_a_perfect_sample_is_no_certainty() -> None:
    result = olofsson(np.array([[50, 0], [0, 50]]), (900, 100), ("no", "yes"))
    users = result.classes[1].users
    assert users.value == users.high == 1
    assert users.low == pytest.approx(50 / (50 + Z**2))  # Wilson's lower bound for 50 of 50


def test_undecided_units_leave_the_estimate_to_the_rest() -> None:
    strata, mapped = np.repeat([0, 1], 100), np.repeat([0, 1], 100)
    reference = mapped.copy()
    reference[:10], reference[100:150] = 1, 255
    result = stehman(strata, mapped, reference, (900, 100), ("no", "yes"))
    assert value(result.decided) == pytest.approx(0.95)
    assert value(result.overall) == pytest.approx((810 + 50) / 950)


def test_one_class_only_gives_what_exists_and_says_why_not() -> None:
    result = olofsson(np.array([[90, 0], [10, 0]]), (900, 100), ("background", "tree"))
    background, tree = result.classes
    assert value(background.producers) == pytest.approx(0.9)
    assert value(tree.users) == 0
    assert tree.producers.value is None
    assert tree.producers.reason == "the reference holds no tree"


def test_one_unit_in_a_stratum_has_no_standard_error() -> None:
    result = olofsson(np.array([[90, 2], [0, 1]]), (900, 100), ("background", "tree"))
    assert result.overall.value is not None
    assert result.overall.se is None
    assert "single sample unit" in result.overall.reason


def test_refused_samples() -> None:
    with pytest.raises(AccuracyError, match="stratum 1 holds 100 units"):
        olofsson(np.array([[90, 2], [0, 0]]), (900, 100), ("a", "b"))
    with pytest.raises(AccuracyError, match="no sample unit has a decided response"):
        stehman(np.zeros(5, int), np.zeros(5, int), np.full(5, 255), (50,), ("a", "b"))
    with pytest.raises(AccuracyError, match="differ in number"):
        stehman(np.zeros(5, int), np.zeros(4, int), np.zeros(5, int), (50,), ("a", "b"))


def test_scaling_keeps_the_reason() -> None:
    assert Estimate(None, reason="none").scaled(3).reason == "none"
    assert math.isclose(Estimate(0.5, 0.1, 0.4, 0.6).scaled(2).high or 0, 1.2)

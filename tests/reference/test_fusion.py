"""Laws of the fusion: the order of layers does not matter, doubt and nodata become 255, authorities outrank."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import LayerError
from bocage.reference.fusion import CERTAIN, fuse
from bocage.reference.layer import Reading
from bocage.reference.votes import DECISIVE, RULES, Vote, vote
from bocage.settings import LayerKind, LayerSettings, ReferenceSettings

GIVEN = ReferenceSettings()
POINTS = st.one_of(st.integers(-9, 9), st.sampled_from((-DECISIVE, DECISIVE)))


@st.composite
def votes(draw: st.DrawFn) -> list[Vote]:
    count, size = draw(st.integers(1, 5)), 6
    made = []
    for _ in range(count):
        points = np.array([draw(st.lists(POINTS, min_size=size, max_size=size))], np.int16)
        valid = np.array([draw(st.lists(st.booleans(), min_size=size, max_size=size))])
        made.append(Vote(np.where(valid, points, 0).astype(np.int16), valid))
    return made


def cast(kind: LayerKind, values: list[list[float]], gsd_pixels: float = 1.0, tree: tuple[int, ...] = ()) -> Vote:
    array = np.array(values)
    nodata = {"crop_types": 65535}.get(kind, 255)
    return vote(Reading(array, array != nodata), LayerSettings(kind=kind, paths=("x",), tree=tree), GIVEN, gsd_pixels)


@given(votes(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_layers_does_not_matter(made: list[Vote], random: object) -> None:
    label, confidence = fuse(made)
    shuffled = list(made)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again, certain = fuse(shuffled)
    np.testing.assert_array_equal(label, again)
    np.testing.assert_array_equal(confidence, certain)


@given(votes())
@settings(max_examples=60, deadline=None)
def test_nodata_everywhere_is_255_and_nothing_else_is_unknown(made: list[Vote]) -> None:
    label, confidence = fuse(made)
    known = np.any([one.valid for one in made], axis=0)
    assert (label[~known] == 255).all()
    np.testing.assert_array_equal(confidence == 255, ~known)
    assert set(np.unique(label)) <= {0, 1, 255}


@given(votes())
@settings(max_examples=60, deadline=None)
def test_a_layer_that_says_nothing_changes_nothing(made: list[Vote]) -> None:
    shape = made[0].points.shape
    silent = Vote(np.zeros(shape, np.int16), np.zeros(shape, np.bool_))
    for one, other in zip(fuse(made), fuse([*made, silent]), strict=True):
        np.testing.assert_array_equal(one, other)


@given(votes(), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_more_evidence_for_tree_never_turns_tree_into_something_else(made: list[Vote], points: int) -> None:
    shape = made[0].points.shape
    more = Vote(np.full(shape, points, np.int16), np.ones(shape, np.bool_))
    before, _ = fuse(made)
    after, _ = fuse([*made, more])
    assert (after[before == 1] == 1).all()


def test_decisive_votes_outrank_and_contradicting_ones_are_doubt() -> None:
    weak = Vote(np.array([[9, -9, 9]], np.int16), np.ones((1, 3), np.bool_))
    map_one = Vote(np.array([[-DECISIVE, DECISIVE, DECISIVE]], np.int16), np.ones((1, 3), np.bool_))
    map_two = Vote(np.array([[0, 0, -DECISIVE]], np.int16), np.array([[False, False, True]]))
    label, confidence = fuse([weak, map_one, map_two])
    np.testing.assert_array_equal(label, [[0, 1, 255]])
    np.testing.assert_array_equal(confidence, [[100, 100, 0]])


def test_no_votes_or_votes_of_two_shapes_are_refused() -> None:
    with pytest.raises(LayerError):
        fuse([])
    with pytest.raises(LayerError):
        fuse([Vote(np.zeros((1, size), np.int16), np.ones((1, size), np.bool_)) for size in (2, 3)])


def test_canopy_height_votes_by_the_settings() -> None:
    label, _ = fuse([cast("canopy_height", [[0.0, 0.99, 1.0, 2.9, 3.0, 20.0, 255.0]])])
    np.testing.assert_array_equal(label, [[0, 0, 255, 255, 1, 1, 255]])


def test_a_vineyard_is_never_woody() -> None:
    inside = cast("crop_types", [[2100] * 9] * 9, 5.0)
    tree = cast("canopy_height", [[20.0] * 9] * 9)
    dense = cast("tree_cover_density", [[90] * 9] * 9, 5.0)
    label, _ = fuse([inside, tree, dense])
    assert (label == 0).all()
    # Against a complete map that says tree, a person must look; it is not woody either.
    label, _ = fuse([inside, cast("classes", [[4] * 9] * 9, tree=(4,))])
    assert (label == 255).all()


def test_the_border_of_a_coarse_layer_is_uncertain_and_its_inside_is_not() -> None:
    density = np.full((20, 20), 0)
    density[:, 10:] = 80
    found = cast("tree_cover_density", density.tolist(), 5.0).points[0]
    rules = {rule.name: rule for rule in RULES if rule.kind == "tree_cover_density"}
    assert (found[:7] == rules["no cover"].inside).all()
    assert (found[7:10] == rules["no cover"].edge).all()
    assert (found[10:13] == rules["dense cover"].edge).all()
    assert (found[13:] == rules["dense cover"].inside).all()


def test_an_unknown_neighbour_makes_no_border() -> None:
    cover = np.full((9, 9), 80)
    cover[:, 5:] = 255
    found = cast("tree_cover_density", cover.tolist(), 5.0)
    assert (found.points[:, :5] == 8).all()
    assert (found.points[:, 5:] == 0).all()
    assert not found.valid[:, 5:].any()


def test_every_rule_has_a_reason_and_an_edge_never_says_more_than_the_inside() -> None:
    for rule in RULES:
        assert len(rule.reason) > 20
        assert abs(rule.edge) <= abs(rule.inside)
        assert rule.edge * rule.inside >= 0
    assert 0 < CERTAIN < DECISIVE

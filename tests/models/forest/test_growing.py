"""Growing: what counts, what does not, what is refused; and which forests answer for an image."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.errors import ModelError
from bocage.models import Segmenter
from bocage.models.forest.growing import Forest, LabelledChip
from bocage.models.forest.resemblance import SIGNATURE, resembling, signature
from bocage.models.forest.segmenter import ForestSegmenter
from tests.models.forest.scenery import QUICK, scenery


def _chips(*seeds: int, light: float = 1.0, scene: str = "a") -> list[LabelledChip]:
    return [(*scenery(seed, light=light), scene) for seed in seeds]


def _fit(chips: list[LabelledChip], *, per_image: bool = False, seed: int = 0, jobs: int = 1) -> ForestSegmenter:
    return Forest.fit(chips, per_image=per_image, seed=seed, resolution=1.2, recipe=QUICK, jobs=jobs)


def _predict(model: ForestSegmenter, *images: NDArray[np.uint8]) -> NDArray[np.float32]:
    stack = np.stack(images)
    return model.predict(stack, stack.any(axis=1))


@pytest.fixture(scope="module")
def grown() -> ForestSegmenter:
    return _fit(_chips(0, 1, 2))


@pytest.fixture(scope="module")
def per_image() -> ForestSegmenter:
    chips = [*_chips(0, 1), *_chips(2, light=0.6, scene="b"), *_chips(3, light=1.5, scene="c")]
    return _fit(chips, per_image=True)


def test_it_finds_crowns_that_it_has_not_seen(grown: ForestSegmenter) -> None:
    assert isinstance(grown, Segmenter)
    image, label = scenery(9)
    found, tree, decided = _predict(grown, image)[0] >= 0.5, label == 1, label != 255
    assert (found & tree & decided).sum() / ((found | tree) & decided).sum() > 0.6


def test_the_same_seed_grows_the_same_forest_on_any_number_of_cores(grown: ForestSegmenter) -> None:
    assert _fit(_chips(0, 1, 2), jobs=2).digest == grown.digest
    assert _fit(_chips(0, 1, 2), seed=1).digest != grown.digest
    assert _fit(_chips(0, 1, 3)).digest != grown.digest


def test_undecided_pixels_do_not_count(grown: ForestSegmenter) -> None:
    chips = _chips(0, 1, 2)
    empty = (scenery(7)[0], np.full((40, 40), 255, np.uint8), "z")
    assert _fit([*chips, empty]).digest == grown.digest


@given(seeds=st.lists(st.integers(10, 60), min_size=1, max_size=3), per=st.booleans())
@settings(max_examples=8, deadline=None, suppress_health_check=[])
def test_an_image_is_answered_whatever_its_companions(
    seeds: list[int], per: bool, grown: ForestSegmenter, per_image: ForestSegmenter
) -> None:
    model = per_image if per else grown
    images = [scenery(seed)[0] for seed in seeds]
    together = _predict(model, *images)
    for image, answer in zip(images, together, strict=True):
        np.testing.assert_array_equal(_predict(model, image)[0], answer)
    assert together.dtype == np.float32
    assert together.min() >= 0
    assert together.max() <= 1


def test_invalid_ground_is_answered_by_zero_and_without_warnings(grown: ForestSegmenter) -> None:
    image = scenery(4)[0]
    valid = np.zeros((2, 40, 40), np.bool_)
    valid[1, 20:, 20:] = True
    image[:, 30, 30] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = grown.predict(np.stack([image, image]), valid)
    assert not answer[0].any()
    assert not answer[1][~valid[1]].any()
    assert answer[1, 30, 30] == 0
    assert answer[1].any()


def test_images_of_one_pixel_and_of_none(grown: ForestSegmenter) -> None:
    assert _predict(grown, np.full((4, 1, 1), 90, np.uint8)).shape == (1, 1, 1)
    assert grown.predict(np.zeros((0, 4, 8, 8), np.uint8), np.zeros((0, 8, 8), np.bool_)).shape == (0, 8, 8)


def test_other_bands_and_scales_are_refused(grown: ForestSegmenter) -> None:
    valid = np.ones((1, 8, 8), np.bool_)
    with pytest.raises(ModelError, match="red, green, blue, nir"):
        grown.predict(np.ones((1, 3, 8, 8), np.uint8), valid)
    with pytest.raises(ModelError, match="takes bytes"):
        grown.predict(np.full((1, 4, 8, 8), np.nan, np.float32), valid)
    with pytest.raises(ModelError, match="validity"):
        grown.predict(np.ones((1, 4, 8, 8), np.uint8), valid[:, :4])


@pytest.mark.parametrize("per", [False, True])
@pytest.mark.parametrize(
    ("value", "words"), [(0, "non-tree pixels only"), (1, "hold tree pixels only"), (255, "no pixel of the chips")]
)
def test_labels_of_one_class_are_refused(value: int, words: str, per: bool) -> None:
    image = scenery(0)[0]
    with pytest.raises(ModelError, match=words):
        _fit([(image, np.full((40, 40), value, np.uint8), "a")], per_image=per)


def test_other_wrong_chips_are_refused() -> None:
    image, label = scenery(0)
    with pytest.raises(ModelError, match="takes bytes"):
        _fit([(np.full(image.shape, np.nan), label, "a")])
    with pytest.raises(ModelError, match="red, green, blue, nir"):
        _fit([(image[:3], label, "a")])
    with pytest.raises(ModelError, match="other values"):
        _fit([(image, np.full_like(label, 2), "a")])
    with pytest.raises(ModelError, match="no pixel of the chips"):
        _fit([])
    with pytest.raises(ModelError, match="resolution"):
        Forest.fit(_chips(0), per_image=False, seed=0, resolution=0.0)


def test_an_image_of_one_class_has_no_forest_and_the_others_do() -> None:
    bare = (scenery(5)[0], np.zeros((40, 40), np.uint8), "bare")
    model = _fit([*_chips(0), bare], per_image=True)
    assert model.scenes == ("a",)
    with pytest.raises(ModelError, match="no forest of bare"):
        model.for_scene("bare")
    with pytest.raises(ModelError, match="no image holds both"):
        _fit([bare, (scenery(6)[0], np.ones((40, 40), np.uint8), "wood")], per_image=True)


def test_more_objects_than_the_most_are_thinned_at_random() -> None:
    small = Forest.fit(_chips(0, 1, 2), per_image=False, seed=0, resolution=1.2, recipe=type(QUICK)(trees=3, most=60))
    whole = Forest.fit(_chips(0, 1, 2), per_image=False, seed=0, resolution=1.2, recipe=type(QUICK)(trees=3))
    assert small.forests[0].feature.size < whole.forests[0].feature.size


def test_an_image_that_was_trained_on_is_answered_by_its_own_forest(per_image: ForestSegmenter) -> None:
    assert per_image.scenes == ("a", "b", "c")
    image = scenery(2, light=0.6)[0]
    np.testing.assert_array_equal(_predict(per_image, image), _predict(per_image.for_scene("b"), image))
    other = _predict(per_image.for_scene("a"), image)
    assert not np.array_equal(_predict(per_image, image), other)


def test_a_new_image_is_answered_by_the_mean_of_those_that_it_resembles(per_image: ForestSegmenter) -> None:
    image = scenery(30, light=0.65)[0]
    alone = [_predict(per_image.for_scene(scene), image) for scene in ("a", "b")]
    np.testing.assert_allclose(_predict(per_image, image), np.mean(alone, axis=0), atol=1e-6)


def test_resemblance_is_to_the_nearest_chip_of_an_image() -> None:
    signatures = np.zeros((4, SIGNATURE), np.float32)
    signatures[:, 0] = [10, 90, 40, 60]
    members = np.array([0, 0, 1, 2])
    own = np.zeros(SIGNATURE, np.float32)
    own[0] = 85
    assert resembling(own, signatures, members, 3) == [0, 2, 1]
    assert resembling(own, signatures, members, 2) == [0, 2]
    own[0] = 40
    assert resembling(own, signatures, members, 3) == [1]
    assert resembling(own + 1, signatures, members, 9) == [1, 2, 0]


def test_a_signature_is_of_valid_pixels() -> None:
    image = scenery(0)[0]
    valid = np.ones((40, 40), np.bool_)
    valid[:20] = False
    other = image.copy()
    other[:, :20] = 3
    np.testing.assert_array_equal(signature(image, valid), signature(other, valid))
    assert signature(image, valid).shape == (SIGNATURE,)

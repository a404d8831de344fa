"""Objects and their features: a function of the valid ground alone, wherever it lies in the raster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.models.forest.features import Objects, describe_objects
from bocage.models.forest.objects import image_objects
from bocage.models.forest.profiles import AREAS, attribute_profiles, profile_names
from tests.models.forest.scenery import scenery


def _describe(image: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Objects:
    return describe_objects(image, valid, 1.2, scale=4.0, smallest=6)


def _ragged(seed: int, edge: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    valid = rng.random((edge, edge)) < 0.97
    valid[: edge // 4, : edge // 3] = False
    return valid


@given(
    seed=st.integers(0, 500),
    above=st.integers(0, 9),
    left=st.integers(0, 9),
    below=st.integers(0, 9),
    right=st.integers(0, 9),
)
@settings(max_examples=12, deadline=None)
def test_ground_has_the_same_features_wherever_it_lies(
    seed: int, above: int, left: int, below: int, right: int
) -> None:
    image, valid = scenery(seed, 24)[0], _ragged(seed, 24)
    frame = (above, below), (left, right)
    moved = _describe(np.pad(image, ((0, 0), *frame)), np.pad(valid, frame))
    here = _describe(image, valid)
    np.testing.assert_array_equal(moved.labels[above : above + 24, left : left + 24], here.labels)
    np.testing.assert_array_equal(moved.features, here.features)


@given(seed=st.integers(0, 500), filling=st.integers(0, 500))
@settings(max_examples=12, deadline=None)
def test_what_an_invalid_pixel_holds_changes_nothing(seed: int, filling: int) -> None:
    image, valid = scenery(seed, 24)[0], _ragged(seed, 24)
    other = np.where(valid, image, np.random.default_rng(filling).integers(0, 256, image.shape, np.uint8))
    one, two = _describe(image, valid), _describe(other, valid)
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_array_equal(one.features, two.features)


@given(seed=st.integers(0, 500))
@settings(max_examples=10, deadline=None)
def test_objects_cover_the_valid_ground_once_and_end_at_its_border(seed: int) -> None:
    image, valid = scenery(seed, 24)[0], _ragged(seed, 24)
    valid[:, 11:13] = False
    labels = image_objects(image, valid, scale=4.0, smallest=6)
    assert ((labels >= 0) == valid).all()
    assert set(labels[valid].tolist()) == set(range(labels.max() + 1))
    assert not set(labels[:, :11][valid[:, :11]].tolist()) & set(labels[:, 13:][valid[:, 13:]].tolist())


def test_features_are_named_finite_and_of_each_object() -> None:
    objects = _describe(*(scenery(1)[0], _ragged(1, 40)))
    assert objects.features.shape == (objects.labels.max() + 1, len(objects.names))
    assert len(set(objects.names)) == len(objects.names)
    assert np.isfinite(objects.features).all()


def test_a_single_pixel_is_an_object() -> None:
    image = np.full((4, 1, 1), 7, np.uint8)
    objects = _describe(image, np.ones((1, 1), np.bool_))
    assert objects.labels.tolist() == [[0]]
    feature = dict(zip(objects.names, objects.features[0].tolist(), strict=True))
    assert feature["nir"] == 7
    assert feature["area"] == pytest.approx(np.log(1.44), rel=1e-6)


def test_a_strip_is_long_and_as_wide_as_it_is() -> None:
    image = np.full((4, 40, 40), 200, np.uint8)
    valid = np.zeros((40, 40), np.bool_)
    valid[10:14, 3:27] = True
    objects = _describe(image, valid)
    assert objects.features.shape[0] == 1
    feature = dict(zip(objects.names, objects.features[0].tolist(), strict=True))
    # The side of a rectangle is sqrt(12) times the root of its second moment, the axis of an ellipse four times.
    assert feature["width"] == pytest.approx(4 * 1.2 * 4 / np.sqrt(12), rel=1e-5)
    assert feature["length"] == pytest.approx(24 * 1.2 * 4 / np.sqrt(12), rel=1e-5)
    assert feature["elongation"] == pytest.approx(4 / 24, rel=1e-5)
    assert feature["compactness"] == pytest.approx(4 * np.pi * 96 / 56**2, rel=1e-5)


def test_profiles_tell_size_and_side() -> None:
    band = np.full((80, 80), 100, np.uint8)
    band[5:9, 5:9] = 180  # 16 square metres, bright: below the first threshold
    band[20:28, 20:28] = 30  # 64 square metres, dark: between the first and the second
    profiles = dict(zip(profile_names("b"), attribute_profiles(band, np.ones(band.shape, np.bool_), 1.0), strict=True))
    images = {name: values.reshape(band.shape) for name, values in profiles.items()}
    first, second = (f"area_{int(area)}" for area in AREAS[:2])
    assert images[f"b_bright_{first}"][6, 6] == 80
    assert images[f"b_dark_{second}"][24, 24] == 70
    # The ground itself is larger than any threshold.
    assert not any(values[60, 60] for name, values in images.items() if "area" in name)
    assert sum(values[6, 6] for name, values in images.items() if "area" in name) == 80


def test_a_long_structure_passes_the_filter_that_a_compact_one_does_not() -> None:
    band = np.full((40, 40), 100, np.uint8)
    band[5:15, 5:15] = 200
    band[30:32, 3:37] = 200
    profiles = attribute_profiles(band, np.ones(band.shape, np.bool_), 1.0)
    least = profiles[profile_names("b").index("b_bright_inertia_0.35")].reshape(band.shape)
    assert least[10, 10] == 100
    assert least[31, 20] == 0


@pytest.mark.parametrize("around", [0, 5])
def test_an_island_keeps_its_ground_with_and_without_invalid_pixels_around(around: int) -> None:
    band = np.full((4, 4), 90, np.uint8)
    valid = np.pad(np.ones((4, 4), np.bool_), around)
    # 16 square metres are less than any threshold, yet there is nothing that the island could vanish into.
    assert not attribute_profiles(np.pad(band, around), valid, 1.0).any()

"""Another ground sampling distance: the label moves with the image, and what is invalid stays so."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.training.crops import without_boundary
from bocage.training.scale import coarsen, draw_factor, resample
from tests.training.fakes import scenery


@given(seed=st.integers(0, 1000), edge=st.integers(16, 200))
@settings(max_examples=40)
def test_what_is_invalid_stays_invalid_and_lends_nothing(seed: int, edge: int) -> None:
    image, label = scenery(seed % 7, 64)
    image[:, 40:, 50:], label[40:, 50:] = 0, 255
    layers = np.stack([label, np.where(label == 255, 0, 250).astype(np.uint8)])
    smaller, moved = resample(image, layers, edge)
    assert smaller.shape == (4, edge, edge)
    assert moved.shape == (2, edge, edge)
    assert smaller.dtype == moved.dtype == np.uint8
    valid = smaller.any(axis=0)
    # A pixel is invalid in all bands or in none, where and only where its label is unknown.
    assert (smaller.all(axis=0) == valid).all()
    assert (valid == (moved[0] != 255)).all()
    assert set(np.unique(moved[0])) <= {0, 1, 255}
    assert ((moved[0] == 255) == (moved[1] == 0)).all()
    for band, before in zip(smaller, image, strict=True):
        assert band[valid].min() >= before[before > 0].min()
        assert band[valid].max() <= before.max()


@given(seed=st.integers(0, 1000), factor=st.integers(2, 4))
@settings(max_examples=20)
def test_the_label_moves_with_the_image(seed: int, factor: int) -> None:
    label = (np.random.default_rng(seed).random((1, 16, 16)) < 0.5).astype(np.uint8)
    image = np.repeat(1 + 200 * label, 4, axis=0)
    larger, moved = resample(image, label, 16 * factor)
    assert (moved[0] == np.kron(label[0], np.ones((factor, factor), np.uint8))).all()
    # At the middle of an enlarged pixel the interpolated value is nearer to its own than to any neighbour's.
    assert ((larger[0] > 100) == (moved[0] == 1)).mean() > 0.8
    back, again = resample(np.kron(image, np.ones((1, factor, factor), np.uint8)), moved, 16)
    assert (back == image).all()
    assert (again == label).all()


@given(seed=st.integers(0, 1000), edge=st.integers(16, 200))
@settings(max_examples=20)
def test_a_whole_crop_is_resampled_as_one_with_a_hole_is(seed: int, edge: int) -> None:
    whole = np.maximum(scenery(seed % 7, 64)[0], 1)
    holed = whole.copy()
    holed[:, 62:, 62:] = 0
    one, other = (resample(image, whole[:1], edge)[0].astype(int) for image in (whole, holed))
    away = edge * 58 // 64
    assert np.abs(one - other)[:, :away, :away].max() <= 1


def test_the_same_size_is_the_same_crop() -> None:
    image, label = scenery(3, 64)
    same, moved = resample(image, label[np.newaxis], 64)
    assert same is image
    assert (moved[0] == label).all()
    assert coarsen(image, 1.0) is image


@given(seed=st.integers(0, 1000), factor=st.floats(1, 8))
@settings(max_examples=30)
def test_coarse_pixels_keep_validity_and_mean_and_lose_detail(seed: int, factor: float) -> None:
    image, _ = scenery(seed % 7, 64)
    coarse = coarsen(image, factor)
    valid = image.any(axis=0)
    assert (coarse.any(axis=0) == valid).all()
    assert coarse.dtype == np.uint8
    for band, before in zip(coarse, image, strict=True):
        assert abs(band[valid].mean() - before[valid].mean()) < 3
        if factor > 2:
            assert band[valid].std() < before[valid].std()


def test_to_halve_is_as_likely_as_to_double() -> None:
    rng = np.random.default_rng(0)
    factors = [draw_factor(rng, 2.0) for _ in range(4000)]
    assert 0.5 <= min(factors) < 0.51
    assert 1.98 < max(factors) <= 2
    assert abs(np.log(factors).mean()) < 0.02
    assert draw_factor(rng, 1.0) == 1


@given(seed=st.integers(0, 1000), width=st.integers(0, 2))
@settings(max_examples=30)
def test_the_band_along_a_boundary_is_ignored(seed: int, width: int) -> None:
    label = np.random.default_rng(seed).choice(np.array([0, 1, 255], np.uint8), (12, 12), p=[0.6, 0.1, 0.3])
    result = without_boundary(label, width)
    padded = np.pad(label, width, constant_values=255)
    for row in range(12):
        for column in range(12):
            around = padded[row : row + 2 * width + 1, column : column + 2 * width + 1]
            own = label[row, column]
            mixed = own != 255 and (around == 1 - own).any()
            assert result[row, column] == (255 if mixed else own)

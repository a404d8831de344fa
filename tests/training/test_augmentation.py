"""Augmentation varies the light and the orientation, never what a pixel is."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.training.augmentation import augment, light_table, look_up, lost_bands, orient
from tests.training.fakes import scenery


@given(seed=st.integers(0, 10_000), strength=st.floats(0, 2))
@settings(max_examples=40, deadline=None)
def test_labels_and_validity_move_together_and_keep_their_pixels(seed: int, strength: float) -> None:
    image, label = scenery(seed % 7, 64)
    varied, valid, moved = augment(image, label, np.random.default_rng(seed), strength)
    assert varied.dtype == np.float32
    assert np.isfinite(varied).all()
    assert 0 <= varied.min() <= varied.max() <= 255
    assert not varied[:, ~valid].any()
    np.testing.assert_array_equal(np.bincount(moved.ravel(), minlength=256), np.bincount(label.ravel(), minlength=256))
    np.testing.assert_array_equal(moved == 255, ~valid)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_without_strength_only_the_orientation_changes(seed: int) -> None:
    image, label = scenery(1, 64)
    varied, _, moved = augment(image, label, np.random.default_rng(seed), 0.0)
    candidates = [
        (orient(image, turns, mirror), orient(label, turns, mirror)) for turns in range(4) for mirror in (False, True)
    ]
    assert any(
        np.allclose(varied, one.astype(np.float32), atol=1e-3) and np.array_equal(moved, two) for one, two in candidates
    )


def test_the_same_seed_gives_the_same_crop() -> None:
    image, label = scenery(2, 64)
    first, again = (augment(image, label, np.random.default_rng(4))[0] for _ in range(2))
    other = augment(image, label, np.random.default_rng(5))[0]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_invalid_pixels_do_not_leak_into_their_neighbours() -> None:
    image = np.full((4, 64, 64), 200, np.uint8)
    image[:, :, 32:] = 0
    label = np.where(image[0] == 0, 255, 0).astype(np.uint8)
    for seed in range(40):
        varied, valid, _ = augment(image, label, np.random.default_rng(seed), 1.0)
        band = varied[1][valid]
        # Noise is small; a leak of zeros through the blur would darken the edge by a third or more.
        assert band.min() > band.mean() - 45


@given(seed=st.integers(0, 10_000), strength=st.floats(0, 2))
@settings(max_examples=40)
def test_light_changes_a_byte_by_its_value_and_never_turns_dark_into_bright(seed: int, strength: float) -> None:
    table = light_table(np.random.default_rng(seed), strength)
    assert table.shape == (4, 256)
    assert table.dtype == np.float32
    assert (np.diff(table, axis=1) >= 0).all()
    assert 0 <= table.min() <= table.max() <= 1
    if strength == 0:
        np.testing.assert_allclose(table, np.tile(np.arange(256) / 255, (4, 1)), atol=1e-7)


def test_bands_are_lost_as_often_as_asked() -> None:
    rng = np.random.default_rng(0)
    lost = [lost_bands(rng, 0.4) for _ in range(4000)]
    infrared = sum(3 in one for one in lost) / len(lost)
    visible = sum(any(band < 3 for band in one) for one in lost) / len(lost)
    assert abs(infrared - 0.4) < 0.03
    assert abs(visible - 0.6 * 0.04) < 0.01
    assert all(len(one) <= 1 and all(0 <= value <= 1 for value in one.values()) for one in lost)
    assert not any(lost_bands(rng, 0) for _ in range(100))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_a_lost_band_says_nothing(seed: int) -> None:
    image, label = scenery(seed % 5, 64)
    varied, valid, _ = augment(image, label, np.random.default_rng(seed), 1.0, band_dropout=1.0)
    assert np.ptp(varied[3][valid]) == 0
    assert not varied[3][~valid].any()


@given(seed=st.integers(0, 10_000), dtype=st.sampled_from([np.uint8, np.float32]), step=st.sampled_from([1, 2, -1]))
@settings(max_examples=30, deadline=None)
def test_bytes_are_looked_up_in_the_table_of_their_band(seed: int, dtype: type, step: int) -> None:
    random = np.random.default_rng(seed)
    rows, columns = random.integers(1, 40, 2)
    image = random.integers(0, 256, (4, rows, columns), dtype=np.uint8)[..., ::step]
    table: NDArray[np.generic] = (random.random((4, 256)) * 255).astype(dtype)
    found = look_up(table, image)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, [one[band] for one, band in zip(table, image, strict=True)])

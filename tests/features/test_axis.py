"""Laws of the centre lines: turning, moving and cutting the ground changes nothing; known bars get their known measures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.features.axis import axes_of, axis_links, axis_sums, lines_of, reach
from bocage.features.labelling import components_of
from bocage.features.patch import Patch
from bocage.features.shape import shape_sums
from bocage.features.sums import ONE, Sums

RESOLUTION = 10.0  # Coarse, so that the halo is small and a small array holds many tiles.
HALO = reach(RESOLUTION)


def drawn(seed: int, size: int = 96) -> NDArray[np.bool_]:
    """Winding bands, rings, patches that touch them, and specks."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((size, size), np.uint8)
    for _ in range(int(rng.integers(2, 6))):
        points = np.cumsum(rng.integers(-18, 19, (5, 2)), axis=0) + rng.integers(10, size - 10, 2)
        cv2.polylines(canvas, [points.astype(np.int32)], False, 1, int(rng.integers(1, 4)))
    cv2.circle(canvas, rng.integers(10, size - 10, 2).tolist(), int(rng.integers(4, 20)), 1, 2)
    canvas |= (rng.random(canvas.shape) < 0.01).astype(np.uint8)
    return canvas.astype(bool)


def layers(mask: NDArray[np.bool_], seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed + 1)
    cover = np.where(mask, rng.uniform(0.5, 1, mask.shape), rng.uniform(0, 0.5, mask.shape)).astype(np.float32)
    height = rng.uniform(0, 20, mask.shape).astype(np.float32)
    height[rng.random(mask.shape) < 0.1] = np.nan
    return cover, height


def measured(patch: Patch) -> Sums:
    return Sums.merged([axis_sums(patch), shape_sums(patch)])


def whole(mask: NDArray[np.bool_], seed: int) -> tuple[Sums, Patch]:
    labels = label_mask(mask)
    cover, height = layers(mask, seed)
    patch = Patch.whole(labels.array, mask, labels.count, RESOLUTION, cover=cover, height=height)
    return measured(patch), patch


def same(one: Sums, other: Sums, *, turned: bool = False) -> None:
    for name, values in one.added.items():
        sign = -1 if turned and name in {"axis_cos", "axis_sin"} else 1
        np.testing.assert_array_equal(values, sign * other.added[name], err_msg=name)
    for name, values in one.largest.items():
        np.testing.assert_array_equal(values, other.largest[name], err_msg=name)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(11, 50), st.integers(11, 50))
def test_tiles_add_up_to_the_whole(seed: int, high: int, wide: int) -> None:
    mask = drawn(seed)
    labels, (cover, height) = label_mask(mask), layers(mask, seed)
    expected, _ = whole(mask, seed)
    total: Sums | None = None
    framed = [np.pad(mask, HALO), *(np.pad(values, HALO, constant_values=np.nan) for values in (cover, height))]
    known = np.pad(labels.array, HALO)
    for row in range(0, mask.shape[0], high):
        for column in range(0, mask.shape[1], wide):
            height_, width_ = min(high, mask.shape[0] - row), min(wide, mask.shape[1] - column)
            window = (slice(row, row + height_ + 2 * HALO), slice(column, column + width_ + 2 * HALO))
            own = label_mask(framed[0][window])
            owner = np.zeros(own.count, int)
            owner[own.array[own.array > 0] - 1] = known[window][own.array > 0] - 1
            core = (slice(HALO, HALO + height_), slice(HALO, HALO + width_))
            part = measured(
                Patch(own.array, framed[0][window], core, row - HALO, column - HALO, RESOLUTION, own.count,
                      framed[1][window], framed[2][window])
            ).joined(owner, labels.count)  # fmt: skip
            total = part if total is None else total + part
    assert total is not None
    same(expected, total)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_a_turn_of_the_ground_changes_nothing(seed: int, turns: int) -> None:
    mask = drawn(seed, 64)
    expected, patch = whole(mask, seed)
    labels = np.rot90(patch.labels, turns)
    inner = (slice(1, -1), slice(1, -1))
    assert patch.cover is not None and patch.height is not None
    turned = measured(
        Patch(np.ascontiguousarray(labels), np.ascontiguousarray(labels > 0), inner, 0, 0, RESOLUTION, patch.count,
              np.ascontiguousarray(np.rot90(patch.cover, turns)), np.ascontiguousarray(np.rot90(patch.height, turns)))
    )  # fmt: skip
    same(expected, turned, turned=turns % 2 == 1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9), st.integers(0, 9))
def test_a_shift_of_the_ground_changes_nothing(seed: int, down: int, right: int) -> None:
    mask = drawn(seed, 64)
    labels = label_mask(mask)
    room = ((down, 9 - down), (right, 9 - right))
    one = measured(Patch.whole(labels.array, mask, labels.count, RESOLUTION))
    moved = np.pad(labels.array, room)
    same(one, measured(Patch.whole(moved, moved > 0, labels.count, RESOLUTION)))

"""Laws of the centre lines: turning, moving and cutting the ground changes nothing; bars get their known measures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.features.axis import axes_of, axis_links, axis_sums, lines_of, reach
from bocage.features.context import Context, context_sums
from bocage.features.measures import measures_of
from bocage.features.patch import Patch
from bocage.features.shape import shape_sums
from bocage.features.sums import ONE, Sums

RESOLUTION = 10.0  # Coarse, so that the halo is small and a small array holds many tiles.
HALO = reach(RESOLUTION)


@dataclass(frozen=True)
class Labelled:
    """The 8-connected components of a mask."""

    array: NDArray[np.int32]
    count: int


def labelled(mask: NDArray[np.bool_]) -> Labelled:
    count, array = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return Labelled(np.asarray(array, np.int32), count - 1)


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
    labels = labelled(mask)
    cover, height = layers(mask, seed)
    patch = Patch.whole(labels.array, mask, labels.count, RESOLUTION, cover=cover, height=height)
    return measured(patch), patch


def same(one: Sums, other: Sums, *, turned: bool = False) -> None:
    for name, values in one.added.items():
        sign = -1 if turned and name in {"axis_cos", "axis_sin"} else 1
        np.testing.assert_array_equal(values, sign * other.added[name], err_msg=name)
    for name, values in one.largest.items():
        np.testing.assert_array_equal(values, other.largest[name], err_msg=name)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(11, 50), st.integers(11, 50))
def test_tiles_add_up_to_the_whole(seed: int, high: int, wide: int) -> None:
    mask = drawn(seed)
    labels, (cover, height) = labelled(mask), layers(mask, seed)
    expected, _ = whole(mask, seed)
    total: Sums | None = None
    framed, known = np.pad(mask, HALO), np.pad(labels.array, HALO)
    covers, heights = (np.pad(values, HALO, constant_values=np.nan) for values in (cover, height))
    for row in range(0, mask.shape[0], high):
        for column in range(0, mask.shape[1], wide):
            rows, columns = min(high, mask.shape[0] - row), min(wide, mask.shape[1] - column)
            window = (slice(row, row + rows + 2 * HALO), slice(column, column + columns + 2 * HALO))
            own = labelled(framed[window])
            owner = np.zeros(own.count, int)
            owner[own.array[own.array > 0] - 1] = known[window][own.array > 0] - 1
            core = (slice(HALO, HALO + rows), slice(HALO, HALO + columns))
            place = (row - HALO, column - HALO, RESOLUTION, own.count)
            patch = Patch(own.array, framed[window], core, *place, covers[window], heights[window])
            part = measured(patch).joined(owner, labels.count)
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
    assert patch.cover is not None
    assert patch.height is not None
    turned = measured(
        Patch(np.ascontiguousarray(labels), np.ascontiguousarray(labels > 0), inner, 0, 0, RESOLUTION, patch.count,
              np.ascontiguousarray(np.rot90(patch.cover, turns)), np.ascontiguousarray(np.rot90(patch.height, turns)))
    )  # fmt: skip
    same(expected, turned, turned=turns % 2 == 1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9), st.integers(0, 9))
def test_a_shift_of_the_ground_changes_nothing(seed: int, down: int, right: int) -> None:
    mask = drawn(seed, 64)
    labels = labelled(mask)
    room = ((down, 9 - down), (right, 9 - right))
    one = measured(Patch.whole(labels.array, mask, labels.count, RESOLUTION))
    moved = np.pad(labels.array, room)
    same(one, measured(Patch.whole(moved, moved > 0, labels.count, RESOLUTION)))


def bar(
    width: float, length: float, angle: float, offset: tuple[float, float], resolution: float = 5.0
) -> NDArray[np.float64]:
    """Return the share of each cell under a straight bar; the angle is from north, clockwise, in radians."""
    size, fine = int(length / resolution) + 12, 8
    steps = (np.arange(size * fine) + 0.5) * resolution / fine - size * resolution / 2
    x, y = steps[np.newaxis, :] - offset[0], steps[:, np.newaxis] - offset[1]
    along, across = x * np.sin(angle) - y * np.cos(angle), x * np.cos(angle) + y * np.sin(angle)
    inside = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
    return np.asarray(inside.reshape(size, fine, size, fine).mean(axis=(1, 3)))


@settings(max_examples=40, deadline=None)
@given(
    st.floats(6, 30), st.floats(100, 200), st.floats(0, np.pi), st.tuples(st.floats(0, 5), st.floats(0, 5)),
    st.sampled_from((5.0, 2.0)),
)  # fmt: skip
def test_a_bar_at_any_angle_gets_its_length_width_and_orientation(
    width: float, length: float, angle: float, offset: tuple[float, float], resolution: float
) -> None:
    cover = bar(width, length, angle, offset, resolution)
    mask = cover >= 0.5
    patch = Patch.whole(mask.astype(np.int32), mask, 1, resolution, cover=cover)
    sums = Sums.merged([measured(patch), context_sums(patch, [], Context({}))])
    row = measures_of(sums, resolution, np.ones(1, bool)).iloc[0]
    # Half a cell at each end, and 4 %; broad bars are no worse than narrow ones.
    assert row["axis_length_m"] == pytest.approx(length, abs=resolution + 0.04 * length)
    assert row["axis_width_m"] == pytest.approx(width, abs=0.1 * resolution + 0.08 * width)
    assert row["width_max_m"] == pytest.approx(width, abs=1.5 * resolution)
    assert row["width_max_m"] >= 0.99 * row["axis_width_m"]
    turned = abs(row["orientation_deg"] - np.degrees(angle)) % 180
    assert min(turned, 180 - turned) < 8
    assert row["straightness"] > 0.9


def test_the_lengths_of_many_bars_have_no_bias() -> None:
    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(60):
        cover = bar(float(rng.uniform(6, 25)), 150.0, rng.uniform(0, np.pi), tuple(rng.uniform(0, 5, 2)))
        patch = Patch.whole((cover >= 0.5).astype(np.int32), cover >= 0.5, 1, 5.0)
        ratios.append(axis_sums(patch).added["axis_length"][0] / ONE / 4 * 5 / 150)
    assert np.mean(ratios) == pytest.approx(1, abs=0.01)
    assert np.std(ratios) < 0.02


def lone(mask: NDArray[np.bool_], resolution: float = 5.0) -> Sums:
    return axis_sums(Patch.whole(mask.astype(np.int32), mask, 1, resolution))


def test_a_ring_is_as_long_as_its_circumference_and_has_no_end() -> None:
    y, x = np.mgrid[-40:41, -40:41]
    mask = np.abs(np.hypot(x, y) - 30) <= 1.5
    found = lone(mask)
    assert found.added["axis_ends"][0] == 0
    assert found.added["axis_length"][0] / ONE / 4 == pytest.approx(2 * np.pi * 30, rel=0.03)


def test_a_y_junction_is_as_long_as_its_three_arms() -> None:
    mask = np.zeros((140, 140), np.uint8)
    for angle in np.radians((10, 130, 250)):
        end = 70 + 50 * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(mask, (70, 70), tuple(np.rint(end).astype(int).tolist()), 1, 3)
    found = lone(mask.astype(bool))
    assert found.added["axis_ends"][0] / 4 == 3
    assert found.added["axis_junctions"][0] / 4 == 1
    assert found.added["axis_length"][0] / ONE / 4 == pytest.approx(150, rel=0.04)


def test_a_long_hole_splits_the_line_in_two_that_join_again() -> None:
    mask = np.zeros((30, 80), bool)
    mask[12:17, 5:75] = True
    mask[14, 38:42] = False
    found = lone(mask)
    assert found.added["axis_ends"][0] / 4 == 2
    assert found.added["axis_length"][0] / ONE / 4 == pytest.approx(70, abs=12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, np.pi))
def test_gaps_between_crowns_inside_a_broad_hedge_change_nothing_of_its_line(seed: int, angle: float) -> None:
    rng = np.random.default_rng(seed)
    whole = np.pad(bar(24.0, 120.0, angle, (0.0, 0.0), 2.0) >= 0.5, 1)
    deep = cv2.erode(whole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    gappy = whole.copy()
    for _ in range(6):
        row, column = np.argwhere(deep)[rng.integers(np.count_nonzero(deep))].tolist()
        gap = np.zeros_like(whole)
        gap[row : row + int(rng.integers(1, 4)), column : column + int(rng.integers(1, 4))] = True
        near = cv2.dilate((~gappy & whole).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        if not (gap & (near | ~deep)).any():
            gappy &= ~gap
    same(lone(whole, 2.0), lone(gappy, 2.0))


def test_bulges_and_square_ends_leave_no_spurs() -> None:
    mask = np.zeros((30, 80), bool)
    mask[12:17, 5:75] = True
    mask[10:12, 30:33] = True
    found = lone(mask)
    assert (found.added["axis_ends"][0] / 4, found.added["axis_junctions"][0]) == (2, 0)


def test_a_gate_is_a_gap_of_both_its_sides_and_a_crossing_is_none() -> None:
    mask = np.zeros((40, 80), bool)
    mask[20, 5:38] = mask[20, 41:75] = True
    labels = labelled(mask)
    found = axis_sums(Patch.whole(labels.array, mask, labels.count, 5.0))
    np.testing.assert_array_equal(found.added["gap_ends"] / 4, [1, 1])
    # Cells 37 and 41: three cells are open, and each side takes half of them.
    np.testing.assert_allclose(found.added["gap_length"] / ONE / 4, [1.5, 1.5])
    mask[20, 41:75] = False
    mask[5:35, 41] = True
    labels = labelled(mask)
    assert not axis_sums(Patch.whole(labels.array, mask, labels.count, 5.0)).added["gap_ends"].any()


def test_crowns_at_one_spacing_have_a_rhythm_of_that_spacing_and_a_hedge_has_none() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((20, 300), bool)
    mask[5:8, 5:295] = mask[13:16, 5:295] = True
    column = np.arange(300)
    height = np.ones((20, 300)) * 4 + rng.normal(0, 0.3, (20, 300))
    height[:10] = 9 + 3 * np.cos(2 * np.pi * column / 6) + rng.normal(0, 0.3, (10, 300))
    labels = labelled(mask)
    patch = Patch.whole(labels.array, mask, 2, 2.0, height=height.astype(np.float32))
    table = measures_of(Sums.merged([measured(patch), context_sums(patch, [], Context({}))]), 2.0, np.ones(2, bool))
    assert table["rhythm_m"].iloc[0] == pytest.approx(12, abs=2)
    assert table["rhythm"].iloc[0] > 0.6
    assert table["rhythm"].iloc[1] < 0.2


def test_the_centre_line_as_a_vector_is_that_of_the_measures_however_it_was_cut() -> None:
    mask = np.zeros((40, 120), np.uint8)
    cv2.polylines(mask, [np.array([[10, 10], [60, 30], [110, 12]])], False, 1, 3)
    patch = Patch.whole(mask.astype(np.int32), mask > 0, 1, 5.0, row=-600, column=800)
    owner, links = axis_links(patch, axes_of(patch)[0])
    line = lines_of(owner - 1, links, 1, 5.0)[0]
    assert line.geom_type == "LineString"
    assert line.length == pytest.approx(axis_sums(patch).added["axis_length"][0] / ONE / 4 * 5, rel=0.05)
    west, south, east, north = line.bounds
    assert (west > 800 * 5, east < 920 * 5, north < 600 * 5, south > 560 * 5) == (True, True, True, True)
    halves = []
    for first, last in ((0, 60), (60, 121)):
        part = Patch(patch.labels, patch.linear, (slice(1, -1), slice(first, last)), patch.row, patch.column, 5.0, 1)
        halves.append(axis_links(part, axes_of(part)[0]))
    joined = lines_of(
        np.concatenate([half[0] for half in halves]) - 1, np.concatenate([half[1] for half in halves]), 1, 5.0
    )
    assert shapely.equals(shapely.normalize(joined[0]), shapely.normalize(line))

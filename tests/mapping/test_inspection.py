"""The counts of a tile agree with those that come from comparing every pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.gaps import find_gaps
from bocage.mapping.inspection import MOST_SAMPLES, MOST_SCENES, Inspection, Inspector, count_observations


def inspect(window: Window, takes: list[tuple[str, Window, NDArray[np.float32], NDArray[np.bool_]]]) -> Inspection:
    inspector = Inspector(window)
    for take in takes:
        inspector.add(*take)
    blank = np.zeros(window.shape, dtype=np.uint8)
    return inspector.finish(blank, blank)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.permutations(range(3)))
def test_pairs_are_compared_on_the_lattice_whatever_their_order(seed: int, order: list[int]) -> None:
    random = np.random.default_rng(seed)
    tile = Window(-37, 1003, 1400, 1290)  # compared on every third pixel
    takes = []
    whole = []
    for name in "cab":
        column, row = int(random.integers(0, 700)), int(random.integers(0, 600))
        window = Window(tile.column + column, tile.row + row, 1400 - column, int(random.integers(1, 690)))
        probability = random.random(window.shape, dtype=np.float32)
        valid = random.random(window.shape) < 0.7
        probability[~valid] = np.nan
        takes.append((name, window, probability, valid))
        canvas = np.full(tile.shape, np.nan)
        canvas[window.slices(tile)] = np.where(valid, np.rint(probability * np.float32(254)), np.nan)
        whole.append((name, canvas))
    found = inspect(tile, [takes[place] for place in order])
    assert found == inspect(tile, takes)
    assert found.step == 3
    rows, columns = np.arange(tile.row, tile.bottom) % 3 == 0, np.arange(tile.column, tile.right) % 3 == 0
    lattice = rows[:, None] & columns[None, :]
    expected = []
    whole.sort(key=lambda each: each[0])
    for place, (first, one) in enumerate(whole):
        for second, two in whole[place + 1 :]:
            a, b = one[lattice], two[lattice]
            a, b = a[~np.isnan(a + b)], b[~np.isnan(a + b)]
            if len(a):
                says, too = a >= 127, b >= 127
                counts = (len(a), (says & too).sum(), (says != too).sum(), np.abs(b - a).sum(), (b - a).sum())
                expected.append((first, second, *map(int, counts)))
    assert [
        (pair.first, pair.second, pair.pixels, pair.both, pair.one, pair.difference, pair.shift)
        for pair in found.overlaps
    ] == expected
    assert Inspection.from_dict(found.as_dict()) == found


def test_memory_is_bounded_by_samples_and_scenes() -> None:
    tile = Window(0, 0, 5000, 5000)
    inspector = Inspector(tile)
    part = Window(0, 0, 5000, 10)
    for number in range(MOST_SCENES + 3):
        inspector.add(str(number), part, np.zeros(part.shape, np.float32), np.ones(part.shape, np.bool_))
    blank = np.zeros(tile.shape, np.uint8)
    found = inspector.finish(blank, blank)
    assert len(found.overlaps) == MOST_SCENES * (MOST_SCENES - 1) // 2
    assert max(pair.pixels for pair in found.overlaps) <= MOST_SAMPLES * 10


def test_a_window_between_two_compared_lines_counts_for_nothing() -> None:
    tile = Window(0, 0, 5000, 5000)
    sliver = Window(1, 0, 3, 5000)
    takes = [(name, sliver, np.zeros(sliver.shape, np.float32), np.ones(sliver.shape, np.bool_)) for name in "ab"]
    assert inspect(tile, takes).overlaps == ()


def test_observations_are_counted_and_added() -> None:
    window = Window(0, 0, 4, 3)
    observations = np.array([[0, 1, 1, 2], [2, 2, 2, 2], [1, 1, 1, 1]], np.uint8)
    found = Inspector(window).finish(np.full(window.shape, 127, np.uint8), observations)
    assert found.observations == (1, 6, 5)
    assert found.tree_pixels == 11
    assert count_observations([found, Inspection((5,))]) == [6, 6, 5]
    assert count_observations([]) == []


def stripe(angle: float, width: float, size: int = 1300) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:size, :size] - size / 2 + 0.5
    away = np.abs(np.cos(angle) * rows + np.sin(angle) * columns)
    seen: NDArray[np.bool_] = away >= width / 2
    return seen


@pytest.mark.parametrize("angle", [0.0, 0.2, 0.9, np.pi / 2])
@pytest.mark.parametrize("width", [1.5, 4, 30])
def test_a_straight_gap_in_any_direction_is_a_stripe(angle: float, width: float) -> None:
    seen = stripe(angle, width)
    (gap,), enclosed = find_gaps(seen)
    assert gap.length == pytest.approx(1300 / max(abs(np.cos(angle)), abs(np.sin(angle))), rel=0.05)
    assert gap.width == pytest.approx(width, rel=0.4)
    assert enclosed == pytest.approx((~seen).sum(), rel=0.1)
    assert (gap.row, gap.column) == pytest.approx((650, 650), abs=6)


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_clouds_and_the_edges_of_scenes_are_no_stripes(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:700, :700]
    seen = columns + rows * random.uniform(-0.4, 0.4) < random.uniform(300, 900)
    for _ in range(int(random.integers(0, 8))):
        row, column, high, wide = random.uniform(0, 700, 4) * [1, 1, 0.1, 0.3]
        seen &= ((rows - row) / (high + 20)) ** 2 + ((columns - column) / (wide + 20)) ** 2 > 1
    assert find_gaps(seen)[0] == ()


def test_a_streak_of_cloud_is_no_stripe_and_a_wedge_between_two_scenes_is_one() -> None:
    rows, columns = np.mgrid[:700, :700]
    streak = ((rows - 350) / 10) ** 2 + ((columns - 350) / 240) ** 2 > 1
    assert find_gaps(streak)[0] == ()
    wedge = np.abs(rows - 350) > columns / 40
    assert len(find_gaps(wedge)[0]) == 1


def test_ground_beyond_a_scene_is_not_enclosed() -> None:
    seen = np.zeros((50, 50), np.bool_)
    seen[:, 10:30] = True
    assert find_gaps(seen) == ((), 0)
    seen[20:25, 15:18] = False
    assert find_gaps(seen) == ((), 15)

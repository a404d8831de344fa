"""Clouds over lattice windows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, box

from bocage.grid import Grid, Window
from bocage.scenes.cover import Cover

GRID = Grid("EPSG:3035", 2.0)
WHOLE = Window(-600, -700, 1300, 1200)


def hidden(outline: MultiPolygon, window: Window) -> np.ndarray:
    valid = np.ones(window.shape, dtype=bool)
    Cover(outline, GRID).hide(valid, window)
    return ~valid


@given(
    place=st.tuples(st.integers(0, 1200), st.integers(0, 1100), st.integers(1, 700), st.integers(1, 700)),
    seed=st.integers(0, 100),
)
@settings(max_examples=20)
def test_a_window_equals_its_part_of_the_whole(place: tuple[int, int, int, int], seed: int) -> None:
    random = np.random.default_rng(seed)
    clouds = MultiPolygon(
        [Point(x, y).buffer(20, quad_segs=3) for x in (-900, -100, 500, 1021) for y in random.uniform(-900, 1300, 1)]
    )
    window = WHOLE.intersection(Window(WHOLE.column + place[0], WHOLE.row + place[1], place[2], place[3]))
    assert window is not None
    assert np.array_equal(hidden(clouds, window), hidden(clouds, WHOLE)[window.slices(WHOLE)])


def test_every_pixel_that_a_cloud_touches_is_hidden() -> None:
    """The cloud crosses the corner of four blocks."""
    found = hidden(MultiPolygon([box(-31, -21, 40.5, 50.5)]), Window(-30, -40, 80, 80))
    expected = np.zeros((80, 80), dtype=bool)
    expected[40 - 26 : 40 + 11, 30 - 16 : 30 + 21] = True
    assert np.array_equal(found, expected)


def test_far_clouds_hide_nothing() -> None:
    assert not hidden(MultiPolygon([box(5000, 5000, 6000, 6000)]), Window(0, 0, 100, 100)).any()

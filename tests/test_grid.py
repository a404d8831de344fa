"""Law 1: tiles cover their area exactly once, whatever the lattice and the window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import GridError
from bocage.grid import Bounds, Grid, Tiling, Window

windows = st.builds(
    Window,
    column=st.integers(-500, 500),
    row=st.integers(-500, 500),
    width=st.integers(1, 120),
    height=st.integers(1, 120),
)


@settings(deadline=None, max_examples=80)
@given(windows, st.integers(1, 50), st.sampled_from([0.5, 0.6, 1.0, 2.0, 2.5]))
def test_tiles_cover_every_pixel_exactly_once(window: Window, pixels: int, resolution: float) -> None:
    tiling = Tiling(Grid("EPSG:3035", resolution), pixels * resolution)
    covered = np.zeros(window.shape, dtype=int)
    for tile in tiling.tiles(window):
        part = tile.window.intersection(window)
        assert part is not None, "a tile that shares no pixel was yielded"
        covered[part.slices(window)] += 1
    assert (covered == 1).all()


@settings(deadline=None, max_examples=80)
@given(st.integers(-600, 600), st.integers(-600, 600), st.integers(1, 50))
def test_tile_name_leads_back_to_the_tile(east: int, north: int, pixels: int) -> None:
    tiling = Tiling(Grid("EPSG:3035", 2.0), pixels * 2.0)
    tile = tiling.tile_at(east, north)
    assert tiling.tile(tile.id) == tile
    bounds = tiling.grid.bounds(tile.window)
    assert (bounds.left, bounds.bottom) == (east * tiling.size, north * tiling.size)


@settings(deadline=None, max_examples=80)
@given(windows, st.sampled_from([0.3, 0.6, 1.0, 2.0, 2.5]))
def test_window_of_the_bounds_of_a_window_is_itself(window: Window, resolution: float) -> None:
    grid = Grid("EPSG:3035", resolution)
    assert grid.window(grid.bounds(window)) == window


@settings(deadline=None, max_examples=80)
@given(windows, windows)
def test_intersection_and_union_agree_with_sets_of_pixels(one: Window, two: Window) -> None:
    shared = one.intersection(two)
    columns = set(range(one.column, one.right)) & set(range(two.column, two.right))
    rows = set(range(one.row, one.bottom)) & set(range(two.row, two.bottom))
    if shared is None:
        assert not columns or not rows
    else:
        assert (set(range(shared.column, shared.right)), set(range(shared.row, shared.bottom))) == (columns, rows)
        assert shared.intersection(one.union(two)) == shared


def test_ten_kilometre_tile_has_its_name_on_the_reference_grid() -> None:
    tiling = Tiling(Grid("EPSG:3035", 2.0), 10_000)
    (tile,) = tiling.tiles(tiling.grid.window(Bounds(4_321_000, 3_021_000, 4_322_000, 3_022_000)))
    assert tile.id == "E432N302"
    assert tiling.grid.bounds(tile.window) == Bounds(4_320_000, 3_020_000, 4_330_000, 3_030_000)


def test_tile_of_part_pixels_is_refused() -> None:
    with pytest.raises(GridError, match="whole number"):
        Tiling(Grid("EPSG:3035", 2.0), 10_001)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60), st.integers(1, 25))
def test_blocks_cover_a_window_once(column: int, row: int, width: int, height: int, size: int) -> None:
    window = Window(column, row, width, height)
    counts = np.zeros(window.shape, dtype=np.int64)
    for block in window.blocks(size):
        assert max(block.shape) <= size
        counts[block.slices(window)] += 1
    assert (counts == 1).all()

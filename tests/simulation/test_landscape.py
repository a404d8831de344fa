import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.simulation import Landscape, Raster
from bocage.simulation.farmland import build_cell, cell_box, role
from bocage.simulation.kinds import Woody
from bocage.simulation.stream import reaches

_LEFT, _TOP = 4_317_600, 3_019_900


@settings(max_examples=5, deadline=None)
@given(column=st.integers(0, 500), row=st.integers(0, 500), width=st.integers(60, 300), height=st.integers(60, 300))
def test_a_window_is_the_crop_of_a_larger_one(column: int, row: int, width: int, height: int) -> None:
    landscape = Landscape.over(0, 4_317_000, 3_018_000, 3000)
    large = landscape.render(Raster(_LEFT, _TOP, 820, 820))
    small = landscape.render(Raster(_LEFT + column, _TOP - row, height, width))
    # Crowns that are rooted beyond the window are decided there, so a rim as wide as a crown may differ.
    rim = 12
    inner = (slice(rim, height - rim), slice(rim, width - rim))
    outer = (slice(row + rim, row + height - rim), slice(column + rim, column + width - rim))
    for name in ("height", "types", "objects", "former", "former_types"):
        np.testing.assert_array_equal(getattr(small, name)[inner], getattr(large, name)[outer], err_msg=name)
    np.testing.assert_array_equal(small.ground()[inner], large.ground()[outer])
    np.testing.assert_array_equal(small.looks[small.surface[inner]], large.looks[large.surface[outer]])


def test_a_seed_makes_one_landscape_and_another_seed_another() -> None:
    build_cell.cache_clear()
    first = build_cell(0, 4318, 3019)
    build_cell.cache_clear()
    again, other = build_cell(0, 4318, 3019), build_cell(1, 4318, 3019)
    np.testing.assert_array_equal(first.crowns, again.crowns)
    assert first.objects == again.objects
    assert len(first.crowns) != len(other.crowns) or not np.array_equal(first.crowns, other.crowns)


def test_every_nine_blocks_hold_each_role() -> None:
    for east, north in ((4317, 3018), (0, 0), (-3, -9)):
        roles = {role(7, east + dx, north + dy) for dx in range(3) for dy in range(3)}
        assert roles == {"village", "forest", "orchards", "wooded", "bocage", "open"}
        assert role(7, east - east % 3 + 1, north - north % 3 + 1) == "bocage"


def test_numbers_of_objects_find_their_object() -> None:
    landscape = Landscape.over(0, 4_317_000, 3_018_000, 3000)
    for east, north in ((4317, 3018), (4319, 3020), (4316, 3019)):
        cell = build_cell(0, east, north)
        for item in (0, len(cell.objects) - 1):
            assert landscape.find(landscape.number(cell, item)) is cell.objects[item]


def test_a_stream_runs_on_from_block_to_block() -> None:
    pieces = [piece for north in range(3015, 3024) for east in range(4317, 4320) for piece in reaches(0, east, north)]
    starts = {tuple(np.round(piece[0], 6)) for piece in pieces}
    ends = {tuple(np.round(piece[-1], 6)) for piece in pieces}
    inside = [end for end in ends if 4_317_000 < end[0] < 4_320_000 and 3_016_000 < end[1] < 3_023_000]
    assert inside
    assert set(inside) <= starts


def test_some_hedges_are_newer_than_2018_and_some_are_gone() -> None:
    cells = [build_cell(0, east, north) for east in range(4317, 4320) for north in range(3018, 3021)]
    hedges = [item for cell in cells for item in cell.objects if item.code is Woody.HEDGE]
    new = sum(item.now and not item.before for item in hedges)
    gone = sum(item.before and not item.now for item in hedges)
    assert 0 < new < 0.15 * len(hedges)
    assert 0 < gone < 0.15 * len(hedges)


def test_a_block_stays_inside_its_box() -> None:
    for east, north in ((4317, 3018), (4318, 3019), (4319, 3020), (4321, 3019), (4320, 3021)):
        cell, box = build_cell(0, east, north), cell_box(0, east, north)
        reach = cell.crowns["radius"] * 1.25
        assert float((cell.crowns["x"] - reach).min()) >= box[0]
        assert float((cell.crowns["y"] - reach).min()) >= box[1]
        assert float((cell.crowns["x"] + reach).max()) <= box[2]
        assert float((cell.crowns["y"] + reach).max()) <= box[3]
        for surface in cell.surfaces:
            held = shapely.box(*box).contains(shapely.box(*surface.box))
            assert held, surface.layer

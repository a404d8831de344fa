"""The frame lists every cell that a scene shows, with the share that it shows."""

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples.footprints import CELL, GRID, cells_box, frame_of, patchwork, scene

from bocage.errors import SampleError
from bocage.grid import Bounds
from bocage.project import Project
from bocage.samples.frame import Frame, blocks_of, build_frame, cell_tiling
from bocage.scenes.catalogue import Catalogue


def test_valid_share_is_the_part_within_the_footprint(make_project: Callable[..., Project]) -> None:
    project = make_project()
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    cells = cell_tiling(project.grid, 100)
    frame = build_frame(scenes, cells, minimum_valid=0.4)
    table = frame.table(np.arange(len(frame)))
    assert (table["scene_id"] == "west").sum() == 64
    # Of the eastern scene 160 x 300 m are not imaged.
    assert 57 <= (table["scene_id"] == "east").sum() <= 61
    assert table["valid_share"].between(0.4, 1).all()
    assert not table.duplicated(["cell_id", "scene_id"]).any()
    assert table["cell_id"].duplicated().any()
    for row in table.head(5).itertuples():
        tile = cells.tile(row.cell_id)
        assert (tile.window.column, tile.window.row) == (row.column, row.row)
        assert shapely.equals(row.geometry, project.grid.bounds(tile.window).polygon())


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_shares_are_the_areas_that_shapely_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenes = [
        scene(f"s{index}", shapely.affinity.rotate(cells_box(*left, *(left + size)), rng.uniform(0, 90)))
        for index, (left, size) in enumerate(zip(rng.uniform(0, 9, (3, 2)), rng.uniform(1, 9, (3, 2)), strict=True))
    ]
    frame = frame_of(scenes, 0.3)
    table = frame.table(np.arange(len(frame)))
    shapes = np.array([scenes[index].footprint for index in frame.scene], object)
    areas = shapely.area(shapely.intersection(shapes, table.geometry.to_numpy())) / CELL**2
    np.testing.assert_allclose(table["valid_share"], areas, atol=2e-6)


def as_rows(frame: Frame) -> list[tuple[object, ...]]:
    names = (frame.scene_ids[index] for index in frame.scene)
    return list(zip(names, frame.east, frame.north, frame.valid_share, frame.ground, strict=True))


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_the_order_of_the_catalogue_does_not_matter(seed: int) -> None:
    scenes = patchwork(seed, 9, 6)
    mixed = [scenes[index] for index in np.random.default_rng(seed).permutation(len(scenes))]
    assert as_rows(frame_of(scenes)) == as_rows(frame_of(mixed))


def test_the_area_bounds_the_frame(make_project: Callable[..., Project]) -> None:
    project = make_project()
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    bounds = Bounds(4_000_000, 2_999_730, 4_000_200, 3_000_000)
    frame = build_frame(scenes, cell_tiling(project.grid, 100), minimum_valid=0.4, bounds=bounds)
    # Two full rows, and a third of which 70 per cent lie in the area.
    assert sorted(np.round(frame.valid_share, 2)) == [0.7, 0.7, 1, 1, 1, 1]
    with pytest.raises(SampleError, match="none of the 2 scenes shows 40% of a cell"):
        build_frame(scenes, cell_tiling(project.grid, 100), minimum_valid=0.4, bounds=Bounds(0, 0, 9, 9))


def test_ground_under_clouds_is_not_imaged() -> None:
    frame = frame_of([scene("a", cells_box(0, 0, 3, 1), clouds=cells_box(0.75, 0, 2.1, 1)), *patchwork(0, 3, 1)], 0.5)
    mine = frame.scene == 0
    assert frame.scene_ids == ("a", "s000")
    np.testing.assert_allclose(frame.valid_share[mine], [0.75, 0.9], atol=1e-6)
    assert frame.valid_share[~mine].tolist() == [1] * 9


def test_pairs_of_one_cell_share_their_ground_number() -> None:
    frame = frame_of([scene("b", cells_box(0, 0, 2, 2)), scene("a", cells_box(1, 0, 3, 1))])
    assert len(frame) == 6
    assert len(frame.distinct()) == 5
    same = frame.ground[:, None] == frame.ground
    np.testing.assert_array_equal(same, (frame.places[:, None] == frame.places).all(axis=2))
    part = frame.take(np.array([1, 5]))
    assert part.ground.tolist() == [0, 1] or part.ground.tolist() == [1, 0]


def test_cells_are_whole_pixels_and_blocks_whole_cells() -> None:
    with pytest.raises(SampleError, match=r"samples\.cell_size 101\.0 m is not a whole number"):
        cell_tiling(GRID, 101.0)
    frame = frame_of([scene("a", cells_box(0, 0, 4, 3))])
    for size in (250.0, 50.0):
        with pytest.raises(SampleError, match=rf"samples\.block_size {size:g} m is not a whole number of cells"):
            blocks_of(frame, size)
    block, places = blocks_of(frame, 200.0)
    assert len(places) == 4
    np.testing.assert_array_equal(places[block], frame.places // 2)

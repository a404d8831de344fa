"""The frame lists every cell that a scene shows, with the share that it shows."""

from collections.abc import Callable

import numpy as np
import pytest
import shapely

from bocage.errors import SampleError
from bocage.grid import Bounds, Grid
from bocage.project import Project
from bocage.samples.frame import block_of, build_frame, cell_tiling
from bocage.scenes.catalogue import Catalogue

GRID = Grid("EPSG:3035", 2.0)


def test_valid_share_is_the_part_within_the_footprint(make_project: Callable[..., Project]) -> None:
    project = make_project()
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    cells = cell_tiling(project.grid, 100)
    frame = build_frame(scenes, cells, minimum_valid=0.4)
    assert len(frame[frame["scene_id"] == "west"]) == 64
    # Of the eastern scene 160 x 300 m are not imaged.
    assert 57 <= len(frame[frame["scene_id"] == "east"]) <= 61
    assert frame["valid_share"].between(0.4, 1).all()
    assert not frame.duplicated(["cell_id", "scene_id"]).any()
    assert frame["cell_id"].duplicated().any()
    for row in frame.head(5).itertuples():
        tile = cells.tile(row.cell_id)
        assert (tile.window.column, tile.window.row) == (row.column, row.row)
        assert shapely.equals(row.geometry, project.grid.bounds(tile.window).polygon())


def test_the_area_bounds_the_frame(make_project: Callable[..., Project]) -> None:
    project = make_project()
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    bounds = Bounds(4_000_000, 2_999_730, 4_000_200, 3_000_000)
    frame = build_frame(scenes, cell_tiling(project.grid, 100), minimum_valid=0.4, bounds=bounds)
    # Two full rows, and a third of which 70 per cent lie in the area.
    assert len(frame) == 6
    assert sorted(np.round(frame["valid_share"], 2)) == [0.7, 0.7, 1, 1, 1, 1]
    with pytest.raises(SampleError, match="none of the 2 scenes shows 40% of a cell"):
        build_frame(scenes, cell_tiling(project.grid, 100), minimum_valid=0.4, bounds=Bounds(0, 0, 9, 9))


def test_cells_are_whole_pixels_and_blocks_whole_cells() -> None:
    with pytest.raises(SampleError, match=r"samples\.cell_size 101\.0 m is not a whole number"):
        cell_tiling(GRID, 101.0)
    cells = cell_tiling(GRID, 100.0)
    with pytest.raises(SampleError, match=r"samples\.block_size 250 m is not a whole number of cells"):
        block_of(cells, 250.0, 0, 0)
    assert block_of(cells, 200.0, 0, -100) == block_of(cells, 200.0, 50, -50) == "0_-1"
    assert block_of(cells, 200.0, 100, -50) != block_of(cells, 200.0, 50, -50)

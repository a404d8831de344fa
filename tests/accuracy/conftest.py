"""A small project with a map, test cells and a complete truth, made of arrays."""

from collections.abc import Callable, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.rasters import write_cog

SETTINGS = """
[grid]
resolution = 2.0
tile_size = 1000.0
cell_size = 1000.0
[accuracy]
count = 400
minimum_per_stratum = 60
population = "{population}"
"""
REFERENCE = """
[accuracy.reference]
kind = "classes"
paths = ["truth/*.tif"]
tree = [1]
ignore = {ignore}
"""
TILE = Window(2_000_000, -1_500_000, 500, 500)  # E4000N2999: 1 km at 2 m
GRID = Grid("EPSG:3035", 2.0)


def write_project(
    folder: Path,
    *,
    population: str = "test",
    reference: bool = True,
    ignore: Sequence[int] = (9,),
    truth_tree: bool = True,
    mapped: bool = True,
) -> Project:
    """Write a project whose map misses a third of its only hedge, sees one false patch and lacks a strip."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = SETTINGS.format(population=population)
    settings += REFERENCE.format(ignore=list(ignore)) if reference else ""
    (folder / "bocage.toml").write_text(settings)
    truth = np.zeros(TILE.shape, dtype=np.uint8)
    if truth_tree:
        truth[100:220, 50:140] = 1
    truth[:20] = 9
    probability = np.zeros(TILE.shape, dtype=np.uint8)
    probability[100:180, 50:140] = 220
    probability[300:320, 300:320] = 180
    probability[:, 480:] = 255
    write_cog(folder / "truth" / "truth.tif", truth, grid=GRID, window=TILE)
    if mapped:
        bands = np.stack([probability, (probability != 255).astype(np.uint8)])
        write_cog(folder / "map" / "E4000N2999.tif", bands, grid=GRID, window=TILE, nodata=255)
    cells = [("a", TILE.column, TILE.row), ("b", TILE.column + 250, TILE.row), ("c", TILE.column, TILE.row + 250)]
    rows = [
        {
            "sample_id": f"s{name}",
            "cell_id": name,
            "scene_id": "one",
            "split": "train" if name == "c" else "test",
            "column": column,
            "row": row,
            "width": 250,
            "height": 250,
            "geometry": box(*GRID.bounds(Window(column, row, 250, 250)).as_tuple()),
        }
        for name, column, row in cells
    ]
    gpd.GeoDataFrame(rows, crs=GRID.crs).to_parquet(folder / "samples.parquet")
    return Project.open(folder)


@pytest.fixture
def make_project() -> Callable[..., Project]:
    """The function that writes a project."""
    return write_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project of :func:`write_project`."""
    return write_project(tmp_path / "project")

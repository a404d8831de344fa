"""A small project to look at: two scenes, one mapped tile and two features; the south-east corner holds nothing."""

from collections.abc import Iterator
from threading import Thread

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import box

from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.scenes import catalogue_scenes
from bocage.web import make_server
from bocage.web.server import MapServer

TILE = Window(2_000_128, -1_500_160, 640, 640)
GRID = Grid("EPSG:3035", 2.0)
SETTINGS = """
[project]
name = "Look <here>"
[grid]
tile_size = 1280.0
cell_size = 1280.0
[scenes]
stretch = "none"
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project; tests only read it."""
    folder = tmp_path_factory.mktemp("view")
    (folder / "bocage.toml").write_text(SETTINGS)
    project = Project.open(folder)
    tile = next(project.tiling.tiles(TILE))
    rng = np.random.default_rng(1)
    (folder / "scenes").mkdir()
    for name, column in (("a", 0), ("b", 250)):
        window = Window(tile.window.column + column, tile.window.row, 390, 400)
        image = rng.integers(40, 220, (4, *window.shape), dtype=np.uint8)
        profile = {"driver": "GTiff", "count": 4, "dtype": "uint8", "crs": GRID.crs, "nodata": 0}
        with rasterio.open(
            folder / "scenes" / f"{name}.tif", "w", width=390, height=400, transform=GRID.transform(window), **profile
        ) as file:
            file.write(image)
            for band, colour in enumerate(("red", "green", "blue", "nir"), start=1):
                file.set_band_description(band, colour)
    catalogue_scenes(project)
    probability = np.full(tile.window.shape, 255, dtype=np.uint8)
    probability[:400] = 20
    probability[100:200, 100:300] = 250
    write_cog(
        project.map_folder / f"{tile.id}.tif",
        np.stack([probability, (probability != 255).astype(np.uint8)]),
        grid=GRID,
        window=tile.window,
        nodata=255,
    )
    bounds = GRID.bounds(tile.window)
    west, north = bounds.left, bounds.top
    shapes = [
        box(west + 200, north - 400, west + 600, north - 200),
        box(west + 900, north - 130, west + 960, north - 90),
    ]
    features = gpd.GeoDataFrame(
        {
            "feature_id": ["one", "two"],
            "slf_type": ["linear", "patchy"],
            "area": [shape.area for shape in shapes],
            "height_m": [np.nan, 7.25],
        },
        geometry=shapes,
        crs=GRID.crs,
    )
    project.features_folder.mkdir()
    features.to_parquet(project.features_folder / f"{next(project.cells.tiles(tile.window)).id}.parquet")
    return project


@pytest.fixture
def server(project: Project) -> Iterator[MapServer]:
    """The project's server, running on a free port."""
    with make_server(project) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()

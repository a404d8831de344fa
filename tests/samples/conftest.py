"""A small project with two overlapping scenes of two sensors and a map of trees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from bocage.project import Project
from bocage.scenes import catalogue_scenes
from bocage.settings import Settings

EAST, NORTH = 4_000_000.0, 3_000_000.0
Maker = Callable[..., Project]


def write_raster(
    path: Path,
    bands: NDArray[Any],
    pixel: float,
    *,
    origin: tuple[float, float] = (EAST, NORTH),
    nodata: float | None = 0,
) -> None:
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=bands.shape[1],
        width=bands.shape[2],
        count=len(bands),
        dtype=bands.dtype,
        crs="EPSG:3035",
        transform=Affine(pixel, 0, origin[0], 0, -pixel, origin[1]),
        nodata=nodata,
    ) as file:
        file.write(bands)
        if len(bands) == 4:
            file.descriptions = ("red", "green", "blue", "nir")


@pytest.fixture
def make_project(tmp_path: Path) -> Maker:
    """Write scenes "west" (2 m) and "east" (4 m), each 800 m wide, that share 400 m, and a map of tree stripes."""
    rng = np.random.default_rng(1)
    write_raster(tmp_path / "scenes" / "west.tif", rng.integers(1, 255, (4, 400, 400)).astype(np.uint8), 2.0)
    east = rng.integers(1, 255, (4, 200, 200)).astype(np.uint8)
    east[:, 125:, 160:] = 0
    write_raster(tmp_path / "scenes" / "east.tif", east, 4.0, origin=(EAST + 400, NORTH))
    trees = np.zeros((1, 400, 600), np.uint8)
    trees[:, ::4] = 1
    trees[:, :100, :100] = 9
    write_raster(tmp_path / "trees.tif", trees, 2.0, nodata=9)

    def make(**sections: Any) -> Project:
        samples = {"count": 40, "cell_size": 100.0, "block_size": 200.0, "minimum_valid": 0.4, "test_share": 0.2}
        settings = {
            "grid": {"tile_size": 400.0, "cell_size": 800.0},
            "scenes": {"stretch": "none"},
            "reference": {"layers": [{"kind": "classes", "paths": ["trees.tif"], "tree": [1]}]},
            "samples": samples | sections.pop("samples", {}),
        }
        project = Project(tmp_path, Settings.model_validate(settings | sections))
        if not project.scenes_file.is_file():
            catalogue_scenes(project)
        return project

    return make

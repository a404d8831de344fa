"""Small layers in their true formats, written where a test asks for them."""

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
from bocage.settings import LayerSettings, Settings

ORIGIN = (4_000_000.0, 3_000_000.0)

Writer = Callable[..., Path]


def write_geotiff(
    path: Path,
    values: NDArray[Any],
    pixel: float,
    *,
    origin: tuple[float, float] = ORIGIN,
    crs: str | None = "EPSG:3035",
    nodata: float | None = None,
) -> Path:
    """Write an array as a GeoTIFF whose upper left corner is ``origin``."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=Affine(pixel, 0, origin[0], 0, -pixel, origin[1]),
        nodata=nodata,
    ) as file:
        file.write(values, 1)
    return path


@pytest.fixture
def write_layer(tmp_path: Path) -> Writer:
    """Write an array as a GeoTIFF of that name in ``tmp_path``."""
    return lambda name, *given, **more: write_geotiff(tmp_path / name, *given, **more)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Return a project of small tiles in ``tmp_path`` with the given layers."""

    def make(*layers: LayerSettings, **sections: Any) -> Project:
        grid = {"tile_size": 200.0, "cell_size": 400.0} | sections.pop("grid", {})
        reference = {"layers": layers} | sections.pop("reference", {})
        return Project(tmp_path, Settings.model_validate({"grid": grid, "reference": reference} | sections))

    return make


@pytest.fixture
def scene(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Write a scene of 300 x 300 m over four tiles of 200 m; its upper left corner is that of the layers."""
    path = tmp_path / "scenes" / "one.tif"
    path.parent.mkdir()
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=150,
        width=150,
        count=4,
        dtype="uint8",
        crs="EPSG:3035",
        transform=Affine(2, 0, ORIGIN[0], 0, -2, ORIGIN[1]),
        nodata=0,
    ) as file:
        file.write(rng.integers(1, 255, (4, 150, 150)).astype(np.uint8))
        file.descriptions = ("red", "green", "blue", "nir")
    return path


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)

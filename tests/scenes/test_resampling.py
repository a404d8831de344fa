"""Blocks of a raster onto the lattice: validity before mixing, whichever way a file marks what was not seen."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling

from bocage.grid import Grid, Window
from bocage.scenes import recognise
from bocage.scenes.recognition import Rules
from bocage.scenes.resampling import Placement, read_block
from tests.scenes.rasters import noise, write_raster

GRID = Grid("EPSG:3035", 2.0)
WINDOW = Window(2_000_000, -1_500_000, 30, 20)
BANDS = ("green", "nir", "red", "blue")


@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int32", "float32"]),
    nodata=st.sampled_from([None, 0, 3, 255, -9, 70_000, 2.5, float("nan")]),
    alpha=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=40, deadline=None)
def test_validity_of_every_mark(dtype: str, nodata: float | None, alpha: bool, seed: int) -> None:
    """Values of 0 to 5 in which a mark is frequent, beside a plain loop over bands."""
    fits = nodata is None or np.issubdtype(dtype, np.floating) or (
        float(nodata).is_integer() and np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max
    )  # fmt: skip
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 6, (4, 20, 30)).astype(dtype)
    pixels[:, random.random((20, 30)) < 0.3] = nodata if fits and nodata is not None else 3
    hidden = random.random((20, 30)) < 0.2
    names: Any = BANDS
    if alpha:
        pixels, names = np.concatenate([pixels, np.where(hidden, 0, 200).astype(dtype)[None]]), (*BANDS, "")
    with tempfile.TemporaryDirectory() as folder:
        path = write_raster(Path(folder) / "a.tif", pixels, nodata=nodata if fits else None, names=names)
        if alpha:
            with rasterio.open(path, "r+") as file:
                file.colorinterp = (*file.colorinterp[:4], rasterio.enums.ColorInterp.alpha)
        placement = Placement(GRID, GRID.crs, GRID.transform(WINDOW), (20, 30), True, 512, Resampling.bilinear)
        with rasterio.open(path) as file:
            numbers, valid = read_block(file, placement, (3, 1, 4, 2), WINDOW)
    expected = np.zeros((20, 30), dtype=bool)
    for band in pixels[:4]:
        expected |= np.isfinite(band) & ~np.isnan(band.astype(float)) & (band != (nodata if fits else None))
    if alpha:
        expected &= ~hidden
    finite = np.isfinite(pixels[:4].astype(float)).all(axis=0)
    assert np.array_equal(valid, expected & finite)
    assert np.array_equal(numbers[:, valid], pixels[[2, 0, 3, 1]][:, valid])


@pytest.mark.parametrize(
    ("gsd", "shift", "crs", "aligned", "method"),
    [
        (2.0, 0.0, "EPSG:3035", True, Resampling.bilinear),
        (2.0, 2000.0, "EPSG:3035", True, Resampling.bilinear),
        (2.0, 0.4, "EPSG:3035", False, Resampling.bilinear),
        (2.0001, 0.0, "EPSG:3035", False, Resampling.bilinear),
        (4.0, 0.0, "EPSG:3035", False, Resampling.bilinear),
        (1.0, 0.0, "EPSG:3035", False, Resampling.average),
    ],
)
def test_placement(tmp_path: Path, gsd: float, shift: float, crs: str, aligned: bool, method: Resampling) -> None:
    transform = Affine(gsd, 0, 4_000_000 + shift, 0, -gsd, 3_000_000)
    path = write_raster(tmp_path / "a.tif", noise(200, 220), crs=crs, transform=transform)
    placement = Placement.of(recognise(path, GRID, rules=Rules("minmax")), GRID)
    assert placement.aligned == aligned
    assert aligned or placement.method == method


def test_overview_may_lie_on_the_lattice_where_the_scene_does_not(tmp_path: Path) -> None:
    transform = Affine(0.5, 0, 4_000_000, 0, -0.5, 3_000_000)
    scene = recognise(write_raster(tmp_path / "a.tif", noise(200, 220), transform=transform), GRID)
    assert not Placement.of(scene, GRID).aligned
    assert Placement.of(scene, GRID, (50, 55)).aligned
    assert not Placement.of(scene, GRID, (100, 110)).aligned


def test_saturation_counts_in_any_band(tmp_path: Path) -> None:
    pixels = noise(20, 30, low=100, high=900, dtype="uint16")
    pixels[1, 4, 5], pixels[3, 6, 7], pixels[0, 8, 9] = 1000, 1001, 999
    path = write_raster(tmp_path / "a.tif", pixels)
    placement = Placement(GRID, GRID.crs, GRID.transform(WINDOW), (20, 30), True, 512, Resampling.bilinear)
    with rasterio.open(path) as file:
        _, valid = read_block(file, placement, (1, 2, 3, 4), WINDOW, 1000.0)
    assert sorted(map(tuple, np.argwhere(~valid).tolist())) == [(4, 5), (6, 7)]

"""What one look over a raster finds, and that nothing unseen gets into it by way of the overviews."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from shapely.geometry import box

from bocage.grid import Grid
from bocage.scenes import Scene, recognise
from bocage.scenes.survey import survey
from tests.scenes.rasters import write_raster, write_sidecar

GRID = Grid("EPSG:3035", 2.0)
EDGE = 2048


def rotated() -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """A square of ground that stands on its corner, 900 to 1099 in fields of 64 pixels, in a frame of 0."""
    rows, columns = np.mgrid[:EDGE, :EDGE]
    inside = abs(rows - EDGE / 2) + abs(columns - EDGE / 2) < 0.48 * EDGE
    fields = np.random.default_rng(0).integers(900, 1100, (EDGE // 64, EDGE // 64)).repeat(64, 0).repeat(64, 1)
    band = np.where(inside, fields, 0).astype(np.uint16)
    return np.stack([band] * 4), inside


def recognised(path: Path) -> Scene:
    """The scene of a raster that does not declare its nodata value: the maker fills its frame with 0."""
    write_sidecar(path, **{"bocage:sensor": "PHR"})
    return recognise(path, GRID)


@pytest.mark.parametrize("resampling", [Resampling.average, Resampling.cubic, Resampling.lanczos])
def test_a_frame_that_is_not_declared_does_not_leak_through_overviews(tmp_path: Path, resampling: Resampling) -> None:
    pixels, inside = rotated()
    path = write_raster(tmp_path / "a.tif", pixels, nodata=None, tiled=True)
    whole = recognised(path)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2], resampling)
    scene = recognised(path)
    assert whole.statistics[0].minimum == pixels[0][inside].min()
    assert scene.statistics[0].minimum >= 0.97 * whole.statistics[0].minimum
    assert np.allclose(scene.stretch, whole.stretch, atol=5)
    assert scene.valid_share == pytest.approx(inside.mean(), abs=0.005)
    assert scene.footprint.symmetric_difference(whole.footprint).area < 0.01 * whole.footprint.area


def test_what_an_alpha_band_hides_does_not_leak_through_overviews(tmp_path: Path) -> None:
    pixels, inside = rotated()
    pixels[:, ~inside] = 60_000
    alpha = np.where(inside, 65535, 0).astype(np.uint16)[None]
    path = write_raster(tmp_path / "a.tif", np.concatenate([pixels, alpha]), nodata=None, tiled=True)
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (*[ColorInterp.undefined] * 4, ColorInterp.alpha)
        file.build_overviews([2], Resampling.average)
    scene = recognise(path, GRID)
    assert (scene.statistics[0].minimum, scene.statistics[0].maximum) == (pixels[0][inside].min(), 1099)


@pytest.mark.parametrize("options", [{"REVERSIBLE": "YES"}, {"REVERSIBLE": "NO"}])
def test_wavelets_do_not_carry_the_frame_into_the_values(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels, inside = rotated()
    path = write_raster(
        tmp_path / "a.jp2", pixels, nodata=None, names=None, driver="JP2OpenJPEG", QUALITY=100, **options
    )
    write_sidecar(path, ("red", "green", "blue", "nir"), **{"bocage:sensor": "PHR"})
    scene = recognise(path, GRID)
    # Beside a sharp edge between fields the reduced resolution itself overshoots by a few percent.
    assert scene.statistics[0].minimum > 0.93 * pixels[0][inside].min()
    assert np.allclose(scene.stretch[0], np.quantile(pixels[0][inside], (0.005, 0.995)), atol=5)


def test_what_is_too_narrow_for_an_overview_is_read_whole(tmp_path: Path) -> None:
    pixels = np.zeros((4, EDGE, EDGE), dtype=np.uint16)
    pixels[:, 1001:1010] = 1000
    path = write_raster(tmp_path / "a.tif", pixels, nodata=None, tiled=True)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2], Resampling.average)
    scene = recognised(path)
    assert {(band.minimum, band.maximum) for band in scene.statistics} == {(1000, 1000)}


def test_a_sample_under_clouds_is_better_than_none(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(100, 200, (4, 2200, 2200)).astype(np.uint16)
    path = write_raster(tmp_path / "a.tif", pixels)
    with rasterio.open(path) as file:
        everywhere = box(*file.bounds).buffer(100)
        found = survey(file, (1, 2, 3, 4), everywhere)
        plain = survey(file, (1, 2, 3, 4))
    assert np.array_equal(found.samples, plain.samples)


def test_a_scene_is_looked_over_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.scenes.survey._STRIP", EDGE * 64)
    monkeypatch.setattr("bocage.scenes.survey._SAMPLES", 10_000)
    path = tmp_path / "a.tif"
    write_raster(path, np.random.default_rng(0).integers(1, 4000, (4, EDGE, EDGE)).astype(np.uint16))
    with rasterio.open(path) as file:
        tracemalloc.start()
        found = survey(file, (1, 2, 3, 4))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found.thumbnail.shape[-1] * found.step == EDGE
    assert peak < 4 * EDGE * EDGE * 2 / 4

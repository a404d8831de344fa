"""What a reader returns beside the stretched bands: missing near infrared, reflectance, saturation, overviews."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from bocage.errors import SceneError
from bocage.grid import Grid, Window
from bocage.scenes import open_raster, open_scene, recognise
from bocage.scenes.calibration import Calibration
from bocage.scenes.recognition import Rules
from tests.scenes.rasters import noise, write_raster

GRID = Grid("EPSG:3035", 2.0)


def test_scene_without_near_infrared_says_so(tmp_path: Path) -> None:
    pixels = noise(20, 24)[:3]
    path = write_raster(tmp_path / "a.tif", pixels, names=("blue", "red", "green"))
    scene = recognise(path, GRID, rules=Rules("none"))
    with pytest.raises(SceneError, match=r"a\.tif has no near infrared band, which the model needs"):
        open_scene(scene, GRID)
    with pytest.raises(SceneError, match="near infrared"):
        open_raster(path, grid=GRID)
    with open_scene(scene, GRID, allow_missing_nir=True) as reader:
        assert not reader.has_nir
        patch = reader.read(reader.window.pad(2))
    assert np.array_equal(patch.image[:3, 2:-2, 2:-2], pixels[[1, 2, 0]])
    assert patch.image.shape[0] == 4
    assert not patch.image[3].any()
    assert patch.valid[2:-2, 2:-2].all()


@pytest.mark.parametrize("gsd", [2.0, 1.3, 4.0])
def test_reflectance_agrees_with_the_stretch(tmp_path: Path, gsd: float) -> None:
    pixels = noise(90, 90, low=100, high=3000, dtype="uint16")
    pixels[:, 20:40, 30:41] = 0
    transform = Affine(gsd, 0, 4_000_000, 0, -gsd, 3_000_000)
    scene = recognise(write_raster(tmp_path / "a.tif", pixels, transform=transform), GRID, rules=Rules("minmax"))
    with open_scene(scene, GRID) as reader, pytest.raises(SceneError, match="do not calibrate it"):
        reader.read_reflectance(reader.window)
    calibration = Calibration((1e-4, 2e-4, 3e-4, 1.5e-4), (0.01, -0.02, 0.0, 0.03), "metadata")
    with open_scene(replace(scene, calibration=calibration), GRID) as reader:
        window = reader.window.pad(2)
        reflectance, patch = reader.read_reflectance(window), reader.read(window)
        part = Window(window.column + 11, window.row + 7, 13, 19)
        cut = (slice(None), *part.slices(window))
        assert np.array_equal(reader.read_reflectance(part), reflectance[cut], equal_nan=True)
    assert reflectance.dtype == np.float32
    assert np.array_equal(np.isfinite(reflectance), np.broadcast_to(patch.valid, reflectance.shape))
    for band, (low, high) in enumerate(scene.stretch):
        numbers = (reflectance[band] - calibration.offset[band]) / calibration.scale[band]
        exact = 1 + np.clip((numbers - low) / (high - low), 0, 1) * 254
        assert np.abs(exact - patch.image[band])[patch.valid].max() <= 0.51


def test_reflectance_without_near_infrared(tmp_path: Path) -> None:
    pixels = noise(20, 24, dtype="uint16")[:3]
    scene = recognise(write_raster(tmp_path / "a.tif", pixels, names=("blue", "red", "green")), GRID)
    calibration = Calibration((1e-3, 2e-3, 3e-3), (0.0, 0.1, 0.2), "metadata")
    with open_scene(replace(scene, calibration=calibration), GRID, allow_missing_nir=True) as reader:
        found = reader.read_reflectance(reader.window)
    assert np.isnan(found[3]).all()
    expected = pixels[[1, 2, 0]] * np.array([1e-3, 2e-3, 3e-3])[:, None, None] + np.array([0, 0.1, 0.2])[:, None, None]
    np.testing.assert_allclose(found[:3], expected, rtol=1e-6)


@pytest.mark.parametrize("gsd", [2.0, 1.0])
def test_saturated_pixels_are_left_out_before_any_mixing(tmp_path: Path, gsd: float) -> None:
    pixels = noise(64, 64, low=100, high=900, dtype="uint16")
    pixels[2, 20:31, 20:31] = 4095
    transform = Affine(gsd, 0, 4_000_000, 0, -gsd, 3_000_000)
    scene = recognise(write_raster(tmp_path / "a.tif", pixels, transform=transform), GRID)
    scene = replace(scene, saturation=4095.0, stretch=((0.0, 1000.0),) * 4)
    blind = pixels.copy()
    blind[:, 20:31, 20:31] = 0
    other = recognise(write_raster(tmp_path / "b.tif", blind, transform=transform), GRID)
    with (
        open_scene(scene, GRID) as plain,
        open_scene(replace(scene, mask_saturated=True), GRID) as masked,
        open_scene(replace(other, stretch=scene.stretch), GRID) as hidden,
    ):
        window = plain.window
        assert plain.read(window).valid.all()
        found, expected = masked.read(window), hidden.read(window)
    assert not found.valid.all()
    assert np.array_equal(found.valid, expected.valid)
    assert np.array_equal(found.image, expected.image)


def test_overview_shows_what_the_pixels_show(tmp_path: Path) -> None:
    rows, columns = np.indices((400, 440))
    wave = 1000 + 400 * np.sin(rows / 17) * np.cos(columns / 23)
    pixels = np.broadcast_to(wave, (4, 400, 440)).astype(np.uint16)
    transform = Affine(0.6, 0, 275_000.3, 0, -0.6, 5_500_000.1)
    path = write_raster(tmp_path / "a.tif", pixels, crs="EPSG:32631", transform=transform)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
    scene = recognise(path, GRID)
    with open_scene(scene, GRID) as reader, open_scene(scene, GRID, overviews=False) as plain:
        assert reader.reduction == 2
        assert plain.reduction == 1
        window = reader.window.pad(-3)
        shown, expected = reader.read(window), plain.read(window)
    both = shown.valid & expected.valid
    # The edge crosses the lattice at an angle, and the overview's pixels reach over it by less than one of them.
    assert (shown.valid != expected.valid).sum() < 0.02 * both.sum()
    assert np.abs(shown.image.astype(int) - expected.image)[:, both].mean() < 1.5

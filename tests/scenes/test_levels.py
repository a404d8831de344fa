"""Which overview is read: as fine as the lattice, and only where it knows what the raster knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from scipy.ndimage import binary_dilation

from bocage.grid import Grid, Window
from bocage.scenes import BANDS, Scene, open_scene, recognise
from bocage.scenes.deliveries.image import Part
from bocage.scenes.levels import find_level
from bocage.scenes.stretch import IDENTITY
from tests.scenes.rasters import noise, write_raster

GRID = Grid("EPSG:3035", 2.0)
INDEXES = (1, 2, 3, 4)


def place(gsd: float) -> Affine:
    """Pixels of that size whose corner is a corner of lattice blocks."""
    return Affine(gsd, 0, 4000 * 1024.0, 0, -gsd, 3000 * 1024.0)


def with_overviews(path: Path, factors: list[int], method: Resampling = Resampling.average) -> Path:
    with rasterio.open(path, "r+") as file:
        file.build_overviews(factors, method)
    return path


def smooth(rows: int, columns: int) -> NDArray[np.uint16]:
    """Four bands of waves of some 20 pixels."""
    down, across = np.indices((rows, columns))
    bands = [1000 + 400 * np.sin(down / (17 + band)) * np.cos(across / (23 - band)) for band in range(4)]
    return np.stack(bands).astype(np.uint16)


@pytest.mark.parametrize(
    ("gsd", "factors", "reduction"),
    [
        (2.0, [2, 4], 1),  # the lattice is not coarser
        (1.1, [2, 4], 1),  # less than twice
        (1.0, [2, 4], 2),
        (0.6, [2, 4], 2),
        (0.5, [2, 4], 4),
        (0.5, [2, 8], 2),  # nothing between: the finer one
        (0.3, [8, 16], 1),  # none is fine enough
        (0.5, [], 1),
    ],
)
def test_overview_is_as_fine_as_the_lattice(tmp_path: Path, gsd: float, factors: list[int], reduction: int) -> None:
    path = write_raster(tmp_path / "a.tif", smooth(256, 256), transform=place(gsd))
    scene = recognise(with_overviews(path, factors) if factors else path, GRID)
    level = find_level(scene, GRID, INDEXES)
    assert level.shape == (256 // reduction, 256 // reduction)
    assert find_level(scene, GRID, INDEXES, overviews=False).overview is None


def test_size_of_an_overview_counts_not_its_rounded_factor(tmp_path: Path) -> None:
    """Overviews of 203 pixels have 102 and 51: pixels of 0.5025 m x 203 / 51 are 2.0002 m, of 5 / 2 are 1.256 m."""
    path = write_raster(tmp_path / "a.tif", smooth(203, 203), transform=place(0.5025))
    scene = recognise(with_overviews(path, [2, 4]), GRID)
    assert find_level(scene, GRID, INDEXES).shape == (51, 51)
    with open_scene(scene, GRID) as reader, open_scene(scene, GRID, overviews=False) as plain:
        window = reader.window.pad(-2)
        assert reader.reduction == pytest.approx(203 / 51)
        shown, expected = reader.read(window), plain.read(window)
    assert np.array_equal(shown.valid, expected.valid)
    assert np.abs(shown.image.astype(int) - expected.image).mean() < 4


@pytest.mark.parametrize("mark", ["nodata", "mask", "external mask", "alpha"])
@pytest.mark.parametrize("gsd", [0.5, 0.6])
def test_unseen_pixels_do_not_get_into_values(tmp_path: Path, mark: str, gsd: float) -> None:
    """A scene whose valid pixels are alike yields their value wherever it is valid, also from overviews."""
    hole = np.zeros((300, 340), dtype=bool)
    hole[:, :77] = True
    hole[100:141, 150:201] = True
    hole[np.random.default_rng(0).random(hole.shape) < 0.05] = True
    pixels = np.full((4, 300, 340), 120, dtype=np.uint8)
    pixels[:, hole] = 9 if "mask" in mark or mark == "alpha" else 0
    names: Any = BANDS
    options: dict[str, Any] = {}
    if mark == "alpha":
        pixels = np.concatenate([pixels, np.where(hole, 0, 255).astype(np.uint8)[None]])
        names, options = (*BANDS, ""), {"photometric": "RGB"}
    path = tmp_path / "a.tif"
    write_raster(path, pixels, transform=place(gsd), nodata=0 if mark == "nodata" else None, names=names, **options)
    if mark == "alpha":
        colour = rasterio.enums.ColorInterp
        with rasterio.open(path, "r+") as file:
            file.colorinterp = (colour.red, colour.green, colour.blue, colour.undefined, colour.alpha)
    elif "mask" in mark:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=mark == "mask"), rasterio.open(path, "r+") as file:
            file.write_mask(~hole)
    with_overviews(path, [2, 4])
    scene = replace(
        recognise(path, GRID, bands=(*BANDS, "other") if mark == "alpha" else None), stretch=((20, 220),) * 4
    )
    with open_scene(scene, GRID) as reader, open_scene(scene, GRID, overviews=False) as plain:
        assert reader.reduction == (1 if mark != "nodata" else 4 if gsd == 0.5 else 2)
        window = reader.window.pad(2)
        shown, expected = reader.read(window), plain.read(window)
    assert shown.valid.any()
    assert set(np.unique(shown.image[:, shown.valid])) == {128}
    # A pixel of an overview is valid where any of its pixels is, so that gaps shrink by less than one of them.
    around = np.ones((3, 3))
    assert not (shown.valid & ~binary_dilation(expected.valid, around)).any()
    assert not (expected.valid & ~binary_dilation(shown.valid, around)).any()
    assert (shown.valid != expected.valid).sum() <= 0.02 * shown.valid.size


def test_overviews_without_the_mask_of_the_file_are_not_read(tmp_path: Path) -> None:
    hole = np.zeros((256, 256), dtype=bool)
    hole[:, :77] = True
    path = with_overviews(write_raster(tmp_path / "a.tif", smooth(256, 256), transform=place(0.5), nodata=None), [2, 4])
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(~hole)
    scene = recognise(path, GRID)
    assert find_level(scene, GRID, INDEXES).overview is None
    with open_scene(scene, GRID) as reader:
        assert not reader.read(Window(2_048_000, -1_536_000, 18, 64)).valid.any()


def test_saturated_pixels_are_not_hidden_in_an_average(tmp_path: Path) -> None:
    pixels = smooth(256, 256)
    pixels[0, 100, 100] = 4095
    scene = recognise(with_overviews(write_raster(tmp_path / "a.tif", pixels, transform=place(0.5)), [2, 4]), GRID)
    masked = replace(scene, saturation=4095.0, mask_saturated=True)
    assert find_level(replace(masked, mask_saturated=False), GRID, INDEXES).overview is not None
    assert find_level(masked, GRID, INDEXES).overview is None


def tiled(folder: Path, pixels: NDArray[np.uint16], cuts: tuple[int, int], gsd: float, factors: list[int]) -> Scene:
    """A scene of four tiles, cut at a row and a column, and the whole of it beside them."""
    whole = write_raster(folder / "whole.tif", pixels, transform=place(gsd))
    scene = recognise(with_overviews(whole, factors) if factors else whole, GRID)
    rows, columns = (0, cuts[0], pixels.shape[1]), (0, cuts[1], pixels.shape[2])
    parts = []
    for down in (0, 1):
        for right in (0, 1):
            top, left = rows[down], columns[right]
            cut = pixels[:, top : rows[down + 1], left : columns[right + 1]]
            path = folder / f"R{down + 1}C{right + 1}.tif"
            write_raster(path, cut, transform=place(gsd) @ Affine.translation(left, top))
            if factors:
                with_overviews(path, factors)
            parts.append(Part(str(path), top, left, cut.shape[1], cut.shape[2], INDEXES))
    return replace(scene, image=replace(scene.image, parts=tuple(parts)))


@pytest.mark.parametrize(
    ("gsd", "cuts", "factors", "reduction"),
    [
        (2.0, (100, 140), [], 1),
        (1.3, (101, 143), [], 1),
        (0.5, (128, 160), [2, 4], 4),
        (0.6, (128, 160), [2, 4], 2),
        (0.5, (130, 162), [2, 4], 2),  # the tiles do not end on blocks of four pixels
        (0.5, (101, 143), [2, 4], 1),
    ],
)
def test_tiles_equal_the_single_file(
    tmp_path: Path, gsd: float, cuts: tuple[int, int], factors: list[int], reduction: int
) -> None:
    pixels = smooth(256, 320)
    pixels[:, 90:110, :30] = 0
    scene = tiled(tmp_path, pixels, cuts, gsd, factors)
    with open_scene(scene, GRID, threads=2) as reader:
        assert reader.reduction == reduction
        window = reader.window
        tiles = reader.read(window)
    single = recognise(tmp_path / "whole.tif", GRID)
    if factors and reduction < 4 and gsd == 0.5:
        # The single file is read by its coarser overview; what the tiles hold is compared with the same overview.
        with rasterio.open(tmp_path / "whole.tif", "r+") as file:
            profile = file.profile
        with rasterio.open(tmp_path / "plain.tif", "w", **profile) as file:
            file.write(pixels)
            for index, name in enumerate(BANDS, start=1):
                file.set_band_description(index, name)
        if reduction == 2:
            with_overviews(tmp_path / "plain.tif", [2])
        single = replace(recognise(tmp_path / "plain.tif", GRID), stretch=scene.stretch)
    with open_scene(single, GRID) as reader:
        assert reader.reduction == reduction
        whole = reader.read(window)
    assert np.array_equal(tiles.valid, whole.valid)
    # GDAL averages an overview to the nearest number; at the seam nothing else may differ.
    assert np.array_equal(tiles.image, whole.image)


def test_one_file_per_band_equals_the_single_file(tmp_path: Path) -> None:
    pixels = smooth(256, 320)
    whole = recognise(with_overviews(write_raster(tmp_path / "a.tif", pixels, transform=place(0.5)), [2, 4]), GRID)
    parts = []
    for index, band in enumerate(pixels, start=1):
        path = write_raster(tmp_path / f"{index}.tif", band[None], transform=place(0.5), names=None)
        parts.append(Part(str(with_overviews(path, [2, 4])), 0, 0, 256, 320, (index,)))
    scene = replace(whole, image=replace(whole.image, parts=tuple(parts)))
    with open_scene(whole, GRID) as one, open_scene(scene, GRID) as other:
        assert one.reduction == other.reduction == 4
        assert np.array_equal(one.read(one.window).image, other.read(one.window).image)


def test_several_threads_decode_one_window(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    path = write_raster(tmp_path / "a.tif", noise(256, 320), transform=place(2.0), **options)
    scene = recognise(path, GRID)
    with open_scene(scene, GRID) as one, open_scene(scene, GRID, threads=3) as other:
        assert np.array_equal(one.read(one.window).image, other.read(one.window).image)


def test_reduced_resolutions_of_jpeg_2000_are_not_read(tmp_path: Path) -> None:
    path = write_raster(
        tmp_path / "a.jp2",
        smooth(256, 256),
        transform=place(0.5),
        driver="JP2OpenJPEG",
        REVERSIBLE="YES",
        QUALITY="100",
    )
    scene = recognise(path, GRID, bands=BANDS)
    with rasterio.open(path) as file:
        assert file.overviews(1)
    with open_scene(scene, GRID, threads=2) as reader:
        assert reader.reduction == 1
        assert reader.read(reader.window).valid.all()


@pytest.mark.parametrize(("nodata", "tag", "reduction"), [(0, "alpha", 2), (77, "alpha", 1), (77, "undefined", 2)])
def test_overviews_that_mix_hidden_pixels_into_a_band_tagged_alpha_are_not_read(
    tmp_path: Path, nodata: int, tag: str, reduction: int
) -> None:
    """GDAL knows the nodata value of such a band only where it is 0; found by the law of nodata in test_reader.py."""
    pixels = np.full((4, 64, 64), 120, np.uint8)
    pixels[:, np.random.default_rng(0).random((64, 64)) < 0.2] = nodata
    path = write_raster(tmp_path / "a.tif", pixels, transform=place(0.6), nodata=nodata)
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [*file.colorinterp[:3], ColorInterp[tag]]
    scene = recognise(with_overviews(path, [2, 4]), GRID)
    assert find_level(scene, GRID, INDEXES).shape == (64 // reduction, 64 // reduction)
    with open_scene(replace(scene, stretch=IDENTITY), GRID) as reader:
        patch = reader.read(reader.window)
    assert patch.valid.any()
    assert set(np.unique(patch.image[:, patch.valid])) == {120}

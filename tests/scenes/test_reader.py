"""Windows of a scene: determinism, nodata as a third state, and agreement with plain arithmetic."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.transform import xy
from shapely.geometry import box

from bocage.errors import SceneError
from bocage.grid import Grid, Window
from bocage.scenes import Patch, Scene, open_raster, open_scene, recognise
from bocage.scenes.stretch import IDENTITY, apply_stretch
from tests.scenes.rasters import noise, write_raster, write_sidecar

GRID = Grid("EPSG:3035", 2.0)
# Corner of four blocks of 512 lattice pixels, so that small scenes lie across blocks.
CORNER = (4000 * 1024.0, 3000 * 1024.0)


def corner_transform(crs: str, gsd: float, size: int, shift: float, angle: float) -> Affine:
    """A raster of ``size`` pixels around the corner of four blocks."""
    x, y = Transformer.from_crs("EPSG:3035", crs, always_xy=True).transform(*CORNER)
    half = size * gsd / 2
    return Affine.translation(x - half + shift, y + half) @ Affine.rotation(angle) @ Affine.scale(gsd, -gsd)


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    """A raster that a delivery could hold: CRS, pixel size, type, the way it marks nodata, and its footprint."""
    size = draw(st.integers(24, 70))
    dtype = draw(st.sampled_from(["uint8", "uint16", "int16", "float32"]))
    marks = ["zero", "mask", "none"] + (["nan"] if dtype == "float32" else ["odd"])
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    hole = np.zeros((size, size), dtype=bool)
    rows, columns = np.indices(hole.shape)
    if draw(st.booleans()):
        hole |= rows * rng.uniform(0.2, 2) + columns < size * rng.uniform(0.2, 0.6)
    if draw(st.booleans()):
        hole |= rng.random(hole.shape) < 0.2
    hole[size // 2, size // 2] = False
    gsd = draw(st.sampled_from([0.6, 1.0, 2.0, 2.0, 3.1, 4.0]))
    return {
        "size": size,
        "dtype": dtype,
        "mark": draw(st.sampled_from(marks)),
        "hole": hole,
        "seed": seed,
        "overviews": draw(st.booleans()),
        "crs": (crs := draw(st.sampled_from(["EPSG:3035", "EPSG:32631", "EPSG:2154"]))),
        "transform": corner_transform(
            crs, gsd, size, draw(st.sampled_from([0.0, 0.7])), draw(st.sampled_from([0, 0, 30]))
        ),
    }


def write_scene(folder: Path, spec: dict[str, Any], pixels: Any) -> Path:
    """Write the raster with its holes marked in the way of the spec."""
    nodata: float | None = {"zero": 0.0, "odd": 77.0, "nan": float("nan")}.get(spec["mark"])
    mask = None
    if spec["mark"] == "mask":
        mask = ~spec["hole"]
    elif nodata is not None:
        pixels = pixels.copy()
        pixels[:, spec["hole"]] = nodata
    path = write_raster(
        folder / "scene.tif", pixels, crs=spec["crs"], transform=spec["transform"], nodata=nodata, mask=mask
    )
    if spec["overviews"]:
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2, 4], rasterio.enums.Resampling.average)
    return path


@given(spec=scenes(), cuts=st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60)))
@settings(max_examples=18, deadline=None)
def test_a_window_equals_its_parts(spec: dict[str, Any], cuts: tuple[int, int, int, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pixels = noise(spec["size"], spec["size"], seed=spec["seed"], low=100, dtype=spec["dtype"])
        scene = recognise(write_scene(Path(folder), spec, pixels), GRID)
        with open_scene(scene, GRID) as reader:
            window = reader.window.pad(3)
            whole = reader.read(window)
        assert whole.valid.any()
        columns = sorted({0, *(cut % window.width for cut in cuts[:2]), window.width})
        rows = sorted({0, *(cut % window.height for cut in cuts[2:]), window.height})
        for left, right in pairwise(columns):
            for top, bottom in pairwise(rows):
                part = Window(window.column + left, window.row + top, right - left, bottom - top)
                # A reader of its own, so that no block kept from the first reading can help.
                with open_scene(scene, GRID) as reader:
                    patch = reader.read(part)
                assert np.array_equal(patch.valid, whole.valid[part.slices(window)])
                assert np.array_equal(patch.image, whole.image[(slice(None), *part.slices(window))])


@given(spec=scenes())
@settings(max_examples=18, deadline=None)
def test_nodata_never_becomes_a_value_nor_leaks_into_one(spec: dict[str, Any]) -> None:
    """Law 5: a scene whose valid pixels are all alike yields that value wherever it is valid, and 0 elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        pixels = np.full((4, spec["size"], spec["size"]), 120, dtype=spec["dtype"])
        scene = recognise(write_scene(Path(folder), spec, pixels), GRID)
        scene = replace(scene, stretch=((20.0, 220.0),) * 4)
        with open_scene(scene, GRID) as reader:
            window = reader.window.pad(5)
            patch = reader.read(window)
        expected = apply_stretch(np.full((4, 1, 1), 120.0), np.ones((1, 1), dtype=bool), scene.stretch)[0, 0, 0]
        assert patch.valid.any()
        assert set(np.unique(patch.image[:, patch.valid])) == {expected}
        assert not patch.image[:, ~patch.valid].any()
        check_far_from_valid(scene, spec, window, patch)


def check_far_from_valid(scene: Scene, spec: dict[str, Any], window: Window, patch: Patch) -> None:
    """No lattice pixel is valid that is farther from every valid source pixel than both pixels are wide."""
    good = np.ones_like(spec["hole"]) if spec["mark"] == "none" else ~spec["hole"]
    rows, columns = np.nonzero(good)
    xs, ys = xy(spec["transform"], rows, columns)
    x, y = Transformer.from_crs(spec["crs"], GRID.crs, always_xy=True).transform(np.array(xs), np.array(ys))
    origin = GRID.transform(window)
    vrows, vcolumns = np.nonzero(patch.valid)
    vx, vy = origin.c + (vcolumns + 0.5) * GRID.resolution, origin.f - (vrows + 0.5) * GRID.resolution
    reach = (scene.gsd + GRID.resolution) * 1.5
    pick = np.random.default_rng(0).permutation(len(vx))[:300]
    gaps = [np.hypot(x - vx[index], y - vy[index]).min() for index in pick]
    assert max(gaps) <= reach


def test_aligned_scene_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = noise(40, 50)
    pixels[:, :5] = 0
    pixels[0, 20, 20] = 0
    reader = open_raster(write_raster(tmp_path / "a.tif", pixels), grid=GRID, stretch="none")
    patch = reader.read(reader.window)
    assert np.array_equal(patch.valid, (pixels != 0).any(axis=0)[patch_rows(patch, pixels)])
    inside = patch.valid
    expected = np.maximum(pixels[:, patch_rows(patch, pixels)], 1)
    assert np.array_equal(patch.image[:, inside], expected[:, inside])
    assert not reader.resampled


def patch_rows(patch: Patch, pixels: Any) -> slice:
    """The rows of the raster that the footprint kept: the empty ones at the top are cut off."""
    return slice(pixels.shape[1] - patch.valid.shape[0], None)


def test_valid_pixel_with_one_band_at_nodata_stays_valid(tmp_path: Path) -> None:
    pixels = noise(16, 16)
    pixels[0, 8, 8] = 0
    with open_raster(write_raster(tmp_path / "a.tif", pixels), grid=GRID, stretch="none") as reader:
        patch = reader.read(reader.window)
    assert patch.valid.all()
    assert patch.image[0, 8, 8] == 1


def test_average_is_the_mean_of_the_valid_pixels(tmp_path: Path) -> None:
    pixels = noise(64, 64, seed=3).astype("uint16")
    pixels[:, 10:30, 11:40] = 0
    path = write_raster(tmp_path / "a.tif", pixels, transform=Affine(1, 0, 4_000_000, 0, -1, 3_000_000))
    scene = replace(recognise(path, GRID), stretch=IDENTITY)
    with open_scene(scene, GRID) as reader:
        patch = reader.read(reader.window)
    numbers = np.where((pixels != 0).any(axis=0), pixels, np.nan).astype(float)
    cells = numbers.reshape(4, 32, 2, 32, 2).transpose(0, 1, 3, 2, 4).reshape(4, 32, 32, 4)
    with np.errstate(invalid="ignore"):
        count = np.isfinite(cells).sum(axis=-1)
        mean = np.nansum(cells, axis=-1) / count
    assert np.array_equal(patch.valid, count[0] > 0)
    assert np.abs(patch.image - mean)[:, patch.valid].max() <= 0.51


def test_bilinear_keeps_a_plane(tmp_path: Path) -> None:
    rows, columns = np.indices((40, 40))
    plane = np.broadcast_to(500 + 7 * rows + 11 * columns, (4, 40, 40)).astype("uint16")
    path = write_raster(tmp_path / "a.tif", plane, transform=Affine(4, 0, 4_000_001, 0, -4, 3_000_001))
    scene = replace(recognise(path, GRID), stretch=((400.0, 1400.0),) * 4)
    with open_scene(scene, GRID) as reader:
        window = reader.window.pad(-3)
        patch = reader.read(window)
    origin = GRID.transform(window)
    x = origin.c + (np.arange(window.width) + 0.5) * 2
    y = origin.f - (np.arange(window.height) + 0.5) * 2
    numbers = 500 + 7 * ((3_000_001 - y) / 4 - 0.5)[:, None] + 11 * ((x - 4_000_001) / 4 - 0.5)[None, :]
    expected = 1 + (numbers - 400) / 1000 * 254
    assert patch.valid.all()
    assert np.abs(patch.image[0] - expected).max() <= 0.6


def test_a_place_stays_where_it_is_in_another_crs(tmp_path: Path) -> None:
    """A bright square in UTM is found on the lattice where its coordinates say."""
    to_utm = Transformer.from_crs("EPSG:3035", "EPSG:32631", always_xy=True)
    x, y = to_utm.transform(4_000_101, 2_999_901)
    pixels = np.full((4, 101, 101), 50, dtype=np.uint8)
    pixels[:, 48:53, 48:53] = 250
    path = write_raster(
        tmp_path / "a.tif", pixels, crs="EPSG:32631", transform=Affine(2, 0, x - 101, 0, -2, y + 101), nodata=None
    )
    with open_raster(path, grid=GRID, stretch="none") as reader:
        patch = reader.read(Window(2_000_040, -1_499_960, 21, 21))
    rows, columns = np.nonzero(patch.image[0] > 150)
    assert rows.mean() == pytest.approx(9, abs=0.4)
    assert columns.mean() == pytest.approx(10, abs=0.4)


def test_alpha_hides_pixels_unless_it_is_named_near_infrared(tmp_path: Path) -> None:
    pixels = np.concatenate([noise(20, 20), np.full((1, 20, 20), 255, dtype=np.uint8)])
    pixels[4, :, :10] = 0
    path = write_raster(tmp_path / "a.tif", pixels, nodata=None, names=None)
    colour = rasterio.enums.ColorInterp
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (colour.red, colour.green, colour.blue, colour.undefined, colour.alpha)
    with open_raster(path, grid=GRID, bands=("red", "green", "blue", "nir", "other"), stretch="none") as reader:
        patch = reader.read(Window(2_000_000, -1_500_000, 20, 20))
    assert patch.valid[:, 10:].all()
    assert not patch.valid[:, :10].any()
    four = write_raster(tmp_path / "b.tif", pixels[1:], nodata=None, names=None, photometric="RGB", alpha="YES")
    with open_raster(four, grid=GRID, bands=("red", "green", "blue", "nir"), stretch="none") as reader:
        assert reader.read(Window(2_000_000, -1_500_000, 20, 20)).valid.all()


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3035"])
def test_clouds_are_invalid_and_windows_still_agree(tmp_path: Path, crs: str) -> None:
    path = write_raster(tmp_path / "a.tif", noise(60, 60))
    cloud = box(4_000_031, 2_999_931, 4_000_069, 2_999_969)
    back = Transformer.from_crs("EPSG:3035", crs, always_xy=True)
    corners = [back.transform(x, y) for x, y in cloud.exterior.coords]
    content: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [corners]}}],
    }
    if crs != "EPSG:4326":
        content["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3035"}}
    (tmp_path / "clouds.geojson").write_text(json.dumps(content))
    write_sidecar(path, clouds="clouds.geojson")
    scene = recognise(path, GRID)
    with open_scene(scene, GRID) as reader:
        whole = reader.read(reader.window)
        part = reader.read(Window(reader.window.column + 10, reader.window.row + 20, 15, 9))
    assert not whole.valid[16:34, 16:34].any()
    assert whole.valid[:14].all()
    assert whole.valid[:, 37:].all()
    assert np.array_equal(part.valid, whole.valid[20:29, 10:25])
    assert scene.fingerprint != replace(scene, clouds=None).fingerprint


def test_clouds_do_not_decide_the_stretch(tmp_path: Path) -> None:
    ground = np.random.default_rng(0).integers(200, 800, (4, 60, 60), dtype=np.uint16)
    clouded = ground.copy()
    clouded[:, 10:30, 20:50] = 4000
    content = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3035"}},
        "features": [
            {
                "type": "Feature",
                "properties": {},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [list(box(4_000_040, 2_999_940, 4_000_100, 2_999_980).exterior.coords)],
                },
            }
        ],
    }
    (tmp_path / "clouds.geojson").write_text(json.dumps(content))
    masked, bare = write_raster(tmp_path / "a.tif", clouded), write_raster(tmp_path / "b.tif", clouded)
    write_sidecar(masked, clouds="clouds.geojson")
    assert max(high for _, high in recognise(masked, GRID).stretch) < 800
    assert min(high for _, high in recognise(bare, GRID).stretch) == 4000


def test_beyond_the_scene_nothing_is_valid(tmp_path: Path) -> None:
    with open_raster(write_raster(tmp_path / "a.tif", noise(20, 20)), grid=GRID) as reader:
        patch = reader.read(Window(0, 0, 10, 12))
    assert patch.image.shape == (4, 12, 10)
    assert not patch.valid.any()
    assert not patch.image.any()


def test_threads_share_a_reader(tmp_path: Path) -> None:
    transform = corner_transform("EPSG:32631", 2.0, 120, 0.0, 0)
    path = write_raster(tmp_path / "a.tif", noise(120, 120), crs="EPSG:32631", transform=transform)
    with open_raster(path, grid=GRID) as reader:
        window = reader.window
        parts = [Window(column, row, 17, 13) for column in range(window.column, window.right, 17)
                 for row in range(window.row, window.bottom, 13)]  # fmt: skip
        alone = [reader.read(part) for part in parts]
    with open_raster(path, grid=GRID) as reader, ThreadPoolExecutor(4) as pool:
        together = list(pool.map(reader.read, parts))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.image, other.image)


def test_closed_reader_and_changed_file_are_errors(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(20, 20))
    scene = recognise(path, GRID)
    reader = open_scene(scene, GRID)
    reader.close()
    with pytest.raises(SceneError, match="closed"):
        reader.read(reader.window)
    write_raster(path, noise(30, 20))
    with pytest.raises(SceneError, match="changed"):
        open_scene(scene, GRID)
    path.unlink()
    with pytest.raises(SceneError, match="cannot be opened"):
        open_scene(scene, GRID)


def test_truncated_file_is_an_error_of_ours(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}
    path = write_raster(tmp_path / "a.tif", noise(64, 64), **options)
    scene = recognise(path, GRID)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : -1000] = bytes(len(content) - 1000 - len(content) // 3)
    path.write_bytes(content)
    with open_scene(scene, GRID) as reader, pytest.raises(SceneError, match=r"a\.tif cannot be read"):
        reader.read(reader.window)

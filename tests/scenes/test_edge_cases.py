"""Files that break readers: each is read as rasterio reads it on its own grid, or refused with a reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform, transform_bounds

from bocage.errors import SceneError
from bocage.grid import Bounds, Grid, Window
from bocage.scenes import open_scene, recognise
from bocage.scenes.projection import crs_text
from bocage.scenes.recognition import Rules
from bocage.scenes.resampling import Placement, read_block

pytestmark = pytest.mark.real

RGB = ("red", "green", "blue")
UNNAMED = "band order unknown"
STATED = "bands but 3 band names are given"


@dataclass(frozen=True)
class Case:
    """What a file holds, and what becomes of it.

    ``refused`` is the reason why it cannot be a scene as it is, ``stated`` the bands with which it can be one, and
    ``unseen`` the pixels that are hidden.
    """

    refused: str
    unseen: int = 0
    stated: tuple[str, ...] | None = None
    placed: bool = True


CASES = {
    "cog.tif": Case(UNNAMED),
    "cog_cmap.tif": Case(UNNAMED, unseen=27_741_584),  # a colour map: codes, not colours
    "cog_dateline.tif": Case(UNNAMED),
    "cog_gcps.tif": Case("ground control points", placed=False),
    "cog_gcps_ovr.tif": Case("ground control points", placed=False),
    "cog_gradient.tif": Case(UNNAMED),
    "cog_int16.tif": Case(UNNAMED, unseen=3_414_419),
    "cog_name.tif": Case(UNNAMED),  # a band named b1: a number is no name
    "cog_nodata.tif": Case(UNNAMED, unseen=3_414_419),
    "cog_nodata_nan.tif": Case(UNNAMED, unseen=154_085),
    "cog_ovr.tif": Case(UNNAMED),
    "cog_rgb.tif": Case(UNNAMED, stated=RGB),
    "cog_rgb_mask.tif": Case(UNNAMED, stated=RGB, unseen=2_739),
    "cog_rgba.tif": Case(UNNAMED, stated=(*RGB, "other"), unseen=10_044),
    "cog_scale.tif": Case(UNNAMED, unseen=6),
    "cog_scale_epsg4326.tif": Case(UNNAMED, unseen=2_315),
    "cog_scale_stats.tif": Case(UNNAMED, unseen=6),
    "cog_tags.tif": Case("no red and no blue band", unseen=6),
    "cog_uint8_rgb_mask.tif": Case(UNNAMED, stated=RGB, unseen=16_384),
    "cog_uint8_rgb_nodata.tif": Case(UNNAMED, stated=RGB, unseen=16_384),
    "cog_uint8_rgba.tif": Case(UNNAMED, stated=(*RGB, "other"), unseen=16_384),
}
PLACED = [name for name, case in CASES.items() if case.placed]
SCENES = [name for name, case in CASES.items() if case.stated]


@pytest.fixture
def folder(data_folder: Path) -> Path:
    return data_folder / "cog-edge-cases"


def colours(file: rasterio.DatasetReader) -> tuple[int, ...]:
    """Numbers of the bands that are not alpha."""
    return tuple(index for index in file.indexes if file.colorinterp[index - 1] != rasterio.enums.ColorInterp.alpha)


def truth(file: rasterio.DatasetReader) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The whole file as floats, NaN where it was not seen, and where it was seen: by rasterio's masks alone."""
    numbers = file.read(colours(file)).astype(np.float32)
    valid: NDArray[np.bool_] = (file.dataset_mask() != 0) & np.isfinite(numbers).all(axis=0)
    numbers[:, ~valid] = np.nan
    return numbers, valid


def metric_grid(file: rasterio.DatasetReader, times: float) -> Grid:
    """A lattice of the file's projection, or of Web Mercator, with pixels of so many of its own."""
    if file.crs.is_projected:
        return Grid(crs_text(file.crs), times * file.transform.a)
    return Grid("EPSG:3857", times * file.transform.a * 111_320)


def test_the_table_names_every_file(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.tif")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_as_it_is_a_file_is_refused_with_the_reason(folder: Path, name: str) -> None:
    with pytest.raises(SceneError, match=CASES[name].refused) as refused:
        recognise(folder / name, Grid("EPSG:3857", 100.0))
    assert name in refused.value.problem
    assert refused.value.mend


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.placed and not case.stated])
def test_stated_bands_must_be_those_of_the_file(folder: Path, name: str) -> None:
    with pytest.raises(SceneError, match=STATED):
        recognise(folder / name, Grid("EPSG:3857", 100.0), bands=RGB)


@pytest.mark.parametrize("name", CASES)
def test_numbers_and_validity_are_those_of_rasterio(folder: Path, name: str) -> None:
    """On the file's own pixels: masks, alpha, nodata, NaN; scale, offset and colour map leave the numbers alone."""
    with rasterio.open(folder / name) as file:
        expected, valid = truth(file)
        placement = Placement(
            Grid("EPSG:3857", 1.0), "EPSG:3857", Affine(1, 0, 0, 0, -1, 0), file.shape, True, 512, Resampling.bilinear
        )
        bands = colours(file)
        for window in (
            Window(0, 0, file.width, file.height),
            Window(file.width // 3, file.height // 5, file.width // 2, file.height // 3),
            Window(-7, file.height - 9, 20, 30),
        ):
            numbers, seen = read_block(file, placement, bands, window)
            inside = window.intersection(Window(0, 0, file.width, file.height))
            assert inside is not None
            part, cut = inside.slices(window), inside.slices(Window(0, 0, file.width, file.height))
            assert numbers.dtype == file.dtypes[0]
            assert np.array_equal(seen[part], valid[cut])
            assert seen.sum() == valid[cut].sum()
            assert np.array_equal(numbers[:, *part][:, seen[part]], expected[:, *cut][:, valid[cut]])
    assert (~valid).sum() == CASES[name].unseen


@pytest.mark.parametrize("name", PLACED)
def test_resampled_as_rasterio_resamples_the_whole_file(folder: Path, name: str) -> None:
    """Blocks of the reader beside one call over all pixels that were seen: finer, as fine, coarser."""
    with rasterio.open(folder / name) as file:
        whole, seen = truth(file)
        rows, columns = np.nonzero(seen)
        x, y = file.xy(rows[len(rows) // 2], columns[len(rows) // 2])
        for times, method in ((0.7, Resampling.bilinear), (1.0, Resampling.bilinear), (2.6, Resampling.average)):
            grid = metric_grid(file, times)
            (east,), (north,) = transform(file.crs, grid.crs, [x], [y])
            around = Window(round(east / grid.resolution), round(-north / grid.resolution), 1, 1).pad(140)
            # Around the whole globe coordinates begin again.
            window = around.intersection(grid.window(Bounds(*transform_bounds(file.crs, grid.crs, *file.bounds))))
            assert window is not None
            placement = Placement(grid, crs_text(file.crs), file.transform, file.shape, False, 512, method)
            numbers, valid = read_block(file, placement, colours(file), window)
            compare(whole, file, grid, window, method, numbers, valid)


def middle(file: rasterio.DatasetReader) -> tuple[float, float, float, float]:
    """Bounds of the middle of a file, which every projection can show."""
    left, bottom, right, top = file.bounds
    across, up = (right - left) / 4, (top - bottom) / 4
    return left + across, bottom + up, right - across, top - up


def compare(
    whole: NDArray[np.float32],
    file: rasterio.DatasetReader,
    grid: Grid,
    window: Window,
    method: Resampling,
    numbers: NDArray[np.generic],
    valid: NDArray[np.bool_],
) -> None:
    expected = np.full((len(whole), *window.shape), np.nan, dtype=np.float32)
    reproject(
        whole, expected, src_transform=file.transform, src_crs=file.crs, src_nodata=np.nan,
        dst_transform=grid.transform(window), dst_crs=grid.crs, dst_nodata=np.nan, resampling=method,
        tolerance=0.01, XSCALE="1", YSCALE="1",
    )  # fmt: skip
    seen = np.isfinite(expected).all(axis=0)
    assert seen.any()
    # The approximate transformation may place an edge on either side of the middle of a few pixels.
    assert (seen != valid).mean() < 0.002
    both = seen & valid
    gap = np.abs(numbers[:, both].astype(np.float64) - expected[:, both])
    spread = float(np.nanmax(expected) - np.nanmin(expected)) if both.any() else 0.0
    assert gap.size == 0 or np.quantile(gap, 0.99) <= 0.01 * spread + 1e-3


@pytest.mark.parametrize("name", SCENES)
def test_a_file_with_stated_bands_is_a_scene(folder: Path, name: str) -> None:
    """From delivery to patch, beside rasterio's reprojection of what was seen."""
    with rasterio.open(folder / name) as file:
        whole, valid = truth(file)
        grid = metric_grid(file, 1.0)
        scene = recognise(folder / name, grid, bands=CASES[name].stated, rules=Rules("none"))
        assert scene.valid_share == pytest.approx(valid.mean(), abs=0.01)
        with pytest.raises(SceneError, match="no near infrared band"):
            open_scene(scene, grid)
        with open_scene(scene, grid, allow_missing_nir=True) as reader:
            window = reader.window
            patch = reader.read(window)
            ratio = grid.resolution / scene.gsd
            method = Resampling.average if ratio > 1.01 else Resampling.bilinear
            compare(whole, file, grid, window, method, patch.image[:3], patch.valid)
    assert not patch.image[3].any()
    # As much ground is valid on the lattice as in the file.
    area = patch.valid.sum() * grid.resolution**2
    assert math.isclose(area, valid.sum() * scene.gsd**2, rel_tol=0.02)


@pytest.mark.parametrize(
    ("name", "reduction"),
    [("cog_rgb.tif", 2), ("cog_rgb_mask.tif", 1), ("cog_uint8_rgb_nodata.tif", 4), ("cog_uint8_rgba.tif", 1)],
)
def test_overviews_of_real_files(folder: Path, name: str, reduction: int) -> None:
    with rasterio.open(folder / name) as file:
        grid = metric_grid(file, 5.0)
    scene = recognise(folder / name, grid, bands=CASES[name].stated, rules=Rules("none"))
    with (
        open_scene(scene, grid, allow_missing_nir=True) as reader,
        open_scene(scene, grid, allow_missing_nir=True, overviews=False) as plain,
    ):
        assert reader.reduction == pytest.approx(reduction, rel=0.02)
        shown, expected = reader.read(reader.window), plain.read(reader.window)
    both = shown.valid & expected.valid
    assert both.any()
    # The outermost row and column of the lattice hold the raster's edge.
    assert (shown.valid != expected.valid)[1:-1, 1:-1].mean() < 0.03
    assert np.abs(shown.image.astype(int) - expected.image)[:3, both].mean() < 4


def test_dateline_is_crossed_in_the_projection_of_either_side(folder: Path) -> None:
    with rasterio.open(folder / "cog_dateline.tif") as file:
        left, _, right, _ = transform_bounds(file.crs, "EPSG:4326", *file.bounds)
        assert left > right, "the file does not cross the dateline"
        whole, _ = truth(file)
        for crs in ("EPSG:32660", "EPSG:32601"):
            grid = Grid(crs, 150.0)
            window = grid.window(Bounds(*transform_bounds(file.crs, crs, *middle(file))))
            placement = Placement(grid, "EPSG:32660", file.transform, file.shape, False, 512, Resampling.average)
            numbers, valid = read_block(file, placement, (1,), window)
            assert valid.all()
            compare(whole, file, grid, window, Resampling.average, numbers, valid)

"""Clouds found by the network on made and on real ground, and the outline that comes of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from scipy.ndimage import gaussian_filter, shift
from shapely import Point, box

from bocage.errors import MissingExtraError, SceneError
from bocage.grid import Bounds, Grid, Window
from bocage.scenes import cloudnet
from bocage.scenes.cloudnet import CLEAR, CLOUD, INVALID, SHADOW, cloud_outline, find_clouds
from bocage.scenes.scene import Scene
from tests.scenes.made import GRID, scene_at

Floats = NDArray[np.float64]
SOIL, GREEN = np.array([0.14, 0.12, 0.115, 0.22]), np.array([0.05, 0.075, 0.085, 0.38])
WHITE = np.array([0.62, 0.63, 0.65, 0.66])


@pytest.fixture
def network() -> None:
    """The real network, or a loud skip."""
    pytest.importorskip("ukis_csmask.mask", reason="EXTRA ABSENT: pip install bocage[clouds] to try the network")


def waves(shape: tuple[int, int], scale: float, seed: int) -> Floats:
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), scale)
    return np.asarray((field - field.mean()) / field.std())


def farmland(rows: int, columns: int, seed: int = 0) -> Floats:
    """Reflectance of fields of 200 m in pixels of 10 m, from bare to green."""
    rng = np.random.default_rng(seed)
    down, right = np.indices((rows, columns)) // 20
    green = np.clip(
        rng.random((down.max() + 1, right.max() + 1))[down, right] + 0.1 * waves((rows, columns), 3, seed), 0, 1
    )
    ground = SOIL[:, None, None] * (1 - green) + GREEN[:, None, None] * green
    return np.asarray(ground * (1 + 0.06 * rng.normal(size=(rows, columns))))


def clouded(ground: Floats, seed: int = 0, reach: tuple[int, int] = (60, 50)) -> tuple[Floats, Floats, Floats]:
    """Ground under clouds of about 900 m, with the opacity of the clouds and of their shadows."""
    field = waves(ground.shape[1:], 45, seed + 1)
    opacity = 1 - np.exp(-np.clip((field - np.quantile(field, 0.85)) * 6, 0, None))
    shade = shift(opacity, reach, order=1, cval=0)
    white = WHITE[:, None, None] * (1 + 0.05 * waves(ground.shape[1:], 3, seed + 2))
    return ground * (1 - 0.65 * shade) * (1 - opacity) + white * opacity, opacity, shade


def test_clouds_and_shadows_are_found_and_clear_ground_is_not_called_cloud(network: None) -> None:
    ground = farmland(400, 400)
    image, opacity, shade = clouded(ground)
    found = find_clouds(image.astype(np.float32), 10.0)
    assert found.dtype == np.uint8
    assert (found[opacity > 0.5] == CLOUD).mean() > 0.95
    assert (found[(shade > 0.5) & (opacity < 0.1)] == SHADOW).mean() > 0.3
    clear = (opacity < 0.02) & (shade < 0.02)
    assert (found[clear] == CLOUD).mean() < 0.01
    assert (found[clear] == SHADOW).mean() < 0.05
    assert (find_clouds(ground.astype(np.float32), 10.0) == CLEAR).mean() > 0.99


def test_the_same_image_gives_the_same_mask_and_is_left_as_it_is(network: None) -> None:
    image = clouded(farmland(260, 300))[0].astype(np.float32)
    before = image.copy()
    assert np.array_equal(find_clouds(image, 10.0), find_clouds(image, 10.0))
    assert np.array_equal(image, before)


def test_what_was_not_seen_is_invalid_and_makes_no_clouds_beside_it(network: None) -> None:
    image = farmland(300, 200).astype(np.float32)
    rows, columns = np.indices(image.shape[1:])
    hole = rows + columns < 150
    image[:, hole] = np.nan
    image[3, 250, 100] = np.nan
    found = find_clouds(image, 10.0)
    assert np.all(found[hole] == INVALID)
    assert found[250, 100] == INVALID
    assert (found[~hole] == CLEAR).mean() > 0.99


def test_clear_water_is_no_cloud(network: None) -> None:
    """Left to itself the network takes most of a hazy open sea for cloud."""
    sea = np.array([0.06, 0.08, 0.11, 0.04])[:, None, None] * (1 + 0.03 * waves((256, 256), 2, 0))
    assert not (find_clouds(sea.astype(np.float32), 10.0) == CLOUD).any()


@pytest.mark.real
@pytest.mark.parametrize("scale", [0.0010, 0.0016, 0.0025])
def test_clear_real_dates_are_not_called_cloudy(network: None, data_folder: Path, scale: float) -> None:
    """Eight-bit airborne imagery without calibration: a plausible, a dark and a bright reading of its numbers."""
    for path in sorted((data_folder / "dakota").glob("*.tif"))[::3]:
        with rasterio.open(path) as file:
            numbers = file.read(out_shape=(4, file.height // 2, file.width // 2), resampling=Resampling.average)
        found = find_clouds(numbers.astype(np.float32) * np.float32(scale), 10.0)
        assert (found != CLEAR).mean() < 0.01


class Bright:
    """Stands in for the network: what is bright is cloud, what is black is shadow."""

    def __init__(self, image: NDArray[np.float32], *_: object, **__: object) -> None:
        red = image[..., 0]
        self.csm = np.select([red > 0.5, red < 0.02], [CLOUD, SHADOW], CLEAR).astype(np.uint8)[..., None]
        assert np.isfinite(image).all()
        assert min(image.shape[:2]) >= 256


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudnet, "_network", lambda: Bright)


@dataclass
class Disc:
    """A scene of even ground with a round cloud and its shadow; beyond the scene nothing is valid."""

    scene: Scene
    grid: Grid
    cloud: Point | None
    radius: float
    reads: list[Window]

    @property
    def window(self) -> Window:
        return self.grid.window(Bounds(*self.scene.footprint.bounds))

    def read_reflectance(self, window: Window) -> NDArray[np.float32]:
        self.reads.append(window)
        transform = self.grid.transform(window)
        rows, columns = np.indices(window.shape)
        x, y = transform.c + (columns + 0.5) * transform.a, transform.f + (rows + 0.5) * transform.e
        result = np.full((4, *window.shape), 0.2, dtype=np.float32)
        if self.cloud is not None:
            result[:, np.hypot(x - self.cloud.x, y - self.cloud.y) < self.radius] = 0.7
            result[:, np.hypot(x - self.cloud.x - 800, y - self.cloud.y) < self.radius] = 0.01
        left, bottom, right, top = self.scene.footprint.bounds
        result[:, (x < left) | (x > right) | (y < bottom) | (y > top)] = np.nan
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""


def outline_of(cloud: Point | None, radius: float, **options: Any) -> tuple[Any, list[Window]]:
    reads: list[Window] = []
    scene = scene_at("a", 1003.0, 9001.0, 6000.0)
    outline = cloud_outline(scene, GRID, lambda scene, grid: Disc(scene, grid, cloud, radius, reads), **options)
    return outline, reads


def test_the_outline_lies_on_the_cloud_and_its_shadow(bright: None) -> None:
    cloud = Point(3000, 6000)
    outline, _ = outline_of(cloud, 300, margin=50)
    true = cloud.buffer(350).union(Point(3800, 6000).buffer(350))
    assert outline.geom_type == "MultiPolygon"
    assert outline.is_valid
    assert outline.symmetric_difference(true).area < 0.08 * true.area
    assert outline.covers(cloud.buffer(320))
    narrow, _ = outline_of(cloud, 300, margin=0)
    assert narrow.area < outline.area


def test_the_outline_does_not_depend_on_the_tiles(bright: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Point(3100, 6100)
    whole, reads = outline_of(cloud, 400)
    assert len(reads) == 1
    monkeypatch.setattr(cloudnet, "_TILE", 130)
    monkeypatch.setattr(cloudnet, "_AROUND", 20)
    tiled, reads = outline_of(cloud, 400)
    assert len(reads) == 25
    assert max(max(window.shape) for window in reads) <= 170
    assert tiled.equals(whole)


def test_no_cloud_and_specks_have_no_outline(bright: None) -> None:
    assert outline_of(None, 0)[0] is None
    assert outline_of(Point(3000, 6000), 25)[0] is None


def test_the_outline_stays_within_the_scene(bright: None) -> None:
    outline, _ = outline_of(Point(1010, 8990), 500, margin=200)
    assert box(1003, 3001, 7003, 9001).buffer(10).covers(outline)


def test_an_image_without_a_valid_pixel_is_invalid(bright: None) -> None:
    assert np.all(find_clouds(np.full((4, 30, 40), np.nan, np.float32), 10.0) == INVALID)


@pytest.mark.parametrize("size", [2.0, 30.0])
def test_pixels_of_another_size_are_refused(size: float) -> None:
    with pytest.raises(SceneError, match="best 10 m"):
        find_clouds(np.zeros((4, 30, 40), np.float32), size)


def test_a_scene_without_near_infrared_is_refused() -> None:
    with pytest.raises(SceneError, match="a has no near infrared"):
        cloud_outline(scene_at("a", 0, 0, bands=3), GRID, lambda scene, grid: Disc(scene, grid, None, 0, []))


def test_without_the_extra_the_mend_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ukis_csmask.mask", None)
    with pytest.raises(MissingExtraError, match="ukis-csmask") as caught:
        find_clouds(np.full((4, 30, 40), 0.2, np.float32), 10.0)
    assert "bocage[clouds]" in caught.value.mend

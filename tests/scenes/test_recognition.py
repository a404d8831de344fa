"""A raster becomes a scene, or an error that names it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.transform import xy
from shapely import contains_xy

from bocage.errors import BocageError, SceneError
from bocage.grid import Grid
from bocage.scenes import BANDS, STRETCH_TAG, open_scene, recognise
from bocage.scenes.recognition import Rules
from tests.scenes.rasters import noise, write_raster, write_sidecar

GRID = Grid("EPSG:3035", 2.0)


def test_generic_scene_by_band_descriptions(tmp_path: Path) -> None:
    names = ("Blue", "GREEN", "red", "Near Infrared")
    scene = recognise(write_raster(tmp_path / "s.tif", noise(30, 40), names=names), GRID)
    assert scene.id == "s"
    assert scene.sensor == "GENERIC"
    assert scene.bands == ("blue", "green", "red", "nir")
    assert scene.crs == "EPSG:3035"
    assert scene.shape == (30, 40)
    assert scene.gsd == 2.0
    assert scene.footprint.bounds == (4_000_000, 2_999_940, 4_000_080, 3_000_000)
    assert len(scene.digest) == 64


def test_sidecar_names_bands_sensor_time_and_angles(tmp_path: Path) -> None:
    pixels = noise(30, 30, low=100, high=2000, dtype="uint16")
    path = write_raster(tmp_path / "s.tif", pixels, names=None)
    write_sidecar(
        path,
        ("nir", "red", "green", "blue"),
        **{
            "datetime": "2021-06-30T12:30:00+02:00",
            "bocage:sensor": "GEOSAT2",
            "view:sun_elevation": 55.5,
            "view:sun_azimuth": 140,
            "view:off_nadir": 12,
            "eo:cloud_cover": 3,
        },
    )
    scene = recognise(path, GRID, rules=Rules("minmax"))
    assert scene.bands == ("nir", "red", "green", "blue")
    assert (scene.sensor, scene.sun_elevation, scene.cloud_cover) == ("GEOSAT2", 55.5, 3.0)
    assert scene.acquired == datetime(2021, 6, 30, 10, 30, tzinfo=UTC)
    assert scene.stretch == tuple((float(pixels[i].min()), float(pixels[i].max())) for i in (1, 2, 3, 0))


def test_band_order_reaches_the_pixels(tmp_path: Path) -> None:
    pixels = np.stack([np.full((8, 8), value, dtype=np.uint8) for value in (40, 10, 20, 30)])
    path = write_raster(tmp_path / "s.tif", pixels, names=("nir", "red", "green", "blue"))
    with open_scene(recognise(path, GRID, rules=Rules("none")), GRID) as reader:
        image = reader.read(reader.window).image
    assert [int(band[0, 0]) for band in image] == [10, 20, 30, 40]


def test_irregular_footprint_holds_the_valid_pixels(tmp_path: Path) -> None:
    pixels = noise(700, 800)
    rows, columns = np.indices((700, 800))
    pixels[:, rows + 0.5 * columns < 400] = 0
    transform = Affine(1, 0, 480_000, 0, -1, 5_400_000)
    scene = recognise(
        write_raster(tmp_path / "s.tif", pixels, crs="EPSG:32631", transform=transform), Grid("EPSG:32631", 2)
    )
    good = np.argwhere((pixels != 0).any(axis=0))[::97]
    xs, ys = xy(transform, good[:, 0], good[:, 1])
    assert contains_xy(scene.footprint, xs, ys).all()
    assert scene.footprint.area < 1.03 * (pixels != 0).any(axis=0).sum()


def test_stated_bands_serve_a_silent_file_and_may_not_contradict_another(tmp_path: Path) -> None:
    silent = write_raster(tmp_path / "a.tif", noise(9, 9), names=None)
    assert recognise(silent, GRID, bands=BANDS).bands == BANDS
    assert recognise(silent, GRID, rules=Rules(default_bands=BANDS)).bands == BANDS
    named = write_raster(tmp_path / "b.tif", noise(9, 9), names=("blue", "green", "red", "nir"))
    assert recognise(named, GRID, rules=Rules(default_bands=BANDS)).bands == ("blue", "green", "red", "nir")
    with pytest.raises(SceneError, match="itself names its bands blue"):
        recognise(named, GRID, bands=BANDS)


def test_a_single_valid_pixel_in_a_large_scene_is_found(tmp_path: Path) -> None:
    pixels = np.zeros((4, 1500, 1500), dtype=np.uint16)
    pixels[:, 1301, 777] = (100, 200, 300, 400)
    scene = recognise(write_raster(tmp_path / "s.tif", pixels, compress="deflate"), GRID)
    assert scene.stretch == ((100.0, 101.0), (200.0, 201.0), (300.0, 301.0), (400.0, 401.0))
    assert contains_xy(scene.footprint, 4_000_000 + 2 * 777.5, 3_000_000 - 2 * 1301.5)
    with open_scene(scene, GRID) as reader:
        assert reader.read(reader.window).valid.sum() == 1


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_geographic_and_web_mercator_scenes_are_measured_on_the_ground(tmp_path: Path, crs: str) -> None:
    transform = {
        "EPSG:4326": Affine(0.0001, 0, 3.0, 0, -0.0001, 48.0),
        "EPSG:3857": Affine(10, 0, 333_958, 0, -10, 6_106_854),
    }[crs]
    scene = recognise(write_raster(tmp_path / "s.tif", noise(50, 50), crs=crs, transform=transform), GRID)
    assert scene.gsd == pytest.approx({"EPSG:4326": 9.1, "EPSG:3857": 6.7}[crs], abs=0.1)
    with open_scene(scene, GRID) as reader:
        assert reader.read(reader.window).valid.mean() > 0.5


def refused(path: Path, fault: str, bands: Sequence[str] | None = None) -> None:
    with pytest.raises(SceneError, match=fault) as caught:
        recognise(path, GRID, bands=bands)
    assert path.name in caught.value.problem
    assert caught.value.mend


def test_truncated_file(tmp_path: Path) -> None:
    path = write_raster(
        tmp_path / "s.tif", noise(300, 300), compress="deflate", tiled=True, blockxsize=64, blockysize=64
    )
    content = path.read_bytes()
    whole = recognise(path, GRID)
    assert whole.shape == (300, 300)
    for share in (0.95, 0.6, 0.2):
        path.write_bytes(content[: int(len(content) * share)])
        refused(path, "truncated|cannot be read")


def test_truncated_cloud_optimised_file(tmp_path: Path) -> None:
    """Its directory stands first, so it opens without complaint."""
    path = write_raster(tmp_path / "s.tif", noise(300, 300), driver="COG", compress="deflate", blocksize=128)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.8)])
    with rasterio.open(path) as file:
        assert file.shape == (300, 300)
    refused(path, "truncated")


def test_damage_within_a_block_shows_when_every_pixel_is_decoded(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "s.tif", noise(2200, 2200), driver="COG", compress="deflate", blocksize=256)
    content = bytearray(path.read_bytes())
    with rasterio.open(path) as file:
        offset, length = (int(file.get_tag_item(f"BLOCK_{what}_3_3", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
    content[offset + 2 : offset + length] = bytes(length - 2)
    path.write_bytes(content)
    assert recognise(path, GRID).shape == (2200, 2200)
    with pytest.raises(SceneError, match="damaged") as caught:
        recognise(path, GRID, rules=Rules(decode=True))
    assert path.name in caught.value.problem


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    refused(tmp_path / "none.tif", "is not there")
    (tmp_path / "empty.tif").write_bytes(b"")
    refused(tmp_path / "empty.tif", "not a GeoTIFF")
    (tmp_path / "text.tif").write_text("not pixels")
    refused(tmp_path / "text.tif", "not a GeoTIFF")
    (tmp_path / "folder.tif").mkdir()
    refused(tmp_path / "folder.tif", "holds no raster")


def test_no_crs_no_position_gcps(tmp_path: Path) -> None:
    refused(write_raster(tmp_path / "a.tif", noise(9, 9), crs=None), "no coordinate reference system")
    refused(write_raster(tmp_path / "b.tif", noise(9, 9), transform=Affine.identity()), "no position")
    path = tmp_path / "c.tif"
    points = [GroundControlPoint(row, column, 3 + column / 1e4, 48 - row / 1e4) for row in (0, 9) for column in (0, 9)]
    with rasterio.open(path, "w", driver="GTiff", count=4, height=9, width=9, dtype="uint8") as file:
        file.write(noise(9, 9))
        file.gcps = (points, "EPSG:4326")
    refused(path, "ground control points")


def test_bands_unknown_or_missing(tmp_path: Path) -> None:
    refused(write_raster(tmp_path / "a.tif", noise(9, 9), names=None), "band order unknown")
    refused(write_raster(tmp_path / "b.tif", noise(9, 9)[:3], names=("red", "pan", "blue")), "no green band")
    refused(write_raster(tmp_path / "c.tif", noise(9, 9), names=("red", "pan", "x", "nir")), "no green and no blue")
    refused(write_raster(tmp_path / "d.tif", noise(9, 9), names=None), "4 bands but 3", bands=("red", "green", "nir"))


def test_no_valid_pixel(tmp_path: Path) -> None:
    refused(write_raster(tmp_path / "a.tif", np.zeros((4, 9, 9), dtype=np.uint8)), "no valid pixel")
    refused(write_raster(tmp_path / "b.tif", np.full((4, 9, 9), np.nan, dtype=np.float32), nodata=None), "no valid")


def test_nan_beside_nodata_is_invalid(tmp_path: Path) -> None:
    pixels = noise(20, 20, low=100).astype("float32")
    pixels[:, :5] = 0
    pixels[2, 5:10] = np.nan
    scene = recognise(write_raster(tmp_path / "a.tif", pixels), GRID)
    with open_scene(scene, GRID) as reader:
        patch = reader.read(reader.window)
    assert patch.valid.sum() == 10 * 20
    assert np.isfinite(scene.stretch).all()


def test_a_scene_without_near_infrared(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "s.tif", noise(30, 30)[:3], names=("blue", "green", "red"))
    scene = recognise(path, GRID)
    assert not scene.has_nir
    assert len(scene.stretch) == len(scene.statistics) == 3


def test_statistics_and_shares(tmp_path: Path) -> None:
    pixels = noise(40, 40, low=100, high=2000, dtype="uint16")
    pixels[:, :10] = 0
    scene = recognise(write_raster(tmp_path / "s.tif", pixels), GRID)
    seen = pixels[:, 10:].reshape(4, -1).astype(float)
    assert scene.valid_share == 0.75
    assert scene.saturated_share is None
    for found, band in zip(scene.statistics, seen, strict=True):
        assert (found.minimum, found.maximum) == (band.min(), band.max())
        assert found.mean == pytest.approx(band.mean(), abs=1e-3)
        assert found.deviation == pytest.approx(band.std(), abs=1e-3)


def test_overviews_decide_what_is_read(tmp_path: Path) -> None:
    """A scene with overviews is known by them: its other blocks are not even decoded."""
    smooth = np.tile(np.linspace(50, 200, 2400).astype(np.uint8), (4, 2400, 1))
    smooth[:, :, :300] = 0
    plain = recognise(write_raster(tmp_path / "a.tif", smooth, compress="deflate"), GRID)
    path = write_raster(
        tmp_path / "b.tif", smooth, driver="COG", compress="deflate", blocksize=256, overview_resampling="average"
    )
    scene = recognise(path, GRID)
    assert np.allclose(scene.stretch, plain.stretch, atol=1.5)
    assert scene.footprint.symmetric_difference(plain.footprint).area < 0.01 * plain.footprint.area
    assert scene.valid_share == pytest.approx(plain.valid_share, abs=0.005)


def test_complex_values(tmp_path: Path) -> None:
    refused(write_raster(tmp_path / "a.tif", noise(9, 9).astype("complex64")), "complex64 values")


def test_outside_the_domain_of_the_grid(tmp_path: Path) -> None:
    transform = Affine(0.0001, 0, -170, 0, -0.0001, -52)
    path = write_raster(tmp_path / "a.tif", noise(9, 9), crs="EPSG:4326", transform=transform)
    with pytest.raises(SceneError, match="outside the domain"):
        recognise(path, GRID)


def test_a_second_stretch_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(9, 9))
    with rasterio.open(path, "r+") as file:
        file.update_tags(**{STRETCH_TAG: "percentile"})
    refused(path, "already stretched")
    assert recognise(path, GRID, rules=Rules("none")).stretch[0] == (1.0, 255.0)
    other = write_raster(tmp_path / "b.tif", noise(9, 9))
    write_sidecar(other, None, **{"bocage:stretch": [[1, 2]] * 4})
    refused(other, "already stretched")


@pytest.mark.parametrize(
    ("properties", "fault"),
    [
        ({"bocage:sensor": "XYZ"}, "not a sensor"),
        ({"eo:cloud_cover": "much"}, "not a number"),
        ({"datetime": "yesterday"}, "not a time"),
        ({"clouds": "none.geojson"}, "not there"),
    ],
)
def test_faulty_sidecars(tmp_path: Path, properties: dict[str, str], fault: str) -> None:
    path = write_raster(tmp_path / "a.tif", noise(9, 9))
    write_sidecar(path, None, **properties)
    with pytest.raises(SceneError, match=fault):
        recognise(path, GRID)


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "Feature"}', '{"type":"Feature","stac_version":"1","assets":3}'])
def test_sidecar_that_is_no_item(tmp_path: Path, text: str) -> None:
    path = write_raster(tmp_path / "a.tif", noise(9, 9))
    path.with_suffix(".json").write_text(text)
    with pytest.raises(SceneError, match=r"a\.json"):
        recognise(path, GRID)


@pytest.mark.real
def test_edge_cases_are_recognised_or_refused_in_our_words(data_folder: Path) -> None:
    files = sorted((data_folder / "cog-edge-cases").glob("*.tif"))
    assert len(files) > 15
    fine, refusals = [], []
    for path in files:
        for bands in (None, BANDS):
            try:
                fine.append(recognise(path, Grid("EPSG:3857", 2.0), bands=bands).id)
            except BocageError as error:
                refusals.append(error.problem)
    assert fine
    assert all("cog" in problem for problem in refusals)

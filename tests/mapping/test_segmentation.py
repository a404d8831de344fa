"""One raster in, probability on its own grid out."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.warp import transform as warp_points

import bocage
from bocage.errors import ModelError, SceneError
from bocage.mapping.segmentation import segment_raster
from bocage.scenes.projection import crs_text
from tests.mapping.fakes import BANDS, FakeSegmenter


def write(path: Path, crs: str | None, transform: Affine, *, rows: int = 150, columns: int = 170) -> NDArray[np.bool_]:
    """Write a raster with a slanted edge and a hole; woody (high nir, low red) in its eastern half."""
    valid = np.arange(columns)[None, :] >= np.arange(rows)[:, None] // 6
    valid[rows // 2 : rows // 2 + 10, 40:60] = False
    image = np.full((4, rows, columns), 100, dtype=np.uint8)
    image[3, :, columns // 2 :] = 250
    image[0, :, columns // 2 :] = 20
    image[0, :, : columns // 2] = 200
    image[:, ~valid] = 0
    profile = {"driver": "GTiff", "count": 4, "height": rows, "width": columns, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", **profile, crs=crs, transform=transform) as file:
        file.write(image)
    return valid


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32631", Affine(2, 0, 500_000, 0, -2, 5_400_000)),  # on the lattice
        ("EPSG:32631", Affine(2, 0, 500_000.7, 0, -2, 5_400_001.1)),  # between its pixels
        ("EPSG:32631", Affine(4, 0, 500_000, 0, -4, 5_400_000)),  # coarser
        ("EPSG:32631", Affine(1, 0, 500_000, 0, -1, 5_400_000)),  # finer
        ("EPSG:4326", Affine(2.5e-5, 0, 3.0, 0, -1.8e-5, 48.0)),  # degrees
        ("EPSG:3857", Affine(3, 0, 334_000, 0, -3, 6_106_000)),  # metres that are none
    ],
)
def test_probability_lies_on_the_rasters_own_grid(tmp_path: Path, crs: str, transform: Affine) -> None:
    valid = write(tmp_path / "scene.tif", crs, transform)
    result = segment_raster(tmp_path / "scene.tif", FakeSegmenter(), bands=BANDS, chip=64, stretch="none")
    assert result.probability.shape == valid.shape
    assert result.probability.dtype == np.dtype("float32")
    assert (result.crs, result.transform) == (crs, transform)
    known = np.isfinite(result.probability)
    assert not known[~valid].any(), "nodata became a probability"
    inner = valid.copy()
    for shift in (-2, -1, 1, 2):
        for axis in (0, 1):
            inner &= np.roll(valid, shift, axis=axis)
    inner[:2], inner[-2:], inner[:, :2], inner[:, -2:] = False, False, False, False
    assert known[inner].all(), "a valid pixel has no probability"
    assert np.nanmax(result.probability) <= 1
    assert np.nanmin(result.probability) >= 0
    assert np.nanmedian(result.probability[:, 110:]) > 0.9
    assert np.nanmedian(result.probability[:, :60]) < 0.1


def test_same_ground_gives_the_same_probability_from_another_file(tmp_path: Path) -> None:
    """The lattice is fixed to the origin: a clip that starts elsewhere meets the same chips."""
    transform = Affine(2, 0, 500_000, 0, -2, 5_400_000)
    write(tmp_path / "whole.tif", "EPSG:32631", transform)
    with rasterio.open(tmp_path / "whole.tif") as file:
        window = rasterio.windows.Window(30, 20, 130, 120)
        clip = file.read(window=window)
        profile = {**file.profile, "height": 120, "width": 130, "transform": file.window_transform(window)}
    with rasterio.open(tmp_path / "clip.tif", "w", **profile) as file:
        file.write(clip)
    whole = segment_raster(tmp_path / "whole.tif", FakeSegmenter(), bands=BANDS, chip=64, stretch="none").probability
    part = segment_raster(tmp_path / "clip.tif", FakeSegmenter(), bands=BANDS, chip=64, stretch="none").probability
    # Beyond the receptive field (4 pixels) of the clip's edge nothing can differ.
    np.testing.assert_allclose(part[5:-5, 5:-5], whole[25:135, 35:155], atol=1e-5)


def test_geographic_raster_keeps_its_place(tmp_path: Path) -> None:
    transform = Affine(2.5e-5, 0, 3.0, 0, -1.8e-5, 48.0)
    write(tmp_path / "scene.tif", "EPSG:4326", transform)
    result = segment_raster(tmp_path / "scene.tif", FakeSegmenter(), bands=BANDS, chip=64, stretch="none")
    woody = np.nan_to_num(result.probability[120]) > 0.5
    edge = int(np.argmax(woody))
    assert abs(edge - 85) <= 2
    (x,), _ = warp_points("EPSG:4326", "EPSG:32631", [3.0 + edge * 2.5e-5], [48.0])
    assert x == pytest.approx(500_000 + 85 * 1.865, abs=8)


def test_raster_without_reference_system_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "scene.tif", None, Affine(2, 0, 0, 0, -2, 0))
    with pytest.raises(SceneError, match=r"scene\.tif has no coordinate reference system"):
        segment_raster(tmp_path / "scene.tif", FakeSegmenter(), bands=BANDS)


def test_truncated_raster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scene.tif"
    write(path, "EPSG:32631", Affine(2, 0, 500_000, 0, -2, 5_400_000))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SceneError, match=r"scene\.tif"):
        segment_raster(path, FakeSegmenter(), bands=BANDS)


def test_model_for_other_bands_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "scene.tif", "EPSG:32631", Affine(2, 0, 500_000, 0, -2, 5_400_000))
    with pytest.raises(ModelError, match="trained for the bands red, green, blue"):
        segment_raster(tmp_path / "scene.tif", FakeSegmenter(bands=("red", "green", "blue")), bands=BANDS)


def plain(path: Path, image: NDArray[np.generic], crs: str = "EPSG:32631", **options: object) -> Path:
    """Write a raster without nodata, as any program does: GDAL takes the fourth of four bytes for alpha."""
    count, rows, columns = image.shape
    transform = Affine(2, 0, 500_000, 0, -2, 5_400_000)
    profile = {"driver": "GTiff", "count": count, "height": rows, "width": columns, "dtype": image.dtype, **options}
    with rasterio.open(path, "w", **profile, crs=crs, transform=transform) as file:
        file.write(image)
    return path


def test_near_infrared_of_0_is_ground(tmp_path: Path) -> None:
    image = np.full((4, 64, 64), 90, dtype=np.uint8)
    image[3, 20:40, 20:40] = 0
    path = plain(tmp_path / "scene.tif", image, photometric="RGB", ALPHA="YES")
    with rasterio.open(path) as file:
        assert (file.dataset_mask()[20:40, 20:40] == 0).all(), "GDAL does not take the band for alpha any more"
    assert np.isfinite(segment_raster(path, FakeSegmenter(), bands=BANDS, chip=64).probability).all()


def test_pixels_that_are_no_number_stay_unknown(tmp_path: Path) -> None:
    image = np.random.default_rng(0).uniform(0, 1, (4, 64, 64)).astype(np.float32)
    image[:, 20:40, 20:40] = np.nan
    path = plain(tmp_path / "scene.tif", image)
    found = np.isfinite(segment_raster(path, FakeSegmenter(stretch="minmax"), bands=BANDS, chip=64).probability)
    np.testing.assert_array_equal(found, np.isfinite(image[0]))


def test_scene_is_stretched_as_the_model_was_trained(tmp_path: Path) -> None:
    bytes_ = np.random.default_rng(0).integers(1, 256, (4, 64, 64)).astype(np.uint8)
    eight = plain(tmp_path / "eight.tif", bytes_)
    sixteen = plain(tmp_path / "sixteen.tif", bytes_.astype(np.uint16) * 7)
    as_they_are = bocage.segment(eight, FakeSegmenter(), bands=BANDS)
    full = bocage.segment(sixteen, FakeSegmenter(stretch="percentile", percentiles=(0.0, 1.0)), bands=BANDS)
    cut = bocage.segment(sixteen, FakeSegmenter(stretch="percentile", percentiles=(0.2, 0.8)), bands=BANDS)
    # Bytes 1 to 255 times 7 between their extremes are those bytes again.
    np.testing.assert_allclose(full, as_they_are, atol=1e-5)
    assert float(abs(cut - full).max()) > 0.01
    with pytest.raises(SceneError, match="cannot be used without a stretch"):
        bocage.segment(sixteen, FakeSegmenter(), bands=BANDS)


def test_reference_system_is_named_as_scenes_name_it(tmp_path: Path) -> None:
    local = "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=WGS84 +units=m"
    path = plain(tmp_path / "scene.tif", np.full((4, 64, 64), 90, dtype=np.uint8), local)
    with rasterio.open(path) as file:
        assert segment_raster(path, FakeSegmenter(), bands=BANDS, chip=64).crs == crs_text(file.crs)


def test_raster_without_near_infrared_is_refused(tmp_path: Path) -> None:
    """A band of zeros must never reach a model in place of one that is missing."""
    path = plain(tmp_path / "scene.tif", np.full((3, 64, 64), 90, dtype=np.uint8))
    with pytest.raises(SceneError, match="no near infrared band, which the model needs"):
        segment_raster(path, FakeSegmenter(), bands=BANDS[:3], chip=64)

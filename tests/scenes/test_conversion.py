"""Converting scenes: what is written, that it can be catalogued again, and that nothing is left half done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from shapely.geometry import box

from bocage.errors import SceneError
from bocage.grid import Grid
from bocage.scenes import BANDS, STRETCH_TAG, Scene, conversion, open_scene, recognise
from bocage.scenes.calibration import Calibration
from bocage.scenes.conversion import OFFSET, SCALE, Form, convert
from bocage.scenes.recognition import Rules
from tests.scenes.rasters import noise, write_raster, write_sidecar
from tests.scenes.scenes import break_block

GRID = Grid("EPSG:3035", 2.0)
ORDER = ("blue", "green", "other", "red", "nir")


def make(folder: Path, **options: Any) -> tuple[Scene, Any]:
    """A scene of five bands with a corner of nodata, clouds and a calibration, and its digital numbers."""
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(3).integers(50, 4000, (5, 700, 900)).astype("uint16")
    pixels[:, :100, :100] = 0
    path = write_raster(folder / "a.tif", pixels, names=ORDER, **options)
    write_sidecar(path, None, **{"datetime": "2021-05-01T10:00:00Z", "eo:cloud_cover": 3, "bocage:sensor": "SV1"})
    scene = recognise(path, GRID)
    left, _, _, top = scene.footprint.bounds
    line = Calibration((1e-4, 2e-4, 1e-4, 1.5e-4), (-0.02, 0.0, 0.01, 0.0), "metadata")
    return replace(scene, calibration=line, clouds=box(left + 400, top - 600, left + 800, top - 400)), pixels


@pytest.mark.parametrize("form", ["numbers", "reflectance", "bytes"])
def test_a_converted_scene_has_its_item_and_overviews(tmp_path: Path, form: Form) -> None:
    scene, _ = make(tmp_path / "in")
    path = convert(scene, GRID, tmp_path / "out", form)
    assert path == tmp_path / "out" / "a.tif"
    with rasterio.open(path) as file:
        assert file.overviews(1)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (file.transform, file.crs.to_epsg(), file.shape) == (scene.transform, 3035, scene.shape)
        names, dtype, nodata = file.descriptions, file.dtypes[0], file.nodata
    content = json.loads(path.with_suffix(".json").read_text())
    item = pystac.Item.from_dict(content)
    item.stac_extensions = []
    item.validate()
    data = content["assets"]["data"]
    common = [band.get("eo:common_name", "other") for band in data["bands"]]
    assert common == list(names) == list(ORDER if form == "numbers" else BANDS)
    assert (data["data_type"], data["nodata"]) == (dtype, nodata)
    assert content["properties"]["datetime"] == "2021-05-01T10:00:00Z"
    assert ("cloud-mask" in content["assets"]) == (form != "bytes")
    assert not [name for name in (tmp_path / "out").iterdir() if name.name.startswith(".")]


def test_numbers_are_those_that_were_delivered_and_can_be_catalogued_again(tmp_path: Path) -> None:
    scene, pixels = make(tmp_path / "in")
    path = convert(scene, GRID, tmp_path / "out")
    with rasterio.open(path) as file:
        assert np.array_equal(file.read(), pixels)
    again = recognise(path, GRID)
    assert (again.bands, again.sensor, again.acquired, again.cloud_cover) == (ORDER, "SV1", scene.acquired, 3)
    assert again.clouds is not None
    assert scene.clouds is not None
    assert again.clouds.symmetric_difference(scene.clouds).area < 0.01 * scene.clouds.area
    # Clouds do not decide a stretch, so it may differ a little from that of the whole scene.
    plain = replace(again, stretch=scene.stretch)
    with open_scene(plain, GRID) as one, open_scene(scene, GRID) as other:
        patches = [reader.read(reader.window) for reader in (one, other)]
    same = patches[0].valid & patches[1].valid
    assert same.sum() > 0.99 * patches[1].valid.sum()
    assert np.array_equal(patches[0].image[:, same], patches[1].image[:, same])


@pytest.mark.parametrize("form", ["numbers", "reflectance"])
def test_the_calibration_survives(tmp_path: Path, form: Form) -> None:
    scene, _ = make(tmp_path / "in")
    again = recognise(convert(scene, GRID, tmp_path / "out", form), GRID)
    assert again.calibration is not None
    with (
        open_scene(replace(scene, clouds=None), GRID) as one,
        open_scene(replace(again, clouds=None), GRID) as other,
    ):
        left, right = (reader.read_reflectance(reader.window) for reader in (one, other))
    assert np.nanmax(np.abs(left - right)) < SCALE
    assert np.array_equal(np.isnan(left), np.isnan(right))


def test_reflectance_is_that_of_the_calibration(tmp_path: Path) -> None:
    scene, pixels = make(tmp_path / "in")
    assert scene.calibration is not None
    path = convert(scene, GRID, tmp_path / "out", "reflectance")
    with rasterio.open(path) as file:
        found = file.read() * file.scales[0] + file.offsets[0]
        valid = file.read_masks(1) > 0
        assert set(file.scales) == {SCALE}
        assert set(file.offsets) == {OFFSET}
    assert np.array_equal(valid, (pixels != 0).any(axis=0))
    truth = scene.calibration.reflectance(pixels[[3, 1, 0, 4]])
    assert np.abs(found - truth)[:, valid].max() < 0.51 * SCALE
    with pytest.raises(SceneError, match="cannot be calibrated"):
        convert(replace(scene, calibration=None), GRID, tmp_path / "none", "reflectance")
    assert not (tmp_path / "none").exists()


def test_bytes_are_what_a_reader_gives_and_are_refused_as_a_scene(tmp_path: Path) -> None:
    scene, _ = make(tmp_path / "in")
    path = convert(scene, GRID, tmp_path / "out", "bytes")
    with open_scene(scene, GRID) as reader:
        window = reader.window
        patch = reader.read(window)
    with rasterio.open(path) as file:
        pixels = file.read()
        assert STRETCH_TAG in file.tags()
    assert np.array_equal(pixels, patch.image)
    with pytest.raises(SceneError, match="already stretched"):
        recognise(path, GRID)
    # Whoever says that no stretch is wanted may use it.
    assert recognise(path, GRID, rules=Rules(stretch="none")).bands == BANDS


def test_a_mask_that_no_value_stands_for_is_kept(tmp_path: Path) -> None:
    mask = np.ones((60, 80), dtype=np.bool_)
    mask[:20] = False
    path = write_raster(tmp_path / "m.tif", noise(60, 80, dtype="uint16"), nodata=None, mask=mask)
    target = convert(recognise(path, GRID), GRID, tmp_path / "out")
    with rasterio.open(target) as file:
        assert np.array_equal(file.dataset_mask() > 0, mask)


def test_a_scene_is_not_written_over_itself(tmp_path: Path) -> None:
    scene, _ = make(tmp_path / "in")
    before = (tmp_path / "in" / "a.tif").read_bytes()
    with pytest.raises(SceneError, match="over itself"):
        convert(scene, GRID, tmp_path / "in")
    assert (tmp_path / "in" / "a.tif").read_bytes() == before


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    scene, _ = make(tmp_path / "in", tiled=True, blockxsize=256, blockysize=256, compress="deflate")
    break_block(tmp_path / "in" / "a.tif")
    with pytest.raises(SceneError, match="damaged"):
        convert(scene, GRID, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_large_scene_is_converted_window_by_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, pixels = make(tmp_path / "in")
    monkeypatch.setattr(conversion, "_WINDOW", 256)
    with rasterio.open(convert(scene, GRID, tmp_path / "out")) as file:
        assert np.array_equal(file.read(), pixels)


def test_saturation_survives_as_numbers_and_is_hidden_in_the_other_forms(tmp_path: Path) -> None:
    scene, pixels = make(tmp_path / "in")
    pixels[3, 200:220, 300:330] = 4095
    write_raster(tmp_path / "in" / "a.tif", pixels, names=ORDER)
    scene = replace(scene, clouds=None, saturation=4095.0, mask_saturated=True)
    rules = Rules(mask_saturated=True)
    again = recognise(convert(scene, GRID, tmp_path / "numbers"), GRID, rules=rules)
    assert again.saturation == 4095
    assert again.saturated_share == pytest.approx(20 * 30 / (pixels != 0).any(axis=0).sum())
    with open_scene(scene, GRID) as reader:
        seen = reader.read(reader.window).valid
    assert not seen[200:220, 300:330].any()
    with open_scene(again, GRID) as reader:
        assert np.array_equal(reader.read(reader.window).valid, seen)
    forms: tuple[Form, ...] = ("reflectance", "bytes")
    for form in forms:
        with rasterio.open(convert(scene, GRID, tmp_path / form, form)) as file:
            assert np.array_equal(file.read_masks(1) > 0, seen)
        item = json.loads((tmp_path / form / "a.json").read_text())
        assert "bocage:saturation" not in item["properties"]
    item = json.loads((tmp_path / "numbers" / "a.json").read_text())
    item["properties"]["bocage:saturation"] = "many"
    (tmp_path / "numbers" / "a.json").write_text(json.dumps(item))
    with pytest.raises(SceneError, match="bocage:saturation is 'many', not a number"):
        recognise(tmp_path / "numbers" / "a.tif", GRID)

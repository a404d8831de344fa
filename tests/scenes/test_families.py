"""Every family of sensors from its delivered layout to reflectance, compared with what the instrument truly saw."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bocage.grid import Grid, Window
from bocage.scenes.deliveries.finding import find_deliveries
from bocage.scenes.reader import open_scene
from bocage.scenes.recognition import Rules, recognise_delivery
from bocage.scenes.scene import Scene
from bocage.scenes.sensors import SENSORS
from bocage.simulation.patch import SimulatedDelivery, simulate_deliveries

# 20 m: ten pixels of the finest and five of the coarsest sensor, so that the point spread hardly matters.
PATCH = Grid("EPSG:3035", 20.0)
FINE = Grid("EPSG:3035", 2.0)
CALIBRATED = tuple(code for code in SENSORS if code != "TRIPLESAT")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SimulatedDelivery]:
    made = simulate_deliveries(tmp_path_factory.mktemp("families"), tuple(SENSORS), size=400.0, seed=3)
    return {delivery.take.family.sensor.code: delivery for delivery in made}


def scene_of(delivery: SimulatedDelivery, grid: Grid) -> Scene:
    found, refused = find_deliveries(str(delivery.path))
    assert not refused
    assert len(found) == 1
    return recognise_delivery(found[0], grid, Rules(decode=True)).scene


def patches_of(delivery: SimulatedDelivery) -> NDArray[np.float64]:
    """Reflectance of the inner 20 m patches, read through the whole chain: (4, patches)."""
    with open_scene(scene_of(delivery, PATCH), PATCH) as reader:
        inner = reader.window
        inner = Window(inner.column + 1, inner.row + 1, inner.width - 2, inner.height - 2)
        return reader.read_reflectance(inner).reshape(4, -1).astype(np.float64)


def test_all_ten_families_of_the_coverage_and_the_new_one() -> None:
    assert len(SENSORS) == 11
    assert sum(sensor.share_2021 for sensor in SENSORS.values()) == pytest.approx(99.65, abs=0.01)


@pytest.mark.parametrize("code", SENSORS)
def test_a_delivery_becomes_the_scene_that_was_taken(code: str, delivered: dict[str, SimulatedDelivery]) -> None:
    delivery = delivered[code]
    scene = scene_of(delivery, FINE)
    assert scene.sensor == code
    assert scene.platform == delivery.take.platform
    assert scene.bands == SENSORS[code].bands
    assert scene.acquired is not None
    assert abs((scene.acquired - delivery.take.acquired).total_seconds()) < 1
    assert scene.sun_elevation == pytest.approx(delivery.take.sun.elevation, abs=0.01)
    assert scene.sun_azimuth == pytest.approx(delivery.take.sun.azimuth, abs=0.01)
    assert scene.off_nadir == pytest.approx(delivery.take.off_nadir, abs=0.01)
    assert (scene.calibration is not None) == (code in CALIBRATED)
    with open_scene(scene, FINE) as reader:
        patch = reader.read(reader.window)
    assert patch.valid.mean() > 0.9
    assert all(len(np.unique(band)) > 50 for band in patch.image)


@pytest.mark.parametrize("code", CALIBRATED)
def test_reflectance_is_that_of_the_truth(code: str, delivered: dict[str, SimulatedDelivery]) -> None:
    delivery = delivered[code]
    truth = delivery.truth.reflectance
    seen = patches_of(delivery)
    expected = np.nanmean(truth, axis=(1, 2))
    assert np.nanmean(seen, axis=1) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("one", "other"), list(combinations(CALIBRATED, 2)))
def test_two_sensors_see_the_same_ground(one: str, other: str, delivered: dict[str, SimulatedDelivery]) -> None:
    """Patch by patch: the median over the patches differs by less than 2 percent in every band."""
    left, right = patches_of(delivered[one]), patches_of(delivered[other])
    ratio = np.nanmedian(left / right, axis=1)
    assert ratio == pytest.approx(np.ones(4), abs=0.02)


@pytest.mark.parametrize("packaging", ["tar", "zip"])
@pytest.mark.parametrize("code", ["PHR", "SPOT", "WV2", "KS3"])
def test_an_archive_is_the_same_scene(
    tmp_path: Path, code: str, packaging: str, delivered: dict[str, SimulatedDelivery]
) -> None:
    (made,) = simulate_deliveries(tmp_path, (code,), size=400.0, seed=3, packaging=packaging)  # type: ignore[arg-type]
    assert made.path.suffix == f".{packaging}"
    packed, plain = scene_of(made, FINE), scene_of(delivered[code], FINE)
    assert (packed.digest, packed.stretch, packed.calibration) == (plain.digest, plain.stretch, plain.calibration)
    assert packed.fingerprint == plain.fingerprint
    with open_scene(packed, FINE) as inside, open_scene(plain, FINE) as outside:
        assert np.array_equal(inside.read(inside.window).image, outside.read(outside.window).image)


@pytest.mark.parametrize("code", ["PHR", "SPOT", "WV2", "WV3"])
def test_tiles_make_one_image(tmp_path: Path, code: str, delivered: dict[str, SimulatedDelivery]) -> None:
    (made,) = simulate_deliveries(tmp_path, (code,), size=400.0, seed=3, tile_edge=48)
    tiled, whole = scene_of(made, FINE), scene_of(delivered[code], FINE)
    assert len(tiled.image.parts) > 4
    with open_scene(tiled, FINE) as parts, open_scene(whole, FINE) as plain:
        assert parts.window == plain.window
        assert np.array_equal(parts.read(parts.window).valid, plain.read(plain.window).valid)
        assert np.array_equal(parts.read(parts.window).image, plain.read(plain.window).image)


def test_clouds_that_were_delivered_are_masked(tmp_path: Path) -> None:
    (made,) = simulate_deliveries(tmp_path, ("PHR",), size=800.0, seed=3, cloudy=True)
    scene = scene_of(made, FINE)
    assert scene.clouds is not None
    with open_scene(scene, FINE) as reader:
        hidden = 1 - reader.read(reader.window).valid.mean()
    assert hidden == pytest.approx(scene.clouds.intersection(scene.footprint).area / scene.footprint.area, abs=0.02)
    assert hidden > 0.02


def test_reflectance_products(tmp_path: Path, delivered: dict[str, SimulatedDelivery]) -> None:
    (made,) = simulate_deliveries(tmp_path, ("PHR",), size=400.0, seed=3, processing="reflectance")
    assert np.nanmedian(patches_of(made) / patches_of(delivered["PHR"]), axis=1) == pytest.approx(np.ones(4), abs=0.01)


def test_the_reflectance_stretch_makes_sensors_alike(delivered: dict[str, SimulatedDelivery]) -> None:
    """The same reflectance is the same byte: scenes of two families agree before any harmonisation."""
    differences = {}
    for method in ("percentile", "reflectance"):
        images = []
        for code in ("PHR", "GEOSAT2"):
            found, _ = find_deliveries(str(delivered[code].path))
            scene = recognise_delivery(found[0], PATCH, Rules(method)).scene
            with open_scene(scene, PATCH) as reader:
                images.append(reader.read(reader.window).image.astype(float)[:, 1:-1, 1:-1])
        differences[method] = float(np.median(np.abs(images[0] - images[1])))
    assert differences["reflectance"] <= 2
    assert differences["reflectance"] < differences["percentile"]

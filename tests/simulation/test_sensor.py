from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from shapely import union_all
from shapely.geometry import box

from bocage.errors import SettingsError
from bocage.scenes.sensors import SENSORS
from bocage.simulation import Raster
from bocage.simulation.reflectance import Image
from bocage.simulation.scenes import inside
from bocage.simulation.sensor import FAMILIES, count, observe, top_of_atmosphere
from bocage.simulation.takes import plan_takes

_SQUARE = (4_317_000.0, 3_017_000.0, 6000.0)
_CODES = ("PHR", "SPOT", "WV2", "GEOSAT2")
_CORE = Raster(4_318_000, 3_020_000, 200, 200)


def _flat(value: float) -> Image:
    return np.full((4, *_CORE.pad(40).shape), value, dtype=np.float32)


def test_takes_differ_in_everything_that_a_sensor_can_differ_in() -> None:
    takes = plan_takes(*_SQUARE, _CODES)
    assert len(takes) == 6
    assert {take.family.sensor.gsd for take in takes} == {2.0, 4.0}
    assert {take.largest for take in takes} == {2047, 4095, 26581}
    assert len({take.family.sensor.bands for take in takes}) == 3
    for values in (
        {take.id for take in takes},
        {take.day for take in takes},
        {take.sun for take in takes},
        {take.haze for take in takes},
        {take.shift for take in takes},
    ):
        assert len(values) == 6
    assert max(abs(value) for take in takes for value in take.shift) <= 1
    assert sum(take.cloud is not None for take in takes) == 1
    assert {take.crs for take in takes} == {"EPSG:3035", "EPSG:32632"}


def test_every_spot_is_seen_and_most_are_seen_twice() -> None:
    takes = plan_takes(*_SQUARE, _CODES)
    left, bottom, size = _SQUARE
    square = box(left, bottom, left + size, bottom + size)
    assert union_all([take.footprint for take in takes]).buffer(1e-3).covers(square)
    frame = Raster(left, bottom + size, 150, 150, size / 150)
    count = sum(inside(take.footprint, frame).astype(int) for take in takes)
    assert np.min(count) >= 1
    assert np.mean(count >= 2) > 0.7
    assert np.mean(count >= 3) > 0.2


def test_all_families_fly_when_all_are_asked_for() -> None:
    takes = plan_takes(*_SQUARE, tuple(FAMILIES))
    assert [take.family.sensor.code for take in takes] == list(FAMILIES)
    assert len({take.id for take in takes}) == len(takes)
    assert len({take.acquired for take in takes}) == len(takes)


def test_unknown_families_are_refused() -> None:
    with pytest.raises(SettingsError, match="PLEIADES"):
        plan_takes(*_SQUARE, ("PLEIADES",))
    with pytest.raises(SettingsError, match="none given"):
        plan_takes(*_SQUARE, ())


@pytest.mark.parametrize("number", range(len(FAMILIES)))
def test_counts_saturate_at_the_largest_and_never_are_nodata(number: int) -> None:
    take = plan_takes(*_SQUARE, tuple(FAMILIES))[number]
    largest = take.family.largest
    for value in (0.0, 0.3, 25.0):
        counts = observe(_flat(value), _CORE.pad(40), _CORE, take, 0, pixel=take.family.sensor.gsd)
        assert counts.dtype == np.uint16
        assert counts.min() >= 1
        assert counts.max() <= largest
    assert counts.max() == largest


def test_bands_come_in_the_order_of_the_file() -> None:
    image = np.stack([_flat(value)[0] for value in (0.05, 0.1, 0.2, 0.5)])
    for take in plan_takes(*_SQUARE, _CODES)[:4]:
        counts = observe(image, _CORE.pad(40), _CORE, replace(take, haze=0), 0, pixel=4.0)
        reflectance = {
            channel.name: (counts[place].mean() / channel.gain + channel.bias) / take.radiance(channel.irradiance)
            for place, channel in enumerate(take.channels)
        }
        assert reflectance["blue"] < reflectance["green"] < reflectance["red"] < reflectance["nir"]


def test_observing_a_window_is_cropping_a_larger_one() -> None:
    take = plan_takes(*_SQUARE, _CODES)[4]
    frame = Raster(4_320_200, 3_020_300, 360, 360)
    image = np.random.default_rng(1).uniform(0.02, 0.5, (4, *frame.shape)).astype(np.float32)
    core = Raster(4_320_240, 3_020_260, 280, 280)
    part = Raster(4_320_300, 3_020_200, 120, 160)
    large = observe(image, frame, core, take, 0, pixel=2.0)
    small = observe(image[:, 50:300, 50:300], Raster(4_320_250, 3_020_250, 250, 250), part, take, 0, pixel=2.0)
    rows, columns = core.at(2.0).slices(part.at(2.0))
    assert np.abs(large[:, rows, columns].astype(int) - small).max() <= 1


def test_observing_is_counting_what_reaches_the_top_of_the_atmosphere() -> None:
    take = plan_takes(*_SQUARE, ("PNEO",))[0]
    image = np.stack([_flat(value)[0] for value in (0.05, 0.1, 0.2, 0.5)])
    seen = top_of_atmosphere(image, _CORE.pad(40), _CORE, take, 3, pixel=2.0)
    assert seen.shape == (4, 100, 100)
    assert seen.dtype == np.float32
    # Air brightens the dark and dims the bright.
    assert seen[0].min() > 0.05
    assert seen[3].max() < 0.5
    counts = observe(image, _CORE.pad(40), _CORE, take, 3, pixel=2.0)
    assert counts.shape == (6, 100, 100)
    np.testing.assert_array_equal(counts, count(seen, _CORE, take, 3, pixel=2.0))


def test_a_cloud_is_bright_and_its_shadow_lies_beside_it() -> None:
    take = plan_takes(*_SQUARE, _CODES)[4]
    assert take.cloud is not None
    frame = Raster(take.cloud.x - 1500, take.cloud.y + 1500, 300, 300, 10.0)
    cover, shade = take.cloud.cover(0, frame), take.cloud.shadow(0, frame, take.sun)
    assert 0.005 < (cover > 0.5).mean() < 0.2
    rows, columns = np.indices(frame.shape)
    centre = [np.array([np.average(axis, weights=field) for axis in (rows, columns)]) for field in (cover, shade)]
    moved = (centre[1] - centre[0]) * frame.pixel
    east, down = take.sun.direction()
    length = take.cloud.base / np.tan(np.radians(take.sun.elevation))
    np.testing.assert_allclose(moved, [-down * length, -east * length], atol=15)


@pytest.mark.parametrize("code", list(FAMILIES))
def test_numbers_follow_from_reflectance_by_the_rule_of_the_sensor(code: str) -> None:
    take = replace(plan_takes(*_SQUARE, (code,))[0], haze=0.0)
    sampling = _CORE.at(take.family.sensor.gsd)
    for value in (0.05, 0.2):
        reflectance = np.full((4, *sampling.shape), value, dtype=np.float32)
        counts = count(reflectance, _CORE, take, 0, pixel=sampling.pixel)
        # Written out as textbooks have it: the reflectance that a reader finds is the one that was put in.
        anomaly = np.radians(357.529 + 0.98560028 * (take.acquired - datetime(2000, 1, 1, 12, tzinfo=UTC)).days)
        distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
        for place, channel in enumerate(take.channels):
            radiance = counts[place].mean() / channel.gain + channel.bias
            found = np.pi * radiance * distance**2 / (channel.irradiance * np.sin(np.radians(take.sun.elevation)))
            assert found == pytest.approx(value * sum(channel.mix), rel=4e-3)


def test_families_are_known_sensors() -> None:
    assert set(FAMILIES) == set(SENSORS)
    for code, family in FAMILIES.items():
        assert family.sensor is SENSORS[code]
        for platform in family.sensor.platforms:
            channels = family.channels(platform)
            assert tuple(channel.name for channel in channels) == family.sensor.bands
            assert min(channel.irradiance for channel in channels) > 900
            # A white cloud and bright ground stay below saturation; dark water stays above the fill value.
            take = replace(plan_takes(*_SQUARE, (code,))[0], platform=platform)
            for channel in channels:
                counts = [
                    (value * take.radiance(channel.irradiance) - channel.bias) * channel.gain for value in (0.01, 0.45)
                ]
                assert 1 < counts[0] < counts[1] < family.largest, (code, channel.name)

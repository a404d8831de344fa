import numpy as np
import pytest

from bocage.simulation import Landscape, Raster
from bocage.simulation.reflectance import Sun, cast_shadow, reflect, texture


@pytest.mark.parametrize(("azimuth", "row", "column"), [(90, 0, -1), (180, -1, 0), (270, 0, 1), (135, -1, -1)])
def test_a_shadow_lies_away_from_the_sun_and_is_as_long_as_the_sun_is_low(azimuth: int, row: int, column: int) -> None:
    height = np.zeros((101, 101), dtype=np.float32)
    height[50, 50] = 20
    shadow = cast_shadow(height, Sun(azimuth, 45), 1.0)
    step = np.array([row, column]) / np.hypot(row, column)
    for distance, expected in ((8, True), (17, True), (23, False), (-5, False)):
        place = np.rint(np.array([50, 50]) + distance * step).astype(int)
        around = shadow[place[0] - 1 : place[0] + 2, place[1] - 1 : place[1] + 2]
        assert bool(around.max() > 0.5) is expected, (distance, around)
    assert shadow[50, 50] == 0


def test_flat_ground_has_no_shadow() -> None:
    assert not cast_shadow(np.full((20, 20), 3, dtype=np.float32), Sun(150, 20), 1.0).any()


def test_reflectance_of_a_window_is_the_crop_of_a_larger_one() -> None:
    landscape = Landscape.over(0, 4_317_000, 3_018_000, 3000)
    large_frame, small_frame = Raster(4_318_000, 3_019_900, 500, 500), Raster(4_318_100, 3_019_800, 300, 300)
    images = []
    for frame in (large_frame, small_frame):
        scenery = landscape.render(frame)
        images.append(reflect(scenery, texture(0, scenery), 167, Sun(152, 59)))
    rim = 60
    np.testing.assert_allclose(
        images[1][:, rim:-rim, rim:-rim], images[0][:, 100 + rim : 400 - rim, 100 + rim : 400 - rim], atol=2e-4
    )


def test_seasons_change_fields_and_values_stay_plausible() -> None:
    landscape = Landscape.over(0, 4_317_000, 3_018_000, 3000)
    scenery = landscape.render(Raster(4_318_000, 3_019_900, 400, 400))
    patterns = texture(0, scenery)
    spring, summer = (reflect(scenery, patterns, day, Sun(152, 50)) for day in (110, 230))
    for image in (spring, summer):
        assert float(image.min()) >= 0
        assert float(np.percentile(image, 99.9)) < 0.9
    assert float(np.abs(spring - summer).mean()) > 0.01

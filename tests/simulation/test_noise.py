import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.simulation.extent import Raster
from bocage.simulation.noise import bell_field, displacement, grain_field, hashed, noise_at, noise_field


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    left=st.integers(-5_000, 5_000_000),
    top=st.integers(-5_000, 5_000_000),
    wavelength=st.floats(3, 900),
)
def test_a_field_of_noise_is_the_noise_at_its_pixels(seed: int, left: int, top: int, wavelength: float) -> None:
    raster = Raster(left, top, 7, 9)
    x, y = np.meshgrid(raster.x, raster.y)
    expected = noise_at(seed, x.ravel(), y.ravel(), wavelength).reshape(raster.shape)
    np.testing.assert_allclose(noise_field(seed, raster, wavelength), expected, atol=2e-6)


def test_hashed_numbers_are_uniform_and_independent_of_neighbours_and_seeds() -> None:
    column, row = np.meshgrid(np.arange(300), np.arange(300))
    first, second = hashed(1, column, row), hashed(2, column, row)
    assert abs(float(first.mean()) - 0.5) < 0.005
    assert abs(float(first.std()) - 12**-0.5) < 0.005
    for other in (second, np.roll(second, 1, axis=1), np.roll(first, 1, axis=1), np.roll(first, 1, axis=0)):
        assert abs(float(np.corrcoef(first.ravel(), other.ravel())[0, 1])) < 0.02


def test_bell_noise_has_mean_0_and_deviation_1() -> None:
    field = bell_field(5, Raster(0, 0, 400, 400, 2.0))
    assert abs(float(field.mean())) < 0.01
    assert abs(float(field.std()) - 1) < 0.01


def test_grain_belongs_to_the_place_not_to_the_raster() -> None:
    whole = grain_field(3, Raster(100, 200, 40, 50))
    part = grain_field(3, Raster(110, 190, 10, 20))
    np.testing.assert_array_equal(whole[10:20, 10:30], part)


def test_displacement_stays_within_its_amplitudes_and_is_smooth() -> None:
    line = np.column_stack((np.linspace(0, 500, 2001), np.full(2001, 77.0)))
    moved = displacement(9, line, ((100.0, 20.0), (30.0, 4.0)))
    assert float(np.abs(moved).max()) <= 24
    assert float(np.abs(np.diff(moved, axis=0)).max()) < 0.4

import numpy as np
import pytest

from bocage.features.frame import Frame
from bocage.features.labelling import label_mask
from bocage.features.morphology import Depths, distance_to, grow, opening, rectangle_widths, without_gaps
from bocage.features.profiles import Profile
from bocage.features.widths import outline_sums, widths_of
from tests.features.landscape import disk, rectangle


def measured_widths(mask: np.ndarray, resolution: float, profile: Profile) -> np.ndarray:
    frame = Frame.whole(mask.shape)
    (core,) = frame.cores
    labels = label_mask(np.pad(mask, 1), frame, core)
    return widths_of(outline_sums(labels, mask, Depths.of(mask), (0, 0)), resolution, profile)


@pytest.mark.parametrize("cells", [1, 2, 3, 4, 5, 6, 7, 9, 12])
@pytest.mark.parametrize("how", ["rectangle", "maximum"])
def test_the_width_of_a_strip_is_exact_for_even_and_odd_cells(cells: int, how: str) -> None:
    mask = rectangle((30, 200), 8, 10, cells, 180)
    profile = Profile("test", width="rectangle" if how == "rectangle" else "maximum")
    width = measured_widths(mask, 5.0, profile)
    assert width.tolist() == [pytest.approx(5.0 * cells, rel=0.01)]


def test_one_bulge_widens_the_maximum_but_hardly_the_rectangle() -> None:
    mask = rectangle((40, 100), 19, 10, 2, 80) | rectangle((40, 100), 17, 50, 6, 6)
    assert measured_widths(mask, 5.0, Profile("test", width="maximum"))[0] >= 30
    assert measured_widths(mask, 5.0, Profile("test"))[0] == pytest.approx(12, abs=2)


def test_a_square_and_a_disk_are_as_long_as_wide() -> None:
    area, distance = np.array([100.0, np.pi * 25]), np.array([10 / 6, 5 / 3])
    width = rectangle_widths(area, distance)
    np.testing.assert_allclose(area / width, width, rtol=1e-9)


def test_a_rectangle_is_found_again() -> None:
    width, length = 10.0, 45.0
    distance = width / 4 * (1 - width / (3 * length))
    assert rectangle_widths(np.array([width * length]), np.array([distance]))[0] == pytest.approx(width)


@pytest.mark.parametrize(("cells", "remains"), [(4, False), (6, False), (7, True), (10, True)])
def test_opening_keeps_strips_wider_than_the_disk(cells: int, remains: bool) -> None:
    mask = rectangle((40, 60), 12, 5, cells, 50)
    opened = opening(mask, 15.0, 5.0)
    assert opened.any() == remains
    assert not (opened & ~mask).any()
    if remains:
        np.testing.assert_array_equal(opened[:, 30], mask[:, 30])


def test_opening_does_not_erode_from_the_edge_of_the_array() -> None:
    mask = rectangle((40, 40), 0, 0, 40, 5)
    np.testing.assert_array_equal(opening(mask, 15.0, 5.0), mask)


def test_growing_reaches_exactly_the_radius() -> None:
    grown = grow(rectangle((11, 11), 5, 5, 1, 1), 10.0, 5.0)
    np.testing.assert_array_equal(grown, disk((11, 11), 5, 5, 2))


def test_distances_to_nothing_are_infinite() -> None:
    assert np.isinf(distance_to(np.zeros((3, 3), bool), 5.0)).all()


@pytest.mark.parametrize("radius", [2.0, 8.4, 9.0, 12.5])
def test_a_swept_disk_and_distances_grow_alike(radius: float) -> None:
    mask = np.random.default_rng(1).random((80, 90)) < 0.01
    np.testing.assert_array_equal(grow(mask, radius, 1.0), distance_to(mask, 1.0) <= radius + 1e-3)


def test_gaps_are_filled_below_their_size_and_across_no_corner() -> None:
    mask = np.ones((9, 9), bool)
    mask[2, 2:5] = mask[3, 5] = False
    np.testing.assert_array_equal(without_gaps(mask, 4), np.ones_like(mask))
    np.testing.assert_array_equal(without_gaps(mask, 3), mask | rectangle((9, 9), 3, 5, 1, 1))
    assert without_gaps(np.ones((3, 3), bool), 5).all()
    assert not without_gaps(np.zeros((3, 3), bool), 5).any()

"""Distances between cells are those between their edges."""

from unittest.mock import patch

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bocage.samples import spacing
from bocage.samples.spacing import Ground, gaps, near, thin_out

PLACES = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=12)


@given(PLACES, PLACES)
def test_gaps_are_the_distances_of_the_squares(mine: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    def squares(places: list[tuple[int, int]]) -> list[shapely.Polygon]:
        return [shapely.box(x, y, x + 1, y + 1) for x, y in places]

    expected = [min(shapely.distance(one, other) for other in squares(others)) for one in squares(mine)]
    np.testing.assert_allclose(gaps(np.array(mine), np.array(others)), expected, atol=1e-9)


def test_near_is_nearer_than_the_distance() -> None:
    places = np.array([[x, 0] for x in range(5)])
    assert near(places, np.array([[0, 0]]), 2.0).tolist() == [True, True, True, False, False]
    assert not near(places, np.array([[0, 0]]), 0.0).any()
    assert not near(places, np.zeros((0, 2), np.int64), 3.0).any()


@given(PLACES, PLACES, st.floats(0, 7))
def test_both_ways_to_find_what_is_near_agree(
    mine: list[tuple[int, int]], others: list[tuple[int, int]], distance: float
) -> None:
    cells = np.array(sorted(set(mine), key=lambda place: place[::-1]))
    for steps in (0, 10**9):
        with patch.object(spacing, "_MOST_STEPS", steps):
            found = Ground(cells).near(np.array(others), distance)
        assert found.tolist() == np.flatnonzero(near(cells, np.array(others), distance)).tolist()


@given(PLACES, st.floats(0.5, 6), st.integers(0, 99))
def test_what_is_left_keeps_the_distance_and_nothing_more_fits(
    places: list[tuple[int, int]], distance: float, seed: int
) -> None:
    cells = np.array(places)
    kept = thin_out(cells, distance, np.random.default_rng(seed))
    for index in kept:
        assert not near(cells[[index]], cells[kept[kept != index]], distance).any()
    assert near(np.delete(cells, kept, axis=0), cells[kept], distance).all()

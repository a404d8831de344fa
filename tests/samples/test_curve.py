"""The curve visits every place once, in steps to a neighbour."""

import numpy as np
import pytest

from bocage.samples.curve import along_curve, hilbert


@pytest.mark.parametrize("side", [1, 2, 4, 32])
def test_it_goes_from_neighbour_to_neighbour(side: int) -> None:
    east, north = np.meshgrid(np.arange(side), np.arange(side))
    places = np.column_stack([east.ravel() - 7, north.ravel() + 100])
    walk = places[along_curve(places)]
    assert sorted(hilbert(places).tolist()) == list(range(side * side))
    assert (np.abs(np.diff(walk, axis=0)).sum(axis=1) == 1).all()


def test_places_on_one_spot_keep_their_order() -> None:
    places = np.array([[5, 5], [0, 0], [5, 5], [0, 0]])
    assert along_curve(places).tolist() == [1, 3, 0, 2]
    assert along_curve(np.zeros((0, 2), np.int64)).tolist() == []

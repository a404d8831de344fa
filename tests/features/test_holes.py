"""Which holes are closed before thinning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.features.holes import LARGEST, closed, hole_cells


def block(hole: tuple[int, int], label: int = 3) -> NDArray[np.int32]:
    labels = np.zeros((20, 24), np.int32)
    labels[2:18, 2:22] = label
    labels[6 : 6 + hole[0], 6 : 6 + hole[1]] = 0
    return labels


def test_a_hole_is_closed_up_to_its_size_in_both_directions() -> None:
    assert hole_cells(2.0) == 5
    for hole, expected in (((5, 5), True), ((1, 1), True), ((6, 1), False), ((1, 6), False)):
        found = closed(block(hole), 2.0)
        assert (found[2:18, 2:22] == 3).all() == expected
        assert np.count_nonzero(found[:2]) == 0
    assert not (closed(block((3, 3)), LARGEST / 2) == 3)[6:9, 6:9].any()


def test_cells_that_touch_by_corners_close_a_hole_and_a_bay_stays_open() -> None:
    ring = np.zeros((9, 9), np.int32)
    ring[(2, 3, 3, 4), (3, 2, 4, 3)] = 1
    assert closed(ring, 2.0)[3, 3] == 1
    ring[2, 3] = 0
    assert closed(ring, 2.0)[3, 3] == 0


def test_a_hole_that_holds_another_feature_or_lies_between_two_stays() -> None:
    island = block((5, 5))
    island[8, 8] = 7
    np.testing.assert_array_equal(closed(island, 2.0), island)
    seam = np.zeros((12, 14), np.int32)
    seam[2:9, 2:7] = 1
    seam[2:9, 7:12] = 2
    seam[5, 6] = 0
    np.testing.assert_array_equal(closed(seam, 2.0), seam)

"""Outlines of valid pixels."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import contains_xy
from shapely.geometry import box

from bocage.errors import SceneError
from bocage.scenes.footprint import outline, project_outline

TRANSFORM = Affine(2, 0, 4_000_000, 0, -2, 3_000_000)


@given(seed=st.integers(0, 10_000), share=st.floats(0.05, 1), slant=st.floats(0, 2))
@settings(max_examples=40, deadline=None)
def test_outline_holds_every_valid_cell_and_little_more(seed: int, share: float, slant: float) -> None:
    rows, columns = np.indices((40, 50))
    cells = (rows * slant + columns > 20) & (np.random.default_rng(seed).random((40, 50)) < share)
    cells[20, 25] = True
    polygon = outline(cells, 4, (160, 200), TRANSFORM)
    assert polygon.is_valid
    found_rows, found_columns = np.nonzero(cells)
    for dx, dy in ((0.1, 0.1), (3.9, 0.1), (0.1, 3.9), (3.9, 3.9)):
        x, y = 4_000_000 + 2 * (4 * found_columns + dx), 3_000_000 - 2 * (4 * found_rows + dy)
        assert contains_xy(polygon, x, y).all()
    assert polygon.within(box(4_000_000, 3_000_000 - 320, 4_000_400, 3_000_000).buffer(1e-6))
    grown = np.pad(cells, 2)
    wide = np.zeros_like(cells)
    for down in range(5):
        for right in range(5):
            wide |= grown[down : down + 40, right : right + 50]
    assert polygon.area <= wide.sum() * 64 + 1e-3


def test_full_scene_is_its_rectangle() -> None:
    polygon = outline(np.ones((10, 12), dtype=bool), 3, (29, 35), TRANSFORM)
    assert polygon.symmetric_difference(box(4_000_000, 3_000_000 - 58, 4_000_070, 3_000_000)).area < 1e-6


def test_projection_keeps_area_and_refuses_places_beyond_the_domain() -> None:
    square = box(500_000, 5_400_000, 510_000, 5_410_000)
    moved = project_outline(square, "EPSG:32631", "EPSG:3035", "a")
    assert moved.area == pytest.approx(square.area, rel=0.002)
    assert len(moved.exterior.coords) > 100
    with pytest.raises(SceneError, match="outside the domain"):
        project_outline(box(100, 95, 101, 96), "EPSG:4326", "EPSG:32631", "a")

"""The sampling design: allocation, strata, and a draw that follows from its seed alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.accuracy.sampling import STRATA, allocate, classes_of, draw_points, strata_of
from bocage.errors import AccuracyError
from bocage.grid import Window

WHOLE = Window(0, 0, 200, 200)


def landscape(seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    field = np.zeros((260, 260), dtype=np.uint8)
    for column, row in rng.integers(40, 210, (12, 2)):
        field[row : row + 12, column : column + 20] = 230
    field[30:60, 30:60] = 255
    return field


def read_from(field: NDArray[np.uint8]):  # type: ignore[no-untyped-def]
    def read(window: Window) -> NDArray[np.uint8]:
        return field[window.row + 30 : window.bottom + 30, window.column + 30 : window.right + 30]

    return read


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=5), st.integers(1, 3000), st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_allocation_keeps_its_promises(sizes: list[int], count: int, minimum: int) -> None:
    drawn = allocate(sizes, count, minimum)
    assert all(min(size, minimum) <= number <= size for size, number in zip(sizes, drawn, strict=True))
    promised = sum(min(size, minimum) for size in sizes)
    assert sum(drawn) == min(max(count, promised), sum(sizes))


def test_strata_of_a_bar() -> None:
    classes = np.zeros((20, 20), dtype=np.uint8)
    classes[:, 10] = 1
    classes[0, :] = 255
    strata = strata_of(classes, 3)
    assert strata[10].tolist() == [0] * 7 + [1] * 3 + [2] + [1] * 3 + [0] * 6
    assert (strata[0] == 255).all()


def test_threshold_is_inclusive() -> None:
    assert classes_of(np.array([126, 127, 254, 255], dtype=np.uint8), 0.5).tolist() == [0, 1, 1, 255]


def test_draw_is_a_function_of_the_seed_and_lies_in_its_strata() -> None:
    field = landscape()
    options = {"threshold": 0.5, "count": 300, "minimum": 50}
    first = draw_points([WHOLE], read_from(field), seed=3, **options)  # type: ignore[arg-type]
    again = draw_points([WHOLE], read_from(field), seed=3, **options)  # type: ignore[arg-type]
    other = draw_points([WHOLE], read_from(field), seed=4, **options)  # type: ignore[arg-type]
    assert (first.column == again.column).all()
    assert (first.row == again.row).all()
    assert not (first.column == other.column).all()
    strata = strata_of(classes_of(field, 0.5))[30:230, 30:230]
    assert (strata[first.row, first.column] == first.stratum).all()
    assert len(set(zip(first.column.tolist(), first.row.tolist(), strict=True))) == len(first.column) == 300
    assert (np.bincount(first.stratum, minlength=len(STRATA)) >= 50).all()
    assert first.sizes.sum() + first.nodata == 200 * 200
    assert first.nodata == (field[30:230, 30:230] == 255).sum()


def test_cutting_the_population_changes_no_stratum() -> None:
    field = landscape(5)
    parts = [Window(0, 0, 200, 70), Window(0, 70, 90, 130), Window(90, 70, 110, 130)]
    options = {"threshold": 0.5, "count": 100, "minimum": 10, "seed": 0}
    one = draw_points([WHOLE], read_from(field), **options)  # type: ignore[arg-type]
    many = draw_points(parts, read_from(field), **options)  # type: ignore[arg-type]
    assert (one.sizes == many.sizes).all()
    assert one.nodata == many.nodata


def test_every_pixel_of_a_stratum_is_equally_likely() -> None:
    field = np.zeros((260, 260), dtype=np.uint8)
    window = Window(0, 0, 10, 10)
    hits = np.zeros((10, 10))
    for seed in range(400):
        points = draw_points([window], read_from(field), threshold=0.5, count=25, minimum=0, seed=seed)
        hits[points.row, points.column] += 1
    # 400 draws of 25 of 100: each pixel is expected 100 times, with a standard deviation of 8.7.
    assert hits.min() > 100 - 5 * 8.7
    assert hits.max() < 100 + 5 * 8.7


def test_an_unmapped_population_is_refused() -> None:
    field = np.full((260, 260), 255, dtype=np.uint8)
    with pytest.raises(AccuracyError, match="none of the 40000 pixels"):
        draw_points([WHOLE], read_from(field), threshold=0.5, count=10, minimum=1, seed=0)

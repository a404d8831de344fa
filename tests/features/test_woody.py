import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.features.woody import average, cell_probability, overlaps, woody_state
from bocage.grid import Grid, Window

FINE, CELLS = Grid("EPSG:3035", 2.0), Grid("EPSG:3035", 5.0)


def test_cells_of_5_m_share_pixels_of_2_m_by_area() -> None:
    weights = overlaps(FINE, 0, 5, CELLS, 0, 2).toarray()
    np.testing.assert_allclose(weights, [[0.4, 0.4, 0.2, 0, 0], [0, 0, 0.2, 0.4, 0.4]], atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    source=st.sampled_from([0.6, 1.0, 2.0, 4.0]),
    target=st.sampled_from([1.2, 2.5, 5.0]),
    column=st.integers(-300_000, 2_000_000),
    row=st.integers(-900_000, 900_000),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_the_total_is_kept_for_any_pair_of_resolutions(
    source: float, target: float, column: int, row: int, width: int, height: int, seed: int
) -> None:
    pixels, cells = Grid("EPSG:3035", source), Grid("EPSG:3035", target)
    window = Window(column, row, width, height)
    read = pixels.window(cells.bounds(window))
    rows = overlaps(pixels, read.row, read.height, cells, row, height)
    columns = overlaps(pixels, read.column, read.width, cells, column, width)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(columns.sum(axis=1), 1, atol=1e-4)
    values = np.random.default_rng(seed).random(read.shape)
    found = average(values, np.ones(read.shape, bool), rows, columns)
    np.testing.assert_allclose(found, rows.toarray() @ values @ columns.toarray().T, atol=1e-3)


def test_pixels_without_data_take_no_part() -> None:
    mosaic = np.full((5, 5), 254, np.uint8)
    mosaic[:, 3:] = 255
    mosaic[0, 0] = 0
    found = cell_probability(lambda window: mosaic, FINE, CELLS, Window(0, 0, 2, 2))
    assert found[0, 0] == pytest.approx(1 - 0.16, abs=1e-6)
    assert found[1, 0] == 1
    # The cell to the right is observed on a fifth of its area.
    assert np.isnan(found[:, 1]).all()


def test_states_are_three() -> None:
    probability = np.array([0.2, 0.5, 0.8, np.nan], np.float32)
    assert woody_state(probability, 0.5).tolist() == [0, 1, 1, 255]


def test_blocks_give_what_one_read_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    mosaic = np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8)
    whole = Window(100, -300, 60, 60)

    def read(window: Window) -> np.ndarray:
        return mosaic[window.slices(whole)]

    cells = Window(41, -119, 20, 20)
    once = cell_probability(read, FINE, CELLS, cells)
    monkeypatch.setattr("bocage.features.woody._BLOCK", 7)
    np.testing.assert_allclose(cell_probability(read, FINE, CELLS, cells), once, atol=1e-6)

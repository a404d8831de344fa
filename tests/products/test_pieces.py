import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.products.pieces import outlines, pieces_of
from tests.features.landscape import origin


def test_pieces_are_counted_and_chosen() -> None:
    mask = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1]], bool)
    pieces = pieces_of(mask)
    assert sorted(pieces.cells().tolist()) == [1, 1, 3]
    assert pieces.sums(np.full(mask.shape, 2.0)).sum() == 10
    chosen = pieces.where(pieces.cells() == 3)
    assert chosen[:2].sum() == chosen.sum() == 3


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.1, 0.9))
def test_every_piece_is_one_valid_polygon_apart_from_the_others(seed: int, density: float) -> None:
    mask = np.random.default_rng(seed).random((12, 12)) < density
    pieces = pieces_of(mask)
    found = outlines(pieces, origin())
    assert len(found) == pieces.count
    assert (shapely.get_type_id(found) == shapely.GeometryType.POLYGON).all()
    assert shapely.is_valid(found).all()
    # A diamond adds 2 % of a cell at a corner, half of it within the cells.
    area = shapely.area(found)
    assert (area >= pieces.cells() * 25 - 1e-6).all()
    assert (area <= pieces.cells() * 25 * 1.02 + 1e-6).all()
    first, second = shapely.STRtree(found).query(found, predicate="intersects")
    assert (first == second).all()


def test_no_piece_has_no_outline() -> None:
    assert outlines(pieces_of(np.zeros((3, 3), bool)), origin()).tolist() == []

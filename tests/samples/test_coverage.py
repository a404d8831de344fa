"""The share of a cell is the area of its intersection with the footprint."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon, box

from bocage.samples.coverage import cover

# Whole thousandths: at coordinates of 1e-200 the areas of shapely itself are wrong.
COORDINATE = st.integers(-4000, 9000).map(lambda number: number / 1000)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=3, max_size=9)


def expected(polygon: Polygon | MultiPolygon, east: NDArray[np.int64], north: NDArray[np.int64]) -> NDArray[np.float64]:
    boxes = shapely.box(east, north, east + 1, north + 1)
    return np.asarray(shapely.area(shapely.intersection(polygon, boxes)))


def check(polygon: Polygon | MultiPolygon, size: float = 1.0) -> None:
    scaled = shapely.transform(polygon, lambda points: points * size)
    found = cover(np.array([scaled], object), size)
    np.testing.assert_allclose(found.share, expected(polygon, found.east, found.north), atol=2e-6)
    # No cell is missing: the shares sum to the area.
    assert abs(found.share.sum() - polygon.area) < 1e-6 * (len(found.share) + 1)
    assert ((found.share > 0) & (found.share <= 1)).all()


@given(POINTS, st.sampled_from([1.0, 2560.0, 0.3]))
@settings(max_examples=150)
def test_hulls_of_any_shape(points: list[tuple[float, float]], size: float) -> None:
    hull = shapely.convex_hull(shapely.multipoints(points))
    if hull.geom_type == "Polygon" and hull.area > 1e-3:
        check(hull, size)


@given(st.integers(0, 10_000))
@settings(max_examples=100)
def test_ragged_outlines_with_holes_and_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.random(12)) * 2 * np.pi
    outline = np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(1, 6, (12, 1))
    one = shapely.make_valid(Polygon(outline)).difference(box(*np.sort(rng.uniform(-2, 2, (2, 2)), axis=0).ravel()))
    two = box(7, -3, 9.25, 3.5)
    parts = [part for part in shapely.get_parts(shapely.union(one, two)) if part.geom_type == "Polygon"]
    check(MultiPolygon(parts))


def test_edges_on_the_lattice_and_single_cells() -> None:
    check(box(0, 0, 3, 2))
    check(box(-2.5, -1, -2.25, 0))
    check(box(0.25, 0.25, 0.5, 0.75))
    found = cover(np.array([box(10, 20, 12, 21)], object), 1.0)
    assert list(zip(found.east, found.north, found.share, strict=True)) == [(10, 20, 1.0), (11, 20, 1.0)]


def test_each_polygon_is_counted_for_itself() -> None:
    shapes = [box(0, 0, 1.5, 1), Polygon(), box(0.5, 0, 1, 3)]
    together = cover(np.array(shapes, object), 1.0)
    for index, shape in enumerate(shapes):
        alone = cover(np.array([shape], object), 1.0)
        mine = together.polygon == index
        np.testing.assert_array_equal(together.share[mine], alone.share)
        np.testing.assert_array_equal(together.east[mine], alone.east)
    assert (np.diff(together.polygon) >= 0).all()


def test_the_direction_of_a_ring_does_not_matter() -> None:
    ring = [(0.2, 0.1), (3.3, 0.4), (2.2, 2.9)]
    one, other = (cover(np.array([Polygon(points)], object), 1.0) for points in (ring, ring[::-1]))
    np.testing.assert_array_equal(one.share, other.share)

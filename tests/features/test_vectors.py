import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from bocage.features.frame import Frame
from bocage.features.labelling import LINEAR, PATCHY, join, label_tile
from bocage.features.tracing import Lines, rings_of, trace
from bocage.features.vectors import Rings, located, polygons_of, smoothed
from bocage.grid import Window
from tests.features.landscape import disk, origin, rectangle


def outlined(classes: NDArray[np.uint8], tile: int = 100, *, smooth: bool = True) -> NDArray[np.object_]:
    frame = Frame(Window(0, 0, classes.shape[1], classes.shape[0]), tile)
    found, rings, pieces = [], [], []
    for core in frame.cores:
        framed = frame.framed(classes, core)
        labels = label_tile(frame, core, framed, ordered=True)
        last = (core.bottom == classes.shape[0], core.right == classes.shape[1])
        whole, part = trace(framed, labels, core.row, core.column, last)
        found.append(labels)
        rings.append(smoothed(whole, smooth=smooth))
        pieces.append(part)
    joined = join(found)
    every = [ring.owned(owner) for ring, owner in zip(rings, joined.owners, strict=True)]
    cut = Lines.of([part.owned(owner) for part, owner in zip(pieces, joined.owners, strict=True)])
    every.append(smoothed(rings_of(cut), smooth=smooth))
    return polygons_of(Rings.of(every), joined.count)


def one(mask: NDArray[np.bool_], *, smooth: bool = True) -> shapely.Polygon:
    (polygon,) = outlined(mask.astype(np.uint8), smooth=smooth)
    assert polygon.is_valid
    return polygon


def test_a_rectangle_keeps_its_corners() -> None:
    assert one(rectangle((9, 9), 2, 3, 2, 5)).equals(shapely.box(3, 2, 8, 4))


def test_a_regular_stair_becomes_a_straight_line() -> None:
    y, x = np.mgrid[:42, :40]
    mask = (x - y // 2 >= 4) & (x - y // 2 < 12) & (y > 0) & (y < 41)
    polygon = one(mask)
    assert shapely.get_num_coordinates(polygon) <= 15
    assert shapely.get_num_coordinates(one(mask, smooth=False)) > 80
    assert polygon.area == pytest.approx(mask.sum())


def test_slanting_hedges_need_fewer_points_than_a_coverage_simplified_by_area() -> None:
    y, x = np.mgrid[:80, :80]
    for angle in (0.2, 1.1, 1.35):
        along, across = x * np.cos(angle) + y * np.sin(angle) - 50, y * np.cos(angle) - x * np.sin(angle)
        mask = (np.abs(across - 5) < 1.5) & (np.abs(along) < 40)
        edges = np.array([one(mask, smooth=False)], object)
        simple = shapely.coverage_simplify(shapely.segmentize(edges, 1.0), 0.75)
        assert shapely.get_num_coordinates(one(mask)) < shapely.get_num_coordinates(simple)[0]


@pytest.mark.parametrize("radius", [2, 3, 5, 8, 8.5, 13.2])
def test_round_outlines_keep_their_area(radius: float) -> None:
    mask = disk((40, 40), 20, 20, radius)
    assert one(mask).area == pytest.approx(mask.sum(), abs=1)
    assert shapely.get_num_coordinates(one(mask)) <= shapely.get_num_coordinates(one(mask, smooth=False))


def test_cells_on_a_diagonal_are_a_strip_with_their_area() -> None:
    polygon = one(np.eye(30, dtype=bool))
    assert polygon.area == pytest.approx(30)
    assert shapely.get_num_coordinates(polygon) <= 11


def test_one_corner_is_a_narrow_neck() -> None:
    mask = rectangle((12, 12), 1, 1, 4, 4) | rectangle((12, 12), 5, 5, 4, 4)
    polygon = one(mask)
    assert polygon.area == pytest.approx(32 + 0.01)
    assert polygon.buffer(-0.1).geom_type == "MultiPolygon"


def test_a_ring_that_closes_at_a_corner_has_a_hole() -> None:
    mask = rectangle((12, 12), 2, 2, 5, 5) & ~rectangle((12, 12), 3, 3, 3, 3)
    mask[2, 2] = False
    polygon = one(mask)
    assert len(polygon.interiors) == 1
    assert polygon.area == pytest.approx(mask.sum(), abs=0.1)


def test_where_diagonals_cross_the_linear_one_goes_through() -> None:
    polygons = outlined(np.array([[LINEAR, PATCHY], [PATCHY, LINEAR]], np.uint8))
    assert len(polygons) == 3
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    assert polygons[0].area == pytest.approx(2.01)
    between = np.array([[LINEAR, PATCHY], [PATCHY, 0]], np.uint8)
    assert [round(area, 6) for area in shapely.area(outlined(between))] == [1 - 0.005, 2.01]


def test_a_border_between_two_features_is_one_line() -> None:
    classes = np.where(disk((40, 40), 20, 15, 8), PATCHY, 0).astype(np.uint8)
    classes[rectangle((40, 40), 19, 20, 3, 18)] = LINEAR
    first, second = outlined(classes)
    assert first.intersection(second).length > 3
    assert shapely.area(first.intersection(second)) == 0
    assert shapely.coverage_is_valid([first, second])


def test_rings_start_at_their_northmost_point_wherever_they_are_traced_from() -> None:
    mask = disk((50, 50), 25, 25, 20) & ~disk((50, 50), 20, 20, 6) & ~disk((50, 50), 35, 30, 4)
    whole, cut = outlined(mask.astype(np.uint8)), outlined(mask.astype(np.uint8), 7)
    assert shapely.equals_identical(whole, cut).all()
    top, *_ = shapely.get_coordinates(whole[0])
    assert top[1] == shapely.bounds(whole[0])[1]
    assert len(whole[0].interiors) == 2


def test_nothing_gives_nothing() -> None:
    assert len(outlined(np.zeros((5, 5), np.uint8))) == 0


def test_outlines_go_to_their_place_with_the_outer_ring_first() -> None:
    moved = located(np.array([one(rectangle((9, 9), 2, 3, 2, 5))], object), origin())
    assert moved[0].bounds == (4_300_015, 2_999_980, 4_300_040, 2_999_990)
    assert moved[0].exterior.is_ccw

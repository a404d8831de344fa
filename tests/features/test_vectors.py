import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from bocage.features.components import joints, label_classes
from bocage.features.vectors import JOINT, located, polygons_of, simplified
from tests.features.landscape import origin


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 24), columns=st.integers(1, 24), smooth=st.sampled_from([0, 1]))
def test_outlines_keep_the_area_of_every_class_and_share_their_borders(
    seed: int, rows: int, columns: int, smooth: int
) -> None:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(rows, columns)), smooth)
    classes = np.digitize(noise, [0.1 if smooth else 0.4, 0.3 if smooth else 1.0]).astype(np.uint8)
    labels = label_classes(classes)
    polygons = polygons_of(labels)
    assert len(polygons) == labels.count
    assert all(polygon.geom_type == "Polygon" for polygon in polygons)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    corners = np.bincount(joints(labels).labels, minlength=labels.count + 1)[1:]
    # A diamond of diagonal 2 JOINT lies by half in the two cells that it joins.
    np.testing.assert_allclose(shapely.area(polygons), labels.cells() + corners * JOINT**2, atol=1e-9)
    kinds = classes.ravel()[labels.first()]
    for kind in (1, 2):
        own = kinds == kind
        area = shapely.area(polygons[own]).sum() - corners[own].sum() * JOINT**2
        assert area == pytest.approx((classes == kind).sum())


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), tolerance=st.sampled_from([0.5, 0.75, 1.0]))
def test_simplified_outlines_stay_valid_single_and_without_overlap(seed: int, tolerance: float) -> None:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(40, 40)), 1.2)
    labels = label_classes(np.digitize(noise, [0.1, 0.3]).astype(np.uint8))
    polygons = located(simplified(polygons_of(labels), tolerance), origin())
    assert all(polygon.geom_type == "Polygon" for polygon in polygons)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)


def test_simplification_changes_the_area_of_many_features_little() -> None:
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(300, 300)), 2)
    polygons = polygons_of(label_classes((noise > 0.08).astype(np.uint8)))
    after = simplified(polygons, 0.75)
    assert shapely.area(after).sum() == pytest.approx(shapely.area(polygons).sum(), rel=0.01)
    assert shapely.get_num_coordinates(after).sum() < 0.6 * shapely.get_num_coordinates(polygons).sum()


def test_a_diagonal_crossed_by_another_class_is_cut_there() -> None:
    labels = label_classes(np.array([[1, 2], [2, 1]], np.uint8))
    assert labels.count == 4
    assert shapely.area(polygons_of(labels)).tolist() == [1, 1, 1, 1]

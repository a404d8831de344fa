import numpy as np
import pytest
import shapely

from bocage.features import features_of
from bocage.features.derivation import empty_features
from bocage.grid import Grid, Window
from bocage.products.outlines import drawn, merged
from tests.features.landscape import disk, origin, rectangle

SHAPE = (120, 120)
GRID, WINDOW = Grid("EPSG:3035", 5.0), Window(860_000, -600_000, 120, 120)


def test_features_that_share_a_border_become_one_polygon() -> None:
    mask = disk(SHAPE, 60, 40, 5.05) | rectangle(SHAPE, 59, 44, 2, 40) | rectangle(SHAPE, 20, 20, 2, 40)
    features = features_of(mask, origin(), "EPSG:3035")
    found = merged(features)
    assert (len(features), len(found)) == (3, 2)
    assert set(found.geom_type) == {"Polygon"}
    assert found.columns.tolist() == ["code", "area", "class_name", "geometry"]
    assert found["area"].sum() == pytest.approx(features["area"].sum())
    np.testing.assert_allclose(found["area"], found.geometry.area)
    assert found["code"].eq(1).all()


def test_polygons_that_meet_in_a_point_stay_apart() -> None:
    one, two = shapely.box(0, 0, 10, 10), shapely.box(10, 10, 20, 20)
    row = empty_features("EPSG:3035")
    features = row.reindex([0, 1]).set_geometry([one, two], crs="EPSG:3035")
    features = features.assign(
        area=100.0, width_m=10.0, length_m=10.0, slf_class=2, truncated=False, feature_id=["a", "b"]
    )
    features = features.assign(slf_type="patchy")
    assert len(merged(features)) == 2


def test_nothing_merges_to_nothing_with_the_same_columns() -> None:
    full = merged(features_of(rectangle(SHAPE, 20, 20, 2, 40), origin(), "EPSG:3035"))
    none = merged(empty_features("EPSG:3035"))
    assert none.columns.tolist() == full.columns.tolist()
    assert none.dtypes.tolist() == full.dtypes.tolist()


def test_the_drawn_layer_has_three_states_and_the_area_of_the_polygons() -> None:
    mask = rectangle(SHAPE, 20, 20, 2, 40)
    woody = mask.astype(np.uint8)
    woody[100:] = 255
    found = drawn(merged(features_of(mask, origin(), "EPSG:3035")), woody, GRID, WINDOW)
    np.testing.assert_array_equal(found == 1, mask)
    np.testing.assert_array_equal(found == 255, woody == 255)
    none = drawn(merged(empty_features("EPSG:3035")), woody, GRID, WINDOW)
    assert set(np.unique(none).tolist()) == {0, 255}

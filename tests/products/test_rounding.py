import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from bocage.features.derivation import features_of
from bocage.products.outlines import merged
from bocage.products.rounding import compactness, rounded
from tests.features.landscape import disk, origin, rectangle


def stepped(radius: float, x: float = 0.0, y: float = 0.0) -> shapely.Polygon:
    """A disk along the edges of 5 m cells."""
    centres = np.arange(-20, 20) * 5 + 2.5
    cells = [
        box(a - 2.5, b - 2.5, a + 2.5, b + 2.5) for a in centres for b in centres if np.hypot(a - x, b - y) <= radius
    ]
    return shapely.union_all(cells)


@pytest.mark.parametrize("radius", [10, 15, 20, 25])
def test_a_disk_of_cells_is_compact_once_its_corners_are_round(radius: float) -> None:
    steps = stepped(radius)
    curve = rounded(steps)
    assert compactness(np.asarray([steps], object))[0] < 0.75
    assert compactness(np.asarray([curve], object))[0] > 0.75
    assert compactness(np.asarray([Point(0, 0).buffer(20, 64)], object))[0] == pytest.approx(1, abs=1e-3)


@given(radius=st.floats(8, 40), x=st.floats(-2.5, 2.5), y=st.floats(-2.5, 2.5))
def test_rounding_keeps_the_area_and_the_cells(radius: float, x: float, y: float) -> None:
    steps = stepped(radius, x, y)
    if steps.geom_type != "Polygon":
        return
    curve = rounded(steps)
    assert curve.is_valid
    assert curve.area == pytest.approx(steps.area, abs=1e-4)
    cells = [
        rasterio.features.rasterize([shape], (40, 40), transform=rasterio.Affine(5, 0, -100, 0, -5, 100))
        for shape in (steps, curve)
    ]
    np.testing.assert_array_equal(*cells)


def test_a_hole_is_kept() -> None:
    ring = box(0, 0, 60, 60).difference(box(20, 20, 40, 40))
    assert len(rounded(ring).interiors) == 1
    assert rounded(ring).area == pytest.approx(ring.area, abs=1e-4)


def test_patches_of_2015_are_told_by_their_round_outline_and_those_that_touch_keep_theirs() -> None:
    shape = (80, 120)
    # A grove alone, and one at the end of a hedge, with which it shares a border.
    woody = disk(shape, 20, 20, 3.3) | disk(shape, 60, 60, 5) | rectangle(shape, 59, 64, 2, 40)
    features = features_of(woody.astype(np.uint8), origin(), "EPSG:3035", profile="2015")
    outlines = merged(features, "2015")
    alone = outlines[outlines.intersects(Point(4_300_102, 2_999_898))].iloc[0]
    assert alone["code"] == "2"
    assert compactness(np.asarray([alone.geometry], object))[0] > 0.75
    assert outlines["area"].sum() == pytest.approx(features.area.sum(), abs=0.1)
    geometries = np.asarray(outlines.geometry.values, object)
    first, second = shapely.STRtree(geometries).query(geometries, predicate="overlaps")
    assert not len(first[first < second])
    # The releases after it take outlines as they are.
    whole = shapely.union_all(merged(features, "2018").geometry.to_numpy())
    assert whole.equals(shapely.union_all(features.geometry.to_numpy()))

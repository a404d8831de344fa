"""Laws 4 and 6: features do not depend on how a region is cut, and their polygons give back the cells they were made
of."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bocage.features.classes import Kind, classify
from bocage.features.derivation import features_of
from bocage.features.frame import Frame
from bocage.features.masks import forest_mask
from bocage.features.profiles import Profile
from bocage.grid import Window
from tests.features.landscape import disk, origin

# Small figures, so that a mask of some thousand cells holds forests, patches in and out of range, and long linear
# features.
RULES = Profile("small", patchy_area=(100.0, 800.0), forest_area=6000.0, linear_width=20.0)
SHAPES = ("noise", "dots", "winding", "corners", "rings", "checker")


def landscape(shape: str, seed: int, size: int = 56) -> NDArray[np.bool_]:
    generator = np.random.default_rng(seed)
    rows, columns = int(generator.integers(size // 2, size)), int(generator.integers(size // 2, size))
    y, x = np.mgrid[:rows, :columns]
    noise = generator.normal(size=(rows, columns))
    if shape == "noise":
        smooth = gaussian_filter(noise, generator.uniform(0.7, 4))
        return np.asarray(smooth > np.quantile(smooth, generator.uniform(0.3, 0.9)))
    if shape == "dots":
        return np.asarray(generator.random((rows, columns)) < generator.uniform(0.2, 0.6))
    if shape == "winding":
        # A single strip that goes to and fro over the whole mask, and patches on it.
        pitch, width = int(generator.integers(4, 9)), int(generator.integers(1, 4))
        strip = y % pitch < width
        strip |= ((x < width) & (y // pitch % 2 == 0)) | ((x >= columns - width) & (y // pitch % 2 == 1))
        for _ in range(3):
            row, column, radius = generator.uniform(0, size), generator.uniform(0, size), generator.uniform(2, 7)
            strip |= disk((rows, columns), row, column, radius)
        return np.asarray(strip)
    if shape == "corners":
        # Diagonals of single cells both ways: they touch at corners, cross, and close rings at a corner.
        return np.asarray(((x + y) % 11 == 0) | ((x - y) % 13 == 0) | (gaussian_filter(noise, 2) > 0.12))
    if shape == "rings":
        distance = np.hypot(y - rows / 2, x - columns / 2)
        return np.asarray((distance % 9 < generator.integers(1, 5)) ^ (generator.random((rows, columns)) < 0.03))
    return np.asarray(((x // 2 + y // 2) % 2 == 0) ^ (generator.random((rows, columns)) < 0.1))


def layers(mask: NDArray[np.bool_], seed: int) -> dict[str, NDArray[np.generic]]:
    generator = np.random.default_rng(seed + 1)
    blurred = gaussian_filter(generator.normal(size=mask.shape), 3)
    crop = np.digitize(blurred, [-0.05, 0.05]).astype(np.uint8)
    height = np.where(generator.random(mask.shape) < 0.2, np.nan, generator.gamma(3, 2, mask.shape))
    return {
        "valid": blurred < 0.14,
        "crop": np.where(crop == 2, 255, crop).astype(np.uint8),
        "height": height.astype(np.float32),
        "probability": generator.random(mask.shape).astype(np.float32),
    }


def assert_same(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> None:
    """Equal to the last bit, geometries included."""
    assert one["feature_id"].tolist() == other["feature_id"].tolist()
    assert one.drop(columns="geometry").equals(other.drop(columns="geometry"))
    assert shapely.equals_identical(one.geometry.values, other.geometry.values).all()


@settings(deadline=None, max_examples=25)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 10_000), tile=st.integers(9, 40), isolated=st.booleans())
@example(shape="winding", seed=1, tile=5, isolated=True)
@example(shape="corners", seed=2, tile=7, isolated=False)
@example(shape="checker", seed=3, tile=9, isolated=True)
@example(shape="corners", seed=698, tile=25, isolated=True)  # a tile of one row at the edge of the region
def test_features_do_not_depend_on_the_tiling(shape: str, seed: int, tile: int, isolated: bool) -> None:
    mask = landscape(shape, seed)
    rules = Profile("small", patchy_area=(100.0, 800.0), forest_area=6000.0, linear_width=20.0,
                    isolated="keep" if isolated else "drop", isolated_area=(0.0, 1e9),
                    least_width=10.0 if seed % 2 else 0.0)  # fmt: skip
    given_layers = layers(mask, seed)
    whole = features_of(mask, origin(), "EPSG:3035", profile=rules, **given_layers)  # type: ignore[arg-type]
    tiled = features_of(mask, origin(), "EPSG:3035", profile=rules, tile=tile, **given_layers)  # type: ignore[arg-type]
    assert_same(whole, tiled)


@settings(deadline=None, max_examples=20)
@given(
    shape=st.sampled_from(SHAPES),
    seed=st.integers(0, 10_000),
    column=st.integers(-90, 90),
    row=st.integers(-90, 90),
    tile=st.integers(8, 30),
)
def test_masks_and_classes_do_not_depend_on_where_the_tiles_lie(
    shape: str, seed: int, column: int, row: int, tile: int
) -> None:
    woody = landscape(shape, seed).astype(np.uint8)
    woody[layers(woody > 0, seed)["valid"] == 0] = 255
    frame = Frame(Window(column, row, woody.shape[1], woody.shape[0]), tile)
    forest = forest_mask(woody, 5.0, RULES)
    np.testing.assert_array_equal(forest, forest_mask(woody, 5.0, RULES, frame=frame))
    one, other = classify(woody, forest, None, 5.0, RULES), classify(woody, forest, None, 5.0, RULES, frame)
    np.testing.assert_array_equal(one.kinds, other.kinds)
    np.testing.assert_array_equal(one.kept, other.kept)


@settings(deadline=None, max_examples=30)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 10_000), tile=st.integers(16, 64), smooth=st.booleans())
@example(shape="checker", seed=0, tile=7, smooth=True)
@example(shape="noise", seed=59, tile=59, smooth=False)  # a tile of one row at the edge of the region
def test_polygons_are_valid_share_borders_and_give_back_their_cells(
    shape: str, seed: int, tile: int, smooth: bool
) -> None:
    mask = landscape(shape, seed)
    rules = Profile("all", patchy_area=(50.0, 800.0), forest_area=1e9, linear_width=20.0, smooth=smooth,
                    isolated="keep", isolated_area=(0.0, 1e9))  # fmt: skip
    forest = np.zeros(mask.shape, bool)
    found = classify(mask.astype(np.uint8), forest.astype(np.uint8), None, 5.0, rules)
    features = features_of(mask, origin(), "EPSG:3035", profile=rules, forest=forest, tile=tile)
    if features.empty:
        assert not found.kept.any()
        return
    outlines = np.asarray(features.geometry.values, object)
    assert (shapely.get_type_id(outlines) == shapely.GeometryType.POLYGON).all()
    assert shapely.is_valid(outlines).all()
    assert shapely.coverage_is_valid(outlines)
    # Law 6, without a tolerance: each polygon covers the centres of its own cells and of no others.
    drawn = rasterio.features.rasterize(
        zip(outlines, range(1, len(outlines) + 1), strict=True), out_shape=mask.shape, transform=origin()
    )
    np.testing.assert_array_equal(drawn > 0, found.kept)
    np.testing.assert_array_equal(
        np.bincount(drawn.ravel())[1:] * 25, (features["width_m"] * features["length_m"]).round(6)
    )
    kinds = np.concatenate([[0], features["slf_class"]])[drawn]
    np.testing.assert_array_equal(kinds[found.kept], found.kinds[found.kept])
    # A neck adds a hundredth of a cell; smoothing may leave a few sixteenths of one where stairs meet.
    assert features["area"].sum() == pytest.approx(found.kept.sum() * 25, rel=0.03)


def test_of_two_features_of_one_class_none_share_a_border() -> None:
    mask = landscape("noise", 5, 200)
    found = features_of(mask, origin(), "EPSG:3035", profile=RULES, tile=31)
    linear = found["slf_class"] == Kind.LINEAR
    for part in (found[linear], found[~linear]):
        outlines = np.asarray(part.geometry.values, object)
        first, second = shapely.STRtree(outlines).query(outlines, predicate="intersects")
        shared = shapely.intersection(outlines[first[first < second]], outlines[second[first < second]])
        assert (shapely.length(shared) == 0).all()


def test_smoothed_outlines_keep_the_area_of_many_features() -> None:
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(500, 500)), 2)
    found = features_of(noise > np.quantile(noise, 0.85), origin(), "EPSG:3035", tile=200)
    assert len(found) > 300
    # The limit of the service is 0.05 % between raster and vector.
    cells = (found["width_m"] * found["length_m"]).sum()
    assert found["area"].sum() == pytest.approx(cells, rel=0.0005)


def test_a_frame_covers_its_region_once_with_tiles_of_nearly_one_size() -> None:
    for own in (None, Window(-3, 9, 21, 8)):
        frame = Frame(Window(-7, 5, 30, 20), 8, own=own)
        seen = np.zeros((20, 30), int)
        for core in frame.cores:
            seen[core.slices(frame.window)] += 1
            assert max(core.shape) <= 8
        covered = np.zeros((20, 30), int)
        covered[(own or frame.window).slices(frame.window)] = 1
        np.testing.assert_array_equal(seen, covered)
        assert np.ptp([core.width for core in frame.cores]) <= 1
        assert np.ptp([core.height for core in frame.cores]) <= 1
        assert list(frame.each(lambda number, _: number)) == list(range(len(frame.cores)))


def test_a_region_of_one_tile_is_cut_for_the_workers_unless_it_is_small() -> None:
    assert [core.shape for core in Frame(Window(0, 0, 600, 700), 1024).cores] == [(350, 600), (350, 600)]
    assert [core.shape for core in Frame(Window(0, 0, 300, 400), 1024).cores] == [(400, 300)]
    assert [core.shape for core in Frame(Window(0, 0, 600, 700), 1024, workers=1).cores] == [(700, 600)]


def test_an_error_in_a_tile_reaches_the_caller() -> None:
    def fail(number: int, _: Window) -> None:
        if number == 3:
            raise ValueError("tile 3")

    with pytest.raises(ValueError, match="tile 3"):
        Frame(Window(0, 0, 50, 50), 10).all(fail)

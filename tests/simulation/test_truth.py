from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.features

from bocage.simulation import Landscape, Woody
from bocage.simulation.truth import Truth


@pytest.fixture(scope="module")
def features(truth: Truth, landscape: Landscape) -> geopandas.GeoDataFrame:
    return truth.features(landscape)


def test_every_type_stands_in_nine_square_kilometres(truth: Truth, features: geopandas.GeoDataFrame) -> None:
    assert set(np.unique(truth.types)) - {0} == {int(code) for code in Woody}
    assert set(features["type"]) == {code.name.lower() for code in Woody}


def test_there_is_a_forest_of_more_than_five_hectares(features: geopandas.GeoDataFrame) -> None:
    assert features[features["type"] == "forest"]["area_m2"].max() > 50_000


def test_groves_have_the_size_of_small_woody_features(features: geopandas.GeoDataFrame) -> None:
    groves = features[features["type"] == "grove"]["area_m2"]
    assert len(groves) > 10
    assert groves.median() > 200
    assert (groves < 6000).mean() > 0.9


def test_rasters_agree_with_each_other(truth: Truth) -> None:
    woody = truth.woody == 1
    np.testing.assert_array_equal(woody, truth.objects > 0)
    np.testing.assert_array_equal(woody, (truth.types > 0) & (truth.types != Woody.VINEYARD))
    assert float(truth.height[woody].min()) > 0
    assert float(truth.height[truth.types == 0].max()) == 0
    assert 0.08 < woody.mean() < 0.35


def test_the_outlines_are_the_extent_exactly(truth: Truth, features: geopandas.GeoDataFrame) -> None:
    woody = features[features["woody"]]
    burnt = rasterio.features.rasterize(
        zip(woody.geometry, woody["object_id"], strict=True),
        out_shape=truth.raster.shape,
        transform=truth.raster.transform,
        dtype=np.int32,
    )
    np.testing.assert_array_equal(burnt, truth.objects)
    assert woody["area_m2"].sum() == pytest.approx(4 * float(truth.woody.sum()))
    assert features.geometry.is_valid.all()


def test_sizes_are_those_of_hedges_and_trees(features: geopandas.GeoDataFrame) -> None:
    by_type = features.groupby("type")
    height, width = by_type["height_m"].median(), by_type["width_m"].median()
    assert 2 < height["hedge"] < 6
    assert 7 < height["tree_line"] < 18
    assert height["scrub"] < 4 < height["orchard"] < 9
    assert height["forest"] > 12
    assert 3 < width["hedge"] < 8
    assert width["double_tree_line"] > width["tree_line"] > 3
    assert (features["height_max_m"] >= features["height_m"]).all()


def test_the_truth_is_written_as_rasters_and_a_geopackage(project_folder: Path) -> None:
    with rasterio.open(project_folder / "truth" / "woody.tif") as file:
        woody, size = file.read(1), file.res
        assert file.crs.to_epsg() == 3035
    assert size == (2.0, 2.0)
    assert set(np.unique(woody)) == {0, 1}
    features = geopandas.read_file(project_folder / "truth" / "objects.gpkg")
    assert features[features["woody"]]["area_m2"].sum() == pytest.approx(4 * float(woody.sum()))

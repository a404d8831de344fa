from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import LayerError
from bocage.features.extraction import extract_features
from bocage.grid import Window
from bocage.products import write_products
from bocage.products.streets import simplified, street_trees, urban_mask
from bocage.project import Project
from tests.features.landscape import disk, make_project, origin, rectangle, write_mosaic

SHAPE = (200, 200)
TOWN = ("AT", "Wien", "AT001L3")


def test_streets_within_a_town_are_urban_and_roads_between_towns_are_not() -> None:
    built = rectangle(SHAPE, 40, 20, 40, 40) | rectangle(SHAPE, 40, 64, 40, 40) | rectangle(SHAPE, 150, 150, 20, 20)
    mask = urban_mask(built, 30.0, 5.0)
    assert mask[60, 62]
    assert not mask[100, 120]
    assert (mask & built).sum() == built.sum()
    # Closing adds no rim around the town.
    assert mask[:38].sum() == mask[:, :18].sum() == 0
    assert urban_mask(np.zeros(SHAPE, bool), 30.0, 5.0).sum() == 0


def test_a_town_at_the_edge_of_what_is_read_is_not_eroded() -> None:
    built = rectangle(SHAPE, 0, 0, 30, 200)
    np.testing.assert_array_equal(urban_mask(built, 30.0, 5.0), built)


def test_street_trees_have_500_m2_and_the_columns_of_the_service() -> None:
    woody = rectangle(SHAPE, 20, 20, 3, 20) | rectangle(SHAPE, 60, 60, 4, 4) | disk(SHAPE, 120, 120, 15)
    urban = np.ones(SHAPE, bool)
    urban[:, 120:] = False
    found = street_trees(woody, urban, origin(), "EPSG:3035", TOWN)
    assert list(found.columns) == ["country", "fua_name", "fua_code", "stl", "perimeter", "area", "geometry"]
    assert len(found) == 2
    assert (found["area"] >= 500).all()
    np.testing.assert_allclose(found["area"], found.geometry.area)
    np.testing.assert_allclose(found["perimeter"], found.geometry.length)
    assert set(found.geom_type) == {"Polygon"}
    assert found.total_bounds[2] <= 4_300_000 + 120 * 5
    assert found["area"].max() == pytest.approx((disk(SHAPE, 120, 120, 15)[:, :120]).sum() * 25, rel=0.05)
    assert street_trees(woody & False, urban, origin(), "EPSG:3035", TOWN).empty


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_simplified_neighbours_do_not_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    woody = np.kron(rng.random((12, 12)) < 0.4, np.ones((5, 5), bool)).astype(bool) & (rng.random((60, 60)) < 0.93)
    trees = street_trees(woody, np.ones_like(woody), origin(), "EPSG:3035", TOWN)
    shapes = np.asarray(trees.geometry.values, object)
    assert shapely.is_valid(shapes).all()
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert (first == second).all()


def test_douglas_and_peuckers_tolerance_holds() -> None:
    ring = np.array([(0, 0), (50, 4), (100, 0), (100, 50), (0, 50)], float)
    far = shapely.Polygon(ring + np.array([0, 200]))
    found = simplified(np.array([shapely.Polygon(ring), far], object), 5.0)
    assert shapely.get_num_coordinates(found).tolist() == [5, 5]
    near = shapely.Polygon([(0, -40), (100, -40), (100, -1), (50, 3.5), (0, -1)])
    # The notch of the one and the tip of the other would cross if both were straightened.
    close = simplified(np.array([shapely.Polygon(ring), near], object), 5.0)
    assert not close[0].intersects(close[1])


URBAN = (
    '[[reference.layers]]\nkind = "urban"\npaths = ["layers/atlas.gpkg"]\nyear = 2021\n[products]\nweb_tiles = false\n'
)
WINDOW = Window(2_150_000, -1_500_500, 500, 500)


def atlas(project: Project, **changes: object) -> None:
    left, bottom, right, top = project.grid.bounds(WINDOW).as_tuple()
    middle = (left + right) / 2
    table = gpd.GeoDataFrame(
        {
            "country": "AT",
            "fua_name": "Sankt Pölten",
            "fua_code": "AT006L2",
            "code_2021": ["11100", "12220", "21000"],
            **changes,
        },
        geometry=[
            shapely.box(left, bottom, middle - 20, top),
            shapely.box(middle - 20, bottom, middle, top),
            shapely.box(middle, bottom, right, top),
        ],
        crs="EPSG:3035",
    )
    (project.folder / "layers").mkdir(exist_ok=True)
    table.to_file(project.folder / "layers/atlas.gpkg", driver="GPKG")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path, more=URBAN)
    mask = rectangle(WINDOW.shape, 60, 20, 12, 460) | disk(WINDOW.shape, 300, 100, 20)
    write_mosaic(project, WINDOW, np.where(mask, 250, 4).astype(np.uint8))
    extract_features(project)
    return project


def test_street_trees_are_written_for_each_town_of_the_atlas(project: Project) -> None:
    atlas(project)
    outcome = write_products(project)
    assert "stl" not in outcome.figures["left_out"]
    path = next(path for path in outcome.outputs if "_stl_" in path.name and path.suffix == ".gpkg")
    assert path.name == "clms_ua_stl_s2021_vec_at006l2_sankt_polten_03035_v01_r00_20211231.gpkg"
    trees = gpd.read_file(path)
    assert set(trees["fua_name"]) == {"Sankt Pölten"}
    assert len(trees) == 2
    # The road along the fields is no town, nor are the fields.
    assert trees.total_bounds[2] <= 4_300_000 + 480 + 5


def test_layers_that_name_no_town_are_told(project: Project) -> None:
    atlas(project)
    table = gpd.read_file(project.folder / "layers/atlas.gpkg")
    table.drop(columns="fua_name").to_file(project.folder / "layers/atlas.gpkg", driver="GPKG")
    outcome = write_products(project)
    assert outcome.figures["left_out"]["stl"] == "atlas.gpkg is no Urban Atlas: it has no column fua_name"


def test_a_strange_code_and_an_invalid_polygon_stop_the_work(project: Project) -> None:
    atlas(project, fua_code="Wien")
    with pytest.raises(LayerError, match="codes of urban areas that are none: Wien"):
        write_products(project)
    assert not project.products_folder.exists()
    atlas(project)
    table = gpd.read_file(project.folder / "layers/atlas.gpkg")
    x, y = 4_300_100, 3_000_100
    table.geometry = [shapely.Polygon([(x, y), (x + 9, y + 9), (x + 9, y), (x, y + 9)]), *table.geometry[1:]]
    table.to_file(project.folder / "layers/atlas.gpkg", driver="GPKG")
    with pytest.raises(LayerError, match="1 invalid polygons"):
        write_products(project)

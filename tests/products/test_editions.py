"""The layers of every release, from one small mosaic."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from bocage.errors import ProductError
from bocage.features.extraction import extract_features
from bocage.grid import Bounds, Grid, Window
from bocage.outcome import Outcome
from bocage.products import ProductName, check_products, write_products
from bocage.products.edition import edition_of
from bocage.products.units import units_of
from bocage.project import Project
from bocage.rasters import read_window
from tests.features.landscape import disk, make_project, rectangle, write_mosaic

WINDOW = Window(2_150_000, -1_500_500, 500, 500)


def woody() -> np.ndarray:
    shape = WINDOW.shape
    # A hedge, and a round patch, whose outline along the edges of cells is not compact enough for the rules of 2015.
    mask = rectangle(shape, 60, 40, 5, 400) | disk(shape, 200, 150, 6)
    # A grove of 0.6 ha is out of range and isolated: an additional woody feature of 2015.
    return np.where(mask | disk(shape, 350, 300, 24), 250, 5).astype(np.uint8)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("editions")
    project = make_project(folder, more='profile = "2015"\n[products]\nweb_tiles = false\nregion = "fr_123"\n')
    write_mosaic(project, WINDOW, woody())
    extract_features(project)
    return project


def stems(outcome: Outcome) -> set[str]:
    own = "extensions"
    return {path.stem for path in outcome.outputs if path.suffix in {".tif", ".gpkg"} and path.parent.name != own}


def read(project: Project, start: str) -> np.ndarray:
    with rasterio.open(next(project.products_folder.glob(f"{start}*.tif"))) as file:
        return np.asarray(file.read(1))


def test_2015_tells_linear_patchy_and_additional_features_apart(project: Project) -> None:
    outcome = write_products(project)
    assert outcome.figures["profile"] == "2015"
    assert stems(outcome) == {
        "swf_2015_005m_fr_03035_123_v1_0",
        "swf_2015_vec_fr_03035_123_v1_0",
        "swf_2015_100m_eu_03035_v1_0",
        "awf_2015_100m_eu_03035_v1_0",
        "swfawf_2015_100m_eu_03035_v1_0",
    }
    vector = gpd.read_file(next(project.products_folder.glob("*.gpkg")))
    assert vector.set_index("code")["class_name"].to_dict() == {
        "1": "Linear structures of trees, hedges, bushes and scrub",
        "2": "Patchy structures of trees, hedges, bushes and scrub",
        "3": "Additional woody features",
    }
    fine = read(project, "swf_2015_005m")
    assert set(np.unique(fine)) == {0, 1, 3}
    shares = {name: read(project, f"{name}_2015_100m").astype(int) for name in ("swf", "awf", "swfawf")}
    inside = shares["swf"] != 255
    np.testing.assert_allclose(shares["swfawf"][inside], (shares["swf"] + shares["awf"])[inside], atol=1)
    assert shares["awf"][inside].max() > 10
    assert {verdict.rule for verdict in check_products(project.products_folder) if not verdict.passed} == set()


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (
            "2018",
            {"swf_2018_005m_e42n29_03035_v1_0", "swf_2018_vec_e42n29_03035_v1_0", "swf_2018_100m_eu_03035_v1_0"},
        ),
        (
            "2024",
            {
                f"CLMS_SLF-{layer}_E43N30_3035_V01-R00"
                for layer in ("SWF_S2024_R5m", "WVL_S2024_R5m", "WVCL_S2024_R5m", "SWF_S2024_R100m", "SWF_S2024_V002ha")
            },
        ),
    ],
)
def test_another_release_has_its_own_names_and_replaces_the_last(
    project: Project, profile: str, expected: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = write_products(project, profile)  # the region of the settings is that of 2015, and says nothing of others
    assert stems(outcome) == expected
    assert outcome.refused == ()
    assert "the features follow the rules of 2015" in caplog.text
    assert {path.stem for path in project.products_folder.glob("*.tif")} <= expected
    names = [ProductName.parse(stem) for stem in stems(outcome)]
    assert {name.year for name in names if name is not None} == {int(profile)}
    assert None not in names
    vector = gpd.read_file(next(project.products_folder.glob("*.gpkg")))
    assert vector["code"].eq(1).all()


def test_an_unknown_release_and_a_foreign_year_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path, more="[products]\nreference_year = 2021\n")
    write_mosaic(project, WINDOW, woody())
    extract_features(project)
    with pytest.raises(ProductError, match="'2012' is not a release"):
        write_products(project, "2012")
    with pytest.raises(ProductError, match="release of 2018 names its own year"):
        write_products(project, "2018")
    assert not project.products_folder.exists()


@pytest.mark.parametrize(
    ("region", "profile", "words"),
    [
        (None, "2015", "come by 136 regions of countries"),
        ("fr_137", "2015", "'fr_137' is no region of 2015"),
        ("123", "2015", "'123' is no region of 2015"),
        ("zz_123", "2015", "'zz_123' is no region of 2015"),
        ("fr_123", "2018", "does not come by regions"),
    ],
)
def test_a_release_by_regions_needs_one_and_no_other_takes_one(
    region: str | None, profile: str, words: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, woody())
    extract_features(project)
    with pytest.raises(ProductError, match=words):
        write_products(project, profile, region)
    assert not project.products_folder.exists()


# Two kilometres on the corner of four production cells, in the midst of tile E42N29 of 2018.
CORNER = Window(2_149_750, -1_500_250, 500, 500)


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("corner"), more="[products]\nweb_tiles = false\n")
    shape = CORNER.shape
    # Hedges over both borders, a grove on the corner itself, and one that lies in one cell alone.
    mask = rectangle(shape, 60, 40, 5, 420) | rectangle(shape, 100, 60, 360, 5) | disk(shape, 250, 250, 15)
    write_mosaic(project, CORNER, np.where(mask | disk(shape, 400, 400, 10), 250, 5).astype(np.uint8))
    extract_features(project)
    return project


def test_tiles_of_2018_join_the_production_cells_that_they_hold(corner: Project) -> None:
    by_cell = write_products(corner)
    assert len(by_cell.figures["units"]) == 4
    grid = Grid("EPSG:3035", 5.0)
    window = Window(859_800, -600_200, 400, 400)
    expected = np.full(window.shape, 255, np.uint8)
    for path in sorted(corner.products_folder.glob("clms_hrlslf_swf_s2021_r5m_*.tif")):
        part = read_window(path, grid, window, fill=255).astype(np.uint8)
        expected = np.where(part == 255, expected, part)

    outcome = write_products(corner, "2018")
    assert list(outcome.figures["units"]) == ["E42N29"]
    assert outcome.refused == ()
    tile = next(corner.products_folder.glob("swf_2018_005m_e42n29_*.tif"))
    np.testing.assert_array_equal(read_window(tile, grid, window, fill=255), expected)
    # What the borders cut is one polygon again.
    vector = gpd.read_file(next(corner.products_folder.glob("swf_2018_vec_*.gpkg")))
    assert len(vector) == 4
    assert vector.area.sum() == pytest.approx((expected == 1).sum() * 25, rel=5e-4)
    verdicts = check_products(corner.products_folder)
    assert {verdict.rule for verdict in verdicts if verdict.outcome == "error"} == set()
    assert "name.cell" not in {verdict.rule for verdict in verdicts if verdict.outcome == "warning"}
    assert {path.name.split("_")[1] for path in corner.products_folder.glob("*.tif")} == {"2018"}
    assert not list(corner.products_folder.glob(".*"))


def test_a_tile_is_written_again_when_one_of_its_cells_has_changed(corner: Project) -> None:
    write_products(corner, "2018")
    tile = next(corner.products_folder.glob("swf_2018_005m_e42n29_*.tif"))
    before = tile.stat().st_mtime_ns
    write_products(corner, "2018")
    assert tile.stat().st_mtime_ns == before
    features = corner.features_folder / "E42N29.parquet"
    gpd.read_parquet(features).iloc[:0].to_parquet(features)
    write_products(corner, "2018")
    assert tile.stat().st_mtime_ns != before


@pytest.mark.parametrize(
    ("crs", "north", "edge", "area", "warned"),
    [
        ("EPSG:32620", 1_790_000, 20_000, "gp", False),
        ("EPSG:32620", 1_620_000, 20_000, "mq", False),
        ("EPSG:32620", 1_600_000, 200_000, "gp", True),
        ("EPSG:32740", 7_660_000, 20_000, "re", False),
        ("EPSG:32633", 5_000_000, 20_000, "xx", False),
        ("EPSG:3035", 3_000_000, 20_000, "eu", False),
    ],
)
def test_layers_that_are_not_tiled_are_named_after_the_ground(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, crs: str, north: float, edge: float, area: str, *, warned: bool
) -> None:
    edition = edition_of(make_project(tmp_path, crs=crs), None, [], Grid(crs, 5.0))
    ground = Bounds(700_000, north, 700_000 + edge, north + edge)
    assert edition.area(ground) == area
    assert ("show Guadeloupe and Martinique" in caplog.text) == warned
    said = make_project(tmp_path / "said", crs=crs, more='[products]\narea = "mq"\n')
    assert edition_of(said, None, [], Grid(crs, 5.0)).area(ground) == "mq"


def test_cells_that_do_not_fill_tiles_of_2018_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path, cell=150_000.0)
    with pytest.raises(ProductError, match="more than one tile of 200 km"):
        units_of(project, "2018", ["E28N20", "E29N20"], None)


@pytest.mark.parametrize(
    ("cell", "tile"),
    [("E34N27", "E34N27"), ("E35N28", "E34N27"), ("E36N28", "E36N27"), ("E35N29", "E34N29"), ("E8N29", "E8N29")],
)
def test_tiles_of_2018_begin_at_even_and_odd_hundreds(cell: str, tile: str, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert units_of(project, "2018", [cell], None) == {tile: [cell]}
    assert units_of(project, "2021", [cell], None) == {cell: [cell]}


def test_parts_of_production_cells_join_in_tiles_too(tmp_path: Path) -> None:
    project = make_project(tmp_path, cell=50_000.0)
    assert units_of(project, "2018", ["E68N54", "E71N57"], None) == {"E34N27": ["E68N54", "E71N57"]}
    in_words = make_project(tmp_path / "words", crs="ETRS89-extended / LAEA Europe")
    assert units_of(in_words, "2018", ["E35N28"], None) == {"E34N27": ["E35N28"]}
    elsewhere = make_project(tmp_path / "utm", crs="EPSG:32633")
    assert units_of(elsewhere, "2018", ["E5N50"], None) == {"E5N50": ["E5N50"]}

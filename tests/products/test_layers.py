import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio

from bocage.errors import ProductError, ProjectError, StorageError
from bocage.features.extraction import extract_features
from bocage.files import write_json
from bocage.grid import Window
from bocage.outcome import Outcome
from bocage.products import check_products, delivery, layers, write_products
from bocage.project import Project
from bocage.rasters import read_window
from tests.features.landscape import make_project, rectangle, write_mosaic
from tests.products.conftest import WINDOW, landscape

SMALL = Window(WINDOW.column, WINDOW.row, 500, 250)
PLAIN = "[products]\nweb_tiles = false\n"
STEM = "clms_hrlslf_{}_e43n30_03035_v01_r00_20210714.{}"


RASTERS = ("swf_s2021_r5m", "wvl_s2021_r5m", "wvcl_s2021_r5m", "fm_s2021_r5m", "cm_s2021_r5m", "swf_s2021_r100m")


def test_every_layer_is_written_under_its_name_and_passes_its_own_checks(written: tuple[Project, Outcome]) -> None:
    project, outcome = written
    expected = {
        *(STEM.format(part, suffix) for part in RASTERS for suffix in ("tif", "tif.aux.xml", "json")),
        *(STEM.format("swf_s2021_vec", suffix) for suffix in ("gpkg", "parquet", "json")),
        *(f"metadata/{STEM.format(part, 'xml')}" for part in (*RASTERS, "swf_s2021_vec")),
        *(f"extensions/bocage_{STEM.format('swf_s2021_vec', suffix)}" for suffix in ("gpkg", "parquet", "pmtiles")),
    }
    folder = project.products_folder
    assert {path.relative_to(folder).as_posix() for path in outcome.outputs} == expected
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == expected
    assert outcome.refused == ()
    assert outcome.figures["checks"]["failed"] == 0
    verdicts = check_products(folder)
    assert [verdict for verdict in verdicts if not verdict.passed] == []
    kept = {verdict.rule for verdict in verdicts if verdict.outcome == "pass"}
    assert {"vector.overlap", "vector.neighbours", "vector.extra_columns", "raster.origin", "raster.colours"} <= kept
    assert {"metadata.elements", "raster.attribute_rows", "set.density", "set.area"} <= kept


def test_what_bocage_knows_more_lies_beside(written: tuple[Project, Outcome]) -> None:
    project = written[0]
    folder = project.products_folder / "extensions"
    typed = gpd.read_file(next(folder.glob("*.gpkg")))
    features = gpd.read_parquet(next(project.features_folder.glob("*.parquet")))
    assert typed.columns.tolist() == features.columns.tolist()
    assert typed["slf_type"].tolist() == features["slf_type"].tolist()
    tiles = pyogrio.read_info(next(folder.glob("*.pmtiles")))
    assert (tiles["crs"], tiles["driver"]) == ("EPSG:3857", "PMTiles")
    assert {"slf_type", "width_m", "confidence"} <= set(tiles["fields"])
    item = json.loads(next(project.products_folder.glob("*_vec_*.json")).read_bytes())
    assert set(item["assets"]) == {"data", "geoparquet", "metadata", "data-typed", "geoparquet-typed", "tiles-typed"}
    assert all((project.products_folder / asset["href"]).is_file() for asset in item["assets"].values())


def test_what_the_inputs_do_not_allow_is_left_out_with_the_reason(tmp_path: Path) -> None:
    project = make_project(tmp_path, more=PLAIN)
    write_mosaic(project, SMALL, landscape()[:250, :500])
    extract_features(project)
    outcome = write_products(project)
    assert set(outcome.figures["left_out"]) == {"fm", "cm", "psil", "stl", "swfc"}
    assert "tree_cover_density" in outcome.figures["left_out"]["fm"]
    assert outcome.refused == ()
    assert not [path for path in outcome.outputs if "_fm_" in path.name or "_cm_" in path.name]


def test_the_confidence_is_the_distance_from_the_threshold(written: tuple[Project, Outcome]) -> None:
    with layer(written[0], "wvcl_s2021_r5m") as file, layer(written[0], "wvl_s2021_r5m") as woody:
        sure, state = file.read(1), woody.read(1)
    np.testing.assert_array_equal(sure == 255, state == 255)
    assert sure[state == 1].max() == 100
    assert sure[state != 255].max() <= 100


def test_a_failure_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, more=PLAIN)
    write_mosaic(project, SMALL, landscape()[:250, :500])
    extract_features(project)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "write_vector", lambda *_: (_ for _ in ()).throw(StorageError("full", "free space")))
        with pytest.raises(StorageError, match="full"):
            write_products(project)
    assert list(project.products_folder.iterdir()) == []
    write_products(project)


def layer(project: Project, part: str) -> rasterio.DatasetReader:
    return rasterio.open(next(project.products_folder.glob(f"*_{part}_*.tif")))


def test_nodata_of_the_mosaic_is_255_in_every_layer_and_nothing_else_is(written: tuple[Project, Outcome]) -> None:
    project = written[0]
    for part in ("swf_s2021_r5m", "wvl_s2021_r5m", "fm_s2021_r5m", "cm_s2021_r5m"):
        with layer(project, part) as file:
            known = file.read(1) != 255
            # 2 km x 900 m are known, and what is padded is not.
            assert known.sum() * 25 == 2000 * 900
            rows, columns = np.nonzero(known)
            top, left = file.xy(rows.min(), columns.min(), offset="ul")[::-1]
            assert (left, top) == (WINDOW.column * 2, -WINDOW.row * 2)


def test_features_are_woody_and_outside_the_forest(written: tuple[Project, Outcome]) -> None:
    arrays = {}
    for part in ("swf", "wvl", "fm"):
        with layer(written[0], f"{part}_s2021_r5m") as file:
            arrays[part] = file.read(1)
    features, woody = arrays["swf"] == 1, arrays["wvl"] == 1
    # Simplified outlines cut corners, by a cell at most.
    assert (features & ~woody).sum() < 0.1 * features.sum()
    assert (features & (arrays["fm"] == 1)).sum() < 0.01 * features.sum()
    assert (arrays["fm"] == 1).sum() * 25 > 160_000


def test_raster_and_vector_agree_in_area(written: tuple[Project, Outcome]) -> None:
    project = written[0]
    vector = gpd.read_file(next(project.products_folder.glob("*.gpkg")))
    with layer(project, "swf_s2021_r5m") as file:
        drawn = (file.read(1) == 1).sum() * 25
    assert drawn == pytest.approx(vector.geometry.area.sum(), rel=0.015)
    assert vector["code"].eq(1).all()
    twin = gpd.read_parquet(next(project.products_folder.glob("*.parquet")))
    assert twin.drop(columns="geometry").equals(vector.drop(columns="geometry").astype(twin.dtypes.drop("geometry")))


def test_density_follows_the_5_m_layer(written: tuple[Project, Outcome]) -> None:
    project = written[0]
    with layer(project, "swf_s2021_r5m") as fine, layer(project, "swf_s2021_r100m") as coarse:
        assert coarse.bounds == fine.bounds
        blocks = fine.read(1).reshape(coarse.height, 20, coarse.width, 20).astype(float)
        density = coarse.read(1)
    blocks[blocks == 255] = np.nan
    known = ~np.isnan(blocks).all(axis=(1, 3))
    np.testing.assert_array_equal(density != 255, known)
    mean = np.nanmean(blocks.transpose(0, 2, 1, 3)[known], axis=(1, 2)) * 100
    np.testing.assert_allclose(density[known], mean, atol=0.5)


def contents(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.products_folder.rglob("*") if path.is_file()}


def test_a_second_run_writes_only_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, more=PLAIN)
    write_mosaic(project, SMALL, landscape()[:250, :500])
    extract_features(project)
    first = write_products(project)
    content = contents(project)
    assert all("_20211231." in name for name in content)
    with monkeypatch.context() as patch:
        patch.setattr(layers, "_write_unit", lambda *_: pytest.fail("written again"))
        assert write_products(project).figures == first.figures
    for path in first.outputs[:3]:
        path.unlink()
    write_products(project)
    assert contents(project) == content


def test_new_names_replace_our_older_files_and_nothing_else(tmp_path: Path) -> None:
    write_mosaic(make_project(tmp_path), SMALL, landscape()[:250, :500])
    project = make_project(tmp_path)
    extract_features(project)
    write_products(project)
    (project.products_folder / "notes.txt").write_text("kept")
    project = make_project(tmp_path, more='[products]\nversion = "v02"\n')
    outcome = write_products(project)
    assert set(contents(project)) == {path.name for path in outcome.outputs} | {"notes.txt"}
    assert all("_v02_" in path.name for path in outcome.outputs)


def test_products_of_a_cell_that_is_no_longer_mapped_are_removed(tmp_path: Path) -> None:
    project = make_project(tmp_path, more=PLAIN)
    write_mosaic(project, SMALL, landscape()[:250, :500])
    extract_features(project)
    outcome = write_products(project)
    gone = project.products_folder / "clms_hrlslf_swf_s2021_r5m_e44n30_03035_v01_r00_20211231.tif"
    gone.write_bytes(outcome.outputs[0].read_bytes())
    receipt = project.receipts_folder / "products" / "e44n30.json"
    write_json(receipt, {"inputs": "", "files": {gone.name: ""}, "figures": {}})
    assert write_products(project).figures == outcome.figures
    assert not gone.exists()
    assert not receipt.exists()
    assert set(contents(project)) == {path.name for path in outcome.outputs}


def test_a_map_without_features_gives_empty_valid_products(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, np.full(WINDOW.shape, 3, np.uint8))
    extract_features(project)
    outcome = write_products(project)
    assert outcome.refused == ()
    assert len(gpd.read_file(next(path for path in outcome.outputs if path.suffix == ".gpkg"))) == 0


def test_a_local_grid_writes_5_m_layers_under_its_own_code(tmp_path: Path) -> None:
    project = make_project(tmp_path, crs="EPSG:26917", resolution=0.6, tile=600.0, cell=12_000.0, feature=1.2)
    window = type(WINDOW)(450_000, -7_170_000, 1500, 1000)
    mask = rectangle(window.shape, 200, 100, 17, 1200)
    write_mosaic(project, window, np.where(mask, 254, 0).astype(np.uint8))
    extract_features(project)
    outcome = write_products(project)
    assert all("_26917_" in path.name for path in outcome.outputs)
    failed = {verdict.rule for verdict in check_products(project.products_folder) if not verdict.passed}
    # Features of 1.2 m on cells of 5 m: one hedge of 10.2 m cannot agree in area.
    assert failed <= {"set.area"}
    woody = next(path for path in outcome.outputs if "_wvl_" in path.name and path.suffix == ".tif")
    grid = project.grid.__class__("EPSG:26917", 5.0)
    assert (read_window(woody, grid, grid.window(project.grid.bounds(window))) == 1).any()


def test_the_command_to_run_first_is_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with pytest.raises(ProjectError, match="run: bocage map"):
        write_products(project)
    write_mosaic(project, SMALL, landscape()[:250, :500])
    with pytest.raises(ProjectError, match="run: bocage features"):
        write_products(project)


def test_cells_off_the_kilometre_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path, tile=500.0, cell=1500.0)
    write_mosaic(project, SMALL, landscape()[:250, :500])
    with pytest.raises(ProductError, match="multiples of 1000 m"):
        write_products(project)

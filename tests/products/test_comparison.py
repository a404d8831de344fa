import json
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio

from bocage.errors import ProductError
from bocage.grid import Grid, Window
from bocage.products import ProductName, check_products, write_change
from bocage.products.colours import colour_table
from bocage.products.naming import Variable
from bocage.products.writers import write_raster
from bocage.project import Project
from tests.features.landscape import make_project, rectangle

GRID, WINDOW = Grid("EPSG:3035", 5.0), Window(860_000, -600_200, 400, 200)
FOREST = rectangle(WINDOW.shape, 0, 0, 60, 60)


def before() -> np.ndarray:
    return rectangle(WINDOW.shape, 100, 20, 2, 340) | rectangle(WINDOW.shape, 150, 205, 8, 8)


def after() -> np.ndarray:
    return rectangle(WINDOW.shape, 101, 20, 2, 340) | rectangle(WINDOW.shape, 150, 305, 8, 8)


def deliver(
    folder: Path, year: int, arrays: dict[Variable, np.ndarray], *, grid: Grid = GRID, window: Window = WINDOW
) -> Path:
    folder.mkdir(exist_ok=True)
    for variable, array in arrays.items():
        name = ProductName(variable, year, "r5m", "E43N30", 3035, "v01", "r00", "20210714")
        colours = colour_table(variable, "r5m", 2021)
        write_raster(folder / f"{name.stem}.tif", array.astype(np.uint8), grid, window, colours)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", more='[products]\ndate = "20210714"\n')


def epochs(folder: Path, *variables: Variable) -> tuple[Path, Path]:
    made = []
    for year, mask in ((2018, before()), (2021, after())):
        layers: dict[Variable, np.ndarray] = {
            "swf": mask, "wvl": mask, "fm": FOREST, "wvcl": np.full(WINDOW.shape, 90)
        }  # fmt: skip
        made.append(deliver(folder / str(year), year, {name: layers[name] for name in variables}))
    return made[0], made[1]


def test_the_change_layer_is_one_file_that_passes_the_checks(project: Project, tmp_path: Path) -> None:
    files, figures = write_change(project, *epochs(tmp_path, "swf", "wvl", "fm", "wvcl"))
    stem = "clms_hrlslf_swfc_c2018-2021_r100m_eu_03035_v01_r00_20210714"
    assert {path.name for path in files} == {f"{stem}.tif", f"{stem}.tif.aux.xml", f"{stem}.json", f"{stem}.xml"}
    path = project.products_folder / f"{stem}.tif"
    with rasterio.open(path) as file:
        codes = file.read(1)
        assert file.colormap(1)[1][:3] == (20, 255, 0)
        assert file.res == (100, 100)
        assert (file.bounds.left, file.bounds.top) == (4_300_000, 3_001_000)
    assert codes.shape == (10, 20)
    assert (codes[:3, :3] == 203).all()
    assert (codes[7, 10], codes[7, 15]) == (2, 1)
    assert np.isin(codes, (1, 2)).sum() == 2
    assert (figures["increase_cells"], figures["decrease_cells"], figures["forest_cells"]) == (1, 1, 9)
    assert (figures["against"], figures["confidence"]) == ("woody vegetation", True)
    assert [verdict for verdict in check_products(project.products_folder) if not verdict.passed] == []
    item = pystac.Item.from_file(str(path.with_suffix(".json")))
    assert item.assets["data"].extra_fields["classification:classes"][1]["color_hint"] == "14FF00"
    described = json.loads(path.with_suffix(".json").read_bytes())["properties"]
    assert (described["start_datetime"][:4], described["end_datetime"][:4]) == ("2018", "2021")


def test_small_woody_features_alone_are_enough_without_forest(project: Project, tmp_path: Path) -> None:
    first, second = epochs(tmp_path, "swf")
    with pytest.raises(ProductError, match="no forest mask of 2018") as caught:
        write_change(project, first, second)
    assert "--without-forest" in caught.value.mend
    assert not project.products_folder.exists()
    _, figures = write_change(project, first, second, without_forest=True)
    assert (figures["against"], figures["confidence"], figures["forest_cells"]) == ("features", False, 0)
    assert (figures["increase_cells"], figures["decrease_cells"]) == (1, 1)


def test_a_map_against_its_twin_is_stable_whatever_the_blocks(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = epochs(tmp_path, "swf", "wvl", "fm", "wvcl")
    whole, _ = write_change(project, first, second)
    content = whole[0].read_bytes()
    monkeypatch.setattr("bocage.products.comparison._BLOCK", 100)
    assert write_change(project, first, second)[0][0].read_bytes() == content
    twin = deliver(tmp_path / "2024", 2024, {"swf": before(), "fm": FOREST})
    _, figures = write_change(project, first, twin)
    assert (figures["increase_cells"], figures["decrease_cells"]) == (0, 0)


def test_folders_that_cannot_be_compared_are_refused(project: Project, tmp_path: Path) -> None:
    first, second = epochs(tmp_path, "swf", "fm")
    with pytest.raises(ProductError, match="give the earlier year first"):
        write_change(project, second, first)
    with pytest.raises(ProductError, match="holds no small woody features at 5 m"):
        write_change(project, tmp_path, second)
    mixed = deliver(tmp_path / "2018", 2015, {"swf": before()})
    with pytest.raises(ProductError, match=r"mixes layers of the years \[2015, 2018\]"):
        write_change(project, mixed, second)
    fine = deliver(tmp_path / "fine", 2018, {"swf": before()}, grid=Grid("EPSG:3035", 2.0))
    with pytest.raises(ProductError, match="pixels of 2 x 2 m"):
        write_change(project, fine, second)
    elsewhere = deliver(tmp_path / "far", 2018, {"swf": before(), "fm": FOREST}, window=Window(0, 0, 400, 200))
    with pytest.raises(ProductError, match="share no ground"):
        write_change(project, elsewhere, second)
    broken = deliver(tmp_path / "broken", 2018, {"swf": before()})
    path = next(broken.glob("*.tif"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ProductError, match="cannot be opened"):
        write_change(project, broken, second)
    assert not project.products_folder.exists()

"""The layers of every release, from one small mosaic."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from bocage.errors import ProductError
from bocage.features.extraction import extract_features
from bocage.grid import Window
from bocage.outcome import Outcome
from bocage.products import ProductName, check_products, write_products
from bocage.project import Project
from tests.features.landscape import disk, make_project, rectangle, write_mosaic

WINDOW = Window(2_150_000, -1_500_500, 500, 500)


def woody() -> np.ndarray:
    shape = WINDOW.shape
    # A hedge, and a square patch: on the edges of cells a round one is not compact enough for the rules of 2015.
    mask = rectangle(shape, 60, 40, 5, 400) | rectangle(shape, 190, 140, 25, 25)
    # A grove of 0.6 ha is out of range and isolated: an additional woody feature of 2015.
    return np.where(mask | disk(shape, 350, 300, 24), 250, 5).astype(np.uint8)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("editions")
    project = make_project(folder, more='profile = "2015"\n[products]\nweb_tiles = false\n')
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
        "swf_2015_005m_eu_03035_e43n30_v1_0",
        "swf_2015_vec_eu_03035_e43n30_v1_0",
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
            {"swf_2018_005m_e43n30_03035_v1_0", "swf_2018_vec_e43n30_03035_v1_0", "swf_2018_100m_eu_03035_v1_0"},
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
    project: Project, profile: str, expected: set[str]
) -> None:
    outcome = write_products(project, profile)
    assert stems(outcome) == expected
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

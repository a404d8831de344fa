"""The commands that look at samples and labels, typed by hand."""

import json
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from shapely.geometry import box
from tests.cli.conftest import Bocage

from bocage.chain import run_stage
from bocage.models.item import ModelDescription
from bocage.models.network import build_network
from bocage.models.package import save_package
from bocage.project import Project

EAST, NORTH, SIDE = 4_000_000.0, 3_000_000.0, 320
SETTINGS = """
[project]
name = "small"
[grid]
tile_size = 640.0
cell_size = 640.0
[scenes]
stretch = "none"
[reference]
{corrections}
[[reference.layers]]
kind = "classes"
paths = ["trees.tif"]
tree = [1]
[samples]
count = 100
cell_size = 128.0
block_size = 128.0
buffer = 0.0
"""


def write(path: Path, bands: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=len(bands), dtype="uint8", crs="EPSG:3035",
        nodata=255, transform=rasterio.Affine(2, 0, EAST, 0, -2, NORTH),
    ) as file:  # fmt: skip
        file.write(bands)
        if len(bands) == 4:
            file.descriptions = ("red", "green", "blue", "nir")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One scene with 25 cells, labels and chips."""
    random = np.random.default_rng(0)
    write(tmp_path / "scenes" / "one.tif", random.integers(1, 250, (4, SIDE, SIDE)).astype(np.uint8))
    trees = np.kron(random.random((1, SIDE // 16, SIDE // 16)) < 0.3, np.ones((1, 16, 16))).astype(np.uint8)
    write(tmp_path / "trees.tif", trees)
    (tmp_path / "bocage.toml").write_text(SETTINGS.format(corrections=""), encoding="utf-8")
    for stage in ("scenes", "labels", "samples", "chips"):
        run_stage(Project.open(tmp_path), stage)
    return tmp_path


def test_rank_prints_and_writes_the_first(bocage: Bocage, project: Path) -> None:
    torch.manual_seed(0)
    network = build_network("efficientnet_lite0", pretrained=False)
    bands = ("red", "green", "blue", "nir")
    about = ModelDescription("slf", "efficientnet_lite0", bands, resolution=2.0, stretch="none", chip=64)
    save_package(project / "models" / "slf", network, about)
    status, out, _ = bocage("samples", "rank", "--count", "4", "--parts", "2", "--project", project, "--json")
    assert status == 0
    result = json.loads(out)
    assert [cell["rank"] for cell in result["cells"]] == [1, 2, 3, 4]
    assert len(geopandas.read_file(result["layer"])) == 4
    assert len(geopandas.read_parquet(result["table"])) == result["ranked"] > 4
    status, out, _ = bocage("samples", "rank", "--count", "2", "--project", project)
    assert status == 0
    assert "gain_m2" in out
    save_package(project / "models" / "other", network, replace(about, resolution=5.0))
    status, _, err = bocage("samples", "rank", "--model", "other", "--project", project)
    assert status == 1
    assert "trained at 5 m" in err


def test_rank_without_a_model_says_what_to_run(bocage: Bocage, project: Path) -> None:
    status, _, err = bocage("samples", "rank", "--project", project)
    assert status == 1
    assert "bocage train" in err


def test_subsets_are_nested_and_wrong_budgets_refused(bocage: Bocage, project: Path) -> None:
    status, out, _ = bocage("samples", "subsets", "--budgets", "2,6", "--orders", "3", "--project", project, "--json")
    assert status == 0
    result = json.loads(out)
    assert [one["budget"] for one in result["subsets"]] == [2, 6]
    table = geopandas.read_parquet(result["file"])
    assert table.groupby("order")["rank"].max().tolist() == [6, 6, 6]
    status, out, _ = bocage("samples", "subsets", "--budgets", "2,6", "--orders", "3", "--project", project)
    assert status == 0
    assert "off_share_most" in out
    assert "kept: True" in out
    for wrong in ("", "5,many", "0,5", "1.5"):
        status, _, err = bocage("samples", "subsets", "--budgets", wrong, "--project", project)
        assert status == 2
        assert "is no list of numbers" in err


def test_map_writes_the_picture_and_the_page(bocage: Bocage, project: Path) -> None:
    status, out, _ = bocage("samples", "map", "--project", project, "--json")
    assert status == 0
    assert all(Path(path).stat().st_size > 1000 for path in json.loads(out).values())


def test_corrections_from_an_empty_file_to_the_audit(bocage: Bocage, project: Path) -> None:
    status, _, err = bocage("labels", "audit", "--project", project)
    assert status == 1
    assert "bocage labels corrections" in err
    status, out, _ = bocage("labels", "corrections", "--project", project)
    assert status == 0
    assert 'corrections = "corrections.gpkg"' in out
    status, _, err = bocage("labels", "corrections", "--project", project)
    assert status == 1
    assert "never overwritten" in err
    settings = SETTINGS.format(corrections='corrections = "corrections.gpkg"')
    (project / "bocage.toml").write_text(settings, encoding="utf-8")
    row = {"class": [1], "author": ["mk"], "date": ["2026-05-01"], "reason": ["planted"]}
    spot = geopandas.GeoDataFrame(row, geometry=[box(EAST, NORTH - 40, EAST + 60, NORTH)], crs="EPSG:3035")
    spot.to_file(project / "corrections.gpkg", driver="GPKG", layer="corrections", mode="w")
    status, out, _ = bocage("labels", "audit", "--project", project, "--json")
    assert status == 0
    result = json.loads(out)
    assert result["corrected_m2"] == 2400
    assert 0 < result["changed_m2"] <= 2400
    assert Path(result["audit"]).read_text(encoding="utf-8").startswith("correction,author,date,reason,before,after")
    status, out, _ = bocage("labels", "audit", "--project", project)
    assert "planted" in out

"""What makes a stage run again, on real rasters through the real stages."""

import json
from pathlib import Path

import numpy as np
import rasterio

from bocage.chain import run_chain, run_stage, status
from bocage.project import Project
from bocage.scenes import Catalogue

SETTINGS = """
[grid]
tile_size = 1000
cell_size = 1000

[[reference.layers]]
kind = "classes"
paths = ["truth.tif"]
tree = [1]
"""


def write_raster(path: Path, count: int, *, left: float = 4_321_000, names: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(1).integers(1, 3 if count == 1 else 250, (count, 100, 100), dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", width=100, height=100, count=count, dtype="uint8", crs="EPSG:3035",
        nodata=None if count == 1 else 0, transform=rasterio.Affine(2, 0, left, 0, -2, 3_020_200),
    ) as file:  # fmt: skip
        file.write(values)
        for index, name in enumerate(("red", "green", "blue", "nir")[: count if names and count == 4 else 0], start=1):
            file.set_band_description(index, name)


def make_project(folder: Path) -> Project:
    folder.mkdir()
    (folder / "bocage.toml").write_text(SETTINGS, encoding="utf-8")
    write_raster(folder / "scenes" / "a.tif", 4)
    write_raster(folder / "truth.tif", 1)
    return Project.open(folder)


def states(project: Project) -> dict[str, str]:
    return {entry.stage.name: entry.state for entry in status(project)}


def test_a_scene_that_is_added_by_name_reaches_the_later_stages(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    run_chain(project, until="labels")
    assert (states(project)["scenes"], states(project)["labels"]) == ("done", "done")
    write_raster(tmp_path / "elsewhere" / "b.tif", 4, left=4_322_000)
    run_stage(project, "scenes", paths=[str(tmp_path / "elsewhere" / "b.tif")])
    run_chain(project, until="labels")
    assert [scene.id for scene in Catalogue.open(project.scenes_file, project.grid).scenes] == ["a", "b"]
    assert len(list(project.labels_folder.glob("*.tif"))) == 2
    assert (states(project)["scenes"], states(project)["labels"]) == ("done", "done")
    (tmp_path / "elsewhere" / "b.tif").unlink()
    assert states(project)["scenes"] == "stale"


def test_a_sidecar_that_comes_later_makes_its_scene_stale(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    run_chain(project, until="scenes")
    bands = [{"name": name, "eo:common_name": name} for name in ("red", "green", "blue", "nir")]
    sidecar = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "a",
        "properties": {"datetime": "2021-06-01T10:00:00Z", "eo:cloud_cover": 3},
        "assets": {"data": {"href": "a.tif", "bands": bands}},
    }
    (project.folder / "scenes" / "a.json").write_text(json.dumps(sidecar), encoding="utf-8")
    assert states(project)["scenes"] == "stale"
    run_chain(project, until="scenes")
    assert Catalogue.open(project.scenes_file, project.grid).scenes[0].cloud_cover == 3

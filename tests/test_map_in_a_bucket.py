"""Features of a mosaic in a bucket are those of the same mosaic in a folder."""

from pathlib import Path

import numpy as np

from bocage.accuracy.population import map_digest, population_of
from bocage.features.extraction import extract_features
from bocage.files import digest_file
from bocage.grid import Window
from bocage.products import write_products
from bocage.project import Project
from bocage.report.album import coarse_mosaic
from bocage.web.tiles import TILE, Painter
from tests.features.landscape import make_project, write_mosaic
from tests.object_store import ObjectStore

MORE = '[accuracy]\npopulation = "area"\n'


def test_every_later_stage_reads_the_bucket(tmp_path: Path, object_store: ObjectStore) -> None:
    local = make_project(tmp_path / "local", more=MORE)
    window = Window(2_000_000, -1_500_000, 900, 700)
    probability = np.full(window.shape, 10, np.uint8)
    probability[100:110, 50:800] = 250
    probability[300:420, 200:300] = 240
    write_mosaic(local, window, probability)
    url = object_store.put_folder(local.map_folder, "map")
    remote = make_project(tmp_path / "remote", more=f'{MORE}[mapping]\nfolder = "{url}"\n')

    assert extract_features(remote).figures == extract_features(local).figures
    assert tables(remote) == tables(local)
    write_products(local)
    write_products(remote)
    assert rasters(remote) == rasters(local)
    assert rasters(local)
    assert population_of(remote) == population_of(local)
    assert map_digest(remote) == map_digest(local)
    own, other = coarse_mosaic(remote), coarse_mosaic(local)
    assert own is not None
    assert other is not None
    np.testing.assert_array_equal(own[0], other[0])
    column, row = window.column // TILE, window.row // TILE
    assert Painter(remote).info()["layers"] == Painter(local).info()["layers"]
    assert Painter(remote).tile("probability", 0, column, row) == Painter(local).tile("probability", 0, column, row)
    assert not (tmp_path / "remote" / "map").exists()


def rasters(project: Project) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(project.products_folder.rglob("*.tif"))}


def tables(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(project.features_folder.glob("*.parquet"))}

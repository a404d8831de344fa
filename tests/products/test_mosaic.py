from pathlib import Path

import pytest

from bocage.errors import MappingError, ProjectError
from bocage.features.extraction import extract_features
from bocage.features.ground import mapped_tiles
from bocage.grid import Grid, Window
from bocage.products import write_products
from bocage.products.mosaic import holes, read_mosaic
from bocage.project import Project
from tests.products.receipts import describe, square

WINDOW = Window(2_150_000, -1_501_500, 1500, 1500)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Nine tiles of 1 km."""
    return square(tmp_path, WINDOW)


def test_one_map_is_fine(project: Project) -> None:
    tiles = mapped_tiles(project)
    describe(project, {tile.id: {"model": "m" * 64} for tile in tiles})
    mosaic = read_mosaic(project, tiles)
    assert {mapped.model for mapped in mosaic} == {"m" * 64}
    assert holes(project, tiles) == ()


def test_two_models_in_one_mosaic_are_refused_before_anything_is_written(project: Project) -> None:
    tiles = mapped_tiles(project)
    describe(project, {tile.id: {"model": ("a" if index else "b") * 64} for index, tile in enumerate(tiles)})
    with pytest.raises(MappingError, match=r"made by 2 models \(aaaaaaaaaaaa made 8, bbbbbbbbbbbb made 1\)"):
        write_products(project)
    assert not project.products_folder.exists()


def test_mixed_resolutions_are_refused(project: Project) -> None:
    tiles = mapped_tiles(project)
    describe(project, {tiles[4].id: {"grid": Grid("EPSG:3035", 1.0)}, tiles[0].id: {"grid": project.grid}})
    with pytest.raises(MappingError, match=r"1 tiles .*EPSG:3035 at 2 m, but on others \(1 m\): " + tiles[4].id):
        read_mosaic(project, tiles)


def test_a_hole_is_named_and_the_rest_is_written(project: Project) -> None:
    middle = mapped_tiles(project)[4].id
    (project.map_folder / f"{middle}.tif").unlink()
    (project.map_folder / f"{middle}.json").unlink()
    extract_features(project)
    outcome = write_products(project)
    assert [(refusal.subject, "midst" in refusal.reason) for refusal in outcome.refused] == [(middle, True)]
    assert any("_wvl_" in path.name for path in outcome.outputs)


def test_a_tile_at_the_edge_and_one_that_no_scene_saw_are_no_holes(project: Project) -> None:
    tiles = mapped_tiles(project)
    for index in (0, 4):
        (project.map_folder / f"{tiles[index].id}.tif").unlink()
    (project.map_folder / f"{tiles[0].id}.json").unlink()
    assert holes(project, mapped_tiles(project)) == ()


def test_a_tile_without_receipt_is_named(project: Project) -> None:
    tile = mapped_tiles(project)[4].id
    (project.map_folder / f"{tile}.json").unlink()
    found = holes(project, mapped_tiles(project))
    assert [(refusal.subject, refusal.mend) for refusal in found] == [(tile, "run: bocage map")]


def test_a_damaged_receipt_is_named(project: Project) -> None:
    tiles = mapped_tiles(project)
    path = project.map_folder / f"{tiles[0].id}.json"
    path.write_text('{"properties": {"bocage:scenes": [{"name": "a"}]}}')
    with pytest.raises(ProjectError, match=path.name):
        read_mosaic(project, tiles)


def test_a_tile_that_cannot_be_read_leaves_nothing(project: Project) -> None:
    extract_features(project)
    path = project.map_folder / f"{mapped_tiles(project)[0].id}.tif"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(OSError, match=path.name):
        write_products(project)
    assert not project.products_folder.exists() or not list(project.products_folder.iterdir())

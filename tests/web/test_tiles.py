"""Tiles: the ground that the lattice says, transparent where nothing is known."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bocage.grid import Bounds, Window
from bocage.mapping import read_probability
from bocage.project import Project
from bocage.web.tiles import TILE, LayerName, Painter


def pixels(painter: Painter, layer: LayerName, level: int, column: int, row: int) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(painter.tile(layer, level, column, row)))
    assert image.size == (TILE, TILE)
    return np.asarray(image.convert("RGBA"))


def whole_window(project: Project) -> Window:
    return next(project.tiling.tiles(project.grid.window(Painter(project)._bounds()))).window


def test_a_tile_shows_its_own_ground(project: Project) -> None:
    painter = Painter(project)
    own = whole_window(project)
    column, row = (own.column + 150) // TILE, (own.row + 150) // TILE
    picture = pixels(painter, "probability", 0, column, row)
    expected, _ = read_probability(project, Window(column * TILE, row * TILE, TILE, TILE))
    assert ((picture[..., 3] == 0) == (expected == 255)).all()
    trees = expected == 250
    assert trees.any()
    assert (picture[trees][:, 3] == 255).all()
    assert (picture[trees][:, 1] > picture[trees][:, 0]).all()  # green


def test_levels_agree_on_where_things_are(project: Project) -> None:
    painter = Painter(project)
    own = whole_window(project)
    seen = []
    for level in (0, 1, 2):
        size = TILE * 2**level
        count = 0
        for row in range(own.row // size, (own.bottom - 1) // size + 1):
            for column in range(own.column // size, (own.right - 1) // size + 1):
                count += int((pixels(painter, "probability", level, column, row)[..., 3] > 200).sum())
        seen.append(count * 4**level)
    # The block of trees holds 200 x 100 pixels; a coarse pixel may be mixed at its rim.
    assert seen[0] == 20_000
    assert all(abs(count - 20_000) < 20_000 * 0.06 for count in seen)


def test_scenes_fill_each_other_and_leave_the_rest_clear(project: Project) -> None:
    painter = Painter(project)
    own = whole_window(project)
    total = 0
    for row in range(own.row // TILE, (own.bottom - 1) // TILE + 1):
        for column in range(own.column // TILE, (own.right - 1) // TILE + 1):
            total += int((pixels(painter, "scenes", 0, column, row)[..., 3] == 255).sum())
    assert total == 640 * 400
    assert (pixels(painter, "scenes", 0, 0, 0)[..., 3] == 0).all()
    painter.close()


def test_features_of_a_window(project: Project) -> None:
    painter = Painter(project)
    everything = painter.features(painter._bounds())
    assert everything["total"] == 2
    one = everything["features"][0]
    assert one["geometry"]["type"] == "Polygon"
    assert one["properties"]["height_m"] is None
    bounds = painter._bounds()
    corner = Bounds(bounds.left, bounds.top - 50, bounds.left + 50, bounds.top)
    assert painter.features(corner) == {"type": "FeatureCollection", "total": 0, "features": []}


def test_info_of_a_project_without_anything(project: Project, tmp_path: object) -> None:
    empty = Project(project.folder / "nothing", project.settings)
    info = Painter(empty).info()
    assert info["layers"] == {"scenes": False, "probability": False, "features": False}
    assert Painter(empty).features(Bounds(0, 0, 10, 10))["total"] == 0
    picture = Image.open(io.BytesIO(Painter(empty).tile("scenes", 0, 0, 0)))
    assert np.asarray(picture)[..., 3].max() == 0


def test_the_rest_of_a_killed_run_is_no_layer(tmp_path: Path) -> None:
    (tmp_path / "bocage.toml").write_text("")
    for folder, name in (("map", ".E0N0.123.part.tif"), ("features", ".E0N0.123.part.parquet")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"half")
    assert Painter(Project.open(tmp_path)).info()["layers"] == {
        "scenes": False, "probability": False, "features": False
    }  # fmt: skip

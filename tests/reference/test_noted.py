"""Files that the settings do not name: the status sees the local ones change, and the next build the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from tests.object_store import ObjectStore

from bocage.chain import run_stage, state_of
from bocage.project import Project
from bocage.receipts import Receipt
from bocage.reference.layer import open_layer
from bocage.reference.noted import notes_of
from bocage.settings import LayerSettings
from bocage.stages import STAGES, stage_named

Writer = Callable[..., Path]
Maker = Callable[..., Project]
LEFT, TOP = 4_000_000.0, 3_000_000.0


@pytest.fixture
def tiles(write_layer: Writer, tmp_path: Path) -> list[Path]:
    """Three tiles of 100 m that cover the north of the scene, and one far from it."""
    (tmp_path / "tcd").mkdir()
    return [
        write_layer(f"tcd/t{place}.tif", np.full((10, 10), 90, np.uint8), 10.0, origin=(LEFT + place * 100, TOP))
        for place in (0, 1, 2, 900)
    ]


def write_index(tiles: list[Path], path: Path, *, prefix: str | None = None) -> Path:
    places = [int(tile.stem[1:]) * 100 for tile in tiles]
    table = geopandas.GeoDataFrame(
        {"location": [str(tile) if prefix is None else f"{prefix}/{tile.name}" for tile in tiles]},
        geometry=[shapely.box(LEFT + at, TOP - 100, LEFT + at + 100, TOP) for at in places],
        crs="EPSG:3035",
    )
    if path.suffix == ".csv":
        corners = table.bounds.set_axis(["left", "bottom", "right", "top"], axis=1)
        table.rename(columns={"location": "path"}).drop(columns="geometry").join(corners).to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_file(path)
    return path


def tcd(*paths: str, **more: Any) -> LayerSettings:
    return LayerSettings.model_validate({"kind": "tree_cover_density", "paths": paths} | more)


def built(project: Project) -> Project:
    for name in ("scenes", "labels"):
        run_stage(project, name)
    assert why(project) == ("done", "")
    return project


def why(project: Project, stage: str = "labels") -> tuple[str, str]:
    found = state_of(project, stage_named(stage))
    return found.state, found.reason


def receipt(project: Project) -> Receipt:
    found = Receipt.read(project.receipts_folder, "labels")
    assert found is not None
    return found


AREA = {"bbox": (LEFT, TOP - 300, LEFT + 300, TOP)}


@pytest.mark.parametrize("name", ["index.gpkg", "index.geojson", "index.parquet", "index.csv"])
def test_a_changed_tile_behind_an_index_makes_the_labels_stale(
    scene: Path, tiles: list[Path], tmp_path: Path, write_layer: Writer, make_project: Maker, name: str
) -> None:
    write_index(tiles, tmp_path / name)
    project = built(make_project(tcd(name), area=AREA))
    times = tiles[1].stat()
    write_layer("tcd/t1.tif", np.full((10, 10), 0, np.uint8), 10.0, origin=(LEFT + 100, TOP))
    assert tiles[1].stat().st_size == times.st_size
    assert why(project) == ("stale", "tcd/t1.tif, behind a layer, is missing or changed")
    before = receipt(project).digest
    assert run_stage(project, "labels").figures["built"] > 0
    assert why(project) == ("done", "")
    # What comes after depends on the tile as well.
    assert receipt(project).digest != before
    tiles[0].unlink()
    os.utime(tiles[2], ns=(1, 1))
    assert why(project) == ("stale", "tcd/t0.tif and 1 more, behind a layer, is missing or changed")


def test_a_tile_far_from_the_area_is_no_concern(
    scene: Path, tiles: list[Path], tmp_path: Path, make_project: Maker
) -> None:
    write_index(tiles, tmp_path / "index.gpkg")
    project = built(make_project(tcd("index.gpkg"), area=AREA))
    tiles[3].unlink()
    assert why(project) == ("done", "")


def test_what_is_noted_is_what_was_opened_and_not_what_came_while_the_stage_ran(
    scene: Path, tiles: list[Path], tmp_path: Path, make_project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_index(tiles, tmp_path / "index.gpkg")
    project = make_project(tcd("index.gpkg"), area=AREA)
    run_stage(project, "scenes")
    from bocage.reference import labels

    whole = labels._build_tile

    def build(*given: Any) -> Any:
        os.utime(tiles[0], ns=(1, 1))
        return whole(*given)

    monkeypatch.setattr(labels, "_build_tile", build)
    run_stage(project, "labels")
    assert why(project) == ("stale", "tcd/t0.tif, behind a layer, is missing or changed")


def test_what_a_virtual_raster_shows_is_watched(
    scene: Path, tiles: list[Path], tmp_path: Path, make_project: Maker
) -> None:
    source = "<SourceFilename>{}</SourceFilename><SourceBand>1</SourceBand>"
    rectangle = '<{} xOff="{}" yOff="0" xSize="10" ySize="10"/>'
    parts = "".join(
        f"<SimpleSource>{source.format(tile)}{rectangle.format('SrcRect', 0)}{rectangle.format('DstRect', 10 * at)}"
        "</SimpleSource>"
        for at, tile in enumerate(tiles[:3])
    )
    corner = ", ".join(str(value) for value in Affine(10, 0, LEFT, 0, -10, TOP).to_gdal())
    (tmp_path / "all.vrt").write_text(
        f'<VRTDataset rasterXSize="30" rasterYSize="10"><SRS>EPSG:3035</SRS><GeoTransform>{corner}</GeoTransform>'
        f'<VRTRasterBand dataType="Byte" band="1">{parts}</VRTRasterBand></VRTDataset>'
    )
    project = built(make_project(tcd("all.vrt"), area=AREA))
    os.utime(tiles[2], ns=(1, 1))
    assert why(project) == ("stale", "tcd/t2.tif, behind a layer, is missing or changed")


def test_notes_that_are_lost_are_made_again(
    scene: Path, tiles: list[Path], tmp_path: Path, make_project: Maker
) -> None:
    write_index(tiles, tmp_path / "index.gpkg")
    project = built(make_project(tcd("index.gpkg"), area=AREA))
    (notes,) = (project.receipts_folder / "layers").glob("files-*.json")
    for damage in ("", "[[1]]", "[]"):
        notes.write_text(damage)
        assert why(project) == ("stale", "the files of a layer were others when it ran")
    assert run_stage(project, "labels").figures["built"] == 0
    assert why(project) == ("done", "")


def test_a_project_that_was_moved_is_not_stale(
    scene: Path, tiles: list[Path], tmp_path: Path, make_project: Maker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_index(tiles, tmp_path / "index.csv", prefix="tcd")
    project = built(make_project(tcd("index.csv"), area=AREA))
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    tmp_path.rename(moved)
    there = Project(moved, project.settings)
    # The catalogue names its scenes by absolute paths; labels do not depend on where the project lies.
    assert [note.name for note in notes_of(there.settings.reference.layers, there)] == [
        f"tcd/t{at}.tif" for at in (0, 1, 2)
    ]
    assert why(there) == ("done", "")
    moved.rename(tmp_path)


def test_files_that_the_settings_name_are_not_noted(tiles: list[Path], make_project: Maker) -> None:
    project = make_project(settings := tcd("tcd"))
    open_layer(settings, project)
    assert notes_of([settings], project) == []
    assert not project.receipts_folder.exists()


def test_of_a_store_the_status_knows_what_was_noted_and_a_build_what_is_there(
    scene: Path, tiles: list[Path], tmp_path: Path, write_layer: Writer, make_project: Maker,
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url = object_store.put_folder(tmp_path / "tcd", "layers/tcd")
    write_index(tiles, tmp_path / "index.parquet", prefix=url)
    project = built(make_project(tcd("index.parquet"), area=AREA))
    before = receipt(project)
    object_store.put("layers/tcd/t1.tif", write_layer("new.tif", np.zeros((10, 10), np.uint8), 10.0,
                                                      origin=(LEFT + 100, TOP)))  # fmt: skip
    with monkeypatch.context() as offline:
        # Nobody listens there: the status asks no store.
        offline.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert why(project) == ("done", "")
    after = run_stage(project, "labels")
    assert after.figures["built"] > 0
    assert (after.inputs, after.seen) != (before.inputs, before.seen)
    assert after.digest != before.digest
    assert why(project) == ("done", "")


def test_every_stage_that_reads_layers_names_them(make_project: Maker) -> None:
    project = make_project(tcd("a.tif"), accuracy={"reference": {"kind": "classes", "paths": ["b.tif"], "tree": [1]}})
    read = {stage.name: [path for layer in stage.layers(project) for path in layer.paths] for stage in STAGES}
    assert {name: paths for name, paths in read.items() if paths} == {
        "labels": ["a.tif"], "features": ["a.tif"], "products": ["a.tif"], "assess": ["b.tif"],
    }  # fmt: skip
    for stage in STAGES:
        named = {str(path.relative_to(project.folder)) for path in stage.outside(project) if path.suffix == ".tif"}
        assert named == set(read[stage.name])

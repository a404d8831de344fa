import json
from dataclasses import replace
from pathlib import Path

import pystac
import pytest

from bocage.files import digest_file
from bocage.grid import Bounds, Tile, Tiling
from bocage.mapping.inventory import Inventory
from bocage.mapping.planning import make_plan
from bocage.mapping.receipt import Recipe, SceneMark
from bocage.mapping.worker import Worker
from bocage.scenes import Catalogue
from bocage.storage import FolderStorage
from tests.mapping.fakes import GRID, fake_recipe, fake_scene, fake_work
from tests.mapping.run_slowly import plan_of, run


def test_receipt_is_a_valid_stac_item_that_names_what_it_was_made_from(tmp_path: Path) -> None:
    run(tmp_path)
    for job in plan_of(tmp_path).done:
        path = tmp_path / f"{job.tile.id}.json"
        item = pystac.Item.from_file(str(path))
        item.validate()
        assert json.loads(path.read_text(encoding="utf-8"))["stac_version"] == "1.1.0"
        assert [scene["id"] for scene in item.properties["bocage:scenes"]] == [scene.id for scene in job.scenes]
        assert item.properties["bocage:model"]["digest"] == "f" * 64
        assert item.assets["data"].extra_fields["bocage:sha256"] == digest_file(tmp_path / f"{job.tile.id}.tif")
        assert item.bbox is not None
        assert item.bbox[0] < item.bbox[2]


def test_dated_scenes_date_the_tile(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    (tile,) = Tiling(GRID, 320).tiles(GRID.window(Bounds(0, 0, 320, 320)))
    scenes = tuple(
        replace(fake_scene(f"d{day}", tile.window), acquired=datetime(2021, 7, day, 10, tzinfo=UTC)) for day in (3, 9)
    )
    job = make_plan(
        Catalogue(scenes), Tiling(GRID, 320), fake_recipe(), Inventory.open(FolderStorage(tmp_path)), area=None
    ).jobs[0]
    Worker(fake_work(tmp_path)).run(job)
    item = pystac.Item.from_file(str(tmp_path / f"{tile.id}.json"))
    item.validate()
    assert item.common_metadata.start_datetime == datetime(2021, 7, 3, 10, tzinfo=UTC)
    assert item.common_metadata.end_datetime == datetime(2021, 7, 9, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "changed",
    [
        replace(fake_recipe(), model_digest="e" * 64),
        fake_recipe(chip=32),
        fake_recipe(overlap=0.5),
        replace(fake_recipe(), grid=replace(GRID, resolution=1.0)),
    ],
)
def test_tile_of_another_recipe_is_stale(tmp_path: Path, changed: Recipe) -> None:
    run(tmp_path)
    job = plan_of(tmp_path).done[0]
    marks = [SceneMark.of(scene) for scene in job.scenes]
    inventory = Inventory.open(FolderStorage(tmp_path))
    assert inventory.is_done(job.tile.id, fake_recipe().key(job.tile.window, marks))
    assert not inventory.is_done(job.tile.id, changed.key(job.tile.window, marks))


def test_key_depends_on_scenes_and_radiometry_but_not_on_their_order() -> None:
    tile = Tile("E0N0", GRID.window(Bounds(0, 0, 320, 320)))
    one, two = fake_scene("a", tile.window), fake_scene("b", tile.window)
    key = fake_recipe().key(tile.window, [SceneMark.of(one), SceneMark.of(two)])
    assert key == fake_recipe().key(tile.window, [SceneMark.of(two), SceneMark.of(one)])
    others = [
        [SceneMark.of(one)],
        [SceneMark.of(one), SceneMark.of(replace(two, digest="changed"))],
        [SceneMark.of(one), SceneMark.of(replace(two, stretch=((1.0, 255.0),) * 4))],
    ]
    assert key not in {fake_recipe().key(tile.window, marks) for marks in others}


def test_tile_without_valid_pixel_is_noted_and_not_written(tmp_path: Path) -> None:
    tiling = Tiling(GRID, 320)
    scene = fake_scene("thin", GRID.window(Bounds(0, 0, 40, 320)))
    tile = next(iter(tiling.tiles(GRID.window(Bounds(0, 0, 320, 320)))))
    # The footprint reaches into the tile, but the slanted edge of the scene leaves its lower part without data.
    low = Tiling(GRID, 80)
    recipe = fake_recipe()
    jobs = make_plan(
        Catalogue((scene,)), low, recipe, Inventory.open(FolderStorage(tmp_path)), area=GRID.bounds(tile.window)
    ).jobs
    worker = Worker(fake_work(tmp_path))
    summaries = [worker.run(job) for job in jobs]
    empty = [summary for summary in summaries if not summary.valid_pixels]
    assert empty
    assert len(empty) < len(summaries)
    for summary in empty:
        assert not (tmp_path / f"{summary.id}.tif").exists()
        item = pystac.Item.from_file(str(tmp_path / f"{summary.id}.json"))
        item.validate()
        assert not item.assets
        assert summary.chips == 0
    inventory = Inventory.open(FolderStorage(tmp_path))
    assert not make_plan(Catalogue((scene,)), low, recipe, inventory, area=GRID.bounds(tile.window)).jobs


def test_scene_that_breaks_during_the_run_is_quarantined_and_redone_when_mended(tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "folder"
    whole.mkdir()
    folder.mkdir()
    run(whole)
    (folder / "b.broken").write_bytes(b"")
    summaries = run(folder)
    quarantined = {summary.id for summary in summaries if summary.refused}
    assert quarantined
    assert len(quarantined) < len(summaries)
    for name in quarantined:
        summary = Inventory.open(FolderStorage(folder)).summary(name)
        assert summary is not None
        (refusal,) = summary.refused
        assert refusal.subject == "b"
        assert "TIFFReadEncodedTile() failed" in refusal.reason
        assert summary.used == ("a",)
        pystac.Item.from_file(str(folder / f"{name}.json")).validate()

    (folder / "b.broken").unlink()
    assert {summary.id for summary in run(folder)} == quarantined
    for path in sorted(whole.glob("*.tif")):
        assert digest_file(path) == digest_file(folder / path.name)

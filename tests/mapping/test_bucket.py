"""A map whose tiles lie in a bucket: the same bytes, continued by one listing, read by every later stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bocage.models
from bocage.chain import run_stage, state_of
from bocage.errors import SettingsError, StorageError
from bocage.grid import Window
from bocage.mapping import map_area, mosaic_tiles, plan, read_probability
from bocage.mapping.engines import make_engine
from bocage.project import Project
from bocage.scenes import catalogue_scenes
from bocage.stages import stage_named
from bocage.storage import Storage, open_storage
from tests.failing_store import Fault, FaultyStore
from tests.mapping.fakes import FakeSegmenter, fake_work
from tests.mapping.run_slowly import plan_of, run
from tests.mapping.test_area import COLUMN, LEFT, ROW, SETTINGS, TOP, write_scene
from tests.object_store import ObjectStore


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two overlapping scenes over four tiles, mapped into a folder."""
    monkeypatch.setitem(vars(bocage.models), "load_model", lambda *_, **__: FakeSegmenter())
    (tmp_path / "bocage.toml").write_text(SETTINGS, encoding="utf-8")
    write_scene(tmp_path / "scenes" / "one.tif", LEFT, TOP, 300, 310, seed=1)
    write_scene(tmp_path / "scenes" / "two.tif", LEFT + 200, TOP - 100, 250, 200, seed=2)
    made = Project.open(tmp_path)
    assert not catalogue_scenes(made).refused
    map_area(made)
    return made


@pytest.fixture
def remote(local: Project, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same project with its map in a bucket, not mapped yet."""
    monkeypatch.setenv("MAP_BUCKET", object_store.bucket)
    settings = SETTINGS + 'folder = "s3://${MAP_BUCKET}/europe/map"\n'
    (local.folder / "bocage.toml").write_text(settings, encoding="utf-8")
    return Project.open(local.folder)


def tiles(storage: Storage) -> dict[str, bytes]:
    return {name: storage.read(name) for name in storage.list() if name.endswith(".tif")}


def test_the_map_is_that_of_a_folder_and_is_continued(
    local: Project, remote: Project, object_store: ObjectStore, faulty_store: FaultyStore
) -> None:
    assert len(plan(remote).jobs) == 4
    assert remote.map_storage.list() == {}, "a plan wrote something"
    outcome = map_area(remote)
    assert (outcome.outputs, outcome.buckets) == ((remote.homogeneity_file,), (f"{object_store.url}/europe/map",))
    assert tiles(remote.map_storage) == tiles(local.map_storage)
    window = Window(COLUMN - 5, ROW - 5, 330, 320)
    for own, other in zip(read_probability(remote, window), read_probability(local, window), strict=True):
        np.testing.assert_array_equal(own, other)
    assert mosaic_tiles(remote) == mosaic_tiles(local)

    faulty_store.fail()
    again = map_area(remote)
    assert (again.figures["tiles_mapped"], again.figures["tiles_in_place"]) == (0, 4)
    asked = faulty_store.asked()
    assert sum("list-type=2" in request for request in asked) == 1
    assert sum(request.startswith("GET") and request.endswith(".json") for request in asked) == 4
    assert len(asked) == 5, "one listing and one receipt each tell what is done"


def test_what_is_lost_or_altered_is_mapped_again(remote: Project, object_store: ObjectStore) -> None:
    map_area(remote)
    storage = remote.map_storage
    expected = tiles(storage)
    first, second, third, fourth = sorted(expected)
    storage.write(first, expected[first][:-7])
    storage.delete(second)
    storage.write(third.replace(".tif", ".json"), b"{")
    assert map_area(remote).figures["tiles_mapped"] == 3
    assert tiles(storage) == expected
    storage.delete(fourth)
    object_store.begin(f"europe/map/{fourth}", expected[fourth])
    assert map_area(remote).figures["tiles_mapped"] == 1, "half an upload was taken for a tile"
    assert tiles(storage) == expected


def test_a_map_that_was_copied_into_a_bucket_stays_done(local: Project, remote: Project) -> None:
    for name in local.map_storage.list():
        remote.map_storage.write(name, local.map_storage.read(name))
    assert map_area(remote).figures["tiles_mapped"] == 0
    name = sorted(tiles(remote.map_storage))[0]
    content = remote.map_storage.read(name)
    remote.map_storage.write(name, content[:-1] + b"\0")
    assert map_area(remote).figures["tiles_mapped"] == 1


def test_tiles_outside_a_smaller_area_are_removed(remote: Project) -> None:
    map_area(remote)
    file = remote.folder / "bocage.toml"
    area = f"\n[area]\nbbox = [{LEFT + 10}, {TOP - 20}, {LEFT + 20}, {TOP - 10}]\n"
    file.write_text(file.read_text(encoding="utf-8") + area, encoding="utf-8")
    map_area(Project.open(remote.folder))
    assert len(remote.map_storage.list()) == 2


def test_the_chain_knows_when_an_object_is_gone(remote: Project) -> None:
    run_stage(remote, "map")
    assert state_of(remote, stage_named("map")).state == "done"
    name = sorted(tiles(remote.map_storage))[0]
    remote.map_storage.delete(name)
    state = state_of(remote, stage_named("map"))
    assert state.state == "stale"
    assert f"{remote.map_storage.root}/{name}" in state.reason


def test_two_workers_write_into_a_bucket(tmp_path: Path, object_store: ObjectStore) -> None:
    run(tmp_path)
    work = fake_work(open_storage(f"{object_store.url}/map"))
    jobs = plan_of(tmp_path / "none").jobs
    assert len(list(make_engine("local", 2).run(jobs, work, work.load()))) == 4
    assert tiles(work.storage) == tiles(open_storage(tmp_path))


def test_a_store_that_fails_for_a_while_gives_the_same_map(
    local: Project, remote: Project, faulty_store: FaultyStore
) -> None:
    faulty_store.fail(Fault(503, times=4, methods="PUT"), Fault(500, times=2, methods="GET"), Fault(0, times=2))
    map_area(remote)
    assert tiles(remote.map_storage) == tiles(local.map_storage)
    # GDAL asks again as well.
    faulty_store.fail(Fault(503, times=2, methods="GET", path=".tif"))
    window = Window(COLUMN, ROW, 320, 320)
    np.testing.assert_array_equal(read_probability(remote, window)[0], read_probability(local, window)[0])


def test_a_receipt_never_comes_before_its_raster(remote: Project, faulty_store: FaultyStore) -> None:
    faulty_store.fail(Fault(403, methods="PUT", path=".json"))
    with pytest.raises(StorageError, match=r"europe/map/E.*\.json: the store denies access"):
        map_area(remote)
    faulty_store.fail(Fault(403, methods="PUT", path=".tif"))
    with pytest.raises(StorageError, match=r"europe/map/E.*\.tif: the store denies access"):
        map_area(remote)
    assert [name for name in remote.map_storage.list() if name.endswith(".json")] == []
    faulty_store.fail()
    assert map_area(remote).figures["tiles_mapped"] == 4


def test_what_needs_a_folder_says_so(remote: Project) -> None:
    with pytest.raises(SettingsError, match=r"mapping.folder is s3://.*needs a folder"):
        assert remote.map_folder.name


@pytest.mark.parametrize("folder", ["gs://bucket/map", "labels", "./labels/", "", ".", "..", "chips", "/"])
def test_places_that_are_none(tmp_path: Path, folder: str) -> None:
    (tmp_path / "bocage.toml").write_text(SETTINGS + f'folder = "{folder}"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"mapping\.folder"):
        Project.open(tmp_path)


def test_a_map_in_another_folder(local: Project) -> None:
    (local.folder / "bocage.toml").write_text(SETTINGS + 'folder = "maps/2021"\n', encoding="utf-8")
    other = Project.open(local.folder)
    outcome = map_area(other)
    assert outcome.outputs == (local.folder / "maps" / "2021", other.homogeneity_file)
    assert tiles(other.map_storage) == tiles(local.map_storage)

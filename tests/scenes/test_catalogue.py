"""The catalogue: what it keeps, what it finds, and that it holds no more in memory than it must."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pystac
import pytest
import stac_geoparquet.arrow
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from bocage.errors import ProjectError, SceneError
from bocage.grid import Bounds, Grid
from bocage.scenes import BANDS, Catalogue, Scene, rows
from bocage.scenes.calibration import Calibration
from bocage.scenes.item import from_item
from bocage.scenes.register import Entry, Record, Register, files_of
from bocage.scenes.scene import BandStatistics
from tests.scenes.scenes import make_image, make_scene

GRID = Grid("EPSG:3035", 2.0)
ODD = 'ENGCRS["odd"]'


def record(scene: Scene, **changes: object) -> Record:
    return replace(Record(scene.href, "state", "recipe", scene.href, added=False), **changes)  # type: ignore[arg-type]


def write(path: Path, scenes: list[Scene]) -> Path:
    register = Register(path, GRID)
    for scene in scenes:
        register.put(Entry(scene, record(scene)))
    register.write()
    return path


def mixed(folder: Path, count: int = 500) -> list[Scene]:
    """Scenes that differ in everything that makes columns: bands, parts, clouds, calibration, CRS, dates."""
    scenes = []
    for number in range(count):
        name = f"scene_{number:03}"
        bands = [BANDS, BANDS[:3], (*BANDS, "other")][number % 3]
        many = 4 if "nir" in bands else 3
        x, y = 4_000_000 + 370 * (number % 25), 3_000_000 + 410 * (number // 25)
        image = make_image(
            str(folder / "scenes" / name),
            parts=number % 4 + 1,
            bands=len(bands),
            nodata=[0.0, None, -9999.5][number % 3],
            crs=ODD if number % 7 == 0 else "EPSG:32631",
        )
        scenes.append(
            make_scene(
                name,
                bands=bands,
                image=image,
                footprint=box(x, y, x + 900.25, y + 800),
                clouds=box(x, y, x + 55.5, y + 44) if number % 4 == 0 else None,
                calibration=Calibration((1e-4,) * many, (0.1,) * many, "metadata") if number % 5 else None,
                acquired=datetime(2021, 5, 1, 10, number % 60, 7, 123, tzinfo=UTC) if number % 6 else None,
                cloud_cover=number / 10 if number % 3 else None,
                sensor="PHR" if number % 2 else "GENERIC",
                platform="PHR1A" if number % 2 else "",
                statistics=(BandStatistics(1, 9, 5.5, 0.25),) * many if number % 8 else (),
                documents=(str(folder / "scenes" / "DIM.XML"),) * (number % 3),
                quicklook=folder / "quicklooks" / f"{name}.jpg" if number % 2 else None,
            )
        )
    return scenes


def test_mixed_scenes_come_back_as_they_were(tmp_path: Path) -> None:
    scenes = mixed(tmp_path)
    write(tmp_path / "scenes.parquet", scenes)
    catalogue = Catalogue.open(tmp_path / "scenes.parquet", GRID)
    assert len(catalogue.scenes) == 500
    assert list(catalogue.scenes) == scenes
    assert catalogue.scenes[-1] == scenes[-1]
    assert catalogue.scenes[3:5] == scenes[3:5]
    assert catalogue.scene("scene_017") == scenes[17]
    assert catalogue.scene("scene_017") is catalogue.scene("scene_017")
    for name in ("x", "", "scene_0171"):
        with pytest.raises(SceneError, match="no scene is named"):
            catalogue.scene(name)
    with pytest.raises(IndexError):
        catalogue.scenes[500]


def test_rows_that_were_written_one_after_another_make_the_same_catalogue(tmp_path: Path) -> None:
    scenes = mixed(tmp_path, 60)
    path = tmp_path / "scenes.parquet"
    for scene in scenes[::-1][:7]:
        write(path, [scene])
    write(path, scenes[:53])
    register = Register(path, GRID)
    register.put(Entry(replace(scenes[5], cloud_cover=99.0), record(scenes[5])))
    register.put(Entry(scenes[5], record(scenes[5], added=True, stated=BANDS, own_stretch=((0.1, 0.7),) * 4)))
    register.drop("scene_006")
    register.put(Entry(scenes[6], record(scenes[6])))
    register.drop("scene_006")
    register.write()
    assert list(Catalogue.open(path, GRID).scenes) == [*scenes[:6], *scenes[7:]]
    again = Register(path, GRID).records
    assert again == register.records
    assert again["scene_005"].own_stretch == ((0.1, 0.7),) * 4
    assert again["scene_005"].stated == BANDS
    assert sum(register.sensors().values()) == 59


def test_the_items_of_the_file_are_read_by_others(tmp_path: Path) -> None:
    path = write(tmp_path / "scenes.parquet", mixed(tmp_path, 60))
    frame = geopandas.read_parquet(path)
    assert frame.crs.to_epsg() == 4326
    assert sorted(frame["id"]) == [f"scene_{number:03}" for number in range(60)]
    table = pq.read_table(path)
    assert table["datetime"].null_count == 10
    known = {scene.id: scene for scene in mixed(tmp_path, 60)}
    for content in stac_geoparquet.arrow.stac_table_to_items(table):
        assert from_item(content, GRID.crs, tmp_path) == known[content["id"]]
        # Arrow gives every asset the fields of all; the form has no other way to say that one is absent.
        item = pystac.Item.from_dict(without_none(content))
        item.stac_extensions = []
        item.validate()


def without_none(content: object) -> dict[str, object]:
    plain: dict[str, object] = json.loads(json.dumps(content, default=str), object_hook=_known)
    return plain | {"properties": {"datetime": None} | plain["properties"]}  # type: ignore[operator]


def _known(table: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in table.items() if value is not None}


def test_files_of_all_scenes_are_listed(tmp_path: Path) -> None:
    scene = make_scene("a", image=make_image(str(tmp_path / "a"), parts=2), documents=("s3://bucket/DIM.XML",))
    path = write(tmp_path / "scenes.parquet", [scene])
    assert files_of(path) == [str(tmp_path / "a_0.tif"), str(tmp_path / "a_1.tif"), "s3://bucket/DIM.XML"]
    assert files_of(tmp_path / "none.parquet") == []


def test_a_catalogue_of_another_grid_is_projected(tmp_path: Path) -> None:
    scenes = mixed(tmp_path, 30)
    path = write(tmp_path / "scenes.parquet", scenes)
    own, other = Catalogue.open(path, GRID), Catalogue.open(path, Grid("EPSG:32631", 2.0))
    assert not box(*own.bounds.as_tuple()).intersects(box(*other.bounds.as_tuple()))
    for scene in other.scenes:
        centre = scene.footprint.centroid
        around = Bounds(centre.x - 1, centre.y - 1, centre.x + 1, centre.y + 1)
        assert scene.id in [found.id for found in other.covering(around)]
        assert scene.footprint.area == pytest.approx(own.scene(scene.id).footprint.area, rel=0.01)


def test_a_catalogue_travels_to_another_process_and_serves_threads(tmp_path: Path) -> None:
    scenes = mixed(tmp_path, 200)
    path = write(tmp_path / "scenes.parquet", scenes)
    for catalogue in (Catalogue.open(path, GRID), Catalogue(scenes)):
        again = pickle.loads(pickle.dumps(catalogue))
        assert list(again.scenes) == scenes
        bounds = Bounds(4_002_000, 3_001_000, 4_003_000, 3_002_000)
        expected = catalogue.covering(bounds)
        assert expected
        with ThreadPoolExecutor(8) as pool:
            assert all(found == expected for found in pool.map(again.covering, [bounds] * 50))
            assert list(pool.map(again.scene, [scene.id for scene in scenes])) == scenes


def test_an_open_catalogue_stays_what_it_is_when_the_file_is_written_anew(tmp_path: Path) -> None:
    scenes = mixed(tmp_path, 100)
    path = write(tmp_path / "scenes.parquet", scenes)
    catalogue = Catalogue.open(path, GRID)
    register = Register(path, GRID)
    for scene in scenes[:90]:
        register.drop(scene.id)
    register.write()
    assert list(catalogue.scenes) == scenes
    assert len(Catalogue.open(path, GRID).scenes) == 10


class Counted:
    """A file that counts how often a group of rows is read."""

    def __init__(self, file: Any) -> None:
        self._file, self.reads = file, 0

    def read_row_group(self, *arguments: Any, **options: Any) -> Any:
        self.reads += 1
        return self._file.read_row_group(*arguments, **options)


def test_going_through_all_scenes_reads_each_group_of_clouds_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups hold neighbours, ids say nothing of a place: one after another they would be read again and again."""
    places = np.random.default_rng(4).permutation(500)
    scenes = [replace(scene, id=f"s{places[number]:03}") for number, scene in enumerate(mixed(tmp_path))]
    monkeypatch.setattr(rows, "_KEPT_GROUPS", 1)
    path = write(tmp_path / "scenes.parquet", scenes)
    found = rows.SceneRows(path, GRID)
    found._file = counted = Counted(found._file)
    expected = sorted(scenes, key=lambda scene: scene.id)
    assert list(found) == expected
    assert counted.reads == 4
    monkeypatch.setattr(rows, "_TOGETHER", 7)
    assert list(found) == expected
    assert sum(scene.clouds is not None for scene in expected) > 100


def test_a_missing_or_damaged_catalogue_says_so(tmp_path: Path) -> None:
    path = tmp_path / "scenes.parquet"
    with pytest.raises(ProjectError, match="catalogue the scenes first"):
        Catalogue.open(path, GRID)
    path.write_bytes(b"PAR1 nonsense")
    for reader in (Catalogue.open, Register):
        with pytest.raises(SceneError, match="damaged"):
            reader(path, GRID)
    with pytest.raises(SceneError, match="damaged"):
        files_of(path)
    pq.write_table(pq.read_table(write(tmp_path / "good.parquet", mixed(tmp_path, 3))).drop(["bocage:scene"]), path)
    with pytest.raises(SceneError, match="damaged"):
        Catalogue.open(path, GRID)
    whole = (tmp_path / "good.parquet").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SceneError, match="damaged"):
        Catalogue.open(path, GRID)


@given(corners=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12),
       area=st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 30), st.integers(1, 30)))  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_covering_finds_exactly_the_scenes_that_share_area(
    corners: list[tuple[int, int]], area: tuple[int, int, int, int]
) -> None:
    # Corners cut out, so that bounds alone would find too many.
    scenes = [
        make_scene(f"{number:02}", footprint=box(x, y, x + 10, y + 10) - box(x, y, x + 8, y + 8))
        for number, (x, y) in enumerate(corners)
    ]
    bounds = Bounds(area[0], area[1], area[0] + area[2], area[1] + area[3])
    expected = [scene.id for scene in scenes if scene.footprint.intersection(bounds.polygon()).area > 0]
    assert [scene.id for scene in Catalogue(reversed(scenes)).covering(bounds)] == expected


def test_scenes_that_are_taken_together_are_those_that_are_asked_for_one_by_one(tmp_path: Path) -> None:
    path = write(tmp_path / "scenes.parquet", mixed(tmp_path, 60))
    catalogue = Catalogue.open(path, GRID)
    places = np.arange(len(catalogue.ids))[::-1]
    footprints = catalogue.footprints(places)
    taken = catalogue.take(places, footprints)
    assert taken == [catalogue.scenes[place] for place in places.tolist()]
    assert [scene.footprint for scene in taken] == footprints.tolist()
    around = Bounds(*taken[0].footprint.bounds)
    covering = {scene.id for scene in catalogue.covering(around)}
    assert covering <= {catalogue.ids[place] for place in catalogue.within(around).tolist()}
    assert Catalogue(taken).take(places, footprints) == taken

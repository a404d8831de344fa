"""One worker and its tiles: the model never waits for a writer, and what is written does not depend on the order."""

import json
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.errors import MappingError, ModelError, StorageError
from bocage.files import digest_file
from bocage.grid import Grid, Tile, Window
from bocage.mapping import chips, worker
from bocage.mapping.fusion import NODATA
from bocage.mapping.inventory import write_tile
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import Recipe, TileSummary
from bocage.mapping.tile import TileResult
from bocage.mapping.worker import UNDER_WAY, Worker
from bocage.scenes.scene import Scene
from bocage.storage import Storage
from tests.mapping.fakes import FakeReader, FakeSegmenter, fake_scene, fake_work, open_fake

AREA = Window(-90, 40, 200, 160)
PATIENCE = 60.0  # seconds until a thread that waits for ever is a failure

footprints = st.builds(
    Window,
    column=st.integers(-200, 60),
    row=st.integers(-60, 150),
    width=st.integers(20, 260),
    height=st.integers(20, 240),
)


def jobs_of(windows: list[Window], footprints: list[Window]) -> list[TileJob]:
    scenes = tuple(fake_scene(f"scene{number}", window) for number, window in enumerate(footprints))
    return [TileJob(Tile(f"tile{number}", window), scenes, "key", 1) for number, window in enumerate(windows)]


def tiles_of(edge: int) -> list[Window]:
    """The area in tiles of a lattice with its own origin; those at the edges are cut."""
    found = [
        Window(column, row, edge, edge).intersection(AREA)
        for row in range(AREA.row // edge * edge, AREA.bottom, edge)
        for column in range(AREA.column // edge * edge, AREA.right, edge)
    ]
    return [window for window in found if window is not None]


def mosaic(folder: Path, jobs: list[TileJob]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bands of the written tiles, (2, rows, columns), and how many tiles hold each pixel."""
    bands = np.stack([np.full(AREA.shape, NODATA, np.uint8), np.zeros(AREA.shape, np.uint8)])
    covered = np.zeros(AREA.shape, np.int64)
    for job in jobs:
        part = job.tile.window.slices(AREA)
        covered[part] += 1
        path = folder / f"{job.tile.id}.tif"
        if path.is_file():  # a tile without a valid pixel has no COG
            with rasterio.open(path) as file:
                bands[:, *part] = file.read()
    return bands, covered


@settings(deadline=None, max_examples=8)
@given(
    st.lists(footprints, min_size=1, max_size=3),
    st.integers(40, 130),
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_map_does_not_depend_on_how_it_is_worked_off(
    scenes: list[Window], edge: int, batch_size: int, workers: int, readers: int, random: object
) -> None:
    """Laws 1, 2 and 5: any tile size, batch size, number of workers and readers, tiles under way and order of jobs."""
    with tempfile.TemporaryDirectory() as name:
        whole, parts = Path(name) / "whole", Path(name) / "parts"
        whole.mkdir()
        parts.mkdir()
        (job,) = jobs_of([AREA], scenes)
        Worker(fake_work(whole), FakeSegmenter()).run(job)
        expected, _ = mosaic(whole, [job])

        jobs = jobs_of(tiles_of(edge), scenes)
        random.shuffle(jobs)  # type: ignore[attr-defined]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker, "_readers", lambda: readers)
            patch.setattr(chips, "_PIECE", 16)
            crew = [Worker(replace(fake_work(parts), batch_size=batch_size), FakeSegmenter()) for _ in range(workers)]
        futures = [crew[number % workers].begin(job) for number, job in enumerate(jobs)]
        assert [future.result().id for future in futures] == [job.tile.id for job in jobs]
        found, covered = mosaic(parts, jobs)
    assert (covered == 1).all(), "law 1: tiles cover their area exactly once"
    np.testing.assert_array_equal(found[0] == NODATA, expected[0] == NODATA)
    np.testing.assert_array_equal(found[0] == NODATA, found[1] == 0)
    np.testing.assert_array_equal(found[1], expected[1])
    assert np.abs(found[0].astype(int) - expected[0]).max() <= 1


class Watched(FakeSegmenter):
    """Counts how many threads it is called from at once."""

    def __init__(self) -> None:
        super().__init__(pause=0.002)
        self.inside = self.most = 0
        self.called = threading.Event()

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.called.set()
        result = super().predict(images, valid)
        self.inside -= 1
        return result


def test_a_tile_is_written_while_the_next_one_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Watched()
    waited: list[bool] = []

    def slow(storage: Storage, result: TileResult, recipe: Recipe, scenes: Sequence[Scene]) -> TileSummary:
        if result.tile.id == "tile0":
            model.called.clear()
            waited.append(model.called.wait(PATIENCE))
        return write_tile(storage, result, recipe, scenes)

    monkeypatch.setattr(worker, "write_tile", slow)
    jobs = jobs_of(tiles_of(100), [AREA])
    one = Worker(fake_work(tmp_path), model)
    summaries = [future.result(PATIENCE) for future in [one.begin(job) for job in jobs]]
    one.close()
    assert waited == [True], "the model waited for the writer"
    assert model.most == 1, "the model was called from two threads at once"
    for job, summary in zip(jobs, summaries, strict=True):
        assert summary.id == job.tile.id
        item = json.loads((tmp_path / f"{job.tile.id}.json").read_text(encoding="utf-8"))
        assert item["assets"]["data"]["bocage:sha256"] == digest_file(tmp_path / f"{job.tile.id}.tif")
        assert item["properties"]["bocage:runtime"] == "scipy"


def test_the_next_tile_is_read_while_the_model_is_at_work_on_this_one(tmp_path: Path) -> None:
    opened = threading.Semaphore(0)

    class Waits(FakeSegmenter):
        """Answers no batch before both tiles have opened their scene."""

        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            if not self.chips:
                both.extend(opened.acquire(timeout=PATIENCE) for _ in range(2))
            return super().predict(images, valid)

    def noted(scene: Scene, grid: Grid) -> FakeReader:
        opened.release()
        return open_fake(scene, grid)

    both: list[bool] = []
    one = Worker(replace(fake_work(tmp_path), batch_size=1, open=noted), Waits())
    futures = [one.begin(job) for job in jobs_of(tiles_of(100)[:2], [AREA])]
    assert min(future.result(2 * PATIENCE).chips for future in futures) > 3
    one.close()
    assert both == [True, True], "the second tile was not read ahead"


def test_no_more_tiles_are_held_than_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    go = threading.Event()

    def blocked(storage: Storage, result: TileResult, recipe: Recipe, scenes: Sequence[Scene]) -> TileSummary:
        started.append(result.tile.id)
        go.wait(PATIENCE)
        return write_tile(storage, result, recipe, scenes)

    monkeypatch.setattr(worker, "write_tile", blocked)
    one = Worker(fake_work(tmp_path), FakeSegmenter())
    futures = [one.begin(job) for job in jobs_of(tiles_of(70), [AREA])]
    assert len(futures) > UNDER_WAY + 1
    wait(futures, timeout=0.5)
    assert len(started) <= UNDER_WAY
    assert not any(future.done() for future in futures)
    go.set()
    one.close()
    assert {future.result().id for future in futures if not future.cancelled()} >= set(started)


def test_an_error_is_that_of_its_own_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(storage: Storage, result: TileResult, recipe: Recipe, scenes: Sequence[Scene]) -> TileSummary:
        if result.tile.id == "tile0":
            raise StorageError("the disk is full", "free some space")
        return write_tile(storage, result, recipe, scenes)

    class Poisoned(FakeSegmenter):
        """Fails on the chip of the third tile."""

        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            result = super().predict(images, valid)
            return np.full_like(result, np.nan) if images.tobytes() in poison else result

    class Keeps(FakeSegmenter):
        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            poison.add(images.tobytes())
            return super().predict(images, valid)

    poison: set[bytes] = set()
    jobs = jobs_of([Window(20 + 48 * (number == 2), 70, 10, 10) for number in range(4)], [AREA])
    Worker(fake_work(tmp_path), Keeps()).run(jobs[2])
    assert len(poison) == 1
    for path in tmp_path.iterdir():
        path.unlink()
    monkeypatch.setattr(worker, "write_tile", full)
    one = Worker(fake_work(tmp_path), Poisoned())
    futures = [one.begin(job) for job in jobs]
    wait(futures)
    assert [type(future.exception()) for future in futures] == [StorageError, type(None), ModelError, type(None)]
    kept = {"tile1", "tile3"}
    assert {path.stem for path in tmp_path.iterdir()} == kept
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{end}" for name in kept for end in ("tif", "json")}


def test_tiles_that_are_given_up_end_soon_and_leave_nothing(tmp_path: Path) -> None:
    model = Watched()
    one = Worker(fake_work(tmp_path), model)
    futures = [one.begin(job) for job in jobs_of([AREA] * 4, [AREA])]
    assert model.called.wait(PATIENCE)
    one.close()
    assert futures[2].cancelled()
    assert futures[3].cancelled()
    with pytest.raises(MappingError, match="given up half way"):
        futures[1].result()
    assert model.chips < 8
    assert not list(tmp_path.iterdir())

"""The stage on a small project with real files; the model alone is a fake."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

import bocage.models
from bocage.chain import run_stage, state_of
from bocage.errors import MappingError, ModelError, ProjectError
from bocage.files import digest_file
from bocage.grid import Bounds, Window
from bocage.mapping import map_area, plan, read_probability, read_report
from bocage.mapping.engines import Engine
from bocage.mapping.local import LocalEngine
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.worker import Work, Worker
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.scenes import catalogue_scenes
from bocage.stages import stage_named
from tests.mapping.fakes import FakeSegmenter

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter

SETTINGS = """
[grid]
tile_size = 320
cell_size = 3200
[scenes]
stretch = "none"
bands = ["red", "green", "blue", "nir"]
[mapping]
chip = 64
"""
LEFT, TOP = 4_000_000.0, 3_000_000.0
COLUMN, ROW = 2_000_000, -1_500_000  # of the corner above, on the 2 m lattice


def write_scene(
    path: Path, left: float, top: float, rows: int, columns: int, *, seed: int, empty: bool = False
) -> None:
    random = np.random.default_rng(seed)
    small = random.integers(1, 255, (4, rows // 8 + 1, columns // 8 + 1), dtype=np.uint8)
    image: NDArray[np.uint8] = np.kron(small, np.ones((1, 8, 8), dtype=np.uint8))[:, :rows, :columns]
    image[:, rows // 3 : rows // 2, columns // 4 : columns // 3] = 0
    if empty:
        image[:] = 0
        image[:, :4, :4] = 9
    path.parent.mkdir(exist_ok=True)
    profile = {"driver": "GTiff", "count": 4, "height": rows, "width": columns, "dtype": "uint8", "tiled": True}
    with rasterio.open(
        path,
        "w",
        **profile,
        blockxsize=64,
        blockysize=64,
        compress="DEFLATE",
        crs="EPSG:3035",
        nodata=0,
        transform=Affine(2, 0, left, 0, -2, top),
    ) as file:
        file.write(image)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two overlapping scenes over four tiles, catalogued."""
    # Into the package's own names: asking for the true one first would import torch.
    monkeypatch.setitem(vars(bocage.models), "load_model", lambda *_, **__: FakeSegmenter())
    (tmp_path / "bocage.toml").write_text(SETTINGS, encoding="utf-8")
    write_scene(tmp_path / "scenes" / "one.tif", LEFT, TOP, 300, 310, seed=1)
    write_scene(tmp_path / "scenes" / "two.tif", LEFT + 200, TOP - 100, 250, 200, seed=2)
    made = Project.open(tmp_path)
    assert not catalogue_scenes(made).refused
    return made


def tiles(project: Project) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(project.map_folder.glob("*.tif"))}


def test_area_is_mapped_once_and_reads_back(project: Project) -> None:
    before = plan(project)
    assert (len(before.jobs), len(before.done), len(before.scenes)) == (4, 0, 2)
    sizes = sum(path.stat().st_size for path in (project.folder / "scenes").glob("*.tif"))
    # Chips and blocks reach beyond their tile, so all tiles beside a border read them.
    assert sizes < before.bytes <= 4 * sizes
    assert before.as_dict()["bytes_of_scenes"] == sizes
    assert before.rates is not None
    assert before.rates.source == "tiles on trial on this machine"
    expected = before.estimate()
    assert expected is not None
    assert expected.hours > 0
    assert not project.map_folder.exists(), "a plan wrote something"

    outcome = map_area(project)
    assert outcome.refused == ()
    assert outcome.outputs == (project.map_folder, project.homogeneity_file)
    assert outcome.figures["tiles_mapped"] == 4
    assert outcome.figures["chips"] <= before.chips

    window = Window(COLUMN - 5, ROW - 5, 330, 320)
    probability, observations = read_probability(project, window)
    assert (probability[:5] == 255).all()
    assert ((probability == 255) == (observations == 0)).all()
    assert set(np.unique(observations)) == {0, 1, 2}
    assert (probability[5:305, 5:315] != 255).mean() > 0.9
    with rasterio.open(next(project.map_folder.glob("*.tif"))) as file:
        assert file.descriptions == ("probability", "observations")
        assert (file.nodata, file.dtypes, file.crs.to_epsg()) == (255, ("uint8", "uint8"), 3035)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"

    again = map_area(project)
    assert (again.figures["tiles_mapped"], again.figures["tiles_in_place"]) == (0, 4)
    after = plan(project).rates
    assert after is not None
    assert after.source == "the receipts of 4 tiles in place"


def test_mosaic_of_other_tiles_is_the_same_within_one_step(project: Project, tmp_path: Path) -> None:
    map_area(project)
    window = Window(COLUMN, ROW, 320, 320)
    probability, observations = read_probability(project, window)
    settings = SETTINGS.replace("tile_size = 320", "tile_size = 640")
    (tmp_path / "bocage.toml").write_text(settings, encoding="utf-8")
    one = Project.open(tmp_path)
    map_area(one)
    assert 0 < len(tiles(one)) < 4
    other, others = read_probability(one, window)
    np.testing.assert_array_equal(observations, others)
    assert np.abs(probability.astype(int) - other).max() <= 1


def test_bbox_limits_the_tiles(project: Project) -> None:
    corner = (LEFT + 10, TOP - 20, LEFT + 20, TOP - 10)
    assert map_area(project, bbox=corner).figures["tiles"] == 1
    assert len(tiles(project)) == 1
    assert map_area(project, bbox=Bounds(LEFT, TOP - 330, LEFT + 10, TOP)).figures["tiles_mapped"] == 1
    with pytest.raises(MappingError, match="no scene covers the area"):
        map_area(project, bbox=(0, 0, 10, 10))
    assert len(tiles(project)) == 2


def test_scene_truncated_after_cataloguing_is_reported_and_mended_later(project: Project) -> None:
    map_area(project)
    expected = tiles(project)
    for path in project.map_folder.iterdir():
        path.unlink()
    scene = project.folder / "scenes" / "two.tif"
    content = scene.read_bytes()
    scene.write_bytes(content[: len(content) // 2])
    outcome = map_area(project)
    (refusal,) = outcome.refused
    assert refusal.subject == "two"
    assert "mapped without it: E" in refusal.reason
    assert len(tiles(project)) == 4
    scene.write_bytes(content)
    mended = map_area(project)
    assert mended.refused == ()
    assert tiles(project) == expected


def test_scene_taken_out_of_the_catalogue_leaves_no_trace(project: Project) -> None:
    map_area(project)
    (project.folder / "scenes" / "one.tif").unlink()
    project.scenes_file.unlink()
    catalogue_scenes(project)
    outcome = map_area(project)
    assert outcome.figures["scenes"] == 1
    probability, observations = read_probability(project, Window(COLUMN, ROW, 320, 320))
    assert set(np.unique(observations)) == {0, 1}
    assert (probability[:, :90] == 255).all()


def test_area_without_valid_pixel_is_an_error(project: Project) -> None:
    for path in (project.folder / "scenes").glob("*.tif"):
        path.unlink()
    write_scene(project.folder / "scenes" / "void.tif", LEFT, TOP, 300, 310, seed=3, empty=True)
    project.scenes_file.unlink()
    catalogue_scenes(project)
    scene = project.folder / "scenes" / "void.tif"
    with rasterio.open(scene, "r+") as file:
        file.write(np.zeros((4, *file.shape), dtype=np.uint8))
    with pytest.raises(MappingError, match=r"holds no valid pixel of any scene \(void\)"):
        map_area(project)
    assert tiles(project) == {}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FakeSegmenter(bands=("red", "green", "blue")), "trained for the bands red, green, blue"),
        (FakeSegmenter(bands=("nir", "red", "green", "blue")), "trained for the bands nir, red, green, blue"),
        (FakeSegmenter(resolution=0.6), "trained at 0.6 m, and the grid has 2 m pixels"),
        (FakeSegmenter(stretch="minmax"), 'trained with the stretch "minmax", and scenes.stretch is "none"'),
    ],
)
def test_model_for_something_else_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, model: FakeSegmenter, message: str
) -> None:
    monkeypatch.setitem(vars(bocage.models), "load_model", lambda *_, **__: model)
    with pytest.raises(ModelError, match=message):
        map_area(project)
    assert not project.map_folder.exists()


def test_project_without_scenes_is_refused(project: Project) -> None:
    project.scenes_file.unlink()
    with pytest.raises(ProjectError, match="catalogue"):
        map_area(project)


def test_what_a_killed_run_left_is_swept(project: Project) -> None:
    project.map_folder.mkdir()
    (project.map_folder / ".E1N1.999999999.part.tif").write_bytes(b"half")
    map_area(project)
    assert not list(project.map_folder.glob(".*"))


def test_smaller_area_leaves_no_tile_outside(project: Project, tmp_path: Path) -> None:
    map_area(project)
    corner = map_area(project, bbox=(LEFT + 10, TOP - 20, LEFT + 20, TOP - 10))
    assert (corner.figures["tiles"], len(tiles(project))) == (1, 4), "the option bbox does not remove tiles"
    area = f"\n[area]\nbbox = [{LEFT + 10}, {TOP - 20}, {LEFT + 20}, {TOP - 10}]\n"
    (tmp_path / "bocage.toml").write_text(SETTINGS + area, encoding="utf-8")
    map_area(Project.open(tmp_path))
    assert len(tiles(project)) == len(list(project.map_folder.glob("*.json"))) == 1


def test_mosaic_of_two_models_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert map_area(project).figures["models_in_mosaic"] == ["f" * 64]
    assert not caplog.records
    monkeypatch.setitem(vars(bocage.models), "load_model", lambda *_, **__: FakeSegmenter(digest="e" * 64))
    outcome = map_area(project, bbox=(LEFT + 10, TOP - 20, LEFT + 20, TOP - 10))
    assert outcome.figures["models_in_mosaic"] == ["e" * 64, "f" * 64]
    assert "mixes tiles of 2 models: eeeeeeeeeeee in 1 tiles, ffffffffffff in 3 tiles" in caplog.text


def test_batch_size_and_workers_do_not_make_tiles_stale(project: Project, tmp_path: Path) -> None:
    map_area(project)
    settings = SETTINGS + 'batch_size = 3\nworkers = 2\nengine = "ray"\n'
    (tmp_path / "bocage.toml").write_text(settings, encoding="utf-8")
    assert plan(Project.open(tmp_path)).jobs == ()


def test_tile_that_fails_again_and_again_is_quarantined_in_every_place(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS + "tries = 2\n"
    (project.folder / "bocage.toml").write_text(settings, encoding="utf-8")
    project = Project.open(project.folder)
    tried: list[str] = []
    whole = Worker.run

    def fail(self: Worker, job: TileJob) -> TileSummary:
        tried.append(job.tile.id)
        if job.tile.id == bad:
            raise RuntimeError("a library gave up")
        return whole(self, job)

    bad = plan(project).jobs[2].tile.id
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "run", fail)
        receipt = run_stage(project, "map")
    (refusal,) = receipt.refused
    assert refusal.subject == bad
    assert "quarantined after 2 tries: its worker failed: RuntimeError: a library gave up" in refusal.reason
    assert receipt.figures["tiles_quarantined"] == [bad]
    assert (receipt.figures["tiles_mapped"], len(tiles(project)), tried.count(bad)) == (3, 3, 2)
    state = state_of(project, stage_named("map"))
    assert (state.state, state.reason) == ("stale", f"{bad} failed and will be tried again")

    again = run_stage(project, "map")
    assert again.refused == ()
    assert (again.figures["tiles_mapped"], again.figures["tiles_quarantined"]) == (1, [])
    assert state_of(project, stage_named("map")).state == "done"


def test_run_after_one_that_died_maps_in_a_process_of_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def make(name: str, workers: int, *, tries: int, limit: float | None, isolated: bool | None) -> Engine:
        asked.append((name, workers, tries, limit, isolated))
        return LocalEngine(isolated=False)

    monkeypatch.setattr("bocage.mapping.area.make_engine", make)
    project.receipts_folder.mkdir(exist_ok=True)
    mark = project.receipts_folder / "map.underway"
    mark.touch()
    map_area(project, bbox=(LEFT + 10, TOP - 20, LEFT + 20, TOP - 10))
    assert not mark.exists()
    map_area(project)
    assert asked == [("local", 0, 3, None, True), ("local", 0, 3, None, None)]


def test_run_is_compared_with_its_plan_and_examined(
    project: Project, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "bocage")
    figures = map_area(project).figures
    run = figures["plan"]
    assert (run["workers"], run["planned_chips"] >= run["chips"] > 0) == (1, True)
    assert min(run["ratio"], run["seconds"], run["planned_seconds"]) > 0
    assert run["bytes"] is None or run["bytes"] > 0
    assert "planned" in caplog.text
    report = read_report(project)
    assert report is not None
    assert report["run"] == run
    assert report["tiles"] == 4
    assert list(report["agreement"]["sensors"]) == ["GENERIC and GENERIC"]
    assert report["agreement"]["pairs_of_scenes"] == 1
    seen = np.count_nonzero(read_probability(project, Window(COLUMN, ROW, 320, 320))[1])
    assert sum(report["observations"]["pixels"][1:]) == seen
    # Nothing is mapped anew: the report stays, though one that is gone is made again.
    monkeypatch.setattr("bocage.mapping.account.examine", lambda *_: pytest.fail("examined again"))
    assert map_area(project).figures["plan"] == run
    monkeypatch.undo()


def test_the_start_of_a_run_is_what_comes_before_its_first_tile(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of the tile's own time was reading."""

    class Late(LocalEngine):
        def run(self, jobs: Sequence[TileJob], work: Work, segmenter: "Segmenter") -> Iterator[TileSummary | Refusal]:
            time.sleep(0.3)
            for result in super().run(jobs, work, segmenter):
                assert isinstance(result, TileSummary)
                yield replace(result, timings={**result.timings, "read": 9.0})

    monkeypatch.setattr("bocage.mapping.area.make_engine", lambda *_, **__: Late(1))
    started = time.perf_counter()
    run = map_area(project).figures["plan"]
    took = time.perf_counter() - started
    start = run["parts"]["start"]
    assert start["seconds"] - start["planned_seconds"] > 0.28
    assert sum(part["seconds"] for part in run["parts"].values()) == pytest.approx(run["seconds"], abs=0.01)
    assert run["seconds"] <= took


def test_tile_of_another_model_stands_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(FakeSegmenter):
        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            lifted: NDArray[np.float32] = np.clip(super().predict(images, valid) + np.float32(0.3), 0, 1)
            return lifted

    first = map_area(project).figures
    monkeypatch.setitem(vars(bocage.models), "load_model", lambda *_, **__: Other())
    # The same digest, as where weights were exchanged behind the program's back: nothing but the pixels can tell.
    names = sorted(path.stem for path in project.map_folder.glob("*.tif"))
    damaged = project.map_folder / f"{names[0]}.tif"
    damaged.unlink()
    second = map_area(project).figures
    assert (second["tiles_mapped"], second["tiles_standing_out"]) == (1, 1)
    assert second["worst_tile"].startswith(names[0])
    assert "border" in second["worst_tile"]
    assert first["tiles_standing_out"] == 0

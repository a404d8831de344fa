"""Reading the overlaps: which scenes are neighbours, what is read, and what the new stretches do on real dates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from bocage.errors import SceneError
from bocage.grid import Bounds, Grid, Window
from bocage.project import Project
from bocage.scenes import BANDS, catalogue_scenes, open_scene, reader, recognise
from bocage.scenes.harmonising import Harmonisation, harmonise, neighbours
from bocage.scenes.matching import MatchMethod
from bocage.scenes.reader import Patch, SceneReader
from bocage.scenes.scene import Scene
from bocage.scenes.stretch import apply_stretch
from bocage.simulation.patch import simulate_deliveries
from tests.scenes.made import GRID, scene_at
from tests.scenes.rasters import write_raster

CELL = 16.0
METHODS: tuple[MatchMethod, ...] = ("histogram", "invariant")
Numbers = Callable[[Window], tuple[NDArray[np.float64], NDArray[np.bool_]]]


@dataclass
class MadeReader:
    """Gives the pixels of a function, stretched as the scene says, within its footprint."""

    scene: Scene
    grid: Grid
    numbers: Numbers

    @property
    def scene_id(self) -> str:
        return self.scene.id

    @property
    def window(self) -> Window:
        return self.grid.window(Bounds(*self.scene.footprint.bounds))

    def read(self, window: Window) -> Patch:
        numbers, valid = self.numbers(window)
        if (inside := window.intersection(self.window)) is None:
            valid[:] = False
        else:
            outside = np.ones_like(valid)
            outside[inside.slices(window)] = False
            valid[outside] = False
        image = np.zeros((4, *window.shape), dtype=np.uint8)
        count = len(self.scene.stretch)
        image[:count] = apply_stretch(numbers[:count], valid, self.scene.stretch)
        return Patch(image, valid)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def country(window: Window) -> NDArray[np.float64]:
    """Ground that depends on the place alone: fields of 10 cells with a grain."""
    rows, columns = np.indices(window.shape)
    rows, columns = rows + window.row, columns + window.column
    bands = [np.sin(0.7 * k + columns // 10 * 1.3) + np.cos(k + rows // 10 * 2.1) for k in range(4)]
    grain = np.sin(columns * 12.9 + rows * 78.2)
    return np.stack([120 + 25 * band + 3 * grain for band in bands])


class Block:
    """Made scenes, each with its own gain and offset, that count how often they are opened."""

    def __init__(self, looks: dict[str, tuple[float, float]], broken: str = "") -> None:
        self.looks = looks
        self.broken = broken
        self.opened: list[str] = []

    def open(self, scene: Scene, grid: Grid) -> MadeReader:
        self.opened.append(scene.id)
        if scene.id == self.broken:
            raise SceneError(f"{scene.id} is damaged", "deliver it again")
        gain, offset = self.looks[scene.id]

        def numbers(window: Window) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
            return gain * (country(window) - 120) + 120 + offset, np.ones(window.shape, dtype=np.bool_)

        return MadeReader(scene, grid, numbers)


LOOKS = {"a": (1.0, 0.0), "b": (1.25, 20.0), "c": (0.8, -15.0), "far": (1.5, 30.0)}
PLACES = {"a": (0.0, 0.0), "b": (3000.0, 500.0), "c": (1000.0, -2500.0), "far": (90_000.0, 0.0)}


def block_scenes() -> list[Scene]:
    return [scene_at(name, *place) for name, place in PLACES.items()]


@pytest.mark.parametrize("method", METHODS)
def test_overlapping_scenes_become_alike_and_others_stay(method: MatchMethod) -> None:
    scenes = block_scenes()
    result = harmonise(scenes, GRID, method, Block(LOOKS).open)
    assert result.pairs == 3
    assert result.refused == ()
    assert result.before is not None
    assert result.after is not None
    assert result.before.overall > 10
    assert result.after.overall < 1.5
    assert result.stretches["far"] == scenes[3].stretch
    changed = [replace(scene, stretch=result.stretches[scene.id]) for scene in scenes]
    again = harmonise(changed, GRID, method, Block(LOOKS).open)
    assert again.before is not None
    assert again.before.overall < 2


def test_the_order_of_scenes_does_not_matter() -> None:
    one = harmonise(block_scenes(), GRID, "invariant", Block(LOOKS).open)
    other = harmonise(block_scenes()[::-1], GRID, "invariant", Block(LOOKS).open)
    assert one.stretches == other.stretches
    assert (one.before, one.after) == (other.before, other.after)


def test_a_scene_that_cannot_be_read_is_named_and_left_as_it_is() -> None:
    scenes = block_scenes()
    result = harmonise(scenes, GRID, "histogram", Block(LOOKS, broken="b").open)
    assert [(refusal.subject, refusal.mend) for refusal in result.refused] == [("b", "deliver it again")]
    assert result.pairs == 1
    assert result.stretches["b"] == scenes[1].stretch
    assert result.stretches["a"] != scenes[0].stretch


def test_no_scenes_and_one_scene_are_no_fault() -> None:
    block = Block(LOOKS)
    assert harmonise([], GRID, "histogram", block.open) == Harmonisation({}, None, None, 0, (), ())
    alone = harmonise(block_scenes()[:1], GRID, "histogram", block.open)
    assert alone.stretches == {"a": ((1.0, 255.0),) * 4}
    assert block.opened == []


def test_only_what_overlaps_is_read_and_each_block_once() -> None:
    """Blocks are 4096 m wide: the four scenes of this row lie in two of them."""
    names = ("p", "q", "r", "s")
    block = Block(dict.fromkeys(names, (1.0, 0.0)))
    harmonise([scene_at(name, 2000.0 + 10 * i, -50.0, 3900.0) for i, name in enumerate(names)], GRID, "histogram",
              block.open)  # fmt: skip
    assert sorted(block.opened) == sorted(names * 2)


def test_three_bands_are_harmonised_with_four() -> None:
    scenes = [scene_at("a", 0, 0), scene_at("b", 1000, 0, bands=3)]

    result = harmonise(scenes, GRID, "invariant", Block(LOOKS).open)
    assert len(result.stretches["b"]) == 3
    assert result.stretches["a"][3] == (1.0, 255.0)
    assert result.after is not None
    assert result.after.overall < 1.5


def test_neighbours_share_ground_and_are_few() -> None:
    coarse = Grid(GRID.crs, CELL)
    edge = [scene_at("a", 0, 0), scene_at("b", 4000 - CELL, 0)]
    assert neighbours(edge, coarse) == [("a", "b")]
    assert neighbours([scene_at("a", 0, 0), scene_at("b", 4000 - 0.3 * CELL, 0)], coarse) == []
    crowd = [scene_at(f"s{index:03}", index, 0) for index in range(90)]
    pairs = neighbours(crowd, coarse)
    most = max(sum(scene.id in pair for pair in pairs) for scene in crowd)
    assert 60 <= most <= 64
    assert sorted(pairs) == sorted(neighbours(crowd[::-1], coarse))


@pytest.mark.parametrize("method", METHODS)
def test_simulated_families_become_alike(tmp_path: Path, method: MatchMethod) -> None:
    """The same ground on the same day, by five families, three of them through haze."""
    made = simulate_deliveries(tmp_path / "clear", ("PHR", "WV2"), haze=0.1)
    made += simulate_deliveries(tmp_path / "hazy", ("SPOT", "KS3", "GEOSAT2"), haze=0.9, cloudy=True)
    scenes = [recognise(each.path, GRID) for each in made]
    result = harmonise(scenes, GRID, method, open_scene)
    assert (result.pairs, result.refused) == (10, ())
    assert result.before is not None
    assert result.after is not None
    assert all(after < before / 2 for before, after in zip(result.before.bands, result.after.bands, strict=True))
    changed = [replace(scene, stretch=result.stretches[scene.id]) for scene in scenes]
    again = harmonise(changed, GRID, method, open_scene).before
    assert again is not None
    assert again.overall <= result.before.overall / 2


def write_project(folder: Path, looks: dict[str, tuple[float, float, int]]) -> Project:
    """Scenes of the same ground, each with its gain, offset and number of bands, that are to be brought in line."""
    (folder / "scenes").mkdir()
    (folder / "bocage.toml").write_text("[scenes]\nstretch = 'minmax'\nharmonise = 'histogram'\n")
    ground = np.random.default_rng(9).integers(300, 1300, (4, 16, 16)).repeat(32, 1).repeat(32, 2)
    # The same extremes in all: their stretches are the same, and the ground between them differs.
    ground[:, :8, :8], ground[:, :8, 8:16] = 1, 6000
    for name, (gain, offset, bands) in looks.items():
        pixels = np.where(np.isin(ground, (1, 6000)), ground, gain * ground + offset)[:bands].astype(np.uint16)
        write_raster(folder / "scenes" / f"{name}.tif", pixels, names=BANDS[:bands])
    return Project.open(folder)


def test_a_scene_without_near_infrared_is_brought_in_line_from_its_file(tmp_path: Path) -> None:
    project = write_project(tmp_path, {"a": (1.0, 0.0, 4), "rgb": (1.3, 200.0, 3)})
    outcome = catalogue_scenes(project)
    assert outcome.refused == ()
    assert outcome.figures["overlaps"] == 1
    assert outcome.figures["difference_after"] < outcome.figures["difference_before"] / 2
    assert "at_bound" not in outcome.figures


def test_a_scene_that_could_not_be_read_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_project(tmp_path, {"a": (1.0, 0.0, 4), "b": (1.2, 100.0, 4), "c": (0.9, 50.0, 4)})

    def broken(scene: Scene, grid: Grid, **options: Any) -> SceneReader:
        if scene.id == "b":
            raise SceneError("b: the store did not answer", "try again")
        return open_scene(scene, grid, **options)

    monkeypatch.setattr(reader, "open_scene", broken)
    outcome = catalogue_scenes(project)
    assert [refusal.subject for refusal in outcome.refused] == ["b"]
    assert outcome.figures["overlaps"] == 1
    monkeypatch.undo()
    outcome = catalogue_scenes(project)
    assert outcome.refused == ()
    assert outcome.figures["overlaps"] == 3
    # Now nothing is left to do.
    assert "overlaps" not in catalogue_scenes(project).figures


def test_scenes_that_meet_a_bound_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = write_project(tmp_path, {"a": (1.0, 0.0, 4), "b": (1.0, 10.0, 4), "c": (1.0, 4000.0, 4)})
    assert catalogue_scenes(project).figures["at_bound"] == ["c"]
    assert "harmonising changed c as far as it may" in caplog.text


@pytest.mark.real
@pytest.mark.parametrize("method", METHODS)
def test_six_real_dates_differ_less_on_pixels_that_were_not_fitted(data_folder: Path, method: MatchMethod) -> None:
    """Dates of 2009 to 2020 on one place of farmland, of which most has changed between any two."""
    grid = Grid("EPSG:26914", 5.0)
    paths = sorted((data_folder / "dakota").glob("*.tif"))
    scenes = [recognise(path, grid, bands=("red", "green", "blue", "nir")) for path in paths]
    result = harmonise(scenes, grid, method, open_scene)
    assert result.pairs == 15
    assert result.refused == ()
    assert result.before is not None
    assert result.after is not None
    assert result.after.overall < 0.8 * result.before.overall
    assert all(after <= before + 0.5 for before, after in zip(result.before.bands, result.after.bands, strict=True))
    # What was foretold is what a reader gives under the new stretches.
    changed = [replace(scene, stretch=result.stretches[scene.id]) for scene in scenes]
    again = harmonise(changed, grid, method, open_scene).before
    assert again is not None
    assert again.overall == pytest.approx(result.after.overall, abs=1)

"""Tiles on trial tell the rates of this machine where no tile is mapped, and leave nothing behind."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from bocage.grid import Bounds, Tiling
from bocage.mapping.inventory import Inventory
from bocage.mapping.planning import Plan, TileJob, make_plan
from bocage.mapping.receipt import TileSummary
from bocage.mapping.trial import SOURCE, trial_rates
from bocage.mapping.worker import Work, Worker
from bocage.scenes import Catalogue, open_scene
from bocage.scenes.scene import Scene
from tests.mapping.fakes import GRID, FakeSegmenter, fake_scene, fake_work


@dataclass
class Broken(FakeSegmenter):
    """Fits no tile, though a batch goes through it."""

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        return np.full_like(super().predict(images, valid), np.nan)


def real(scene: Scene, crs: str, pixel: float, dtype: str) -> Scene:
    """The scene with an image as a delivery has it; there is no file of it."""
    left, top = (4e6, 3e6) if crs == GRID.crs else (3e5, 5.6e6)
    image = replace(scene.image, crs=crs, dtype=dtype, transform=Affine(pixel, 0, left, 0, -pixel, top))
    return replace(scene, image=image, gsd=pixel, stretch=((100.0, 3000.0 if dtype != "uint8" else 255.0),) * 4)


def planned(folder: Path, crs: str = GRID.crs, pixel: float = 2.0, dtype: str = "uint8") -> tuple[Plan, Work]:
    """A plan of four tiles from one scene that nobody can open."""
    ground = Bounds(4_000_000, 2_999_000, 4_001_000, 3_000_000)
    scene = real(replace(fake_scene("a", GRID.window(ground)), size=4_000_000), crs, pixel, dtype)
    work = replace(fake_work(folder / "map"), open=open_scene)
    tiling = Tiling(GRID, 500.0)
    return make_plan(Catalogue((scene,)), tiling, work.recipe, Inventory.open(work.storage), area=ground), work


@pytest.mark.parametrize(
    ("crs", "pixel", "dtype"), [(GRID.crs, 2.0, "uint8"), ("EPSG:32632", 0.7, "uint16"), ("EPSG:32632", 4.0, "float32")]
)
def test_rates_are_measured_without_opening_a_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crs: str, pixel: float, dtype: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "trials"))
    (tmp_path / "trials").mkdir()
    plan, work = planned(tmp_path, crs, pixel, dtype)
    rates = trial_rates(plan, FakeSegmenter(), work)
    assert rates.source == SOURCE
    assert min(rates.chips_per_second, rates.efficiency) > 0
    assert min(rates.tile_seconds, rates.scene_seconds, rates.border_seconds) >= 0
    assert rates.border_seconds > 0
    found = replace(plan, rates=rates).estimate()
    assert found is not None
    assert found.mapping > 0
    assert not list((tmp_path / "trials").iterdir())
    assert not (tmp_path / "map").exists()


class Lagging(Worker):
    """Is so slow in writing the first tile of the wide scene that two others overtake it."""

    overtaken = Event()

    def run(self, job: TileJob) -> TileSummary:
        summary = super().run(job)
        if summary.id == "trial-2":
            assert self.overtaken.wait(60)
        if summary.id == "trial-4":
            self.overtaken.set()
        return summary


def test_a_tile_that_is_overtaken_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nothing would tell what reading takes."""
    monkeypatch.setattr("bocage.mapping.trial.Worker", Lagging)
    monkeypatch.setattr("bocage.mapping.trial._ENOUGH", 0.0)
    plan, work = planned(tmp_path)
    assert trial_rates(plan, FakeSegmenter(), work).source == SOURCE
    assert Lagging.overtaken.is_set()


def test_tiles_that_cannot_be_mapped_leave_the_bare_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plan, work = planned(tmp_path)
    rates = trial_rates(plan, Broken(), work)
    assert rates.source.startswith("the bare model")
    assert "not finite" in caplog.text

"""Scenes that bring trouble to whoever reads a certain window: death, errors, a hang, a disk that takes no more."""

from __future__ import annotations

import os
import resource
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Grid, Window
from bocage.mapping.planning import TileJob
from bocage.mapping.worker import Work
from bocage.scenes.reader import Patch
from bocage.scenes.scene import Scene
from tests.mapping.fakes import FakeReader, FakeSegmenter, open_fake

ALWAYS = 10**6


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    time.sleep(1000)


def run_out_of_memory() -> None:
    raise MemoryError("8 GB for an array")


def fill_the_disk() -> None:
    """Let this process write no byte more: as on a full disk, the error comes with the writing."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@dataclass
class TroubledReader(FakeReader):
    """A scene that calls ``trouble`` before it reads the pixel at the middle of the window."""

    middle: tuple[int, int] = (0, 0)
    trouble: Callable[[], None] = die

    def read(self, window: Window) -> Patch:
        column, row = self.middle
        if window.column <= column < window.right and window.row <= row < window.bottom:
            self.trouble()
        return super().read(window)


@dataclass(frozen=True)
class Trouble:
    """Opens scenes that bring trouble, ``times`` times over all processes; it is counted in files."""

    middle: tuple[int, int]
    counted: Path
    what: Callable[[], None]
    times: int

    def __call__(self, scene: Scene, grid: Grid) -> FakeReader:
        whole = open_fake(scene, grid)
        return TroubledReader(whole.scene_id, whole.window, middle=self.middle, trouble=self.bring)

    def bring(self) -> None:
        self.counted.mkdir(exist_ok=True)
        if len(list(self.counted.iterdir())) < self.times:
            (self.counted / uuid.uuid4().hex).touch()
            self.what()


def troubled(work: Work, job: TileJob, counted: Path, what: Callable[[], None], times: int = ALWAYS) -> Work:
    """Return work that meets trouble in the middle of one tile, where no chip of another tile reads."""
    window = job.tile.window
    middle = (window.column + window.width // 2, window.row + window.height // 2)
    return replace(work, open=Trouble(middle, counted, what, times))


class NotFinite(FakeSegmenter):
    """A model that has diverged."""

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        return super().predict(images, valid) * np.float32(np.nan)


def load_not_finite() -> FakeSegmenter:
    return NotFinite()

"""A small model with a real receptive field, and scenes that are functions of the lattice pixel.

The model pads with zeros at the edge of a chip, as a network does, so that neighbouring chips disagree near their edges
and a mistake in lattice or weights shows.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from scipy.ndimage import uniform_filter

from bocage.grid import Bounds, Grid, Window
from bocage.mapping.lattice import Lattice
from bocage.mapping.receipt import Recipe
from bocage.mapping.tile import SceneSource, TileSettings
from bocage.mapping.worker import Work
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.reader import Patch
from bocage.scenes.scene import Scene
from bocage.scenes.stretch import Method
from bocage.storage import FolderStorage, Storage

GRID = Grid("EPSG:3035", 2.0)
BANDS = ("red", "green", "blue", "nir")


@dataclass
class FakeSegmenter:
    """A mean filter over 9 pixels of a band difference, through a logistic: smooth, local, deterministic."""

    bands: tuple[str, ...] = BANDS
    resolution: float = 2.0
    digest: str = "f" * 64
    multiple: int = 4
    at_once: int = 1
    stretch: Method = "none"
    percentiles: tuple[float, float] = (0.005, 0.995)
    runtime: str = "scipy"
    pause: float = 0.0
    chips: int = field(default=0, compare=False)

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        time.sleep(self.pause)
        self.chips += len(images)
        value = (images[:, 3].astype(np.float32) - images[:, 0]) / 128
        mean = uniform_filter(value, size=(0, 9, 9), mode="constant")
        probability: NDArray[np.float32] = (1 / (1 + np.exp(-8 * mean))).astype(np.float32)
        # What the model says of a pixel without data must never matter.
        probability[~valid] = 1.0
        return probability


@dataclass
class FakeReader:
    """A scene whose value and validity are functions of the global pixel."""

    scene_id: str
    window: Window
    holes: bool = True
    fails_at_row: int | None = None
    closed: bool = False
    reads: list[Window] = field(default_factory=list)

    def read(self, window: Window) -> Patch:
        assert not self.closed
        assert window.intersection(self.window) == window
        if self.fails_at_row is not None and window.bottom > self.fails_at_row:
            raise RasterioIOError(f"{self.scene_id}: TIFFReadEncodedTile() failed")
        self.reads.append(window)
        valid = self.valid(window)
        seed = zlib.crc32(self.scene_id.encode()) % 1000
        rows = np.arange(window.row, window.bottom)[:, None]
        columns = np.arange(window.column, window.right)[None, :]
        image = np.stack(
            [(1 + (rows * (7 + band) + columns * (13 - band) + (rows // 9) * (columns // 7) * 31 + seed) % 255)
             for band in range(4)]
        ).astype(np.uint8)  # fmt: skip
        image[:, ~valid] = 0
        return Patch(image, valid)

    def valid(self, window: Window) -> NDArray[np.bool_]:
        """An irregular footprint: a slanted edge and round holes."""
        rows = np.arange(window.row, window.bottom)[:, None]
        columns = np.arange(window.column, window.right)[None, :]
        slant = columns - self.window.column >= (rows - self.window.row) // 5
        if not self.holes:
            return np.broadcast_to(slant, window.shape).copy()
        hole: NDArray[np.bool_] = ((rows % 61 - 30) ** 2 + (columns % 83 - 40) ** 2) < 15**2
        return slant & ~hole

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fake_scene(name: str, window: Window, folder: Path = Path("scenes")) -> Scene:
    """A catalogued scene over a window of the lattice."""
    return Scene(
        id=name,
        image=Image(
            parts=(Part(str(folder / f"{name}.tif"), 0, 0, *window.shape, (1, 2, 3, 4)),),
            shape=window.shape,
            count=4,
            dtype="uint8",
            nodata=0,
            crs="EPSG:3035",
            transform=Affine.identity(),
        ),
        sensor="GENERIC",
        bands=BANDS,
        gsd=2.0,
        acquired=None,
        stretch=((0.0, 255.0),) * 4,
        footprint=GRID.bounds(window).polygon(),
        digest=name,
    )


def open_fake(scene: Scene, grid: Grid) -> FakeReader:
    """Open a fake scene; a file ``<id>.broken`` beside it makes it fail in its last rows."""
    window = grid.window(Bounds(*scene.footprint.bounds))
    broken = Path(scene.href).with_suffix(".broken").exists()
    return FakeReader(scene.id, window, fails_at_row=window.bottom - 20 if broken else None)


def load_fake() -> FakeSegmenter:
    return FakeSegmenter()


def load_slow() -> FakeSegmenter:
    return FakeSegmenter(pause=0.02)


def sources(readers: Sequence[FakeReader]) -> list[SceneSource]:
    """Sources that open fresh readers, as a real scene does."""

    def opener(reader: FakeReader) -> FakeReader:
        return FakeReader(reader.scene_id, reader.window, reader.holes, reader.fails_at_row)

    return [SceneSource(reader.scene_id, lambda reader=reader: opener(reader)) for reader in readers]  # type: ignore[misc]


def tile_settings(chip: int = 64, overlap: float = 0.25, batch_size: int = 4) -> TileSettings:
    return TileSettings(Lattice.of(chip, overlap, 4), batch_size)


def fake_recipe(chip: int = 64, overlap: float = 0.25) -> Recipe:
    return Recipe(GRID, Lattice.of(chip, overlap, 4), "fake", "f" * 64)


def fake_work(place: Path | Storage, *, slow: bool = False) -> Work:
    storage = FolderStorage(place) if isinstance(place, Path) else place
    return Work(fake_recipe(), storage, 4, load_slow if slow else load_fake, open_fake)

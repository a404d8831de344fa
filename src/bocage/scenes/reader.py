"""Reading scenes onto the lattice: any sensor, CRS and pixel size becomes 8-bit red, green, blue, nir.

The law of this file: what a pixel of the lattice holds depends on the scene and on that pixel alone, never on the
window that was asked for. It holds by construction. Resampling is done in blocks that are fixed to the lattice and
cut only by the edge of the scene; a window is cut out of the blocks that it touches.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import rasterio
import rasterio.features
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from bocage.errors import SceneError
from bocage.grid import Bounds, Grid, Window
from bocage.scenes.bands import band_indexes
from bocage.scenes.clouds import read_clouds
from bocage.scenes.recognition import recognise
from bocage.scenes.resampling import Placement, read_block
from bocage.scenes.scene import Scene
from bocage.scenes.stretch import Method, apply_stretch

# Blocks that a reader keeps: enough for the row of blocks under chips that overlap.
_KEPT_PIXELS = 16 * 512 * 512


@dataclass(frozen=True, slots=True)
class Patch:
    """The pixels of a lattice window.

    Attributes
    ----------
    image
        (4, rows, columns) red, green, blue, nir, stretched to 1 to 255; 0 where invalid.
    valid
        (rows, columns) true where the scene was seen.
    """

    image: NDArray[np.uint8]
    valid: NDArray[np.bool_]


class SceneReader(Protocol):
    """Reads windows of one scene."""

    @property
    def scene_id(self) -> str:
        """The scene's id."""

    @property
    def window(self) -> Window:
        """The lattice pixels that the scene's footprint touches; beyond them nothing is valid."""

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window, which may reach beyond the scene."""

    def close(self) -> None:
        """Close the files."""

    def __enter__(self) -> Self:
        """Return the reader itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""


class RasterReader:
    """Reads a raster file; may be used from several threads at once, each of which gets its own file handle.

    A reader does not travel to another process: send the scene and open it there.
    """

    def __init__(self, scene: Scene, grid: Grid) -> None:
        self._scene = scene
        self._grid = grid
        self._placement = Placement.of(scene, grid)
        self._window = grid.window(Bounds(*scene.footprint.bounds))
        self._indexes = band_indexes(scene.bands)
        self._clouds = read_clouds(scene.clouds, grid.crs) if scene.clouds else None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._handles: list[rasterio.DatasetReader] = []
        self._blocks: OrderedDict[tuple[int, int], Patch] = OrderedDict()
        self._closed = False
        self._handle()

    @property
    def scene_id(self) -> str:
        """The scene's id."""
        return self._scene.id

    @property
    def window(self) -> Window:
        """The lattice pixels that the scene's footprint touches; beyond them nothing is valid."""
        return self._window

    @property
    def resampled(self) -> bool:
        """Whether pixels are interpolated or averaged; False where the scene lies on the lattice already."""
        return not self._placement.aligned

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window, which may reach beyond the scene.

        Raises
        ------
        SceneError
            If the file cannot be read, or the reader is closed.
        """
        image = np.zeros((4, *window.shape), dtype=np.uint8)
        valid = np.zeros(window.shape, dtype=np.bool_)
        inside = window.intersection(self._window)
        if inside is not None and self._placement.aligned and self._clouds is None:
            self._place(self._make(inside), inside, window, image, valid)
        elif inside is not None:
            edge = self._placement.block
            for row in range(inside.row // edge, (inside.bottom - 1) // edge + 1):
                for column in range(inside.column // edge, (inside.right - 1) // edge + 1):
                    block = Window(column * edge, row * edge, edge, edge).intersection(self._window)
                    part = inside.intersection(block) if block is not None else None
                    assert block is not None
                    assert part is not None
                    patch = self._block(block)
                    rows, columns = part.slices(block)
                    cut = Patch(patch.image[:, rows, columns], patch.valid[rows, columns])
                    self._place(cut, part, window, image, valid)
        return Patch(image, valid)

    def close(self) -> None:
        """Close the file handles of all threads."""
        with self._lock:
            self._closed = True
            for handle in self._handles:
                handle.close()
            self._handles.clear()
            self._blocks.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _place(patch: Patch, part: Window, window: Window, image: NDArray[np.uint8], valid: NDArray[np.bool_]) -> None:
        rows, columns = part.slices(window)
        image[:, rows, columns] = patch.image
        valid[rows, columns] = patch.valid

    def _block(self, block: Window) -> Patch:
        key = (block.column, block.row)
        with self._lock:
            kept = self._blocks.get(key)
            if kept is not None:
                self._blocks.move_to_end(key)
                return kept
        patch = self._make(block)
        with self._lock:
            if not self._closed:
                self._blocks[key] = patch
                while len(self._blocks) * self._placement.block**2 > _KEPT_PIXELS:
                    self._blocks.popitem(last=False)
        return patch

    def _make(self, window: Window) -> Patch:
        path = self._scene.path
        try:
            numbers, valid = read_block(self._handle(), self._placement, self._indexes, window)
        except RasterioError as error:
            raise SceneError(
                f"{path} cannot be read: {error.__cause__ or error}", "deliver the file again and catalogue it anew"
            ) from error
        if self._clouds is not None and valid.any():
            area = self._clouds.intersection(self._grid.bounds(window).polygon())
            if not area.is_empty:
                valid &= rasterio.features.geometry_mask(
                    [area], window.shape, self._grid.transform(window), all_touched=True
                )
        return Patch(apply_stretch(numbers, valid, self._scene.stretch), valid)

    def _handle(self) -> rasterio.DatasetReader:
        handle: rasterio.DatasetReader | None = getattr(self._local, "handle", None)
        if self._closed:
            raise SceneError(f"the reader of {self._scene.path} is closed", "open the scene again")
        if handle is None:
            try:
                handle = rasterio.open(self._scene.path)
            except RasterioError as error:
                raise SceneError(
                    f"{self._scene.path} cannot be opened: {error}", "deliver the file again and catalogue it anew"
                ) from error
            if handle.shape != self._scene.shape:
                handle.close()
                raise SceneError(
                    f"{self._scene.path} has changed since it was catalogued", "run the stage scenes again"
                )
            self._local.handle = handle
            with self._lock:
                self._handles.append(handle)
        return handle


def open_scene(scene: Scene, grid: Grid) -> SceneReader:
    """Open a catalogued scene for reading onto the lattice.

    Pixels are taken as they are where scene and lattice coincide, averaged over the valid source pixels where the
    lattice is coarser, and interpolated bilinearly between valid source pixels where it is as fine or finer.

    Raises
    ------
    SceneError
        If the file is missing, has changed or its cloud mask cannot be read.
    """
    return RasterReader(scene, grid)


def open_raster(
    path: Path | str,
    *,
    grid: Grid,
    bands: Sequence[str] | None = None,
    stretch: Method = "percentile",
    percentiles: tuple[float, float] = (0.005, 0.995),
) -> SceneReader:
    """Recognise a raster that is in no catalogue and open it for reading onto ``grid``.

    Raises
    ------
    SceneError
        As :func:`bocage.scenes.recognise` does.
    """
    scene = recognise(Path(path), grid, bands=bands, stretch=stretch, percentiles=percentiles)
    return open_scene(scene, grid)

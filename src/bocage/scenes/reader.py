"""Reading scenes onto the lattice: any sensor, CRS and pixel size becomes 8-bit red, green, blue, nir.

The law of this file: what a pixel of the lattice holds depends on the scene and on that pixel alone, never on the
window that was asked for. It holds by construction. Resampling is done in blocks that are fixed to the lattice and
cut only by the edge of the scene; a window is cut out of the blocks that it touches. Whether an overview is read is
decided once, for the scene.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeGuard

import numpy as np
import rasterio
from numpy.typing import NDArray

from bocage.errors import SceneError
from bocage.grid import Bounds, Grid, Window
from bocage.scenes.bands import BANDS, band_indexes
from bocage.scenes.cover import Cover
from bocage.scenes.deliveries.header import RASTER_ERRORS
from bocage.scenes.levels import Level, find_level
from bocage.scenes.recognition import Rules, recognise
from bocage.scenes.resampling import Placement, read_block
from bocage.scenes.scene import Scene
from bocage.scenes.stretch import Method, apply_stretch

# Blocks that a reader keeps: enough for the row of blocks under chips that overlap.
_KEPT_PIXELS = 16 * 512 * 512
_REDELIVER = "deliver the file again and catalogue it anew"


@dataclass(frozen=True, slots=True)
class Patch:
    """The pixels of a lattice window.

    Attributes
    ----------
    image
        (4, rows, columns) red, green, blue, nir, stretched to 1 to 255; 0 where invalid. The nir of a scene without
        one is 0 everywhere.
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
    """Reads the image of a scene; may be used from several threads at once, each of which gets its own handle.

    A reader does not travel to another process: send the scene and open it there.
    """

    def __init__(self, scene: Scene, grid: Grid, *, overviews: bool = True, threads: int = 1) -> None:
        self._scene = scene
        self._threads = threads
        self._window = grid.window(Bounds(*scene.footprint.bounds))
        self._indexes = band_indexes(scene.bands)
        self._level = self._find_level(grid, overviews=overviews)
        self._placement = Placement.of(scene, grid, self._level.shape)
        self._clouds = Cover(scene.clouds, grid) if scene.clouds is not None else None
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
    def has_nir(self) -> bool:
        """Whether the scene has a near infrared band; without one its plane is 0."""
        return self._scene.has_nir

    @property
    def resampled(self) -> bool:
        """Whether pixels are interpolated or averaged; False where what is read lies on the lattice already."""
        return not self._placement.aligned

    @property
    def reduction(self) -> float:
        """How many of the scene's pixels one pixel that is read spans: above 1 where an overview is read."""
        return self._scene.shape[1] / self._level.shape[1]

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window, which may reach beyond the scene.

        Raises
        ------
        SceneError
            If the file cannot be read, or the reader is closed.
        """
        inside = window.intersection(self._window)
        if inside == window and self._placement.aligned:
            return self._make(window)
        image = np.zeros((len(BANDS), *window.shape), dtype=np.uint8)
        valid = np.zeros(window.shape, dtype=np.bool_)
        for block, part in self._pieces(inside):
            patch = self._make(block) if self._placement.aligned else self._block(block)
            source, target = part.slices(block), part.slices(window)
            image[:, *target] = patch.image[:, *source]
            valid[target] = patch.valid[source]
        return Patch(image, valid)

    def read_reflectance(self, window: Window) -> NDArray[np.float32]:
        """Return reflectance at the top of the atmosphere of a window, which may reach beyond the scene.

        It comes from the same pixels in the same way as :meth:`read`: numbers are mixed first and calibrated then.

        Returns
        -------
        ndarray
            (4, rows, columns) float32 red, green, blue, nir; 1 is a white diffuser. NaN where invalid, and for a nir
            that the scene does not have.

        Raises
        ------
        SceneError
            If the scene has no calibration, the file cannot be read, or the reader is closed.
        """
        calibration = self._scene.calibration
        if calibration is None:
            raise SceneError(
                f"{self._scene.href} cannot be read as reflectance: its metadata do not calibrate it",
                "deliver it with its metadata",
            )
        result = np.full((len(BANDS), *window.shape), np.nan, dtype=np.float32)
        for block, part in self._pieces(window.intersection(self._window)):
            numbers, valid = self._numbers(block)
            values = calibration.reflectance(numbers)
            values[:, ~valid] = np.nan
            result[: len(values), *part.slices(window)] = values[:, *part.slices(block)]
        return result

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

    def _pieces(self, inside: Window | None) -> Iterator[tuple[Window, Window]]:
        """Yield what is made at a time, and which part of it belongs to a window within the scene."""
        if inside is None:
            return
        if self._placement.aligned:
            yield inside, inside
            return
        edge = self._placement.block
        for row in range(inside.row // edge, (inside.bottom - 1) // edge + 1):
            for column in range(inside.column // edge, (inside.right - 1) // edge + 1):
                block = Window(column * edge, row * edge, edge, edge).intersection(self._window)
                part = inside.intersection(block) if block is not None else None
                assert block is not None
                assert part is not None
                yield block, part

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
        numbers, valid = self._numbers(window)
        # Bytes are stretched where they are: fetching fresh memory takes as long as stretching.
        image = apply_stretch(numbers, valid, self._scene.stretch, numbers if _is_bytes(numbers) else None)
        if len(image) < len(BANDS):
            image = np.concatenate([image, np.zeros((1, *window.shape), dtype=np.uint8)])
        return Patch(image, valid)

    def _numbers(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        saturation = self._scene.saturation if self._scene.mask_saturated else None
        try:
            numbers, valid = read_block(self._handle(), self._placement, self._indexes, window, saturation)
        except RASTER_ERRORS as error:
            raise SceneError(f"{self._scene.href} cannot be read: {error.__cause__ or error}", _REDELIVER) from error
        if self._clouds is not None:
            self._clouds.hide(valid, window)
        return numbers, valid

    def _find_level(self, grid: Grid, *, overviews: bool) -> Level:
        try:
            return find_level(self._scene, grid, self._indexes, overviews=overviews)
        except RASTER_ERRORS as error:
            raise self._cannot_open(error) from error

    def _handle(self) -> rasterio.DatasetReader:
        handle: rasterio.DatasetReader | None = getattr(self._local, "handle", None)
        if self._closed:
            raise SceneError(f"the reader of {self._scene.href} is closed", "open the scene again")
        if handle is None:
            try:
                handle = self._level.open(self._threads)
            except RASTER_ERRORS as error:
                raise self._cannot_open(error) from error
            if handle.shape != self._level.shape:
                handle.close()
                raise SceneError(
                    f"{self._scene.href} has changed since it was catalogued", "run the stage scenes again"
                )
            self._local.handle = handle
            with self._lock:
                self._handles.append(handle)
        return handle

    def _cannot_open(self, error: Exception) -> SceneError:
        return SceneError(f"{self._scene.href} cannot be opened: {error.__cause__ or error}", _REDELIVER)


def _is_bytes(numbers: NDArray[np.generic]) -> TypeGuard[NDArray[np.uint8]]:
    return numbers.dtype == np.uint8 and numbers.flags.c_contiguous


def open_scene(
    scene: Scene, grid: Grid, *, allow_missing_nir: bool = False, overviews: bool = True, threads: int = 1
) -> RasterReader:
    """Open a catalogued scene for reading onto the lattice.

    Pixels are taken as they are where scene and lattice coincide, averaged over the valid source pixels where the
    lattice is coarser, and interpolated bilinearly between valid source pixels where it is as fine or finer.

    Parameters
    ----------
    allow_missing_nir
        Open a scene without near infrared too, whose nir is then 0: to look at, never for a model.
    overviews
        Where the lattice is at least twice as coarse as the scene, average the overview that is still as fine as the
        lattice instead of the pixels themselves. False reads the pixels: overviews that were made by taking the
        nearest pixel are noisier than an average.
    threads
        Threads that decode the blocks of one window. Several threads may read besides, each with its own handle.

    Raises
    ------
    SceneError
        If the scene has no near infrared band, or a file is missing or has changed.
    """
    if not scene.has_nir and not allow_missing_nir:
        raise SceneError(
            f"{scene.href} has no near infrared band, which the model needs",
            "deliver the product with its near infrared band, or take it out of scenes.paths",
        )
    return RasterReader(scene, grid, overviews=overviews, threads=threads)


def open_raster(
    path: Path | str,
    *,
    grid: Grid,
    bands: Sequence[str] | None = None,
    stretch: Method = "percentile",
    percentiles: tuple[float, float] = (0.005, 0.995),
    allow_missing_nir: bool = False,
) -> RasterReader:
    """Recognise a raster that is in no catalogue and open it for reading onto ``grid``.

    Raises
    ------
    SceneError
        As :func:`bocage.scenes.recognise` and :func:`open_scene` do.
    """
    scene = recognise(path, grid, bands=bands, rules=Rules(stretch, percentiles))
    return open_scene(scene, grid, allow_missing_nir=allow_missing_nir)

"""Reading a reference layer, one file or thousands of tiles, onto windows of the lattice.

Each file is warped on one fixed extent that is snapped to the lattice, with exact coordinates, so that the value of a
lattice pixel does not depend on which window asked for it. Validity travels beside the values as a third state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform, transform_bounds

from bocage.errors import LayerError
from bocage.files import digest_file
from bocage.grid import Bounds, Grid, Window
from bocage.project import Project
from bocage.reference.codes import TABLES, CodeTable
from bocage.settings import LayerKind, LayerSettings

_CONTINUOUS: tuple[LayerKind, ...] = ("canopy_height",)
# A value that no integer layer holds: it marks pixels outside a file that declares no nodata of its own.
_ABSENT = -2_000_000_000
# In source pixels. rasterio 1.5.2 cannot make a warped dataset with a tolerance of 0, and 1e-6 is 4 times slower.
_TOLERANCE = 1e-3
# In lattice pixels: within the tolerance GDAL approximates coordinates over all that it is asked for, so a mean may
# differ in the third decimal from window to window. Asking for whole blocks makes it a function of the pixel again.
_BLOCK = 512
# In lattice pixels: the centre of a 2 m pixel can lie on the edge between two 5 m pixels, where rounding would choose.
_NUDGE = 1e-3
# In bytes. Reading a larger file only to know whether it changed would take longer than the tiles that depend on it.
_READ_WHOLE = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Reading:
    """A layer on a lattice window.

    Attributes
    ----------
    values
        (rows, columns); codes or per cent as int32, metres as float32; without meaning where ``valid`` is false.
    valid
        (rows, columns), true where the layer says something.
    """

    values: NDArray[np.generic]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LayerFile:
    """One raster of a layer: where it lies on the lattice and what identifies its content."""

    path: Path
    window: Window
    gsd: float

    @property
    def stamp(self) -> str:
        """What identifies the content: name, size and digest, so that a copy that lost its times is the same layer.

        A file of more than 256 MiB is told by its time of change instead.

        Raises
        ------
        LayerError
            If the file cannot be read.
        """
        try:
            status = self.path.stat()
            size, modified = status.st_size, status.st_mtime_ns
            content = str(modified) if size > _READ_WHOLE else _content(self.path, size, modified)
        except OSError as error:
            raise LayerError(f"{self.path} cannot be read: {error}", "copy or download the file again") from error
        return f"{self.path.name}:{size}:{content}"


@dataclass(frozen=True, slots=True)
class Layer:
    """A registered reference layer: its settings and its files.

    Attributes
    ----------
    gsd
        The coarsest pixel among its files, in metres on the lattice.
    """

    settings: LayerSettings
    grid: Grid
    files: tuple[LayerFile, ...]

    @property
    def kind(self) -> LayerKind:
        """What the values are."""
        return self.settings.kind

    @property
    def table(self) -> CodeTable:
        """The codes of the kind."""
        return TABLES[self.kind]

    @property
    def gsd(self) -> float:
        """The coarsest pixel among the files, in metres on the lattice."""
        return max(file.gsd for file in self.files)

    @property
    def name(self) -> str:
        """The layer in words: its kind and where its files lie."""
        return f"{self.kind} layer {', '.join(self.settings.paths)}"

    def files_in(self, window: Window) -> list[LayerFile]:
        """Return the files that share a pixel with the window, in a fixed order."""
        return [file for file in self.files if file.window.intersection(window) is not None]

    def require(self, window: Window) -> None:
        """Check that the layer says something about an area.

        Raises
        ------
        LayerError
            If none of its files touches the window.
        """
        if not self.files_in(window):
            extent = [self.grid.bounds(file.window).as_tuple() for file in self.files[:3]]
            raise LayerError(
                f"{self.name} covers nothing of the area {self.grid.bounds(window).as_tuple()}; it lies at {extent}",
                "register the tiles of this area, or remove the layer from bocage.toml",
            )

    def read(self, grid: Grid, window: Window) -> Reading:
        """Return the values and the validity on a lattice window.

        Codes are taken from the nearest pixel; canopy height is averaged where its pixels are smaller than the
        lattice's and interpolated where they are larger. Where files overlap the first one that is valid counts.

        Raises
        ------
        LayerError
            If a file cannot be read, or holds values that the table of its kind lacks.
        """
        continuous = self.kind in _CONTINUOUS
        values: NDArray[np.generic] = np.zeros(window.shape, np.float32 if continuous else np.int32)
        valid = np.zeros(window.shape, np.bool_)
        for file in self.files_in(window):
            shared = file.window.intersection(window)
            assert shared is not None
            part, known = self._read_file(file, grid, shared)
            target = shared.slices(window)
            fresh = known & ~valid[target]
            values[target][fresh] = part[fresh]
            valid[target] |= fresh
        return Reading(values, valid)

    def _read_file(self, file: LayerFile, grid: Grid, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        continuous = self.kind in _CONTINUOUS
        try:
            with rasterio.open(file.path) as source, self._warped(source, grid, file) as vrt:
                values = _read_in_blocks(vrt, window, file.window) if continuous else _read(vrt, window, file.window)
                declared = source.nodata
        except RasterioError as error:
            raise LayerError(f"{file.path} cannot be read: {error}", "copy or download the file again") from error
        if continuous:
            known = np.isfinite(values) & ~np.isin(values, self.table.nodata)
        else:
            known = values != _ABSENT
            unknown = self.table.unknown(values[known])
            self._refuse(unknown, file)
            known &= ~np.isin(values, self.table.nodata)
            if not self.table.codes and declared is not None:
                known &= values != declared
            return values, known
        self._refuse(self.table.unknown(values), file)
        return values, known

    def _refuse(self, unknown: list[float], file: LayerFile) -> None:
        if unknown:
            shown = ", ".join(f"{value:g}" for value in unknown[:8]) + (" ..." if len(unknown) > 8 else "")
            raise LayerError(
                f"{file.path} holds values that a {self.kind} layer does not have: {shown} ({self.table.source})",
                "check that `kind` in bocage.toml is right for this file",
            )

    def _warped(self, source: rasterio.DatasetReader, grid: Grid, file: LayerFile) -> WarpedVRT:
        continuous = self.kind in _CONTINUOUS
        integer = np.issubdtype(np.dtype(source.dtypes[0]), np.integer)
        if continuous:
            absent: float = self.table.nodata[0] if integer else (math.nan if source.nodata is None else source.nodata)
            resampling = Resampling.average if file.gsd < grid.resolution else Resampling.bilinear
            nudge = 0.0
        else:
            absent, resampling, nudge = _ABSENT, Resampling.nearest, _NUDGE
        return WarpedVRT(
            source,
            crs=grid.crs,
            transform=grid.transform(file.window) @ Affine.translation(nudge, nudge),
            width=file.window.width,
            height=file.window.height,
            resampling=resampling,
            src_nodata=absent,
            nodata=math.nan if continuous else _ABSENT,
            dtype="float32" if continuous else "int32",
            tolerance=_TOLERANCE,
            UNIFIED_SRC_NODATA="YES",
        )


def open_layer(settings: LayerSettings, project: Project) -> Layer:
    """Find the files of a layer and where they lie on the lattice.

    Raises
    ------
    LayerError
        If a path names no file, or a file cannot be opened, has no coordinate reference system or more than the
        values of one layer.
    """
    files = tuple(_inspect(path, project.grid, settings.kind) for path in _found(settings, project))
    return Layer(settings, project.grid, files)


def label_of(layer: Layer, grid: Grid, window: Window) -> NDArray[np.uint8]:
    """Return a layer of kind "classes" as 1 tree, 0 other, 255 ignored or unknown, on a lattice window.

    Raises
    ------
    LayerError
        If the layer is of another kind, or cannot be read.
    """
    if layer.kind != "classes":
        raise LayerError(
            f"{layer.name} holds no classes and is no complete truth",
            'use a layer of kind "classes" with tree = [codes]',
        )
    return classes_to_label(layer.read(grid, window), layer.settings)


def classes_to_label(reading: Reading, settings: LayerSettings) -> NDArray[np.uint8]:
    """Return 1 where the code is one of ``tree``, 255 where it is one of ``ignore`` or unknown, 0 elsewhere."""
    label = np.isin(reading.values, settings.tree).astype(np.uint8)
    label[~reading.valid | np.isin(reading.values, settings.ignore)] = 255
    return label


def _read(vrt: WarpedVRT, window: Window, extent: Window) -> NDArray[Any]:
    rows, columns = window.slices(extent)
    values: NDArray[Any] = vrt.read(1, window=((rows.start, rows.stop), (columns.start, columns.stop)))
    return values


def _read_in_blocks(vrt: WarpedVRT, window: Window, extent: Window) -> NDArray[Any]:
    values = np.empty(window.shape, vrt.dtypes[0])
    for row in range(window.row // _BLOCK * _BLOCK, window.bottom, _BLOCK):
        for column in range(window.column // _BLOCK * _BLOCK, window.right, _BLOCK):
            block = Window(column, row, _BLOCK, _BLOCK).intersection(extent)
            shared = None if block is None else block.intersection(window)
            if block is not None and shared is not None:
                values[shared.slices(window)] = _read(vrt, block, extent)[shared.slices(block)]
    return values


def _found(settings: LayerSettings, project: Project) -> Iterator[Path]:
    for pattern in settings.paths:
        paths = [path for path in project.paths(pattern) if path.is_file()]
        if not paths:
            raise LayerError(
                f"no file is at {pattern!r}, which a layer of kind {settings.kind} names, in [[reference.layers]] or "
                "[accuracy.reference]",
                "mend the path; a relative one starts at the project folder",
            )
        yield from paths


def _inspect(path: Path, grid: Grid, kind: LayerKind) -> LayerFile:
    try:
        with rasterio.open(path) as file:
            if file.crs is None:
                raise LayerError(f"{path} has no coordinate reference system", "assign one with gdal_edit -a_srs")
            if file.count != 1:
                raise LayerError(
                    f"{path} holds {file.count} bands, a {kind} layer has one", "extract the band with gdal_translate"
                )
            target = CRS.from_user_input(grid.crs)
            if file.crs == target:
                bounds, gsd = file.bounds, max(abs(file.transform.a), abs(file.transform.e))
            else:
                bounds = transform_bounds(file.crs, target, *file.bounds, densify_pts=51)
                gsd = calculate_default_transform(file.crs, target, file.width, file.height, *file.bounds)[0].a
    except RasterioError as error:
        raise LayerError(f"{path} cannot be opened: {error}", "copy or download the file again") from error
    return LayerFile(path, grid.window(Bounds(*bounds)), float(gsd))


@cache
def _content(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 - a file that changed is read again
    return digest_file(path)

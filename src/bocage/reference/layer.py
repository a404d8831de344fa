"""Reading a reference layer, one file or thousands of tiles, onto windows of the lattice.

Each file is warped on one fixed extent that is snapped to the lattice, with exact coordinates, so that the value of a
lattice pixel does not depend on which window asked for it. Validity travels beside the values as a third state.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import CRSError, RasterioError
from rasterio.vrt import WarpedVRT

from bocage.errors import LayerError, SceneError
from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.reference.checks import check_archives, check_footprint, check_pixels, lies_in
from bocage.reference.claims import check_name, common_year
from bocage.reference.codes import CodeTable, table_of
from bocage.reference.extents import Extents
from bocage.reference.file import LayerFile, note_hidden
from bocage.reference.headers import Header, inspect_raster, open_raster, read_headers
from bocage.reference.polygons import NOTHING, burn_polygons, inspect_polygons
from bocage.reference.sources import Source, Touches, find_sources
from bocage.reference.unimaged import without_zeros
from bocage.scenes.deliveries.locations import gdal_name
from bocage.settings import LayerKind, LayerSettings

_CONTINUOUS: tuple[LayerKind, ...] = ("canopy_height",)
# A value that no layer of codes holds: it marks pixels outside a file that declares no nodata of its own.
_ABSENT = NOTHING
# In source pixels. rasterio 1.5.2 cannot make a warped dataset with a tolerance of 0, and 1e-6 is 4 times slower.
_TOLERANCE = 1e-3
# In lattice pixels: within the tolerance GDAL approximates coordinates over all that it is asked for, so a mean may
# differ in the third decimal from window to window. Asking for whole blocks makes it a function of the pixel again.
_BLOCK = 512
# In lattice pixels: the centre of a 2 m pixel can lie on the edge between two 5 m pixels, where rounding would choose.
_NUDGE = 1e-3
# Half of a pixel, but for the rounding of two means in single precision.
_COVERED = 0.5 - 1e-3
# In metres: the lattice pixels of the edges of labels and features that lie beyond the area.
_BEYOND = 1000.0


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
class Layer:
    """A registered reference layer: its settings and its files.

    Attributes
    ----------
    settings
        As registered; where they give no year, with the one that the names of the files state.
    gsd
        The coarsest pixel among the files, in metres on the lattice.
    """

    settings: LayerSettings
    grid: Grid
    files: tuple[LayerFile, ...]
    gsd: float = field(init=False)
    _extents: Extents = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Both are asked for with every window.
        object.__setattr__(self, "gsd", max(file.gsd for file in self.files))
        object.__setattr__(self, "_extents", Extents([file.window for file in self.files]))

    @property
    def kind(self) -> LayerKind:
        """What the values are."""
        return self.settings.kind

    @property
    def year(self) -> int | None:
        """The reference year, as far as it is known."""
        return self.settings.year

    @property
    def table(self) -> CodeTable:
        """The codes of the kind, in its year and release."""
        return table_of(self.settings)

    @property
    def name(self) -> str:
        """The layer in words: its kind and where its files lie."""
        return f"{self.kind} layer {', '.join(self.settings.paths)}"

    def files_in(self, window: Window) -> list[LayerFile]:
        """Return the files that share a pixel with the window, in a fixed order."""
        return [self.files[place] for place in self._extents.touching(window)]

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
        In canopy height v2 a 0 is unknown, since the ground is either bare or was never imaged: it enters no mean, and
        a pixel is known where heights cover half of what is under it or more.

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
            read = self._read_heights if continuous else self._read_codes
            part, known = read(file, grid, shared)
            target = shared.slices(window)
            fresh = known & ~valid[target]
            values[target][fresh] = part[fresh]
            valid[target] |= fresh
        return Reading(values, valid)

    def _read_heights(self, file: LayerFile, grid: Grid, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        values, _ = self._warp(file, grid, window)
        known = np.isfinite(values) & ~np.isin(values, self.table.nodata)
        self._refuse(self.table.unknown(values), file)
        if self.settings.release == "v2":
            # With the zeros in it the mean is lower by the share that they cover.
            with_zeros, (values, _) = values, self._warp(file, grid, window, zeros=False)
            known &= np.isfinite(values) & (values > 0)
            known[known] = with_zeros[known] >= _COVERED * values[known]
        return values, known

    def _read_codes(self, file: LayerFile, grid: Grid, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        table = self.table
        if file.source.vector:
            values, declared = burn_polygons(file.source, file.window, self.settings, grid, window), None
        else:
            values, declared = self._warp(file, grid, window)
        known = np.isfinite(values) & (values != _ABSENT)
        # What a table lists is what the table says, whatever the file declares.
        listed = table.codes or {*self.settings.tree, *self.settings.ignore}
        if declared is not None and declared not in listed:
            known &= values != declared
        self._refuse(table.unknown(values[known]), file)
        known &= ~np.isin(values, table.nodata)
        return np.where(known, values, 0).astype(np.int32), known

    def _refuse(self, unknown: list[float], file: LayerFile) -> None:
        if unknown:
            shown = ", ".join(f"{value:g}" for value in unknown[:8]) + (" ..." if len(unknown) > 8 else "")
            of_year = f" of {self.year}" if self.year is not None else ""
            raise LayerError(
                f"{file.name} holds values that a {self.kind} layer{of_year} does not have: {shown} "
                f"({self.table.source})",
                "check that `kind` and `year` in bocage.toml are right for this file, or complete its table of codes",
            )

    def _warp(
        self, file: LayerFile, grid: Grid, window: Window, *, zeros: bool = True
    ) -> tuple[NDArray[Any], float | None]:
        """Return the values of a raster on a window, NaN or ``_ABSENT`` outside it, and the nodata that it declares."""
        continuous = self.kind in _CONTINUOUS
        try:
            with ExitStack() as stack:
                source = stack.enter_context(open_raster(file.source.href))
                if not zeros:
                    absent = self._absent(source)
                    source = stack.enter_context(without_zeros(source, gdal_name(file.source.href), absent))
                vrt = stack.enter_context(self._warped(source, grid, file))
                values = _read_in_blocks(vrt, window, file.window) if continuous else _read(vrt, window, file.window)
                return values, source.nodata
        except (RasterioError, CRSError) as error:
            raise LayerError(f"{file.name} cannot be read: {error}", "copy or download the file again") from error
        except SceneError as error:
            raise LayerError(error.problem, error.mend) from error

    def _absent(self, source: rasterio.DatasetReader) -> float:
        """Return what marks a missing height in a raster.

        A declared value that could be a height is none: deliveries that declare 0 occur, and there 0 is bare ground.
        """
        assert self.table.limits is not None
        declared, highest = source.nodata, self.table.limits[1]
        if declared is not None and not 0 <= declared <= highest:
            return float(declared)
        whole = np.issubdtype(np.dtype(source.dtypes[0]), np.integer)
        return float(self.table.nodata[0]) if whole else math.nan

    def _warped(self, source: rasterio.DatasetReader, grid: Grid, file: LayerFile) -> WarpedVRT:
        continuous = self.kind in _CONTINUOUS
        kind = np.dtype(source.dtypes[0])
        if continuous:
            absent = self._absent(source)
            resampling = Resampling.average if file.gsd < grid.resolution else Resampling.bilinear
            nudge, dtype = 0.0, "float32"
        else:
            absent, resampling, nudge = _ABSENT, Resampling.nearest, _NUDGE
            dtype = "int32" if np.can_cast(kind, np.int32) else "float64"
        return WarpedVRT(
            source,
            crs=grid.crs,
            transform=grid.transform(file.window) @ Affine.translation(nudge, nudge),
            width=file.window.width,
            height=file.window.height,
            resampling=resampling,
            src_nodata=absent,
            nodata=math.nan if continuous else _ABSENT,
            dtype=dtype,
            tolerance=_TOLERANCE,
            UNIFIED_SRC_NODATA="YES",
        )


def open_layer(settings: LayerSettings, project: Project, grid: Grid | None = None) -> Layer:
    """Find the files of a layer and where they lie on a lattice: that of the project, or a coarser one.

    Headers of many files are remembered in the project, and files that the settings do not name are noted there; tiles
    that an index places outside ``area.bbox`` are left out.

    Raises
    ------
    LayerError
        If a path names no file, the name of a file is that of another product or year, or a file cannot be opened, has
        no coordinate reference system, other pixels than its kind or more than the values of one layer.
    """
    sources = find_sources(settings, project, _near(project))
    for source in sources:
        check_name(source.name, settings)
    year = common_year([source.name for source in sources], settings)

    def inspect(source: Source, grid: Grid) -> Header:
        if source.vector and settings.kind in _CONTINUOUS:
            raise LayerError(f"{source.href} holds polygons, a {settings.kind} layer is a raster", "name its rasters")
        header = inspect_polygons(source, grid, settings) if source.vector else inspect_raster(source, grid)
        check_footprint(source, header, grid)
        return header

    lattice = grid or project.grid
    headers = read_headers(sources, project, lattice, inspect)
    files = tuple(LayerFile(source, header.window, header.gsd) for source, header in zip(sources, headers, strict=True))
    layer = Layer(settings.model_copy(update={"year": year}), lattice, files)
    check_pixels(layer.files, layer.table)
    check_archives(layer.files)
    note_hidden(sources, settings, project)
    return layer


def _near(project: Project) -> Touches:
    """Return the test whether a footprint lies in the area of the project, or in the tiles that the area touches."""
    grid, area = project.grid, project.bounds
    margin = project.settings.grid.tile_size + _BEYOND
    return lambda footprint: area is None or lies_in(footprint, grid, area.as_tuple(), margin)


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

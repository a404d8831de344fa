"""One block of a raster onto the lattice, with validity decided before any value is mixed.

GDAL does the geometry and the averaging; here the pixels that were not seen become NaN first, so that they carry no
weight in an average or an interpolation, whatever way the file marks them: nodata, NaN, alpha or mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.warp import reproject
from rasterio.windows import Window as PixelWindow

from bocage.grid import Grid, Window
from bocage.scenes.footprint import transformer
from bocage.scenes.scene import Scene
from bocage.scenes.survey import valid_pixels

# Pixel edges that agree within this share of a pixel coincide.
_ALIGNED = 0.01
# A block of the lattice is at most this wide, and its source at most about this wide.
_BLOCK = 512
_SOURCE = 1024
# Largest error, in source pixels, of the transformation between the CRS.
_TOLERANCE = 0.01
# Source pixels around a block that interpolation may touch.
_MARGIN = 4
# Points per side of a block that locate its source.
_POINTS = 9


@dataclass(frozen=True, slots=True)
class Placement:
    """How a scene lies on the lattice.

    Attributes
    ----------
    grid, crs, transform, shape
        The lattice; the CRS, transform and (rows, columns) of the raster.
    aligned
        Whether every pixel of the raster is a pixel of the lattice.
    block
        Edge in pixels of the lattice blocks that are resampled at a time: a power of two.
    method
        Average where the lattice is coarser than the raster, else bilinear.

    The raster may be an overview of the scene; transform and shape are those of the overview then.
    """

    grid: Grid
    crs: str
    transform: Affine
    shape: tuple[int, int]
    aligned: bool
    block: int
    method: Resampling

    @classmethod
    def of(cls, scene: Scene, grid: Grid, shape: tuple[int, int] | None = None) -> Placement:
        """Return how a scene, or the overview of it that has that shape, lies on the lattice."""
        rows, columns = shape = shape or scene.shape
        down, across = scene.shape[0] / rows, scene.shape[1] / columns
        transform = scene.transform @ Affine.scale(across, down)
        ratio = grid.resolution / (scene.gsd * math.sqrt(down * across))
        block = 2 ** math.floor(math.log2(max(8.0, min(_BLOCK, _SOURCE / ratio))))
        coarser = ratio > 1 + _ALIGNED
        return cls(
            grid,
            scene.crs,
            transform,
            shape,
            _is_aligned(scene.crs, transform, shape, grid),
            block,
            Resampling.average if coarser else Resampling.bilinear,
        )

    def source(self, window: Window) -> PixelWindow | None:
        """Return the pixels of the raster that a lattice window needs, or None if it needs none."""
        if self.aligned:
            column = window.column - round(self.transform.c / self.grid.resolution)
            row = window.row + round(self.transform.f / self.grid.resolution)
            return _clip(column, row, column + window.width, row + window.height, self.shape)
        bounds = self.grid.bounds(window)
        x, y = np.meshgrid(
            np.linspace(bounds.left, bounds.right, _POINTS), np.linspace(bounds.bottom, bounds.top, _POINTS)
        )
        if self.crs != self.grid.crs:
            x, y = transformer(self.grid.crs, self.crs).transform(x.ravel(), y.ravel())
        inverse = ~self.transform
        columns = inverse.a * x + inverse.b * y + inverse.c
        rows = inverse.d * x + inverse.e * y + inverse.f
        if not (np.isfinite(columns).all() and np.isfinite(rows).all()):
            return None
        # Between the points a curved edge may bulge by a small share of the block's width.
        margin = _MARGIN + math.ceil(0.01 * max(np.ptp(columns), np.ptp(rows)))
        return _clip(
            math.floor(columns.min()) - margin,
            math.floor(rows.min()) - margin,
            math.ceil(columns.max()) + margin,
            math.ceil(rows.max()) + margin,
            self.shape,
        )


def _clip(left: int, top: int, right: int, bottom: int, shape: tuple[int, int]) -> PixelWindow | None:
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, shape[1]), min(bottom, shape[0])
    return PixelWindow(left, top, right - left, bottom - top) if right > left and bottom > top else None


def _is_aligned(crs: str, transform: Affine, shape: tuple[int, int], grid: Grid) -> bool:
    size = grid.resolution
    if transform.b != 0 or transform.d != 0 or transform.a <= 0 or transform.e >= 0:
        return False
    if crs != grid.crs and CRS.from_user_input(crs) != CRS.from_user_input(grid.crs):
        return False
    drift = max(abs(transform.a - size) * shape[1], abs(-transform.e - size) * shape[0]) / size
    shift = max(abs(edge / size - round(edge / size)) for edge in (transform.c, transform.f))
    return drift + shift < _ALIGNED


def read_block(
    file: rasterio.DatasetReader,
    placement: Placement,
    indexes: Sequence[int],
    window: Window,
    saturation: float | None = None,
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return digital numbers and validity of a lattice window.

    A pixel is valid where it was seen in any band; see :func:`bocage.scenes.survey.valid_pixels`.

    Parameters
    ----------
    file
        The open raster, or the overview of it that ``placement`` is of.
    placement
        How it lies on the lattice.
    indexes
        Numbers of the bands to read.
    window
        The lattice pixels to return.
    saturation
        A pixel with this number or a higher one in any band is invalid. None keeps all.

    Returns
    -------
    tuple
        (bands, rows, columns) numbers in the file's type or float32, and (rows, columns) validity.

    Raises
    ------
    rasterio.errors.RasterioError
        If a block of the file cannot be decoded.
    """
    source = placement.source(window)
    if source is None:
        return np.zeros((len(indexes), *window.shape), dtype=np.uint8), np.zeros(window.shape, dtype=np.bool_)
    numbers = file.read(list(indexes), window=source)
    valid = _seen(file, numbers, source, indexes)
    if saturation is not None:
        # As a whole number where the band has them: a comparison with a float would turn the band into floats.
        limit = math.ceil(saturation) if numbers.dtype.kind in "ui" else saturation
        valid &= (numbers < limit).all(axis=0)
    if placement.aligned:
        return _pad(numbers, valid, placement, source, window)
    return _warp(numbers, valid, placement, source, window)


def _seen(
    file: rasterio.DatasetReader, numbers: NDArray[np.generic], source: PixelWindow, indexes: Sequence[int]
) -> NDArray[np.bool_]:
    """Return the valid pixels; a window without any gap costs one look at its first band."""
    nodata = file.nodata
    whole = nodata is not None and math.isfinite(nodata) and nodata == int(nodata)
    if whole and numbers.dtype.kind in "ui" and marked_by_value(file, indexes):
        # A comparison with a float would turn the band into floats.
        value = int(nodata)
        gap = numbers[0] == value
        if gap.any():
            for band in numbers[1:]:
                gap &= band == value
        clear: NDArray[np.bool_] = ~gap
        return clear
    return valid_pixels(file, numbers, source, indexes)


def marked_by_value(file: rasterio.DatasetReader, indexes: Sequence[int]) -> bool:
    """Say whether nothing but a nodata value can hide a pixel of these bands: no mask, no alpha band."""
    alpha = (index for index, colour in enumerate(file.colorinterp, start=1) if colour == ColorInterp.alpha)
    flags = file.mask_flag_enums[indexes[0] - 1]
    return flags in ([MaskFlags.nodata], [MaskFlags.all_valid]) and not set(alpha) - set(indexes)


def _pad(
    numbers: NDArray[np.generic],
    valid: NDArray[np.bool_],
    placement: Placement,
    source: PixelWindow,
    window: Window,
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    if valid.shape == window.shape:
        return numbers, valid
    column = round(placement.transform.c / placement.grid.resolution) + source.col_off
    row = source.row_off - round(placement.transform.f / placement.grid.resolution)
    rows, columns = Window(column, row, source.width, source.height).slices(window)
    padded = np.zeros((len(numbers), *window.shape), dtype=numbers.dtype)
    seen = np.zeros(window.shape, dtype=np.bool_)
    padded[:, rows, columns], seen[rows, columns] = numbers, valid
    return padded, seen


def _warp(
    numbers: NDArray[np.generic],
    valid: NDArray[np.bool_],
    placement: Placement,
    source: PixelWindow,
    window: Window,
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    result = np.full((len(numbers), *window.shape), np.nan, dtype=np.float32)
    if not valid.any():
        return result, np.zeros(window.shape, dtype=np.bool_)
    seen = numbers.astype(np.float32)
    whole = bool(valid.all())
    seen[:, ~valid] = np.nan
    reproject(
        seen,
        result,
        src_transform=placement.transform @ Affine.translation(source.col_off, source.row_off),
        src_crs=placement.crs,
        # Without any hole GDAL can skip its masks, which doubles its speed.
        src_nodata=None if whole else np.nan,
        dst_transform=placement.grid.transform(window),
        dst_crs=placement.grid.crs,
        dst_nodata=None if whole else np.nan,
        init_dest_nodata=not whole,
        resampling=placement.method,
        tolerance=_TOLERANCE,
        num_threads=1,
        # The width of the kernel must not follow from the size of the block.
        XSCALE="1",
        YSCALE="1",
    )
    found = np.isfinite(result).all(axis=0)
    result[:, ~found] = 0
    return result, found

"""Layers of polygons, such as urban areas, environmental zones and the vectors of small woody features, on the lattice.

A pixel has the code of the polygon that holds its centre; of polygons that overlap the first of the file counts. Ground
without a polygon is unknown, unless ``background`` in the settings says what it is within the extent of the file.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyogrio
import pyogrio.errors
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.warp import transform_bounds

from bocage.errors import GridError, LayerError, SceneError
from bocage.grid import Bounds, Grid, Window
from bocage.reference.codes import ZONES
from bocage.reference.headers import Header
from bocage.reference.sources import Source
from bocage.reference.tiles import columns_of, content_of
from bocage.scenes.deliveries.locations import gdal_name
from bocage.settings import LayerSettings

NOTHING = -2_000_000_000
"""The value of ground without a polygon; no layer has such a code."""
# In lattice pixels: GDAL's burning works in coordinates relative to its window, and whole blocks make its rounding a
# function of the pixel.
_BLOCK = 512
# The vectors of small woody features are as fine as the 5 m rasters beside them.
_WOODY_PIXEL = 5.0
_CODES = re.compile(r"code(_20\d\d)?|value")
_AREAS = {"Polygon", "MultiPolygon", "Polygon Z", "MultiPolygon Z", "Unknown"}


def inspect_polygons(source: Source, grid: Grid, settings: LayerSettings) -> Header:
    """Read the header of a vector file.

    Raises
    ------
    LayerError
        If it cannot be read, holds no polygons, lacks a coordinate reference system or the column of codes.
    """
    try:
        crs, bounds, kinds = _outline(source)
        _require_polygons(source, crs, bounds, kinds)
        _column(source, settings)
        projected = transform_bounds(CRS.from_user_input(crs), CRS.from_user_input(grid.crs), *bounds, densify_pts=51)
        window = grid.window(Bounds(*projected))
    except LayerError:
        raise
    except (SceneError, GridError) as error:
        raise LayerError(f"{source.href} cannot be opened: {error.problem}", error.mend) from error
    except _TROUBLE as error:
        raise LayerError(f"{source.href} cannot be opened: {_first_line(error)}", _AGAIN) from error
    return Header(window, _WOODY_PIXEL if settings.kind == "small_woody_features" else grid.resolution)


def _outline(source: Source) -> tuple[Any, tuple[float, ...], set[str]]:
    if source.href.lower().endswith(".parquet"):
        shapes = _parquet(source.href, source.version)
        return shapes.crs, tuple(shapes.total_bounds), set(shapes.geom_type.dropna())
    info = pyogrio.read_info(gdal_name(source.href), force_total_bounds=True)
    return info["crs"], tuple(info["total_bounds"] or ()), {str(info["geometry_type"])}


def _require_polygons(source: Source, crs: Any, bounds: tuple[float, ...], kinds: set[str]) -> None:
    if not kinds or not kinds <= _AREAS:
        found = ", ".join(sorted(kinds)) or "nothing"
        raise LayerError(
            f"{source.href} holds {found}, and a layer is made of polygons", "buffer lines and points to polygons"
        )
    if crs is None:
        raise LayerError(f"{source.href} has no coordinate reference system", "save the layer with one")
    if not bounds or not all(math.isfinite(value) for value in bounds):
        raise LayerError(f"{source.href} holds no polygons", "remove it from bocage.toml")


def burn_polygons(
    source: Source, extent: Window, settings: LayerSettings, grid: Grid, window: Window
) -> NDArray[np.int32]:
    """Return (rows, columns) the codes on a lattice window, ``NOTHING`` where no polygon lies.

    Raises
    ------
    LayerError
        If the file cannot be read, or polygons of the window are invalid or have no whole number as code.
    """
    blocks = [block for block in _blocks(window) if block.intersection(extent) is not None]
    values = np.full(window.shape, NOTHING, np.int32)
    if not blocks:
        return values
    region = blocks[0].union(blocks[-1])
    shapes, codes = _read(source, settings, grid, region)
    corners = np.array([shape.bounds for shape in shapes], np.float64).reshape(-1, 4)
    for block in blocks:
        shared = block.intersection(window)
        assert shared is not None
        left, bottom, right, top = grid.bounds(block).as_tuple()
        near = np.flatnonzero(
            (corners[:, 0] <= right) & (corners[:, 2] >= left) & (corners[:, 1] <= top) & (corners[:, 3] >= bottom)
        )
        if near.size == 0:
            continue
        # What is burnt last stays, and the first of the file counts.
        burnt = rasterize(
            [(shapes[index], codes[index]) for index in reversed(near.tolist())],
            out_shape=block.shape,
            fill=NOTHING,
            transform=grid.transform(block),
            dtype="int32",
        )
        values[shared.slices(window)] = burnt[shared.slices(block)]
    if settings.background is not None:
        inside = window.intersection(extent)
        if inside is not None:
            part = values[inside.slices(window)]
            part[part == NOTHING] = settings.background
    return values


_TROUBLE = (
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, pa.ArrowException,
    OSError, ProjError, CRSError, CPLE_BaseError, ValueError,
)  # fmt: skip
_AGAIN = "copy or download the file again"


def _read(source: Source, settings: LayerSettings, grid: Grid, region: Window) -> tuple[list[Any], list[int]]:
    column = _column(source, settings)
    try:
        if source.href.lower().endswith(".parquet"):
            table = _parquet(source.href, source.version)
        else:
            name = gdal_name(source.href)
            own = CRS.from_user_input(pyogrio.read_info(name)["crs"])
            around = grid.bounds(region.pad(2)).as_tuple()
            bbox = transform_bounds(CRS.from_user_input(grid.crs), own, *around, densify_pts=51)
            table = pyogrio.read_dataframe(name, columns=[] if column is None else [column], bbox=bbox)
        table = table.to_crs(grid.crs)
    except _TROUBLE as error:
        raise LayerError(f"{source.href} cannot be read: {_first_line(error)}", _AGAIN) from error
    table = table[~(table.geometry.isna() | table.geometry.is_empty)]
    invalid = int((~table.geometry.is_valid).sum())
    if invalid:
        raise LayerError(
            f"{source.href} has {invalid} invalid polygons", "mend them, for instance with Fix geometries in QGIS"
        )
    texts = ["1"] * len(table) if column is None else list(table[column])
    return list(table.geometry), [_code(text, source) for text in texts]


def _code(text: object, source: Source) -> int:
    if str(text) in ZONES:
        return ZONES[str(text)]
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not number.is_integer() or abs(number) > 2**31 - 1:
        raise LayerError(
            f"{source.href} has a polygon with the code {text!r}, which is no whole number or zone",
            "name the column of codes with column = in bocage.toml",
        )
    return int(number)


def _column(source: Source, settings: LayerSettings) -> str | None:
    columns = columns_of(source.href)
    if settings.column is not None:
        if settings.column not in columns:
            raise LayerError(
                f"{source.href} has no column {settings.column!r}; it has {', '.join(columns)}",
                "mend column in bocage.toml",
            )
        return settings.column
    found = next((column for column in columns if _CODES.fullmatch(column.lower())), None)
    if found is None and settings.kind != "urban":
        raise LayerError(
            f"{source.href} has no column of codes (code, code_2021, value); it has {', '.join(columns)}",
            "name the column of codes with column = in bocage.toml",
        )
    return found


@lru_cache(maxsize=4)
def _parquet(href: str, version: str) -> Any:  # noqa: ARG001 - a file that changed is read again
    return geopandas.read_parquet(content_of(href))


def _blocks(window: Window) -> list[Window]:
    return [
        Window(column, row, _BLOCK, _BLOCK)
        for row in range(window.row // _BLOCK * _BLOCK, window.bottom, _BLOCK)
        for column in range(window.column // _BLOCK * _BLOCK, window.right, _BLOCK)
    ]


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]

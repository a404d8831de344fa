"""The codes of a layer in each cell: of a raster, or of polygons with a column "code".

Each cell is looked at in 8 x 8 points: zones and towns are far larger than a cell. Rasters are read block by block in
the CRS of the grid; a cell that lies in one polygon only needs no points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio.errors
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as RasterWindow

from bocage.errors import SampleError
from bocage.grid import Grid

LOOKS = 8
# Cells per edge of a block that is read at once: 1024 x 1024 points.
_BLOCK = 128
# A layer with more codes in one block is a measurement, not a map of zones.
_MOST_CODES = 256
_RASTERS = {".tif", ".tiff", ".vrt", ".img"}

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CellCodes:
    """What a layer says of each cell.

    Attributes
    ----------
    names
        The codes that occur as text, in alphabetical order.
    most
        (cells,) index into ``names`` of the code of most of the cell, -1 where the layer says nothing. Of codes with
        equal parts the first in alphabetical order counts.
    occupied
        (cells,) share of the cell with a code other than 0, 0 to 1.
    """

    names: tuple[str, ...]
    most: Ints
    occupied: Floats


def read_codes(path: Path, grid: Grid, size: float, places: Ints) -> CellCodes:
    """Return the codes of a layer in cells of ``size`` metres.

    Parameters
    ----------
    places
        (cells, 2) east and north of each cell; its lower left corner is (east x size, north x size).

    Raises
    ------
    SampleError
        If the layer is missing, cannot be read, is no map of codes, has invalid polygons or covers none of the cells.
    """
    if not path.is_file():
        raise SampleError(f"{path} is not there", "mend samples.zones or samples.urban in bocage.toml")
    read = _read_raster if path.suffix.lower() in _RASTERS else _read_polygons
    codes = read(path, grid, size, places)
    if not codes.names:
        raise SampleError(
            f"{path} says nothing about any of the {len(places)} cells of the frame",
            "check that the layer covers the scenes and that its coordinate reference system is right",
        )
    return codes


def _summary(path: Path, values: Floats) -> tuple[Floats, Floats]:
    """Return the commonest value of each row, NaN where there is none, and the share of values other than 0."""
    found = np.unique(values[~np.isnan(values)])
    if len(found) > _MOST_CODES:
        raise SampleError(
            f"{path} holds {len(found)} values in one part of it: it is no map of codes",
            "give a layer with one code per zone",
        )
    found = np.array(sorted(found, key=_name), np.float64)
    most = np.full(len(values), np.nan)
    if len(found):
        counts = np.stack([(values == code).sum(axis=1) for code in found])
        best = counts.argmax(axis=0)
        most = np.where(counts.max(axis=0) > 0, found[best], np.nan)
    occupied = (~np.isnan(values) & (values != 0)).mean(axis=1)
    return most, occupied


def _name(code: float) -> str:
    return f"{int(code)}" if float(code).is_integer() else f"{code:g}"


def _read_raster(path: Path, grid: Grid, size: float, places: Ints) -> CellCodes:
    most, occupied = np.full(len(places), np.nan), np.zeros(len(places))
    try:
        with rasterio.open(path) as file:
            if file.crs is None:
                raise SampleError(f"{path} has no coordinate reference system", "assign one with gdal_edit -a_srs")
            for members, values in _raster_looks(file, grid, size, places):
                most[members], occupied[members] = _summary(path, values)
    except RasterioError as error:
        raise SampleError(f"{path} cannot be read: {error}", "copy or download the file again") from error
    found = np.unique(most[~np.isnan(most)])
    return _coded(most, occupied, {code: _name(code) for code in found.tolist()})


def _raster_looks(
    file: rasterio.DatasetReader, grid: Grid, size: float, places: Ints
) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """Yield cells and (cells, points) the codes at their points, NaN where the raster says nothing."""
    west, north = int(places[:, 0].min()), int(places[:, 1].max()) + 1
    column, row = places[:, 0] - west, north - 1 - places[:, 1]
    wide, high = int(column.max()) // _BLOCK + 1, int(row.max()) // _BLOCK + 1
    block = row // _BLOCK * wide + column // _BLOCK
    order = np.argsort(block, kind="stable")
    numbers, starts = np.unique(block[order], return_index=True)
    edge = _BLOCK * LOOKS
    masked = MaskFlags.alpha in file.mask_flag_enums[0]
    with WarpedVRT(
        file,
        crs=grid.crs,
        transform=Affine(size / LOOKS, 0, west * size, 0, -size / LOOKS, north * size),
        width=wide * edge,
        height=high * edge,
        resampling=Resampling.nearest,
        add_alpha=not masked,
        init_dest_nodata=False,
        INIT_DEST="0",
    ) as view:
        for number, members in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
            window = RasterWindow(number % wide * edge, number // wide * edge, edge, edge)
            codes = view.read(1, window=window).astype(np.float64)
            codes[view.read(view.count, window=window) == 0] = np.nan
            looks = codes.reshape(_BLOCK, LOOKS, _BLOCK, LOOKS).swapaxes(1, 2).reshape(_BLOCK**2, LOOKS**2)
            yield members, looks[row[members] % _BLOCK * _BLOCK + column[members] % _BLOCK]


def _read_polygons(path: Path, grid: Grid, size: float, places: Ints) -> CellCodes:
    shapes, codes = _open_polygons(path, grid)
    known = sorted(set(codes))
    # The code "0" must stay 0, so that it counts as not occupied; the others are numbered from 1.
    number = {code: index for index, code in enumerate([code for code in known if code != "0"], 1)} | {"0": 0}
    of_shape = np.array([number[code] for code in codes], np.float64)
    shapely.prepare(shapes)
    most, occupied = np.full(len(places), np.nan), np.zeros(len(places))
    for start in range(0, len(places), _BLOCK**2):
        members = np.arange(start, min(start + _BLOCK**2, len(places)))
        corner = places[members] * size
        boxes = shapely.box(corner[:, 0], corner[:, 1], corner[:, 0] + size, corner[:, 1] + size)
        which, cell = shapely.STRtree(boxes).query(shapes, predicate="intersects")
        # A cell that meets one polygon and lies in it is settled; the border cells are looked at in points.
        whole = np.zeros(len(members), np.bool_)
        alone = np.bincount(cell, minlength=len(members))[cell] == 1
        settled = np.flatnonzero(alone)[shapely.covers(shapes[which[alone]], boxes[cell[alone]])]
        whole[cell[settled]] = True
        most[members[cell[settled]]] = of_shape[which[settled]]
        occupied[members[cell[settled]]] = of_shape[which[settled]] != 0
        partly = ~whole[cell]
        if partly.any():
            border, number_of = np.unique(cell[partly], return_inverse=True)
            values = _polygon_looks(shapes, of_shape, which[partly], number_of, corner[border], size)
            most[members[border]], occupied[members[border]] = _first_of_equals(values)
    found = set(np.unique(most[~np.isnan(most)]).tolist())
    return _coded(most, occupied, {index: code for code, index in number.items() if index in found})


def _coded(most: Floats, occupied: Floats, names: Mapping[float, str]) -> CellCodes:
    """Return codes by name for codes by number, NaN where there is none."""
    ordered = sorted(set(names.values()))
    result = np.full(len(most), -1, np.int64)
    for code, name in names.items():
        result[most == code] = ordered.index(name)
    return CellCodes(tuple(ordered), result, occupied)


def _first_of_equals(values: Floats) -> tuple[Floats, Floats]:
    """Return the commonest number of each row and the share above 0; numbers follow the alphabet, with 0 first."""
    found = np.unique(values[~np.isnan(values)])
    counts = np.stack([(values == code).sum(axis=1) for code in found] or [np.zeros(len(values), np.int64)])
    most = np.where(counts.max(axis=0) > 0, np.append(found, np.nan)[counts.argmax(axis=0)], np.nan)
    return most, (values > 0).mean(axis=1)


def _polygon_looks(
    shapes: NDArray[np.object_], codes: Floats, which: Ints, cell: Ints, corners: Floats, size: float
) -> Floats:
    """Return (cells, points) the codes at the points of cells, from the pairs of polygon and cell that meet."""
    steps = (np.arange(LOOKS) + 0.5) / LOOKS * size
    x = corners[:, 0:1] + np.tile(steps, LOOKS)
    y = corners[:, 1:2] + np.repeat(steps, LOOKS)
    values = np.full(x.shape, np.nan)
    # A point on a shared border has two codes: the first polygon of the file counts, so it is written last.
    for shape in np.unique(which)[::-1].tolist():
        mine = cell[which == shape]
        inside = shapely.intersects_xy(shapes[shape], x[mine], y[mine])
        values[mine] = np.where(inside, codes[shape], values[mine])
    return values


def _open_polygons(path: Path, grid: Grid) -> tuple[NDArray[np.object_], list[str]]:
    try:
        zones = geopandas.read_file(path, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, OSError) as error:
        raise SampleError(f"{path} cannot be read: {error}", "save the zones as a GeoPackage") from error
    if "code" not in zones.columns or not isinstance(zones, geopandas.GeoDataFrame) or zones.crs is None:
        raise SampleError(
            f"{path} lacks a column 'code' or a coordinate reference system", "name the zone of each polygon in 'code'"
        )
    empty = int(pd.isna(zones["code"]).sum())
    if empty or zones.empty:
        raise SampleError(
            f"{path} has {empty} polygons without a code" if empty else f"{path} holds no polygons",
            "name the zone of each polygon in 'code'",
        )
    invalid = int((~zones.geometry.is_valid).sum())
    if invalid:
        raise SampleError(
            f"{path} has {invalid} missing or invalid polygons", "mend them, for instance with Fix geometries in QGIS"
        )
    try:
        shapes = zones.to_crs(grid.crs).geometry.to_numpy()
    except ProjError as error:
        raise SampleError(f"{path} cannot be brought to {grid.crs}: {error}", "save the zones in that CRS") from error
    return np.array(shapes, np.object_), [_text(code) for code in zones["code"]]


def _text(code: object) -> str:
    return _name(code) if isinstance(code, float) else str(code)

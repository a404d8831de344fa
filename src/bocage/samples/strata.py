"""The strata of the sample: environmental zone x sensor x urban or rural, as the production of 2021 had them."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio.errors
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import transform as transform_points

from bocage.errors import SampleError
from bocage.grid import Grid

EVERYWHERE = "all"
OUTSIDE = "outside"
URBAN_SHARE = 0.5
# Points per cell edge at which a code layer is looked up: zones and towns are far larger than a cell.
_LOOKS = 8
_RASTERS = {".tif", ".tiff", ".vrt", ".img"}


def add_strata(
    frame: geopandas.GeoDataFrame, grid: Grid, *, zones: Path | None = None, urban: Path | None = None
) -> geopandas.GeoDataFrame:
    """Return the frame with the columns zone, urban and stratum.

    A layer is a raster of codes, or polygons with a column "code". A cell has the zone of most of its ground ("all"
    without a layer, "outside" beyond it) and is urban if codes other than 0 cover half of it or more.

    Raises
    ------
    SampleError
        If a layer is missing, cannot be read, or its polygons have no column "code".
    """
    cells = frame.drop_duplicates("cell_id")
    names = list(cells["cell_id"])
    zone = dict.fromkeys(names, EVERYWHERE)
    town = dict.fromkeys(names, False)
    if zones is not None:
        zone = dict(zip(names, map(_most, _codes(cells, grid, zones)), strict=True))
    if urban is not None:
        town = dict(zip(names, map(_is_urban, _codes(cells, grid, urban)), strict=True))
    result = frame.copy()
    result["zone"] = [zone[name] for name in frame["cell_id"]]
    result["urban"] = np.array([town[name] for name in frame["cell_id"]], np.bool_)
    where = np.where(result["urban"], "urban", "rural")
    result["stratum"] = [
        f"{name}/{sensor}/{place}" for name, sensor, place in zip(result["zone"], result["sensor"], where, strict=True)
    ]
    return result


def _most(codes: list[str | None]) -> str:
    known = sorted(code for code in codes if code is not None)
    return max(known, key=known.count) if known else OUTSIDE


def _is_urban(codes: list[str | None]) -> bool:
    return sum(code not in (None, "0") for code in codes) >= URBAN_SHARE * len(codes)


def _codes(cells: geopandas.GeoDataFrame, grid: Grid, path: Path) -> list[list[str | None]]:
    """Return for each cell the codes at a square of points in it; None where the layer says nothing."""
    if not path.is_file():
        raise SampleError(f"{path} is not there", "mend samples.zones or samples.urban in bocage.toml")
    bounds = cells.geometry.bounds.to_numpy()
    steps = (np.arange(_LOOKS) + 0.5) / _LOOKS
    x = bounds[:, 0:1] + (bounds[:, 2:3] - bounds[:, 0:1]) * np.tile(steps, _LOOKS)
    y = bounds[:, 1:2] + (bounds[:, 3:4] - bounds[:, 1:2]) * np.repeat(steps, _LOOKS)
    look = _raster_codes if path.suffix.lower() in _RASTERS else _polygon_codes
    found = look(path, grid, x.ravel(), y.ravel())
    return [found[start : start + _LOOKS**2] for start in range(0, len(found), _LOOKS**2)]


def _raster_codes(path: Path, grid: Grid, x: NDArray[np.float64], y: NDArray[np.float64]) -> list[str | None]:
    try:
        with rasterio.open(path) as file:
            if file.crs is None:
                raise SampleError(f"{path} has no coordinate reference system", "assign one with gdal_edit -a_srs")
            places = zip(*transform_points(grid.crs, file.crs, x, y), strict=True)
            found = np.ma.stack(list(file.sample(places, 1, masked=True)))[:, 0]
            masks = np.ma.getmaskarray(found)
            return [None if masked else f"{code:g}" for code, masked in zip(found.data, masks, strict=True)]
    except RasterioError as error:
        raise SampleError(f"{path} cannot be read: {error}", "copy or download the file again") from error


def _polygon_codes(path: Path, grid: Grid, x: NDArray[np.float64], y: NDArray[np.float64]) -> list[str | None]:
    try:
        zones = geopandas.read_file(path, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, OSError) as error:
        raise SampleError(f"{path} cannot be read: {error}", "save the zones as a GeoPackage") from error
    if "code" not in zones.columns or zones.crs is None:
        raise SampleError(
            f"{path} lacks a column 'code' or a coordinate reference system", "name the zone of each polygon in 'code'"
        )
    points = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(x, y), crs=grid.crs)
    joined = geopandas.sjoin(points, zones.to_crs(grid.crs)[["code", "geometry"]], how="left", predicate="intersects")
    # A point on a shared border has two codes: the first one counts.
    codes = joined[~joined.index.duplicated()]["code"]
    return [None if pd.isna(code) else str(code) for code in codes]

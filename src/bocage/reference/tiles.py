"""Indexes of tiles: tables that name the files of a layer and say where they lie, so that few need to be looked at.

GeoParquet, GeoPackage, GeoJSON, FlatGeobuf or shapefile with a column of paths and footprints as geometry, as
``gdaltindex`` and catalogues write them; or CSV with the columns ``path``, ``left``, ``bottom``, ``right``, ``top``
and, where it is not the grid's, ``crs``.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import geopandas
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyogrio.errors

from bocage.errors import LayerError
from bocage.scenes.deliveries.locations import gdal_name
from bocage.scenes.deliveries.store import open_object
from bocage.settings import LayerSettings

PATHS = ("path", "location", "filename", "file", "href", "url")
"""Names of the column of paths, in lower case; the first that is there counts."""
_BOUNDS = ("left", "bottom", "right", "top")
_TABLES = (".csv",)
_INDEXES = (".gpkg", ".geojson", ".fgb", ".shp", ".parquet", *_TABLES)
_MEND = "write one row per tile with a column of paths and the footprint as geometry"

Footprint = tuple[tuple[float, float, float, float], str]


@dataclass(frozen=True, slots=True)
class Tile:
    """One row of an index: a path as it is written there, and its footprint with the coordinate reference system."""

    path: str
    footprint: Footprint | None


def is_index(href: str, settings: LayerSettings) -> bool:
    """Say whether a file is an index of tiles: a CSV, or a vector file with a column of paths.

    Raises
    ------
    LayerError
        If it cannot be read.
    """
    name = href.lower()
    if name.endswith(_TABLES):
        return True
    if not name.endswith(_INDEXES) or settings.column is not None:
        return False
    return _path_column(columns_of(href)) is not None


def columns_of(href: str) -> list[str]:
    """Return the names of the columns of a vector file, the geometry left out.

    Raises
    ------
    LayerError
        If it cannot be read.
    """
    try:
        if href.lower().endswith(".parquet"):
            return [str(name) for name in pq.read_schema(content_of(href)).names]
        return [str(name) for name in pyogrio.read_info(gdal_name(href))["fields"]]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException, OSError) as error:
        raise LayerError(f"{href} cannot be read: {error}", "copy or download the file again") from error


def read_index(href: str) -> list[Tile]:
    """Return the tiles that an index names, in its order.

    Raises
    ------
    LayerError
        If it cannot be read, names no tile, or a row lacks its path.
    """
    try:
        table = _read(href)
    except (
        pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException, OSError, ValueError,
        pd.errors.ParserError,
    ) as error:  # fmt: skip
        raise LayerError(f"{href} cannot be read as an index of tiles: {error}", _MEND) from error
    column = _path_column(list(table.columns))
    if column is None:
        raise LayerError(f"{href} has no column of paths; one of {', '.join(PATHS)} is needed", _MEND)
    if table.empty or table[column].isna().any():
        raise LayerError(f"{href} names no tile in {int(table[column].isna().sum()) or 'any'} of its rows", _MEND)
    paths = [str(path) for path in table[column]]
    return [Tile(path, place) for path, place in zip(paths, _footprints(table, href), strict=True)]


def content_of(href: str) -> Any:
    """Return what readers of tables open: the path of a local file, the bytes of one in a store."""
    if not href.startswith("s3://"):
        return href
    with open_object(href) as file:
        return io.BytesIO(file.read())


def _read(href: str) -> Any:
    name = href.lower()
    if name.endswith(".csv"):
        return pd.read_csv(content_of(href))
    if name.endswith(".parquet"):
        content = pq.read_table(content_of(href))
        if b"geo" in (content.schema.metadata or {}):
            return geopandas.read_parquet(content_of(href))
        return content.to_pandas()
    return pyogrio.read_dataframe(gdal_name(href))


def _path_column(columns: list[str]) -> str | None:
    lower = {column.lower(): column for column in reversed(columns)}
    return next((lower[name] for name in PATHS if name in lower), None)


def _footprints(table: Any, href: str) -> list[Footprint | None]:
    if isinstance(table, geopandas.GeoDataFrame) and table.active_geometry_name is not None:
        if table.crs is None:
            raise LayerError(f"{href} has no coordinate reference system", "save the index with one")
        crs = table.crs.to_wkt()
        shapes = list(table.geometry)
        return [None if shape is None or shape.is_empty else (tuple(shape.bounds), crs) for shape in shapes]
    if not set(_BOUNDS) <= set(table.columns):
        return [None] * len(table)
    systems = table["crs"] if "crs" in table.columns else [""] * len(table)
    rows = zip(*(table[name] for name in _BOUNDS), systems, strict=True)
    return [((float(a), float(b), float(c), float(d)), str(crs)) for a, b, c, d, crs in rows]

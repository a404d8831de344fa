"""A layer of polygons under test: geometries, columns with their types, and the pairs that touch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError

from bocage.products.conformance.names import Layer
from bocage.products.conformance.raster import Box, epsg_code
from bocage.products.conformance.specification import code_column_of

# Polygons whose neighbours are looked for at once.
_CHUNK = 50_000
# Shorter shared borders (m) and smaller shared areas (m2) come from rounding of coordinates.
SHORTEST, SMALLEST = 1e-3, 1e-4

type Rows = NDArray[np.intp]


@dataclass(frozen=True)
class VectorLayer:
    """What is known of a layer of polygons.

    Attributes
    ----------
    name
        Name of the layer in its file.
    types
        Columns in small letters and their types: integer, real, string, or what the file calls others.
    frame
        Attributes, columns in small letters.
    geometries
        (rows) of shapely objects, None where there is none.
    """

    path: Path
    name: str
    layer: Layer
    crs: str | None
    epsg: int | None
    types: dict[str, str]
    frame: pd.DataFrame = field(repr=False)
    geometries: NDArray[np.object_] = field(repr=False)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Which rows have a geometry that is not empty."""
        return np.asarray(~(shapely.is_missing(self.geometries) | shapely.is_empty(self.geometries)), bool)

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """Which geometries are valid."""
        return np.asarray(shapely.is_valid(self.geometries), bool)

    @cached_property
    def polygonal(self) -> NDArray[np.bool_]:
        """Which rows are polygons or collections of polygons."""
        kinds = shapely.get_type_id(self.geometries)
        return np.isin(kinds, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))

    @cached_property
    def sound(self) -> Rows:
        """Row numbers of the polygons that geometry can be computed with."""
        return np.flatnonzero(self.present & self.valid & self.polygonal)

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Area of every geometry in square metres."""
        return np.asarray(np.nan_to_num(shapely.area(self.geometries)), np.float64)

    @cached_property
    def codes(self) -> NDArray[np.object_]:
        """Code of every row as text; empty texts where the layer has no codes."""
        column = code_column_of(self.layer)
        if column is None or column not in self.frame:
            return np.full(len(self.frame), "", object)
        return np.asarray([code_text(value) for value in self.frame[column]], object)

    @cached_property
    def bounds(self) -> Box | None:
        """Left, bottom, right and top of all polygons, None if there is none."""
        rows = np.flatnonzero(self.present)
        if not len(rows):
            return None
        left, bottom, right, top = shapely.total_bounds(self.geometries[rows])
        return float(left), float(bottom), float(right), float(top)

    @cached_property
    def contacts(self) -> tuple[Rows, Rows, NDArray[np.float64], NDArray[np.float64]]:
        """Pairs of rows that have a point in common, and the area and length of what they share."""
        rows = self.sound
        first, second = touching_pairs(self.geometries[rows])
        shared = shapely.intersection(self.geometries[rows[first]], self.geometries[rows[second]])
        return rows[first], rows[second], shapely.area(shared), shapely.length(shared)

    def place(self, row: int) -> str:
        """Return where a row lies, in words."""
        geometry = self.geometries[row]
        if geometry is None or geometry.is_empty:
            return f"row {row}"
        left, bottom, right, top = geometry.bounds
        return f"row {row} near {(left + right) / 2:.0f}, {(bottom + top) / 2:.0f}"

    def places(self, rows: Rows) -> str:
        """Return how many rows there are and where the first three lie, in words."""
        some = "; ".join(self.place(int(row)) for row in rows[:3])
        return f"{len(rows)} polygon{'s' if len(rows) > 1 else ''} ({some}{'; ...' if len(rows) > 3 else ''})"


def code_text(value: object) -> str:
    """Return a code as text, whole numbers without a fraction."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:g}"
    return "" if value is None or value is pd.NA else str(value)


def layer_names(path: Path) -> list[str]:
    """Return the names of the layers in a file or database.

    Raises
    ------
    DataSourceError
        If it cannot be opened.
    """
    if path.suffix.lower() in {".gpkg", ".gdb"}:
        return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    return [path.stem]


def read_polygons(path: Path, name: str, layer: Layer) -> VectorLayer:
    """Read a layer of polygons.

    Raises
    ------
    DataSourceError, DataLayerError, ArrowException, GEOSException, OSError, ValueError
        If it cannot be read or holds no geometries.
    """
    if path.suffix.lower() == ".parquet":
        frame = gpd.read_parquet(path)
        types = _parquet_types(path, frame.geometry.name)
        # The box of every row is a column of the format, not of the product.
        frame = frame.drop(
            columns=[
                column for column in frame.columns if str(column).lower() not in {*types, frame.geometry.name.lower()}
            ]
        )
    else:
        chosen = name if path.suffix.lower() in {".gpkg", ".gdb"} else None
        try:
            with _system_of_coordinates():
                info = pyogrio.read_info(path, layer=chosen)
        except IndexError as error:  # of a header without layers
            raise DataSourceError("it holds no layer") from error
        types = {
            str(column).lower(): _OGR_TYPES.get(str(kind), str(kind))
            for column, kind in zip(info["fields"], info["ogr_types"], strict=True)
        }
        # A ring that does not close is no geometry: a rule says in which row.
        with _system_of_coordinates():
            frame = pyogrio.read_dataframe(path, layer=chosen, on_invalid="ignore")
    if not isinstance(frame, gpd.GeoDataFrame):
        raise DataSourceError("it holds no geometries")
    crs = frame.crs.to_wkt() if frame.crs else None
    geometries = np.asarray(frame.geometry.values, object)
    attributes = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    attributes.columns = pd.Index([str(column).lower() for column in attributes.columns])
    return VectorLayer(path, name, layer, crs, epsg_code(crs), types, attributes, geometries)


@contextmanager
def _system_of_coordinates() -> Iterator[None]:
    """Say what is wrong where pyogrio stumbles over a system of coordinates that is no text it knows."""
    try:
        yield
    except UnboundLocalError as error:
        raise DataSourceError("its system of coordinates cannot be read") from error


_OGR_TYPES = {
    "OFTInteger": "integer",
    "OFTInteger64": "integer",
    "OFTReal": "real",
    "OFTString": "string",
    "OFTWideString": "string",
}


def _parquet_types(path: Path, geometry: str) -> dict[str, str]:
    types: dict[str, str] = {}
    for column in pq.read_schema(path):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        covering = pa.types.is_struct(kind) and {part.name for part in kind} == {"xmin", "ymin", "xmax", "ymax"}
        if column.name == geometry or covering:
            continue
        if pa.types.is_integer(kind):
            types[column.name.lower()] = "integer"
        elif pa.types.is_floating(kind):
            types[column.name.lower()] = "real"
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            types[column.name.lower()] = "string"
        else:
            types[column.name.lower()] = str(kind)
    return types


def touching_pairs(geometries: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of geometries that have a point in common, each pair once, in order."""
    tree = shapely.STRtree(geometries)
    pairs = [np.empty((2, 0), np.int64)]
    for start in _chunks(len(geometries)):
        found = tree.query(geometries[start : start + _CHUNK], predicate="intersects")
        first, second = found[0] + start, found[1]
        pairs.append(np.stack([first, second])[:, first < second])
    both = np.concatenate(pairs, axis=1)
    order = np.lexsort((both[1], both[0]))
    return both[0, order], both[1, order]


def _chunks(count: int) -> Iterator[int]:
    yield from range(0, count, _CHUNK)

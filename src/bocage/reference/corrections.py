"""Corrections by an analyst: polygons that say 0, 1 or 255, and always win over the fused layers.

They live in a GeoPackage that a GIS edits: one layer of polygons with the columns class, author, date and reason.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pyogrio.errors
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from bocage.errors import LayerError
from bocage.files import digest_json, whole_file
from bocage.grid import Grid, Window

COLUMNS = ("class", "author", "date", "reason")
CLASSES = {0: "no tree", 1: "tree", 255: "doubt, not taught to a model"}
LAYER = "corrections"
NUMBER = "number"
"""Column of the row in the file, from 1, as messages and the audit name a correction."""
# Polygons that were digitised against each other overlap by slivers; below this many square metres they only touch.
_SLIVER = 1.0


@dataclass(frozen=True)
class Corrections:
    """Checked corrections in the grid's coordinate reference system.

    Columns: number, class, author, date (ISO 8601, as text), reason, geometry.
    """

    table: geopandas.GeoDataFrame

    def within(self, grid: Grid, window: Window) -> geopandas.GeoDataFrame:
        """Return the corrections that touch a lattice window, in the order of the file."""
        if self.table.empty:
            return self.table
        touching = self.table.sindex.query(grid.bounds(window).polygon(), predicate="intersects")
        return self.table.iloc[np.sort(touching)]

    def digest(self, grid: Grid, window: Window) -> str:
        """Return a digest of what would be corrected on a window: classes and shapes, not who drew them and why."""
        chosen = self.within(grid, window)
        shapes = shapely.to_wkb(chosen.geometry.to_numpy(), hex=True)
        return digest_json([(int(code), shape) for code, shape in zip(chosen["class"], shapes, strict=True)])

    def owners(self, grid: Grid, window: Window) -> NDArray[np.int32]:
        """Return the number of the correction that holds the centre of each pixel, 0 where none does.

        Where polygons of one class overlap, the later row of the file owns the pixel.
        """
        chosen = self.within(grid, window)
        if chosen.empty:
            return np.zeros(window.shape, np.int32)
        burnt: NDArray[np.int32] = rasterize(
            zip(chosen.geometry, chosen[NUMBER], strict=True),
            out_shape=window.shape,
            transform=grid.transform(window),
            fill=0,
            dtype="int32",
        )
        return burnt

    def classes(self, owners: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the class that each owner gives its pixel; 254, which is no class, where there is no owner."""
        codes = np.full(int(self.table[NUMBER].max() if len(self.table) else 0) + 1, 254, np.uint8)
        codes[self.table[NUMBER].to_numpy(np.int64)] = self.table["class"].to_numpy(np.uint8)
        given: NDArray[np.uint8] = codes[owners]
        return given

    def apply(
        self, label: NDArray[np.uint8], confidence: NDArray[np.uint8], grid: Grid, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return label and confidence with the corrections on them.

        A pixel is corrected where its centre lies in a polygon. Its confidence becomes 100, or 0 where the analyst
        said 255.
        """
        owners = self.owners(grid, window)
        corrected = owners > 0
        if not corrected.any():
            return label, confidence
        given = self.classes(owners)
        return (
            np.where(corrected, given, label).astype(np.uint8),
            np.where(corrected, np.where(given == 255, 0, 100), confidence).astype(np.uint8),
        )


def create_corrections(path: Path, grid: Grid) -> None:
    """Write an empty GeoPackage of corrections in the grid's coordinate reference system.

    The classes are a coded domain of the file (the schema extension of GeoPackage), which a GIS offers as a choice.

    Raises
    ------
    LayerError
        If something is there already: corrections are never overwritten.
    StorageError
        If the file cannot be written.
    """
    if path.exists():
        raise LayerError(f"{path} is there already, and corrections are never overwritten", "edit it, or name another")
    empty = pa.table(
        {
            "class": pa.array([], pa.int32()),
            "author": pa.array([], pa.string()),
            "date": pa.array([], pa.date32()),
            "reason": pa.array([], pa.string()),
            "geometry": pa.array([], pa.binary()),
        }
    )
    with whole_file(path) as temporary:
        pyogrio.write_arrow(
            empty, temporary, layer=LAYER, driver="GPKG", geometry_name="geometry", geometry_type="MultiPolygon",
            crs=grid.crs,
        )  # fmt: skip
        _add_domain(temporary)


def _add_domain(path: Path) -> None:
    """Add the coded domain of the classes, as section F.9 (Schema) of OGC 12-128 lays it down."""
    with sqlite3.connect(path) as base:
        base.executescript(
            """
            CREATE TABLE gpkg_data_columns (
                table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT,
                mime_type TEXT, constraint_name TEXT,
                CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
                CONSTRAINT gdc_tn UNIQUE (table_name, name)
            );
            CREATE TABLE gpkg_data_column_constraints (
                constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC,
                min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
                CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value)
            );
            CREATE TABLE IF NOT EXISTS gpkg_extensions (
                table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
                scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name)
            );
            """
        )
        base.execute(
            "INSERT INTO gpkg_data_columns VALUES (?, 'class', NULL, NULL, 'what the ground is', NULL, 'class')",
            (LAYER,),
        )
        base.executemany(
            "INSERT INTO gpkg_data_column_constraints VALUES ('class', 'enum', ?, NULL, NULL, NULL, NULL, ?)",
            [(str(code), meaning) for code, meaning in CLASSES.items()],
        )
        base.executemany(
            "INSERT INTO gpkg_extensions VALUES (?, NULL, 'gpkg_schema',"
            " 'http://www.geopackage.org/spec121/#extension_schema', 'read-write')",
            [("gpkg_data_columns",), ("gpkg_data_column_constraints",)],
        )
    base.close()


def read_corrections(path: Path, grid: Grid) -> Corrections:
    """Read and check a GeoPackage of corrections; one without any row is no error.

    Raises
    ------
    LayerError
        If the file cannot be read, has several layers of which none is called "corrections", lacks a column, has no
        coordinate reference system, holds a class other than 0, 1, 255, an empty author, date or reason, a date that
        is none, a geometry that is not a valid polygon, or two polygons that overlap and contradict each other.
    """
    if not path.is_file():
        raise LayerError(
            f"{path} is not there", "run: bocage labels corrections; or mend reference.corrections in bocage.toml"
        )
    try:
        table = geopandas.read_file(path, layer=_layer_of(path), engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise LayerError(f"{path} cannot be read: {error}", "save the corrections as a GeoPackage") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing or not isinstance(table, geopandas.GeoDataFrame):
        raise LayerError(
            f"{path} lacks the column {', '.join(missing) or 'geometry'}",
            f"a correction has the columns {', '.join(COLUMNS)} and a polygon",
        )
    if table.crs is None:
        raise LayerError(f"{path} has no coordinate reference system", "assign one in the layer's properties")
    _check_columns(table, path)
    _check_shapes(table, path)
    dates = _dates(table, path)
    table = table.assign(date=dates, geometry=shapely.force_2d(table.geometry.to_numpy())).set_crs(table.crs)
    table = table.to_crs(grid.crs)
    _check_contradictions(table, path)
    table[NUMBER] = np.arange(1, len(table) + 1)
    return Corrections(table[[NUMBER, *COLUMNS, "geometry"]])


def _layer_of(path: Path) -> str:
    """Return the name of the layer that holds the corrections."""
    layers = [str(name) for name, shape in pyogrio.list_layers(path) if shape is not None]
    if LAYER in layers:
        return LAYER
    if len(layers) != 1:
        raise LayerError(
            f"{path} holds {len(layers)} layers of shapes{': ' if layers else ''}{', '.join(layers[:5])}",
            f'call the layer of the corrections "{LAYER}"',
        )
    return layers[0]


def _check_columns(table: geopandas.GeoDataFrame, path: Path) -> None:
    for row, code in enumerate(table["class"], start=1):
        if code not in CLASSES:
            given = "no class" if pd.isna(code) else f"class {code}"
            raise LayerError(f"{path}: correction {row} has {given}", "a class is 0, 1 or 255")
    for name in COLUMNS[1:]:
        empty = table[name].isna() | (table[name].astype(str).str.strip() == "")
        if empty.any():
            raise LayerError(
                f"{path}: correction {int(np.argmax(empty)) + 1} has no {name}",
                "say who corrected it, when and why: labels must be traceable",
            )


def _dates(table: geopandas.GeoDataFrame, path: Path) -> list[str]:
    """Return the dates as ISO 8601."""
    dates = []
    for row, value in enumerate(table["date"], start=1):
        try:
            day = value.date() if isinstance(value, datetime) else date.fromisoformat(str(value)[:10])
        except ValueError as error:
            raise LayerError(
                f"{path}: correction {row} has the date {str(value)!r}, which is none", "write it as 2026-05-01"
            ) from error
        if not 1990 <= day.year <= 2100:
            raise LayerError(f"{path}: correction {row} is of {day}, which cannot be true", "write it as 2026-05-01")
        dates.append(day.isoformat())
    return dates


def _check_shapes(table: geopandas.GeoDataFrame, path: Path) -> None:
    for row, shape in enumerate(table.geometry, start=1):
        if shape is None or shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
            raise LayerError(f"{path}: correction {row} is no polygon", "draw a polygon or remove the row")
        if not shape.is_valid:
            raise LayerError(
                f"{path}: correction {row} is not a valid polygon: {shapely.is_valid_reason(shape)}",
                "mend it with your GIS's 'fix geometries'",
            )


def _check_contradictions(table: geopandas.GeoDataFrame, path: Path) -> None:
    shapes, codes = table.geometry.to_numpy(), table["class"].to_numpy()
    left, right = table.sindex.query(shapes, predicate="intersects")
    for one, other in zip(left, right, strict=True):
        if one < other and codes[one] != codes[other] and shapes[one].intersection(shapes[other]).area > _SLIVER:
            raise LayerError(
                f"{path}: corrections {one + 1} (class {codes[one]}) and {other + 1} (class {codes[other]}) overlap "
                "and contradict each other",
                "cut one of the two polygons back",
            )

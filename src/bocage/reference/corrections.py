"""Corrections by an analyst: polygons that say 0, 1 or 255, and always win over the fused layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pyogrio.errors
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from bocage.errors import LayerError
from bocage.files import digest_json
from bocage.grid import Grid, Window

COLUMNS = ("class", "author", "date", "reason")
CLASSES = (0, 1, 255)
# Polygons that were digitised against each other overlap by slivers; below this many square metres they only touch.
_SLIVER = 1.0


@dataclass(frozen=True)
class Corrections:
    """Checked corrections in the grid's coordinate reference system: columns class, author, date, reason, geometry."""

    table: geopandas.GeoDataFrame

    def within(self, grid: Grid, window: Window) -> geopandas.GeoDataFrame:
        """Return the corrections that touch a lattice window."""
        if self.table.empty:
            return self.table
        return self.table.iloc[np.sort(self.table.sindex.query(grid.bounds(window).polygon()))]

    def digest(self, grid: Grid, window: Window) -> str:
        """Return a digest of what would be corrected on a window."""
        chosen = self.within(grid, window)
        shapes = shapely.to_wkb(chosen.geometry.to_numpy(), hex=True)
        return digest_json([(int(code), shape) for code, shape in zip(chosen["class"], shapes, strict=True)])

    def apply(
        self, label: NDArray[np.uint8], confidence: NDArray[np.uint8], grid: Grid, window: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return label and confidence with the corrections on them.

        A pixel is corrected where its centre lies in a polygon. Its confidence becomes 100, or 0 where the analyst
        said 255.
        """
        chosen = self.within(grid, window)
        if chosen.empty:
            return label, confidence
        # 254 marks pixels without a correction; it is no class of a label.
        burnt = rasterize(
            zip(chosen.geometry, chosen["class"], strict=True),
            out_shape=window.shape,
            transform=grid.transform(window),
            fill=254,
            dtype="uint8",
        )
        corrected = burnt != 254
        return (
            np.where(corrected, burnt, label).astype(np.uint8),
            np.where(corrected, np.where(burnt == 255, 0, 100), confidence).astype(np.uint8),
        )


def read_corrections(path: Path, grid: Grid) -> Corrections:
    """Read and check a GeoPackage of corrections.

    Raises
    ------
    LayerError
        If the file cannot be read, lacks a column, has no coordinate reference system, holds a class other than
        0, 1, 255, an empty author, date or reason, a geometry that is not a valid polygon, or two polygons that overlap
        and contradict each other.
    """
    if not path.is_file():
        raise LayerError(f"{path} is not there", "mend reference.corrections in bocage.toml, or remove it")
    try:
        table = geopandas.read_file(path, engine="pyogrio")
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
    table = table.to_crs(grid.crs)
    _check_contradictions(table, path)
    return Corrections(table[[*COLUMNS, "geometry"]])


def _check_columns(table: geopandas.GeoDataFrame, path: Path) -> None:
    for row, code in enumerate(table["class"], start=1):
        if code not in CLASSES:
            raise LayerError(f"{path}: correction {row} has class {code}", "a class is 0, 1 or 255")
    for name in COLUMNS[1:]:
        empty = table[name].isna() | (table[name].astype(str).str.strip() == "")
        if empty.any():
            raise LayerError(
                f"{path}: correction {int(np.argmax(empty)) + 1} has no {name}",
                "say who corrected it, when and why: labels must be traceable",
            )


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

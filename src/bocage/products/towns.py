"""The towns of an Urban Atlas: their names and codes, and where they are built up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio.features
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from bocage.errors import LayerError
from bocage.grid import Grid, Window
from bocage.products.streets import BUILT_UP
from bocage.project import Project
from bocage.reference.paths import layers_of_kind
from bocage.reference.sources import Source, find_sources
from bocage.reference.tiles import columns_of, content_of
from bocage.scenes.deliveries.locations import gdal_name

# The names of the columns in the releases of 2012 to 2021.
_COLUMNS = {
    "code": re.compile(r"code_?(20\d\d)?|item2012"),
    "fua_code": re.compile(r"fua_or_cit|fua_code|fua_code_?\w*"),
    "fua_name": re.compile(r"fua_name|cities|fua_name_?\w*"),
    "country": re.compile(r"country"),
}
_CODE = re.compile(r"[A-Z]{2}\d{3}[A-Z]\d")


@dataclass(frozen=True, slots=True)
class Town:
    """A functional urban area with its polygons (``code`` and geometry), in the CRS of the project."""

    country: str
    name: str
    code: str
    polygons: gpd.GeoDataFrame

    @property
    def slug(self) -> str:
        """The name as it stands in a file name: small letters a to z and underscores."""
        letters = unicodedata.normalize("NFKD", self.name.lower().translate(_PLAIN))
        plain = letters.encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z]+", "_", plain).strip("_") or "town"

    def built_up(self, grid: Grid, window: Window) -> NDArray[np.bool_]:
        """Return where the town has artificial surfaces that are neither road nor railway."""
        return _burnt(self.polygons[self.polygons["code"].isin(BUILT_UP)], grid, window)

    def ground(self, grid: Grid, window: Window) -> NDArray[np.bool_]:
        """Return where the town lies."""
        return _burnt(self.polygons, grid, window)


# Letters that are no letter of the alphabet with a mark.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "\N{LATIN SMALL LETTER DOTLESS I}": "i"})


def find_towns(project: Project, grid: Grid, window: Window) -> tuple[list[Town], str]:
    """Return the towns that touch a window, and the reason where there are none.

    Raises
    ------
    LayerError
        If a layer cannot be read, or a polygon is invalid.
    """
    layers = layers_of_kind(project, "urban")
    if not layers:
        return [], 'no layer of kind "urban" is registered in [[reference.layers]]'
    parts: list[gpd.GeoDataFrame] = []
    reasons = []
    for settings in layers:
        for source in find_sources(settings, project, lambda _: True):
            if not source.vector:
                reasons.append(f"{source.name} is a raster, which names no town")
                continue
            names = {part: _column(source, pattern) for part, pattern in _COLUMNS.items()}
            lacking = [part for part, column in names.items() if column is None]
            if lacking:
                reasons.append(f"{source.name} is no Urban Atlas: it has no column {', '.join(lacking)}")
                continue
            parts.append(_read(source, {part: column for part, column in names.items() if column}, grid, window))
    towns = list(_towns([part for part in parts if len(part)]))
    if towns or reasons:
        return towns, "; ".join(reasons)
    return towns, "no town of the Urban Atlas lies in the mapped area"


def _towns(parts: list[gpd.GeoDataFrame]) -> Iterator[Town]:
    seen: set[str] = set()
    for part in parts:
        for code, rows in part.groupby("fua_code"):
            # The newest layer comes first.
            if code in seen:
                continue
            seen.add(str(code))
            yield Town(str(rows["country"].iloc[0]), str(rows["fua_name"].iloc[0]), str(code), rows)


def _read(source: Source, names: dict[str, str], grid: Grid, window: Window) -> gpd.GeoDataFrame:
    around = grid.bounds(window).as_tuple()
    try:
        if source.href.lower().endswith(".parquet"):
            table = gpd.read_parquet(content_of(source.href)).to_crs(grid.crs)
            table = table[table.intersects(grid.bounds(window).polygon())]
        else:
            path = gdal_name(source.href)
            own = CRS.from_user_input(pyogrio.read_info(path)["crs"])
            bbox = transform_bounds(CRS.from_user_input(grid.crs), own, *around, densify_pts=51)
            table = pyogrio.read_dataframe(path, columns=list(names.values()), bbox=bbox).to_crs(grid.crs)
        table = table.rename(columns={column: part for part, column in names.items()})
        table["code"] = table["code"].astype("float64").astype("int64")
    except (DataSourceError, DataLayerError, OSError, ValueError) as error:
        raise LayerError(f"{source.href} cannot be read: {error}", "copy or download the file again") from error
    _require_sound(table, source)
    return table[["code", "fua_code", "fua_name", "country", "geometry"]]


def _require_sound(table: gpd.GeoDataFrame, source: Source) -> None:
    invalid = int((~table.geometry.is_valid).sum())
    if invalid:
        raise LayerError(
            f"{source.href} has {invalid} invalid polygons", "mend them, for instance with Fix geometries in QGIS"
        )
    strange = sorted({str(code) for code in table["fua_code"] if not _CODE.fullmatch(str(code).upper())})
    if strange:
        raise LayerError(
            f"{source.href} has codes of urban areas that are none: {', '.join(strange[:5])}",
            "they look like AT001L3: two letters, three digits, a letter and a digit",
        )


def _column(source: Source, pattern: re.Pattern[str]) -> str | None:
    return next((column for column in columns_of(source.href) if pattern.fullmatch(column.lower())), None)


def _burnt(polygons: gpd.GeoDataFrame, grid: Grid, window: Window) -> NDArray[np.bool_]:
    mask: NDArray[Any] = np.zeros(window.shape, np.uint8)
    if len(polygons):
        rasterio.features.rasterize(polygons.geometry, out=mask, transform=grid.transform(window), default_value=1)
    return mask.astype(bool)

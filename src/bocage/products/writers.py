"""The formats of the service: byte rasters with a colour table, and polygons in two formats with the same rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pyogrio
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError

from bocage.errors import StorageError
from bocage.files import whole_file, write_bytes
from bocage.grid import Grid, Window
from bocage.products.colours import OUTSIDE, Colour
from bocage.rasters import write_cog

CELL = 5.0
DENSITY_CELL = 100.0
# Origins of the service's rasters lie on multiples of this.
ORIGIN_STEP = 1000.0
# At level 14 a step of the tile's own coordinates is 0.6 m at the equator; below level 8 hedges are smaller than one.
_LEVELS = {"MINZOOM": "8", "MAXZOOM": "14"}


def padded(grid: Grid, window: Window) -> Window:
    """Return the smallest window around ``window`` whose edges lie on multiples of 1000 m."""
    step = round(ORIGIN_STEP / grid.resolution)
    column, row = window.column // step * step, window.row // step * step
    right, bottom = -(-window.right // step) * step, -(-window.bottom // step) * step
    return Window(column, row, right - column, bottom - row)


def write_raster(
    path: Path,
    array: NDArray[np.uint8],
    grid: Grid,
    window: Window,
    colours: Mapping[int, Colour],
    *,
    overviews: Literal["mode", "nearest"] = "mode",
) -> None:
    """Write a layer as a cloud-optimised GeoTIFF: one byte band, LZW, 255 outside, with its colour table.

    Overviews of classes are their mode, those of percentages the nearest cell: GDAL would average the colours of a
    table, not the values.
    """
    write_cog(
        path,
        array,
        grid=grid,
        window=window,
        nodata=OUTSIDE,
        colours=colours,
        compression="LZW",
        overviews=overviews,
    )


def write_vector(folder: Path, stem: str, features: gpd.GeoDataFrame, date: str) -> tuple[Path, Path]:
    """Write polygons as GeoPackage and as GeoParquet; ``date`` (YYYYMMDD) is recorded instead of the clock's."""
    package, parquet = folder / f"{stem}.gpkg", folder / f"{stem}.parquet"
    # In memory first: GDAL tells of a full disk in errors of its own, of which nobody could be told to free space.
    # The value is copied: Python 3.12.1 crashes when an error keeps the buffer of a BytesIO for the garbage collector.
    content = io.BytesIO()
    kinds = set(features.geom_type)
    with _dated(date):
        pyogrio.write_dataframe(
            features,
            content,
            layer=stem,
            driver="GPKG",
            geometry_type="Polygon" if kinds <= {"Polygon"} else "MultiPolygon",
            promote_to_multi=kinds > {"Polygon"},
        )
    write_bytes(package, content.getvalue())
    with whole_file(parquet) as temporary:
        features.to_parquet(temporary, index=False, write_covering_bbox=True)
    return package, parquet


def write_web_tiles(path: Path, features: gpd.GeoDataFrame, layer: str) -> None:
    """Write polygons as vector tiles in one PMTiles file, levels 8 to 14; there must be at least one.

    Raises
    ------
    StorageError
        If GDAL cannot write the file: it needs room for temporary files beside it, too.
    """
    with whole_file(path) as temporary:
        try:
            pyogrio.write_dataframe(
                features,
                temporary,
                layer=layer,
                driver="PMTiles",
                dataset_options={**_LEVELS, "NAME": path.stem, "TYPE": "overlay"},
            )
        except DataSourceError as error:
            raise StorageError(
                f"{path} could not be written: {error}", "free some space, or set products.web_tiles = false"
            ) from error


@contextmanager
def _dated(date: str) -> Iterator[None]:
    """Let GeoPackages carry a given day, so that the same features give the same bytes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{date[:4]}-{date[4:6]}-{date[6:]}T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})

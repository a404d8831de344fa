"""The formats of the service: byte rasters with a colour table, and polygons in two formats with the same rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
from numpy.typing import NDArray

from bocage.files import whole_file, write_bytes
from bocage.grid import Grid, Window
from bocage.products.colours import OUTSIDE, Colour
from bocage.rasters import write_cog

CELL = 5.0
DENSITY_CELL = 100.0
# Origins of the service's rasters lie on multiples of this.
ORIGIN_STEP = 1000.0


def padded(grid: Grid, window: Window) -> Window:
    """Return the smallest window around ``window`` whose edges lie on multiples of 1000 m."""
    step = round(ORIGIN_STEP / grid.resolution)
    column, row = window.column // step * step, window.row // step * step
    right, bottom = -(-window.right // step) * step, -(-window.bottom // step) * step
    return Window(column, row, right - column, bottom - row)


def density(features: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the cover of 100 m cells in per cent: the mean of their valid 5 m cells, halves rounded up.

    Parameters
    ----------
    features
        (rows, columns) in multiples of 20; 0, 1 and 255 outside, which takes no part in the mean.

    Returns
    -------
    numpy.ndarray
        0 to 100; 255 where no 5 m cell is valid.
    """
    step = round(DENSITY_CELL / CELL)
    blocks = features.reshape(features.shape[0] // step, step, features.shape[1] // step, step)
    valid = (blocks != OUTSIDE).sum(axis=(1, 3))
    found = (blocks == 1).sum(axis=(1, 3))
    # Whole numbers throughout: (200 found + valid) // (2 valid) is 100 found / valid, rounded half up.
    share = (200 * found + valid) // np.maximum(2 * valid, 1)
    return np.where(valid > 0, share, OUTSIDE).astype(np.uint8)


def write_raster(
    path: Path, array: NDArray[np.uint8], grid: Grid, window: Window, colours: Mapping[int, Colour]
) -> None:
    """Write a layer as a cloud-optimised GeoTIFF: one byte band, LZW, 255 outside, with its colour table."""
    write_cog(
        path,
        array,
        grid=grid,
        window=window,
        nodata=OUTSIDE,
        colours=colours,
        compression="LZW",
        overviews="mode",
    )


def write_vector(folder: Path, stem: str, features: gpd.GeoDataFrame, date: str) -> tuple[Path, Path]:
    """Write polygons as GeoPackage and as GeoParquet; ``date`` (YYYYMMDD) is recorded instead of the clock's."""
    package, parquet = folder / f"{stem}.gpkg", folder / f"{stem}.parquet"
    # In memory first: GDAL tells of a full disk in errors of its own, of which nobody could be told to free space.
    # The value is copied: Python 3.12.1 crashes when an error keeps the buffer of a BytesIO for the garbage collector.
    content = io.BytesIO()
    with _dated(date):
        pyogrio.write_dataframe(features, content, layer=stem, driver="GPKG", geometry_type="Polygon")
    write_bytes(package, content.getvalue())
    with whole_file(parquet) as temporary:
        features.to_parquet(temporary, index=False, write_covering_bbox=True)
    return package, parquet


@contextmanager
def _dated(date: str) -> Iterator[None]:
    """Let GeoPackages carry a given day, so that the same features give the same bytes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{date[:4]}-{date[4:6]}-{date[6:]}T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})

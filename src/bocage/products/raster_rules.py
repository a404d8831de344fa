"""The rules of the service for one raster file (Copernicus quality tools 2.4.5, HRL SLF)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioError

from bocage.products.colours import OUTSIDE, codes_of, colours_of
from bocage.products.naming import ProductName
from bocage.products.verdict import Verdict
from bocage.products.writers import ORIGIN_STEP

LARGEST_BLOCK = 1024
_EXACT = 1e-6


def check_raster(path: Path, name: ProductName) -> list[Verdict]:
    """Check one raster against every rule for the layer that its name says it is."""
    try:
        with rasterio.open(path) as file:
            return [Verdict(path.name, *found) for found in _rules(file, name)]
    except RasterioError as error:
        return [Verdict(path.name, "readable", False, str(error))]


def _rules(file: rasterio.DatasetReader, name: ProductName) -> Iterator[tuple[str, bool, str]]:
    transform = file.transform
    yield "format", file.driver == "GTiff", file.driver
    epsg = epsg_code(file.crs.to_wkt() if file.crs else None)
    yield "crs", epsg == name.epsg, f"EPSG:{epsg}, the name says EPSG:{name.epsg}"
    assert name.pixel is not None
    size = (transform.a, -transform.e)
    square = max(abs(edge - name.pixel) for edge in size) < _EXACT and transform.b == transform.d == 0
    yield "pixel size", square, f"{size[0]:g} x {size[1]:g} m, expected {name.pixel:g} m"
    corner = (transform.c, transform.f)
    on_step = all(abs(value / ORIGIN_STEP - round(value / ORIGIN_STEP)) < _EXACT for value in corner)
    yield "origin", on_step, f"upper left corner at {corner[0]:.3f}, {corner[1]:.3f}; expected multiples of 1000 m"
    yield "bands", file.count == 1, f"{file.count} band(s)"
    yield "data type", file.dtypes[0] == "uint8", file.dtypes[0]
    compression = file.compression.value if file.compression else "none"
    yield "compression", compression.upper() == "LZW", compression
    if name.year >= 2021:
        block = file.block_shapes[0]
        tiled = file.profile.get("tiled", False) and max(block) <= LARGEST_BLOCK
        yield "tiling", tiled, f"blocks of {block[1]} x {block[0]}"
    yield "nodata", file.nodata == OUTSIDE, f"declared {file.nodata}, expected {OUTSIDE}"
    foreign = sorted(_values(file) - codes_of(name.form, name.year, name.variable))
    yield "codes", not foreign, f"values outside the table: {foreign[:10]}" if foreign else "all in the table"
    yield _colour_rule(file, name)


def _values(file: rasterio.DatasetReader) -> set[int]:
    """Return the distinct values of the first band, read block by block."""
    values: set[int] = set()
    for _, window in file.block_windows(1):
        values.update(np.unique(file.read(1, window=window)).tolist())
    return values


def _colour_rule(file: rasterio.DatasetReader, name: ProductName) -> tuple[str, bool, str]:
    try:
        found = file.colormap(1)
    except ValueError:
        return "colour table", False, "none is embedded"
    expected = colours_of(name.variable, name.form, name.year)
    if expected is None:
        return "colour table", True, "embedded; its colours are not in the published tables"
    wrong = [value for value, colour in expected.items() if tuple(found[value][:3]) != colour]
    return "colour table", not wrong, f"other colours for {wrong[:10]}" if wrong else "as published"


def epsg_code(crs: str | None) -> int | None:
    """Return the EPSG code of a system written as WKT, or None; older spellings are known by their terms."""
    if crs is None:
        return None
    try:
        code = CRS.from_user_input(crs).to_epsg(min_confidence=25)
    except CRSError:
        return None
    return None if code is None else int(code)

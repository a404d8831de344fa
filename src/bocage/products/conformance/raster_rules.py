"""The rules for the header and the values of a raster."""

from __future__ import annotations

from bocage.products.conformance.names import EUROPE, SYSTEMS
from bocage.products.conformance.raster import RasterFile
from bocage.products.conformance.rule import LAST, MANUAL, OWN, QC, Rule, rule
from bocage.products.conformance.specification import (
    LARGEST_BLOCK,
    ORIGIN_STEP,
    OUTSIDE,
    UNCLASSIFIABLE,
    codes_of,
)
from bocage.products.conformance.verdict import Finding, Skip

_EXACT = 1e-6
_FINE = ("swf r5m", "wvl r5m", "fm r5m", "cm r5m", "wvcl r5m")


@rule("raster.format", "error", "A raster is a GeoTIFF.", f"{QC}; {MANUAL}")
def _format(file: RasterFile) -> Finding | None:
    return None if file.driver == "GTiff" else Finding(f"it is {file.driver}", "deliver it as GeoTIFF")


@rule("raster.bands", "error", "A raster has one band.", QC)
def _bands(file: RasterFile) -> Finding | None:
    return None if file.bands == 1 else Finding(f"it has {file.bands} bands", "deliver one layer in a file")


@rule("raster.crs", "error", "The system of coordinates is that of the name; EPSG:3035 in Europe.", QC)
def _crs(file: RasterFile) -> Finding | None:
    return crs_finding(file.epsg, file.crs, file.layer.epsg)


@rule("raster.pixel", "error", "Pixels are squares of exactly 5 m or 100 m, as the name says.", QC)
def _pixel(file: RasterFile) -> Finding | None:
    size, (width, height) = file.layer.pixel, file.pixel
    if file.transform.b or file.transform.d:
        return Finding("the raster is turned against the axes", "resample it onto the grid")
    if size is None or all(abs(edge - size) < _EXACT for edge in (width, height)):
        return None
    return Finding(f"pixels are {width:g} x {height:g} m, the name says {size:g} m", "resample it onto the grid")


@rule(
    "raster.origin",
    "error",
    "The upper left corner lies on multiples of 1000 m in EPSG:3035, elsewhere on multiples of the pixel.",
    QC,
)
def _origin(file: RasterFile) -> Finding | None:
    step = ORIGIN_STEP if (file.layer.epsg or EUROPE) == EUROPE else file.layer.pixel or ORIGIN_STEP
    corner = (file.transform.c, file.transform.f)
    if all(abs(value / step - round(value / step)) < _EXACT for value in corner):
        return None
    return Finding(
        f"the upper left corner is {corner[0]:.3f}, {corner[1]:.3f}, not on multiples of {step:g} m",
        "cut or pad the raster to the grid",
    )


@rule("raster.cell", "error", "A tile lies inside the cell of its name.", MANUAL)
def _cell(file: RasterFile) -> Finding | Skip | None:
    cell = file.layer.cell_bounds
    if cell is None:
        return Skip("the name holds no cell of the European grid")
    if file.epsg != EUROPE:
        return Skip("the raster is not in EPSG:3035")
    left, bottom, right, top = file.bounds
    if (
        left >= cell[0] - _EXACT
        and bottom >= cell[1] - _EXACT
        and right <= cell[2] + _EXACT
        and top <= cell[3] + _EXACT
    ):
        return None
    return Finding(
        f"it spans {left:.0f} to {right:.0f} east and {bottom:.0f} to {top:.0f} north, but {file.layer.area} is "
        f"{cell[0]:.0f} to {cell[2]:.0f} and {cell[1]:.0f} to {cell[3]:.0f}",
        "name it after the cell that holds its lower left corner, or cut it at the edge of the cell",
    )


@rule("raster.whole_cell", "information", "A tile covers its whole cell.", MANUAL, years=(2018, LAST))
def _whole_cell(file: RasterFile) -> Finding | Skip | None:
    cell = file.layer.cell_bounds
    if cell is None:
        return Skip("the name holds no cell of the European grid")
    left, bottom, right, top = file.bounds
    share = max(right - left, 0) * max(top - bottom, 0) / ((cell[2] - cell[0]) * (cell[3] - cell[1]))
    if share > 1 - _EXACT:
        return None
    return Finding(
        f"it covers {share:.1%} of cell {file.layer.area}", "pad it with 255 where the service wants whole tiles"
    )


@rule("raster.dtype", "error", "Pixels are bytes without sign.", QC)
def _dtype(file: RasterFile) -> Finding | None:
    return None if file.dtype == "uint8" else Finding(f"pixels are {file.dtype}", "write them as uint8 (Byte)")


@rule("raster.compression", "error", "The compression is LZW.", QC)
def _compression(file: RasterFile) -> Finding | None:
    if file.compression == "LZW":
        return None
    return Finding(f"the compression is {file.compression.lower()}", "write it with COMPRESS=LZW")


@rule("raster.blocks", "error", f"No block is wider or higher than {LARGEST_BLOCK} pixels.", QC, layers=_FINE)
def _blocks_fine(file: RasterFile) -> Finding | None:
    return _block_finding(file)


@rule(
    "raster.blocks_100m",
    "error",
    f"No block of a 100 m layer is wider or higher than {LARGEST_BLOCK} pixels.",
    QC,
    layers=("swf r100m",),
    years=(2021, LAST),
)
def _blocks_coarse(file: RasterFile) -> Finding | None:
    return _block_finding(file)


def _block_finding(file: RasterFile) -> Finding | None:
    if max(file.block) <= LARGEST_BLOCK:
        return None
    return Finding(
        f"blocks are {file.block[0]} x {file.block[1]} pixels", f"write it tiled, in blocks of {LARGEST_BLOCK} or less"
    )


@rule("raster.tiled", "warning", "The raster is stored in tiles, not in strips.", QC, layers=_FINE, years=(2021, LAST))
def _tiled(file: RasterFile) -> Finding | None:
    return None if file.tiled else Finding("it is stored in strips", "write it with TILED=YES")


@rule("raster.nodata", "error", "255, outside area, is declared as nodata.", MANUAL)
def _nodata(file: RasterFile) -> Finding | None:
    if file.nodata == OUTSIDE:
        return None
    declared = "no nodata value is" if file.nodata is None else f"nodata {file.nodata:g} is"
    return Finding(f"{declared} declared", f"declare {OUTSIDE}")


@rule("raster.codes", "error", "Every pixel holds a code of the layer.", f"{QC}; {MANUAL}")
def _codes(file: RasterFile) -> Finding | Skip | None:
    if not file.counts:
        return Skip("the pixels are no whole numbers")
    foreign = sorted(set(file.counts) - codes_of(file.layer) - {UNCLASSIFIABLE})
    if not foreign:
        return None
    some = ", ".join(f"{value} ({file.counts[value]} px)" for value in foreign[:5])
    return Finding(f"values without a meaning in {file.layer.text}: {some}", "recode them, or name the layer rightly")


@rule(
    "raster.unclassifiable",
    "warning",
    "254 is not among the codes of 2021, change apart; the quality tool lets it pass.",
    MANUAL,
    layers=(*_FINE, "swf r100m"),
    years=(2021, LAST),
)
def _unclassifiable(file: RasterFile) -> Finding | None:
    count = file.counts.get(UNCLASSIFIABLE, 0)
    return Finding(f"{count} pixels hold 254", "give them 0, 1 or 255") if count else None


@rule("raster.outside", "warning", "Some pixel is not 255.", OWN)
def _outside(file: RasterFile) -> Finding | None:
    if set(file.counts) == {OUTSIDE}:
        return Finding("every pixel is 255, outside area", "deliver no tile where nothing was mapped")
    return None


def crs_finding(epsg: int | None, wkt: str | None, expected: int | None) -> Finding | None:
    """Return what is wrong with a system of coordinates; without an expected code the service's own ones are right."""
    if epsg is not None and (epsg == expected if expected else epsg in SYSTEMS):
        return None
    found = f"EPSG:{epsg}" if epsg else "none" if wkt is None else "one without a code that is known"
    wanted = f"the name says EPSG:{expected}" if expected else f"the layers of the service are in EPSG:{EUROPE}"
    return Finding(f"the system of coordinates is {found}; {wanted}", "reproject the layer, or correct its name")


RASTER_RULES: tuple[Rule[RasterFile], ...] = (
    _format, _bands, _crs, _pixel, _origin, _cell, _whole_cell, _dtype, _compression, _blocks_fine, _blocks_coarse,
    _tiled, _nodata, _codes, _unclassifiable, _outside,
)  # fmt: skip

"""The rules between the layers of one delivery unit: areas, extents, density, masks, and what belongs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from bocage.products.conformance.names import Layer
from bocage.products.conformance.raster import RasterFile
from bocage.products.conformance.rule import LAST, METHOD, OWN, QC, Rule, rule
from bocage.products.conformance.specification import OUTSIDE, UNCLASSIFIABLE, area_limits_of
from bocage.products.conformance.verdict import Finding, Skip

_PER_CELL = 20
# Pixels of 5 m that are read at once.
_PIXELS = 4_000_000
_SUITE = ("wvl r5m", "swf r5m", "swf r100m", "swf vec", "fm r5m", "cm r5m")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is kept of a layer of polygons: its area in square metres."""

    path: Path
    layer: Layer
    area: float


@dataclass(slots=True)
class Unit:
    """The layers of one place and year.

    Attributes
    ----------
    whole
        Whether a whole folder was tested, so that what is missing can be told.
    """

    key: tuple[object, ...]
    whole: bool
    rasters: list[RasterFile] = field(default_factory=list)
    vectors: list[Drawn] = field(default_factory=list)

    @property
    def layer(self) -> Layer:
        """One of its layers."""
        return self.layers[0]

    @property
    def layers(self) -> list[Layer]:
        """What its files are."""
        return [file.layer for file in self.rasters] + [drawn.layer for drawn in self.vectors]

    @property
    def text(self) -> str:
        """Place and year in words."""
        layer = self.layer
        region = "" if layer.region is None else f" {layer.region}"
        return f"{layer.area or 'layers without a place'}{region} {layer.year}"

    def raster(self, kind: str) -> RasterFile | None:
        """Return the first raster of a kind, None if there is none."""
        return next((file for file in self.rasters if file.layer.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Pair:
    """The raster of features and the polygons that it should show."""

    raster: RasterFile
    vector: Drawn

    @property
    def difference(self) -> float | None:
        """By how much the areas differ, per cent of that of the polygons; None where they cannot be compared."""
        if not self.raster.regular:
            return None
        drawn = self.raster.area_of((1, 2, 3))
        if not self.vector.area:
            return float("inf") if drawn else 0.0
        return abs(drawn - self.vector.area) / self.vector.area * 100

    @property
    def finding(self) -> Finding:
        """The areas and their difference, in words."""
        drawn = self.raster.area_of((1, 2, 3))
        return Finding(
            f"raster {drawn:.0f} m2, polygons {self.vector.area:.0f} m2: {self.difference:.3f} % apart "
            f"({self.raster.path.name})",
            "draw the raster from the polygons",
        )


_IRREGULAR = Skip("the raster breaks rules that a comparison needs")


@rule("set.area", "error", "Raster and polygons differ in area by 1.5 % at most (2015: 0.5 %).", QC)
def _area(pair: Pair) -> Finding | Skip | None:
    if pair.difference is None:
        return _IRREGULAR
    return pair.finding if pair.difference > area_limits_of(pair.vector.layer)[1] else None


@rule("set.area_close", "warning", "Raster and polygons differ in area by 0.05 % at most.", QC)
def _area_close(pair: Pair) -> Finding | Skip | None:
    if pair.difference is None:
        return _IRREGULAR
    remark, limit = area_limits_of(pair.vector.layer)
    return pair.finding if remark < pair.difference <= limit else None


@rule("set.density", "error", "The density at 100 m is the mean of the valid 5 m pixels, within 1.", METHOD,
      years=(2018, LAST))  # fmt: skip
def _density(unit: Unit) -> Finding | Skip | None:
    fine, coarse = unit.raster("swf r5m"), unit.raster("swf r100m")
    if fine is None or coarse is None or not fine.regular or not coarse.regular:
        return Skip("there are no rasters of 5 m and 100 m that can be compared")
    try:
        return _compare_density(fine, coarse)
    except RasterioError as error:
        return Skip(f"a raster cannot be read a second time: {error}")


def _compare_density(fine: RasterFile, coarse: RasterFile) -> Finding | Skip | None:
    offset = ((coarse.bounds[0] - fine.bounds[0]) / 5, (fine.bounds[3] - coarse.bounds[3]) / 5)
    column, row = round(offset[0]), round(offset[1])
    if max(abs(offset[0] - column), abs(offset[1] - row)) > 1e-6:
        return Skip("the rasters do not lie on one grid")
    wrong, first = 0, ""
    with rasterio.open(fine.path) as small, rasterio.open(coarse.path) as large:
        for window in _rows(coarse.width, coarse.height, _PIXELS // _PER_CELL**2):
            said = large.read(1, window=window).astype(np.float64)
            share, valid = _share(small, column, row, window)
            far = (valid > 0) & (said <= 100) & (np.abs(said - share) > 1) | (valid == 0) & (said <= 100)
            if far.any() and not wrong:
                down, right = np.argwhere(far)[0]
                x = coarse.transform.c + (right + 0.5) * 100
                y = coarse.transform.f - (window.row_off + down + 0.5) * 100
                true = f"{share[down, right]:.1f}" if valid[down, right] else "no data"
                first = f"at {x:.0f}, {y:.0f} it says {said[down, right]:.0f}, the 5 m raster {true}"
            wrong += int(far.sum())
    if not wrong:
        return None
    return Finding(
        f"{wrong} cells of 100 m are off; {first} ({fine.path.name})", "compute it from the valid 5 m pixels"
    )


def _share(
    file: rasterio.DatasetReader, column: int, row: int, window: Window
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the share of features in per cent and the number of valid pixels in each 100 m cell of a window."""
    box = Window(
        column + window.col_off * _PER_CELL,
        row + window.row_off * _PER_CELL,
        window.width * _PER_CELL,
        window.height * _PER_CELL,
    )
    array = file.read(1, window=box, boundless=True, fill_value=OUTSIDE)
    blocks = array.reshape(window.height, _PER_CELL, window.width, _PER_CELL)
    valid = ((blocks != OUTSIDE) & (blocks != UNCLASSIFIABLE)).sum(axis=(1, 3))
    found = (blocks == 1).sum(axis=(1, 3))
    return 100.0 * found / np.maximum(valid, 1), valid


@rule("set.forest", "warning", "At most 1 % of the features lie in the forest mask.", f"{METHOD}; limit: {OWN}")
def _forest(unit: Unit) -> Finding | Skip | None:
    features, forest = unit.raster("swf r5m"), unit.raster("fm r5m")
    if features is None or forest is None or not features.regular or not forest.regular:
        return Skip("there are no features and forest mask that can be compared")
    if features.bounds != forest.bounds:
        return Skip("the rasters have not the same extent")
    total, inside = 0, 0
    try:
        with rasterio.open(features.path) as one, rasterio.open(forest.path) as two:
            for window in _rows(features.width, features.height, _PIXELS):
                found = one.read(1, window=window) == 1
                total += int(found.sum())
                inside += int((found & (two.read(1, window=window) == 1)).sum())
    except RasterioError as error:
        return Skip(f"a raster cannot be read a second time: {error}")
    if inside <= 0.01 * total:
        return None
    return Finding(f"{inside / total:.1%} of the features lie in {forest.path.name}", "take them out of the features")


@rule("set.sum_2015", "warning", "SWFAWF is the sum of SWF and AWF, within 1.", OWN, years=(2015, 2015))
def _sum(unit: Unit) -> Finding | Skip | None:
    parts = [unit.raster(f"{name} r100m") for name in ("swf", "awf", "swfawf")]
    files = [file for file in parts if file is not None and file.regular]
    if len(files) < 3 or len({file.bounds for file in files}) > 1:
        return Skip("the three densities are not there, or not of one extent")
    wrong = 0
    try:
        with (
            rasterio.open(files[0].path) as swf,
            rasterio.open(files[1].path) as awf,
            rasterio.open(files[2].path) as both,
        ):
            for window in _rows(files[0].width, files[0].height, _PIXELS):
                one, two, three = (file.read(1, window=window).astype(int) for file in (swf, awf, both))
                known = (one <= 100) & (two <= 100) & (three <= 100)
                wrong += int((known & (np.abs(np.minimum(one + two, 100) - three) > 1)).sum())
    except RasterioError as error:
        return Skip(f"a raster cannot be read a second time: {error}")
    return Finding(f"{wrong} cells of SWFAWF are not SWF + AWF", "compute it anew") if wrong else None


@rule("set.extent", "warning", "All rasters of one place and year have one extent.", OWN)
def _extent(unit: Unit) -> Finding | Skip | None:
    if len(unit.rasters) < 2:
        return Skip("there is one raster, or none")
    counts = Counter(file.bounds for file in unit.rasters)
    usual = counts.most_common(1)[0][0]
    others = [file.path.name for file in unit.rasters if file.bounds != usual]
    if not others:
        return None
    return Finding(f"{', '.join(others[:3])} cover another ground than the others", "pad or cut them to one extent")


@rule("set.single", "error", "There is one file of each layer.", QC)
def _single(unit: Unit) -> Finding | None:
    files: dict[str, list[str]] = {}
    for file in unit.rasters:
        files.setdefault(file.layer.kind, []).append(file.path.name)
    for drawn in unit.vectors:
        files.setdefault(f"{drawn.layer.kind} {drawn.path.suffix}", []).append(drawn.path.name)
    twice = [f"{kind} ({', '.join(names[:3])})" for kind, names in files.items() if len(names) > 1]
    return Finding(f"more than one file of {'; '.join(twice)}", "deliver one version of each") if twice else None


@rule("set.formats", "information", "Polygons come in one format.", QC)
def _formats(unit: Unit) -> Finding | None:
    formats = sorted({drawn.path.suffix for drawn in unit.vectors if drawn.layer.variable == "swf"})
    if len(formats) < 2:
        return None
    return Finding(f"the polygons are there as {', '.join(formats)}", "deliver one of them")


@rule("set.complete", "warning", "The layers of a cell are all there.", QC, years=(2021, LAST))
def _complete(unit: Unit) -> Finding | Skip | None:
    kinds = {layer.kind for layer in unit.layers}
    if not unit.whole or len(kinds & set(_SUITE)) < 2:
        return Skip("single files were tested, or layers that are delivered alone")
    missing = [kind for kind in _SUITE if kind not in kinds]
    return Finding(f"missing: {', '.join(missing)}", "deliver all layers of the cell") if missing else None


def _rows(width: int, height: int, pixels: int) -> Iterator[Window]:
    step = max(1, pixels // max(1, width))
    for row in range(0, height, step):
        yield Window(0, row, width, min(step, height - row))


def pairs_of(unit: Unit) -> Iterator[Pair]:
    """Yield the raster of features with each file of polygons."""
    raster = unit.raster("swf r5m")
    if raster is not None:
        yield from (Pair(raster, drawn) for drawn in unit.vectors if drawn.layer.variable == "swf")


PAIR_RULES: tuple[Rule[Pair], ...] = (_area, _area_close)
UNIT_RULES: tuple[Rule[Unit], ...] = (_density, _forest, _sum, _extent, _single, _formats, _complete)

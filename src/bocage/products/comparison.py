"""The change layer of two folders of products, Bocage's own or those of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.errors import RasterioError

from bocage.errors import ProductError
from bocage.files import finished
from bocage.grid import SNAP, Grid, Window
from bocage.products.change import DECREASE, INCREASE, STABLE, Rules, Year, change_codes, margin
from bocage.products.colours import OUTSIDE
from bocage.products.density import STEP, coarse
from bocage.products.edition import edition_of
from bocage.products.naming import ProductName, Variable
from bocage.products.staging import staged
from bocage.products.writers import CELL, DENSITY_CELL, padded
from bocage.progress import track
from bocage.project import Project
from bocage.rasters import read_window

_OPTIONAL: tuple[Variable, Variable] = ("fm", "wvcl")
_USED: tuple[Variable, ...] = ("swf", "wvl", *_OPTIONAL)
# 10 km, in 5 m cells: the whole of a continent is never in memory at 5 m.
_BLOCK = 2000


@dataclass(frozen=True, slots=True)
class Epoch:
    """The 5 m rasters of one year in a folder, by variable, each with the cells that it covers."""

    folder: Path
    year: int
    epsg: int
    rasters: dict[Variable, dict[Path, Window]]

    @property
    def window(self) -> Window:
        """The cells that the features cover."""
        return reduce(Window.union, self.rasters["swf"].values())

    def read(self, grid: Grid, window: Window) -> Year:
        """Read the layers of a window; 255 where there is none."""
        features = self._layer("swf", grid, window)
        woody = self._layer("wvl", grid, window) if "wvl" in self.rasters else features
        forest, confidence = (
            self._layer(variable, grid, window) if variable in self.rasters else None for variable in _OPTIONAL
        )
        return Year(features, woody, forest, confidence)

    def _layer(self, variable: Variable, grid: Grid, window: Window) -> NDArray[np.uint8]:
        result = np.full(window.shape, OUTSIDE, np.uint8)
        for path, covered in self.rasters[variable].items():
            shared = covered.intersection(window)
            if shared is not None:
                part = result[shared.slices(window)]
                read = read_window(path, grid, shared, fill=OUTSIDE)
                np.copyto(part, read.astype(np.uint8), where=part == OUTSIDE)
        return result


def write_change(
    project: Project,
    before: Path | str,
    after: Path | str | None = None,
    *,
    rules: Rules | None = None,
    without_forest: bool = False,
) -> tuple[list[Path], dict[str, Any]]:
    """Write the change layer between two folders of products; return its files and figures.

    The layer is one file at 100 m for all that both folders cover, in the products folder of the project, with the
    codes of the service and the method of :mod:`bocage.products.change`.

    Parameters
    ----------
    before, after
        Folders with the 5 m layers of one year each: small woody features and forest mask, and woody vegetation and its
        confidence if both have it. ``after`` is the project's own products folder by default.
    without_forest
        Do without forest masks: no cell is then 201, 202 or 203.

    Raises
    ------
    ProductError
        If a folder lacks a layer, mixes years, pixels or systems, the years are not in order, or the folders share no
        ground.
    """
    rules = rules or Rules()
    first = find_epoch(Path(before))
    second = find_epoch(project.products_folder if after is None else Path(after))
    first, second = _comparable(first, second, without_forest=without_forest)
    grid = Grid(f"EPSG:{first.epsg}", CELL)
    shared = first.window.intersection(second.window)
    if shared is None:
        raise ProductError(
            f"{first.folder} and {second.folder} share no ground", "compare folders of the same production cells"
        )
    window = padded(grid, shared)
    whole = coarse(window)
    codes = np.full(whole.shape, OUTSIDE, np.uint8)
    frame = margin(rules)
    for block in track(list(window.blocks(_BLOCK)), "comparing products"):
        outer = block.pad(-(-frame // STEP) * STEP)
        found = change_codes(first.read(grid, outer), second.read(grid, outer), rules)
        codes[coarse(block).slices(whole)] = found[coarse(block).slices(coarse(outer))]
    edition = edition_of(project, None, [], grid)
    edition = replace(
        edition,
        convention="2018" if (first.year, second.year) == (2015, 2018) else _current(edition.convention),
        year=second.year,
        before=first.year,
        delivery=replace(
            edition.delivery,
            begin=f"{first.year}-01-01",
            end=f"{second.year}-12-31",
            lineage=_lineage(first, second, rules),
            sources={"bocage:before": first.year, "bocage:after": second.year},
        ),
    )
    name = edition.name("swfc", "r100m", edition.area(grid.bounds(shared)))
    with staged(project.products_folder) as staging:
        edition.into(staging.folder).raster(name, codes, Grid(grid.crs, DENSITY_CELL), whole)
    return staging.moved, _figures(first, second, codes)


def find_epoch(folder: Path) -> Epoch:
    """Find the 5 m layers of one year in a folder.

    Raises
    ------
    ProductError
        If it is no folder or holds no small woody features at 5 m, or they are of several years or systems, or a file
        does not lie on the 5 m grid.
    """
    if not folder.is_dir():
        raise ProductError(f"{folder} is no folder", "give the folder that holds the products of that year")
    rasters: dict[Variable, dict[Path, Window]] = {}
    names: list[ProductName] = []
    for path in finished(folder, "*.tif"):
        name = ProductName.parse(path.stem)
        if name is not None and name.form == "r5m" and name.variable in _USED:
            names.append(name)
            rasters.setdefault(name.variable, {})[path] = _window(path, name.epsg)
    if "swf" not in rasters:
        raise ProductError(
            f"{folder} holds no small woody features at 5 m under a name of the service",
            "give a folder with files such as clms_hrlslf_swf_s2021_r5m_e43n30_03035_v01_r00_20210714.tif",
        )
    years = sorted({name.year for name in names})
    systems = sorted({name.epsg for name in names})
    if len(years) > 1 or len(systems) > 1:
        what = f"years {years}" if len(years) > 1 else f"systems {systems}"
        raise ProductError(f"{folder} mixes layers of the {what}", "put those of each year into a folder of its own")
    return Epoch(folder, years[0], systems[0], rasters)


def _window(path: Path, epsg: int) -> Window:
    try:
        with rasterio.open(path) as file:
            transform, width, height = file.transform, file.width, file.height
            code = None if file.crs is None else CRS.from_user_input(file.crs.to_wkt()).to_epsg(min_confidence=25)
    except RasterioError as error:
        raise ProductError(f"{path} cannot be opened: {error}", "copy or download the file again") from error
    column, row = transform.c / CELL, -transform.f / CELL
    square = transform.b == transform.d == 0 and max(abs(transform.a - CELL), abs(transform.e + CELL)) < SNAP
    if not square or max(abs(column - round(column)), abs(row - round(row))) > 100 * SNAP:
        raise ProductError(
            f"{path} has pixels of {transform.a:g} x {-transform.e:g} m from {transform.c:g}, {transform.f:g} and is "
            f"no layer at {CELL:g} m",
            "compare products at 5 m on the grid of the service",
        )
    if code != epsg:
        raise ProductError(f"{path} is in EPSG:{code}, its name says EPSG:{epsg}", "write the product again")
    return Window(round(column), round(row), width, height)


def _comparable(first: Epoch, second: Epoch, *, without_forest: bool) -> tuple[Epoch, Epoch]:
    """Return both epochs with the layers that both have, or say what is missing."""
    if first.epsg != second.epsg:
        raise ProductError(
            f"{first.folder} is in EPSG:{first.epsg} and {second.folder} in EPSG:{second.epsg}",
            "write both in one system",
        )
    if first.year >= second.year:
        raise ProductError(
            f"{first.folder} is of {first.year} and {second.folder} of {second.year}", "give the earlier year first"
        )
    bare = [epoch for epoch in (first, second) if "fm" not in epoch.rasters]
    if bare and not without_forest:
        raise ProductError(
            f"{bare[0].folder} holds no forest mask of {bare[0].year}, and the codes 201 to 203 tell of forest",
            "the release of 2015 has none: do without those codes, --without-forest"
            if bare[0].year == 2015
            else "write it with a tree cover density layer registered, or do without those codes: --without-forest",
        )
    kept: tuple[Variable, ...] = tuple(
        variable
        for variable in _USED
        if variable in first.rasters and variable in second.rasters and not (variable == "fm" and without_forest)
    )
    return tuple(  # type: ignore[return-value]
        replace(epoch, rasters={variable: epoch.rasters[variable] for variable in kept}) for epoch in (first, second)
    )


def _current(convention: str) -> Any:
    return convention if convention == "2024" else "2021"


def _lineage(first: Epoch, second: Epoch, rules: Rules) -> str:
    against = "woody vegetation" if "wvl" in first.rasters else "small woody features"
    sure = f" that stand for {rules.expected:g} m2 by the confidence of both years" if "wvcl" in first.rasters else ""
    return (
        f"Made with Bocage from small woody features of {first.year} and {second.year}: features of one year without "
        f"{against} of the other within {rules.tolerance:g} m, in pieces of {rules.smallest:g} m2 and more"
        f"{sure}; a cell of 100 m has changed where gain and loss differ by {rules.net:g} m2 and more. This is a "
        "method of Bocage's own."
    )


def _figures(first: Epoch, second: Epoch, codes: NDArray[np.uint8]) -> dict[str, Any]:
    cells: Sequence[tuple[str, tuple[int, ...]]] = (
        ("stable", (STABLE,)), ("increase", (INCREASE,)), ("decrease", (DECREASE,)), ("forest", (201, 202, 203)),
        ("unclassifiable", (254,)),
    )  # fmt: skip
    return {
        "before": first.year,
        "after": second.year,
        "against": "woody vegetation" if "wvl" in first.rasters else "features",
        "confidence": "wvcl" in first.rasters,
        **{f"{name}_cells": int(np.isin(codes, values).sum()) for name, values in cells},
    }

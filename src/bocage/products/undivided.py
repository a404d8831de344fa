"""Layers that are not cut into production cells: parent scenes, street trees by town, density of the older releases.

They are written anew with every run; all they need was read or made for the cells before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bocage.errors import ProductError
from bocage.grid import Bounds, Grid, Window
from bocage.products.colours import OUTSIDE
from bocage.products.delivery import Delivery
from bocage.products.density import coarse, density
from bocage.products.mosaic import MappedTile
from bocage.products.naming import Form, ProductName, Variable
from bocage.products.outlines import ADDITIONAL
from bocage.products.parents import parent_scenes
from bocage.products.streets import street_trees, urban_mask
from bocage.products.suite import SUITES
from bocage.products.towns import Town
from bocage.products.writers import DENSITY_CELL
from bocage.project import Project
from bocage.rasters import read_window
from bocage.scenes import Catalogue

Naming = Callable[[Variable, Form, str], ProductName]
# A town is held in memory whole: 40 km by 40 km of 5 m cells.
_LARGEST_TOWN = 64_000_000
# 20 km: a tile of 200 km is not read whole.
_BLOCK = 4000
_CODES: Mapping[Variable, tuple[int, ...]] = {"swf": (1,), "awf": (ADDITIONAL,), "swfawf": (1, ADDITIONAL)}


def write_parents(
    delivery: Delivery, project: Project, mosaic: Sequence[MappedTile], name: ProductName
) -> tuple[list[Path], str]:
    """Write the parent-scene layer; return its files, and the reason where there are none."""
    if not any(mapped.scenes for mapped in mosaic):
        return [], "the receipts of the mosaic name no scenes"
    catalogue = Catalogue.open(project.scenes_file, project.grid) if project.scenes_file.is_file() else None
    scenes = parent_scenes(mosaic, catalogue, project.grid)
    window = reduce(Window.union, (mapped.tile.window for mapped in mosaic))
    return delivery.vector(name, scenes, project.grid.bounds(window)), ""


def write_street_trees(
    delivery: Delivery,
    project: Project,
    found: tuple[list[Town], str],
    woody: Mapping[Path, Window],
    grid: Grid,
    naming: Naming,
) -> tuple[list[Path], str]:
    """Write the street trees of every town; return their files, and the reason where there are none.

    ``found`` are the towns, or the reason why there are none; ``woody`` are the woody vegetation layers of the
    production cells with their windows on ``grid``.

    Raises
    ------
    ProductError
        If a town is too large to be held in memory.
    """
    towns, reason = found
    files: list[Path] = []
    for town in towns:
        files += _write_town(delivery, project, town, woody, grid, naming)
    if towns and not files:
        reason = "no town of the Urban Atlas has woody vegetation that was mapped"
    return files, reason


def write_densities(
    delivery: Delivery, features: Mapping[Path, Window], grid: Grid, naming: Naming, area: str
) -> list[Path]:
    """Write the 100 m densities of a release that has them in one file.

    ``features`` are the 5 m layers of the production cells with their windows on ``grid``, ``area`` the two letters in
    the names.
    """
    convention = naming("swf", "r5m", area).convention
    whole = coarse(reduce(Window.union, features.values()))
    files: list[Path] = []
    for layer in SUITES[convention]:
        if layer.form != "r100m" or layer.extent != "area" or layer.variable == "swfc":
            continue
        array: NDArray[np.uint8] = np.full(whole.shape, OUTSIDE, np.uint8)
        for path, window in features.items():
            for block in window.blocks(_BLOCK):
                cells = read_window(path, grid, block, fill=OUTSIDE).astype(np.uint8, copy=False)
                array[coarse(block).slices(whole)] = density(cells, _CODES[layer.variable])
        name = naming(layer.variable, "r100m", area)
        files += delivery.raster(name, array, Grid(grid.crs, DENSITY_CELL), whole)
    return files


def _write_town(
    delivery: Delivery, project: Project, town: Town, woody: Mapping[Path, Window], grid: Grid, naming: Naming
) -> list[Path]:
    window = grid.window(Bounds(*town.polygons.total_bounds.tolist())).intersection(
        reduce(Window.union, woody.values())
    )
    if window is None:
        return []
    gap = project.settings.products.street_gap
    framed = window.pad(int(np.ceil(gap / grid.resolution)) + 1)
    if framed.width * framed.height > _LARGEST_TOWN:
        raise ProductError(
            f"{town.name} ({town.code}) spans {framed.width} x {framed.height} cells of {grid.resolution:g} m, more "
            f"than the {_LARGEST_TOWN} that are held in memory at once",
            "leave the town out of the Urban Atlas layer, or map a smaller area (area.bbox)",
        )
    inside = window.slices(framed)
    urban = urban_mask(town.built_up(grid, framed), gap, grid.resolution)[inside] & town.ground(grid, window)
    state = np.full(window.shape, OUTSIDE, np.uint8)
    for path, covered in woody.items():
        shared = covered.intersection(window)
        if shared is not None:
            state[shared.slices(window)] = read_window(path, grid, shared, fill=OUTSIDE)
    if not (urban & (state != OUTSIDE)).any():
        return []
    identity = (town.country, town.name, town.code)
    trees = street_trees(state == 1, urban, grid.transform(window), grid.crs, identity)
    name = naming("stl", "vec", f"{town.code}_{town.slug}")
    return delivery.vector(name, trees, grid.bounds(window))

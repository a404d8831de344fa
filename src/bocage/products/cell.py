"""The layers of one delivery unit, made in memory: woody vegetation, confidence, masks, small woody features.

A unit is a production cell, or several: a tile of 200 km or a region. Production cells are filled block by block and
held whole, a byte per cell and layer: 2 GB for 100 km at 5 m. Of a unit of several only the layers that are delivered
are kept, in files that are mapped into memory, so that its size costs disk and not memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from bocage.features.derivation import MOST_CELLS
from bocage.features.ground import Ground, Island, blocks
from bocage.features.profiles import profile_of
from bocage.grid import Grid, Window
from bocage.mapping import read_probability
from bocage.products.attributes import count_values
from bocage.products.colours import OUTSIDE
from bocage.products.confidence import confidence
from bocage.products.density import density
from bocage.products.naming import Convention, Variable
from bocage.products.outlines import ADDITIONAL, drawn, merged
from bocage.products.suite import layer_of
from bocage.products.writers import CELL, padded
from bocage.project import Project

type _Rasters = dict[Variable, NDArray[np.uint8]]
# Features are drawn in squares of 5 km: what is not known is a mask of the same size.
_BLOCK = 1000


@dataclass(frozen=True, slots=True)
class UnitLayers:
    """What is delivered of a unit.

    Attributes
    ----------
    window
        The 5 m cells of every raster, on multiples of 1000 m.
    rasters
        (rows, columns) at 5 m, by variable; 255 where nothing is known.
    features
        The polygons of the service.
    figures
        Counts and areas for the receipt.
    """

    window: Window
    rasters: Mapping[Variable, NDArray[np.uint8]]
    features: gpd.GeoDataFrame
    figures: Mapping[str, float]

    def density(self, codes: tuple[int, ...] = (1,)) -> NDArray[np.uint8]:
        """Return the share of 100 m cells under features of these codes, per cent."""
        return density(self.rasters["swf"], codes)


def make_layers(
    project: Project,
    cells: Mapping[str, list[Island]],
    grid: Grid,
    features: gpd.GeoDataFrame,
    convention: Convention,
    scratch: Path,
) -> UnitLayers:
    """Make the layers of a unit from the islands of mapped tiles of its production cells and their features.

    The masks that are there depend on the registered layers: "fm" only with a tree cover density, "cm" only with crops.

    Parameters
    ----------
    scratch
        A folder for the rasters of a unit of several production cells, as long as they are used.

    Raises
    ------
    FeatureError
        If an island is too large to be held in memory.
    LayerError
        If a registered layer cannot be read.
    StorageError
        If a tile of the mosaic cannot be read.
    """
    window = padded(grid, reduce(Window.union, (island.window for own in cells.values() for island in own)))
    areas: dict[str, float] = {}
    rasters: _Rasters = {}
    for cell, islands in cells.items():
        inside, arrays = _rasters_of(project, cell, islands, grid)
        for name, area in _areas(arrays).items():
            areas[name] = areas.get(name, 0.0) + area
        if len(cells) == 1:
            rasters = arrays
            break
        for variable, array in arrays.items():
            if layer_of(convention, variable, "r5m") is None:
                continue
            if variable not in rasters:
                rasters[variable] = np.memmap(scratch / f"{variable}.raw", np.uint8, "w+", shape=window.shape)
                rasters[variable][:] = OUTSIDE
            rasters[variable][inside.slices(window)] = array
    outlines = merged(features, convention)
    for block in window.blocks(_BLOCK):
        part = rasters["swf"][block.slices(window)]
        part[:] = drawn(_near(outlines, grid, block), part, grid, block)
    areas |= _areas({"swf": rasters["swf"]})
    figures = {"features": len(outlines), "features_km2": float(outlines["area"].sum() / 1e6), **areas}
    return UnitLayers(window, rasters, outlines, figures)


def _near(features: gpd.GeoDataFrame, grid: Grid, block: Window) -> gpd.GeoDataFrame:
    rows = features.sindex.query(grid.bounds(block).polygon())
    return features.iloc[np.sort(rows)]


def _rasters_of(project: Project, cell: str, islands: list[Island], grid: Grid) -> tuple[Window, _Rasters]:
    """Return the layers of a production cell; "swf" tells what is known only: 0, and 255 where nothing is."""
    window = padded(grid, reduce(Window.union, (island.window for island in islands)))
    threshold = project.settings.features.threshold
    profile = profile_of(project.settings.features.profile)
    rasters: _Rasters = {}
    for block, ground in blocks(
        project, cell, grid, profile, lambda pixels: read_probability(project, pixels)[0], MOST_CELLS
    ):
        inside = block.slices(window)
        for variable, array in _arrays(ground, threshold).items():
            if variable not in rasters:
                rasters[variable] = np.full(window.shape, OUTSIDE, np.uint8)
            # Boxes of islands may overlap; where one is unknown the other may know.
            np.copyto(rasters[variable][inside], array, where=array != OUTSIDE)
    if not _has_density(project):
        del rasters["fm"]
    return window, rasters


def _areas(rasters: _Rasters) -> dict[str, float]:
    """Return the areas of what layers show, and of what is known, in km2."""
    size, areas = CELL**2 / 1e6, dict[str, float]()
    for variable, array in rasters.items():
        if variable != "wvcl":
            counts = count_values(array)
            areas[f"{variable}_km2"] = float((counts[1] + counts[ADDITIONAL]) * size)
            if variable == "wvl":
                areas["observed_km2"] = float((counts.sum() - counts[OUTSIDE]) * size)
    return areas


def left_out(project: Project) -> dict[Variable, str]:
    """Return the layers of a production cell that the project's inputs do not allow, with the reason."""
    reasons: dict[Variable, str] = {}
    if not _has_density(project):
        reasons["fm"] = (
            "no layer of kind tree_cover_density is registered, from which the service makes its forest mask; features "
            "were kept out of stands of woody cells of 5 ha and more"
        )
    if not any(layer.kind == "crop_types" for layer in project.settings.reference.layers):
        reasons["cm"] = "no layer of kind crop_types is registered; nothing was left out as a crop"
    return reasons


def _has_density(project: Project) -> bool:
    return any(layer.kind == "tree_cover_density" for layer in project.settings.reference.layers)


def _arrays(ground: Ground, threshold: float) -> dict[Variable, NDArray[np.uint8]]:
    """Return the layers of an island, each 255 where the mosaic has no data."""
    known = ground.woody != OUTSIDE
    arrays: dict[Variable, NDArray[np.uint8]] = {
        "wvl": ground.woody,
        "wvcl": confidence(ground.probability, threshold),
        "fm": np.where(known, ground.forest, OUTSIDE).astype(np.uint8),
        "swf": np.where(known, 0, OUTSIDE).astype(np.uint8),
    }
    if ground.crop is not None:
        arrays["cm"] = np.where(known, ground.crop, OUTSIDE).astype(np.uint8)
    return arrays

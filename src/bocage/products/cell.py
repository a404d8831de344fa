"""The layers of one production cell, made in memory: woody vegetation, confidence, masks, small woody features.

They are filled block by block and held whole, a byte per cell and layer: 2 GB for 100 km at 5 m.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from bocage.features.derivation import MOST_CELLS
from bocage.features.ground import Ground, Island, blocks
from bocage.features.profiles import profile_of
from bocage.grid import Grid, Window
from bocage.mapping import read_probability
from bocage.products.colours import OUTSIDE
from bocage.products.confidence import confidence
from bocage.products.density import density
from bocage.products.naming import Convention, Variable
from bocage.products.outlines import drawn, merged
from bocage.products.writers import CELL, padded
from bocage.project import Project


@dataclass(frozen=True, slots=True)
class CellLayers:
    """What is delivered of a production cell.

    Attributes
    ----------
    window
        The 5 m cells of every raster, on multiples of 1000 m.
    rasters
        (rows, columns) at 5 m, by variable; 255 where nothing is known.
    features
        The polygons of the service.
    """

    window: Window
    rasters: Mapping[Variable, NDArray[np.uint8]]
    features: gpd.GeoDataFrame

    def density(self, codes: tuple[int, ...] = (1,)) -> NDArray[np.uint8]:
        """Return the share of 100 m cells under features of these codes, per cent."""
        return density(self.rasters["swf"], codes)

    def figures(self) -> dict[str, Any]:
        """Return counts and areas for the receipt."""
        size = CELL**2 / 1e6
        return {
            "features": len(self.features),
            "features_km2": float(self.features["area"].sum() / 1e6),
            "observed_km2": float((self.rasters["wvl"] != OUTSIDE).sum() * size),
            **{
                f"{variable}_km2": float(np.isin(array, (1, 3)).sum() * size)
                for variable, array in self.rasters.items()
                if variable != "wvcl"
            },
        }


def make_layers(
    project: Project, islands: list[Island], grid: Grid, features: gpd.GeoDataFrame, convention: Convention
) -> CellLayers:
    """Make the layers of a production cell from its islands of mapped tiles and its features.

    The masks that are there depend on the registered layers: "fm" only with a tree cover density, "cm" only with crops.

    Raises
    ------
    FeatureError
        If an island is too large to be held in memory.
    LayerError
        If a registered layer cannot be read.
    StorageError
        If a tile of the mosaic cannot be read.
    """
    window = padded(grid, reduce(Window.union, (island.window for island in islands)))
    threshold = project.settings.features.threshold
    profile = profile_of(project.settings.features.profile)
    rasters: dict[Variable, NDArray[np.uint8]] = {}
    cell = islands[0].cell
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
    outlines = merged(features, convention)
    rasters["swf"] = drawn(outlines, rasters["wvl"], grid, window)
    return CellLayers(window, rasters, outlines)


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
    }
    if ground.crop is not None:
        arrays["cm"] = np.where(known, ground.crop, OUTSIDE).astype(np.uint8)
    return arrays

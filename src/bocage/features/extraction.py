"""The stage "features": from the mosaic and the reference layers to one table of features per production cell.

Each island of mapped tiles is a region that is worked by tiles; its planes are held in memory, about 5 bytes per cell,
and one of more than ``MOST_CELLS`` cells is refused. A feature that a production cell's border cuts has a piece in
either cell. Of what class it is, is judged with a margin of the other cell, and when all cells are made, the pieces
learn of each other (:mod:`bocage.features.wholes`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from bocage.errors import FeatureError
from bocage.features.context_layers import open_context
from bocage.features.derivation import MOST_CELLS, Derived, derive, empty_features
from bocage.features.ground import (
    LAYERS,
    Island,
    Region,
    cell_grid,
    find_islands,
    layers_of,
    mapped_tiles,
    neighbours,
    read_region,
)
from bocage.features.joining import border_file, join_cells, write_border
from bocage.features.masks import UNKNOWN
from bocage.features.profiles import Profile, profile_of
from bocage.files import digest_file, digest_json, whole_file, write_json
from bocage.grid import Grid, Tile
from bocage.mapping import read_probability
from bocage.mapping.inventory import Inventory
from bocage.outcome import Outcome, Refusal
from bocage.progress import track
from bocage.project import Project

_log = logging.getLogger("bocage")
_RULES = 5  # Raised when the derivation changes, so that older results are made again.


def extract_features(project: Project) -> Outcome:
    """Derive the features of all that is mapped, one GeoParquet file per production cell.

    ``features/<cell>.parquet`` is in the grid's coordinate reference system, with the columns of
    :func:`bocage.features.features_of`; a cell without a feature gets a valid file without a row. The receipt
    ``features/<cell>.json`` holds the digests of what was read and written; a cell whose receipt still matches is not
    made again.

    Raises
    ------
    ProjectError
        If nothing is mapped yet.
    MappingError
        If the tiles of the mosaic are not one map of one model.
    FeatureError
        If no production cell could be derived, or the cell size and the resolution of the features do not fit.
    LayerError
        If a registered layer cannot be read.
    """
    profile = profile_of(project.settings.features.profile)
    tiles = mapped_tiles(project)
    inventory = Inventory.open(project.map_storage)
    inventory.require_one_map(tiles, project.grid)
    grid = cell_grid(project, project.settings.features.resolution)
    islands: dict[str, list[Island]] = {}
    for island in find_islands(project, tiles, grid):
        islands.setdefault(island.cell, []).append(island)
    layers = [layer.files for kind in LAYERS for layer in layers_of(project, kind, grid)]
    stamps = [[file.stamp for file in files] for files in layers]
    stamps += open_context(project).stamp
    _remove_stale(project, islands)
    outputs, refused, cells = [], [], {}
    for cell, own in track(islands.items(), "deriving features"):
        try:
            inputs = _inputs(project, own, grid, tiles, inventory, stamps)
            cells[cell] = _finished(project, cell, inputs) or _derive(project, cell, own, grid, profile, inputs)
            outputs.append(project.features_folder / f"{cell}.parquet")
        except FeatureError as error:
            _log.warning("%s: %s", cell, error.problem)
            refused.append(Refusal.of(cell, error))
            _remove(project, cell)  # What stands of it is of another map: products must not be made of it.
    if not outputs:
        raise FeatureError(refused[0].reason, refused[0].mend)
    for cell in join_cells(project, cells, grid.resolution, profile):
        path = project.features_folder / f"{cell}.parquet"
        cells[cell] |= _figures(gpd.read_parquet(path))
        _write_receipt(project, cell, {**_receipt(project, cell), "sha256": digest_file(path), "figures": cells[cell]})
    return Outcome(tuple(outputs), {"profile": profile.name, **_sum(cells.values()), "cells": cells}, tuple(refused))


def _derive(
    project: Project, cell: str, islands: list[Island], grid: Grid, profile: Profile, inputs: str
) -> dict[str, Any]:
    """Derive the features of one production cell, write them and return its figures."""
    tables, borders, known = [empty_features(grid.crs)], [], []
    for island in islands:
        found, seen = _island(project, island, grid, profile)
        borders.append(found.border.moved(sum(len(table) for table in tables)))
        tables.append(found.table)
        known.append(seen)
    filled = [table for table in tables if len(table)] or tables[:1]
    # Together with a copy of itself the table of a dense production cell would be the largest thing of the stage.
    features = filled[0] if len(filled) == 1 else gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=grid.crs)
    del tables, filled, found
    path = project.features_folder / f"{cell}.parquet"
    with whole_file(path) as temporary:
        features.to_parquet(temporary, index=False, write_covering_bbox=True)
    border = border_file(project, cell)
    write_border(border, borders)
    figures = {**_sum(known), **_figures(features)}
    digests = {"sha256": digest_file(path), "border": digest_file(border)}
    _write_receipt(project, cell, {"inputs": inputs, **digests, "figures": figures})
    return figures


def _island(project: Project, island: Island, grid: Grid, profile: Profile) -> tuple[Derived, dict[str, float]]:
    """Return the features of an island and how much of it is known, woody and forest; its planes are not kept."""
    region = read_region(
        project, island, grid, profile, lambda window: read_probability(project, window)[0], MOST_CELLS
    )
    own = island.window.slices(region.frame.window)
    woody, forest = region.planes.woody[own], region.planes.forest[own]
    # Over all cells at once a comparison would be one more plane.
    cells = np.zeros(3, np.int64)
    for row, states in zip(woody, forest, strict=True):
        observed = row != UNKNOWN
        cells += [np.count_nonzero(observed), np.count_nonzero(row == 1), np.count_nonzero((states == 1) & observed)]
    names = ("observed_km2", "woody_km2", "forest_km2")
    figures = dict(zip(names, (cells * grid.resolution**2 / 1e6).tolist(), strict=True))
    return features_on(region, profile), figures


def features_on(region: Region, profile: Profile) -> Derived:
    """Return the features of an island."""
    return derive(
        region.planes,
        region.frame,
        region.grid.resolution,
        region.grid.crs,
        profile,
        own=region.own,
        cover=region.cover,
        height=region.height if region.heights else None,
        context=region.context,
    )


def _inputs(
    project: Project,
    islands: list[Island],
    grid: Grid,
    mapped: list[Tile],
    inventory: Inventory,
    stamps: list[list[str]],
) -> str:
    """Return the digest of everything that the features of a production cell depend on."""
    names = {tile.id for tile in mapped}
    seen = (tile for island in islands for tile in (*island.tiles, *neighbours(project, island, grid)) if tile in names)
    tiles = sorted(set(seen))
    return digest_json(
        {
            "rules": _RULES,
            "settings": project.settings.features.model_dump(),
            "grid": project.settings.grid.model_dump(),
            "tiles": {tile: inventory.cog_digest(tile) for tile in tiles},
            "layers": stamps,
        }
    )


def _finished(project: Project, cell: str, inputs: str) -> dict[str, Any] | None:
    """Return the figures of a production cell that is done and up to date, or None."""
    receipt = _receipt(project, cell)
    files = {"sha256": project.features_folder / f"{cell}.parquet", "border": border_file(project, cell)}
    if receipt.get("inputs") != inputs or not all(path.is_file() for path in files.values()):
        return None
    figures: dict[str, Any] = receipt["figures"]
    return figures if all(receipt.get(name) == digest_file(path) for name, path in files.items()) else None


def _receipt(project: Project, cell: str) -> dict[str, Any]:
    """Return the receipt of a production cell, empty where there is none that can be read."""
    try:
        receipt = json.loads((project.features_folder / f"{cell}.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def _write_receipt(project: Project, cell: str, receipt: dict[str, Any]) -> None:
    write_json(project.features_folder / f"{cell}.json", receipt)


def _remove_stale(project: Project, cells: Iterable[str]) -> None:
    """Remove the features of all other production cells, with their receipts."""
    current = set(cells)
    for receipt in project.features_folder.glob("*.json"):
        if receipt.stem not in current:
            _remove(project, receipt.stem)


def _remove(project: Project, cell: str) -> None:
    """Remove the features of a production cell, its receipt last: as long as that stands there may be more."""
    table = project.features_folder / f"{cell}.parquet"
    for path in (table, border_file(project, cell), table.with_suffix(".json")):
        path.unlink(missing_ok=True)


def _figures(features: gpd.GeoDataFrame) -> dict[str, Any]:
    # A feature in several production cells counts in that where it begins: the sum over cells is that of features.
    begins = features["feature_id"] == features["whole_id"]
    areas, counts = (values.groupby(features["slf_type"]).sum() for values in (features["area"], begins))
    linear = features["slf_class"] == 1
    return {
        "features": int(begins.sum()),
        "area_km2": float(features["area"].sum() / 1e6),
        "linear_km": float(features.loc[linear, "length_m"].sum() / 1e3),
        "truncated": int(features["truncated"].sum()),
        "count_by_type": {str(name): int(count) for name, count in counts.items()},
        "area_km2_by_type": {str(name): float(area / 1e6) for name, area in areas.items()},
    }


def _sum(cells: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all production cells together."""
    total: dict[str, Any] = {}
    for figures in cells:
        for name, value in figures.items():
            if isinstance(value, dict):
                own = total.setdefault(name, {})
                for key, part in value.items():
                    own[key] = own.get(key, 0) + part
            else:
                total[name] = total.get(name, 0) + value
    return total

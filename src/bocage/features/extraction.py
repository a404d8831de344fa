"""The stage "features": from the mosaic and the reference layers to one table of features per production cell.

Each island of mapped tiles is held in memory whole, about 60 bytes per cell, and one of more than ``MOST_CELLS`` cells
is refused. A feature that a production cell's border cuts is two features, one in each cell, both ``truncated``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import pandas as pd

from bocage.errors import FeatureError, ProjectError
from bocage.features.derivation import MOST_CELLS, empty_features, features_of
from bocage.features.ground import Ground, Island, cell_grid, find_islands, layers_of, mapped_tiles, read_ground
from bocage.features.masks import UNKNOWN
from bocage.features.profiles import Profile, profile_of
from bocage.files import digest_file, digest_json, whole_file, write_json
from bocage.grid import Grid, Window
from bocage.mapping import read_probability
from bocage.mapping.receipt import receipt_name
from bocage.outcome import Outcome, Refusal
from bocage.progress import track
from bocage.project import Project
from bocage.settings import LayerKind

_log = logging.getLogger("bocage")
_RULES = 1  # Raised when the derivation changes, so that older results are made again.
_LAYERS: tuple[LayerKind, ...] = ("tree_cover_density", "crop_types", "canopy_height")


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
    FeatureError
        If no production cell could be derived, or the cell size and the resolution of the features do not fit.
    LayerError
        If a registered layer cannot be read.
    """
    profile = profile_of(project.settings.features.profile)
    grid = cell_grid(project, project.settings.features.resolution)
    islands: dict[str, list[Island]] = {}
    for island in find_islands(project, mapped_tiles(project), grid):
        islands.setdefault(island.cell, []).append(island)
    layers = [layer.files for kind in _LAYERS for layer in layers_of(project, kind, grid)]
    stamps = [[file.stamp for file in files] for files in layers]
    _remove_stale(project, islands)
    outputs, refused, cells = [], [], {}
    for cell, own in track(islands.items(), "deriving features"):
        try:
            inputs = _inputs(project, own, stamps)
            cells[cell] = _finished(project, cell, inputs) or _derive(project, cell, own, grid, profile, inputs)
            outputs.append(project.features_folder / f"{cell}.parquet")
        except FeatureError as error:
            _log.warning("%s: %s", cell, error.problem)
            refused.append(Refusal.of(cell, error))
    if not outputs:
        raise FeatureError(refused[0].reason, refused[0].mend)
    return Outcome(tuple(outputs), {"profile": profile.name, **_sum(cells.values()), "cells": cells}, tuple(refused))


def _derive(
    project: Project, cell: str, islands: list[Island], grid: Grid, profile: Profile, inputs: str
) -> dict[str, Any]:
    """Derive the features of one production cell, write them and return its figures."""
    tables, figures = [empty_features(grid.crs)], {"observed_km2": 0.0, "woody_km2": 0.0, "forest_km2": 0.0}
    for island in islands:
        ground = read_ground(
            project, island, grid, profile, lambda window: _mosaic(project, window), most_cells=MOST_CELLS
        )
        tables.append(features_on(ground, profile))
        size = grid.resolution**2 / 1e6
        observed = ground.woody != UNKNOWN
        figures["observed_km2"] += float(observed.sum() * size)
        figures["woody_km2"] += float((ground.woody == 1).sum() * size)
        figures["forest_km2"] += float(((ground.forest == 1) & observed).sum() * size)
    filled = [table for table in tables if len(table)] or tables[:1]
    features = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=grid.crs)
    path = project.features_folder / f"{cell}.parquet"
    with whole_file(path) as temporary:
        features.to_parquet(temporary, index=False, write_covering_bbox=True)
    figures |= _figures(features)
    receipt = {"inputs": inputs, "sha256": digest_file(path), "figures": figures}
    write_json(path.with_suffix(".json"), receipt)
    return figures


def features_on(ground: Ground, profile: Profile) -> gpd.GeoDataFrame:
    """Return the features of an island."""
    return features_of(
        ground.woody == 1,
        ground.grid.transform(ground.window),
        ground.grid.crs,
        valid=ground.woody != UNKNOWN,
        profile=profile,
        forest=ground.forest == 1,
        crop=ground.crop,
        height=ground.height,
        probability=ground.probability,
    )


def _mosaic(project: Project, window: Window) -> Any:
    return read_probability(project, window)[0]


def _inputs(project: Project, islands: list[Island], stamps: list[list[str]]) -> str:
    """Return the digest of everything that the features of a production cell depend on."""
    tiles = sorted(tile for island in islands for tile in island.tiles)
    return digest_json(
        {
            "rules": _RULES,
            "settings": project.settings.features.model_dump(),
            "grid": project.settings.grid.model_dump(),
            "tiles": {tile: tile_digest(project, tile) for tile in tiles},
            "layers": stamps,
        }
    )


def tile_digest(project: Project, tile: str) -> str:
    """Return the digest of a mapped tile's pixels, as its receipt states it."""
    storage, name = project.map_storage, receipt_name(tile)
    try:
        return str(json.loads(storage.read(name))["assets"]["data"]["bocage:sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"{storage.root}/{name} is not the receipt of a mapped tile", "remove it and run: bocage map"
        ) from error


def _finished(project: Project, cell: str, inputs: str) -> dict[str, Any] | None:
    """Return the figures of a production cell that is done and up to date, or None."""
    path = project.features_folder / f"{cell}.parquet"
    try:
        receipt = json.loads(path.with_suffix(".json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(receipt, dict) or receipt.get("inputs") != inputs or not path.is_file():
        return None
    figures: dict[str, Any] = receipt["figures"]
    return figures if receipt.get("sha256") == digest_file(path) else None


def _remove_stale(project: Project, islands: Iterable[str]) -> None:
    """Remove the features of production cells that are no longer mapped, with their receipts."""
    current = set(islands)
    for receipt in project.features_folder.glob("*.json"):
        if receipt.stem not in current:
            receipt.with_suffix(".parquet").unlink(missing_ok=True)
            receipt.unlink()


def _figures(features: gpd.GeoDataFrame) -> dict[str, Any]:
    by_type = features.groupby("slf_type")["area"].agg(["count", "sum"])
    linear = features["slf_class"] == 1
    return {
        "features": len(features),
        "area_km2": float(features["area"].sum() / 1e6),
        "linear_km": float(features.loc[linear, "length_m"].sum() / 1e3),
        "truncated": int(features["truncated"].sum()),
        "count_by_type": {str(name): int(row["count"]) for name, row in by_type.iterrows()},
        "area_km2_by_type": {str(name): float(row["sum"] / 1e6) for name, row in by_type.iterrows()},
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

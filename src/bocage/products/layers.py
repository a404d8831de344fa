"""The stage "products": the layers of each production cell as they are delivered."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from bocage.errors import ProductError, ProjectError
from bocage.features.derivation import MOST_CELLS
from bocage.features.extraction import tile_digest
from bocage.features.ground import Ground, Island, cell_grid, find_islands, layers_of, mapped_tiles, read_ground
from bocage.features.profiles import profile_of
from bocage.files import digest_file, digest_json, write_json
from bocage.grid import Grid, Window
from bocage.mapping import read_probability
from bocage.outcome import Outcome, Refusal
from bocage.products.colours import COLOURS, OUTSIDE
from bocage.products.conformance import check_products
from bocage.products.naming import Form, ProductName, Variable, epsg_of
from bocage.products.outlines import drawn, merged
from bocage.products.writers import CELL, DENSITY_CELL, ORIGIN_STEP, density, padded, write_raster, write_vector
from bocage.progress import track
from bocage.project import Project
from bocage.scenes import Catalogue

_FORMAT = 1  # Raised when the layers change, so that older ones are written again.

_log = logging.getLogger("bocage")


def write_products(project: Project) -> Outcome:
    """Write the layers of every production cell that has features, and check them.

    In ``products/``, named by :mod:`bocage.products.naming`: woody vegetation (WVL), small woody features (SWF), forest
    mask (FM) and, with a crop layer, crop mask (CM) at 5 m; SWF at 100 m; SWF polygons as GeoPackage and GeoParquet.
    Rasters reach out to multiples of 1000 m, with 255 where nothing is known. A cell whose inputs and files are
    unchanged is not written again.

    The rasters are at 5 and 100 m whatever the resolution of the features; where that is another, SWF is still drawn
    from the polygons, the masks are derived anew at 5 m.

    Raises
    ------
    ProjectError
        If nothing is mapped yet, or a production cell has no features yet.
    ProductError
        If the system has no EPSG code, or production cells do not lie on multiples of 1000 m.
    """
    tiles = mapped_tiles(project)
    _check_cells(project)
    grid = cell_grid(project, CELL)
    islands: dict[str, list[Island]] = {}
    for island in find_islands(project, tiles, grid):
        islands.setdefault(island.cell, []).append(island)
    missing = [cell for cell in islands if not _features_file(project, cell).is_file()]
    if missing:
        raise ProjectError(
            f"{project.features_folder} holds no features of production cell {', '.join(missing[:5])}",
            f"run: bocage features --project {project.folder}",
        )
    date = product_date(project)
    stamps = [
        file.stamp
        for kind in ("tree_cover_density", "crop_types")
        for layer in layers_of(project, kind, grid)
        for file in layer.files
    ]
    _remove_stale(project, islands)
    written: list[Path] = []
    cells: dict[str, Any] = {}
    for cell, own in track(islands.items(), "writing products"):
        inputs = _inputs(project, own, stamps, date)
        receipt = _finished(project, cell, inputs) or _write_cell(project, cell, own, grid, date, inputs)
        written += [project.products_folder / name for name in receipt["files"]]
        cells[cell] = receipt["figures"]
    verdicts = check_products(project.products_folder)
    failed = [verdict for verdict in verdicts if not verdict.passed]
    figures = {
        "cells": cells,
        "files": len(written),
        "bytes": sum(path.stat().st_size for path in written),
        "checks": {
            "passed": len(verdicts) - len(failed),
            "failed": len(failed),
            "remarks": sum(verdict.warning for verdict in verdicts),
        },
    }
    # Features that are drawn finer than the raster cannot agree with it on small areas: said, but nobody's fault.
    finer = project.settings.features.resolution < CELL
    excused = [verdict for verdict in failed if finer and verdict.rule == "set.area"]
    for verdict in excused:
        _log.warning("%s: %s (features are drawn finer than the raster)", verdict.file, verdict.detail)
    refused = tuple(
        Refusal(verdict.file, f"breaks the rule {verdict.rule!r}: {verdict.detail}", "run: bocage products check")
        for verdict in failed
        if verdict not in excused
    )
    return Outcome(tuple(written), figures, refused)


def product_date(project: Project) -> str:
    """Return the date in the names, YYYYMMDD: as set, else that of the newest scene, else the reference year's end."""
    settings = project.settings.products
    if settings.date is not None:
        return settings.date
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes if project.scenes_file.is_file() else ()
    dates = [f"{scene.acquired:%Y%m%d}" for scene in scenes if scene.acquired is not None]
    return max(dates, default=f"{settings.reference_year}1231")


def _write_cell(
    project: Project, cell: str, islands: list[Island], grid: Grid, date: str, inputs: str
) -> dict[str, Any]:
    """Write all layers of one production cell; return its receipt."""
    features = merged(gpd.read_parquet(_features_file(project, cell)))
    window, layers = _layers(project, islands, grid)
    layers["swf"] = drawn(features, layers["wvl"], grid, window)
    written: list[Path] = []
    for variable, array in layers.items():
        written.append(_path(project, variable, "r5m", cell, date))
        write_raster(written[-1], array, grid, window, COLOURS[variable, "r5m"])
    share = density(layers["swf"])
    step = round(DENSITY_CELL / CELL)
    coarse = Window(window.column // step, window.row // step, window.width // step, window.height // step)
    written.append(_path(project, "swf", "r100m", cell, date))
    write_raster(written[-1], share, Grid(grid.crs, DENSITY_CELL), coarse, COLOURS["swf", "r100m"])
    written += write_vector(project.products_folder, _path(project, "swf", "vec", cell, date).name, features, date)
    files = {path.name: digest_file(path) for path in written}
    receipt = {
        "inputs": inputs,
        "files": files,
        "figures": _figures(features, layers),
    }
    _remove_older(project, cell, files)
    write_json(_receipt_file(project, cell), receipt)
    return receipt


def _layers(project: Project, islands: list[Island], grid: Grid) -> tuple[Window, dict[Variable, NDArray[np.uint8]]]:
    """Return the woody layer and the masks of a production cell, and the window that they cover."""
    window = islands[0].window
    for island in islands[1:]:
        window = window.union(island.window)
    window = padded(grid, window)
    profile = profile_of(project.settings.features.profile)
    layers: dict[Variable, NDArray[np.uint8]] = {}
    for island in islands:
        ground = read_ground(
            project, island, grid, profile, lambda pixels: read_probability(project, pixels)[0], most_cells=MOST_CELLS
        )
        inside = island.window.slices(window)
        for variable, array in _masks(ground).items():
            layer = layers.setdefault(variable, np.full(window.shape, OUTSIDE, np.uint8))
            # Boxes of islands may overlap; where one is unknown the other may know.
            np.copyto(layer[inside], array, where=array != OUTSIDE)
    return window, layers


def _masks(ground: Ground) -> dict[Variable, NDArray[np.uint8]]:
    """Return the layers of an island, each 255 where the mosaic has no data."""
    known = ground.woody != OUTSIDE
    masks: dict[Variable, NDArray[np.uint8]] = {"wvl": ground.woody, "fm": np.where(known, ground.forest, OUTSIDE)}
    if ground.crop is not None:
        masks["cm"] = np.where(known, ground.crop, OUTSIDE)
    return {variable: array.astype(np.uint8) for variable, array in masks.items()}


def _figures(features: gpd.GeoDataFrame, layers: Mapping[Variable, NDArray[np.uint8]]) -> dict[str, Any]:
    size = CELL**2 / 1e6
    return {
        "features": len(features),
        "features_km2": float(features["area"].sum() / 1e6),
        "observed_km2": float((layers["wvl"] != OUTSIDE).sum() * size),
        **{f"{variable}_km2": float((array == 1).sum() * size) for variable, array in layers.items()},
    }


def _path(project: Project, variable: Variable, form: Form, cell: str, date: str) -> Path:
    settings = project.settings.products
    epsg = epsg_of(project.settings.grid.crs)
    name = ProductName(variable, settings.reference_year, form, cell, epsg, settings.version, settings.revision, date)
    return project.products_folder / f"{name.stem}{'' if form == 'vec' else '.tif'}"


def _features_file(project: Project, cell: str) -> Path:
    return project.features_folder / f"{cell}.parquet"


def _receipt_file(project: Project, cell: str) -> Path:
    return project.receipts_folder / "products" / f"{cell}.json"


def _check_cells(project: Project) -> None:
    epsg_of(project.settings.grid.crs)
    size = project.settings.grid.cell_size
    if abs(size / ORIGIN_STEP - round(size / ORIGIN_STEP)) > 1e-9:
        raise ProductError(
            f"production cells of {size} m do not lie on multiples of {ORIGIN_STEP:g} m, where rasters must begin",
            "set grid.cell_size to a multiple of 1000 m",
        )


def _inputs(project: Project, islands: list[Island], stamps: list[str], date: str) -> str:
    """Return the digest of everything that the layers of a production cell depend on."""
    tiles = sorted(tile for island in islands for tile in island.tiles)
    return digest_json(
        {
            "format": _FORMAT,
            "features": digest_file(_features_file(project, islands[0].cell)),
            "settings": [project.settings.products.model_dump(), project.settings.features.model_dump()],
            "grid": project.settings.grid.model_dump(),
            "tiles": {tile: tile_digest(project, tile) for tile in tiles},
            "layers": stamps,
            "date": date,
        }
    )


def _finished(project: Project, cell: str, inputs: str) -> dict[str, Any] | None:
    """Return the receipt of a production cell whose files are all in place and up to date, or None."""
    receipt = _read_receipt(project, cell)
    if receipt.get("inputs") != inputs:
        return None
    files = {project.products_folder / name: digest for name, digest in receipt["files"].items()}
    return receipt if all(path.is_file() and digest_file(path) == digest for path, digest in files.items()) else None


def _read_receipt(project: Project, cell: str) -> dict[str, Any]:
    try:
        receipt = json.loads(_receipt_file(project, cell).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def _remove_stale(project: Project, islands: Iterable[str]) -> None:
    """Remove the products of production cells that are no longer mapped, with their receipts."""
    current = set(islands)
    for receipt in _receipt_file(project, "any").parent.glob("*.json"):
        if receipt.stem not in current:
            _remove_older(project, receipt.stem, {})
            receipt.unlink()


def _remove_older(project: Project, cell: str, current: Mapping[str, str]) -> None:
    """Remove the files that an earlier run of ours wrote for this cell under other names."""
    for name in _read_receipt(project, cell).get("files", {}):
        if name not in current:
            (project.products_folder / name).unlink(missing_ok=True)

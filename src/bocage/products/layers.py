"""The stage "products": the layers of the suite as they are delivered, with their metadata."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas as gpd
import pandas as pd

from bocage.errors import ProductError, ProjectError
from bocage.features.ground import Island, cell_grid, find_islands, layers_of, mapped_tiles
from bocage.files import digest_file, digest_json
from bocage.grid import Grid, Window
from bocage.outcome import Outcome, Refusal
from bocage.products.cell import left_out, make_layers
from bocage.products.cell_receipt import finish, finished, remove_stale
from bocage.products.conformance import check_products
from bocage.products.density import coarse
from bocage.products.edition import Edition, edition_of
from bocage.products.mosaic import MappedTile, holes, read_mosaic
from bocage.products.naming import Convention, Form, Variable, epsg_of
from bocage.products.staging import staged
from bocage.products.suite import convention_of, layer_of
from bocage.products.towns import Town, find_towns
from bocage.products.undivided import write_densities, write_parents, write_street_trees
from bocage.products.units import units_of
from bocage.products.writers import CELL, DENSITY_CELL, ORIGIN_STEP
from bocage.progress import track
from bocage.project import Project

_FORMAT = 3  # Raised when the layers change, so that older ones are written again.
_UNDIVIDED = "undivided"

_log = logging.getLogger("bocage")


def write_products(project: Project, profile: str | None = None, region: str | None = None) -> Outcome:
    """Write every layer of the suite that the project's inputs allow, and check them.

    In ``products/``, named by :mod:`bocage.products.naming`. What a layer is made of, its codes and colours are in
    :mod:`bocage.products.suite` and the reference page of the products; which were left out, and why, is in the figure
    ``left_out``. Rasters reach out to multiples of 1000 m, with 255 where nothing is known. Files cover what those of
    the release cover (:mod:`bocage.products.units`): a production cell, a tile of 200 km (2018) or a region (2015). The
    layers of such a unit appear together or not at all, and one whose inputs and files are unchanged is not written
    again.

    The rasters are at 5 and 100 m whatever the resolution of the features; where that is another, SWF is still drawn
    from the polygons, the masks are derived anew at 5 m.

    Parameters
    ----------
    profile
        The release whose names, codes and layers are used: "2015", "2018", "2021" or "2024" (provisional); by default
        the setting ``products.profile``, else that of the features.
    region
        The region of 2015 that the project maps, as country and number ("fr_123"); by default the setting
        ``products.region``.

    Raises
    ------
    ProjectError
        If nothing is mapped yet, or a production cell has no features yet.
    MappingError
        If the mosaic is not one map of one model.
    ProductError
        If the system has no EPSG code, production cells do not lie on multiples of 1000 m or do not fill the tiles of
        the release, or its region is not given.
    LayerError
        If a registered layer cannot be read.
    """
    if profile is not None:
        convention_of(profile)
    tiles = mapped_tiles(project)
    _check_cells(project)
    mosaic = read_mosaic(project, tiles)
    cogs = {mapped.tile.id: mapped.cog for mapped in mosaic}
    grid = cell_grid(project, CELL)
    islands: dict[str, list[Island]] = {}
    for island in find_islands(project, tiles, grid):
        islands.setdefault(island.cell, []).append(island)
    missing = [cell for cell in islands if not _features_file(project, cell).is_file()]
    if missing:
        raise ProjectError(
            f"{project.features_folder} holds no features of production cell {', '.join(missing[:5])}",
            "run: bocage features",
        )
    edition = edition_of(project, profile, mosaic, grid)
    units = units_of(project, edition.convention, islands, region)
    stamps = [
        file.stamp
        for kind in ("tree_cover_density", "crop_types")
        for layer in layers_of(project, kind, grid)
        for file in layer.files
    ]
    # Before anything is written: an Urban Atlas that cannot be used stops the work.
    towns = find_towns(project, grid, _around(islands)) if layer_of(edition.convention, "stl", "vec") else ([], "")
    remove_stale(project, {*units, _UNDIVIDED})
    written: list[Path] = []
    made: dict[str, Any] = {}
    for unit, names in track(units.items(), "writing products"):
        own = {cell: islands[cell] for cell in names}
        inputs = _inputs(edition, own, cogs, stamps)
        receipt = finished(project, unit, inputs) or _write_unit(edition, unit, own, inputs)
        written += [project.products_folder / name for name in receipt["files"]]
        made[unit] = receipt["figures"]
    undivided, reasons = _write_undivided(edition, mosaic, made, towns)
    written += undivided
    left = _of_the_suite(edition.convention, {**left_out(project), **reasons})
    for variable, reason in left.items():
        _log.info("%s is left out: %s", variable, reason)
    refused, checks = _checked(project)
    figures = {
        "profile": edition.convention,
        "units": made,
        "files": len(written),
        "bytes": sum(path.stat().st_size for path in written),
        "left_out": left,
        "checks": checks,
    }
    return Outcome(tuple(written), figures, (*holes(project, tiles), *refused))


def _write_unit(edition: Edition, unit: str, cells: Mapping[str, list[Island]], inputs: str) -> dict[str, Any]:
    """Write all layers of a unit; return its receipt."""
    project = edition.project
    tables = [gpd.read_parquet(_features_file(project, cell)) for cell in cells]
    filled = [table for table in tables if len(table)] or tables[:1]
    features = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=tables[0].crs)
    with staged(project.products_folder) as staging, TemporaryDirectory(dir=staging.folder) as scratch:
        layers = make_layers(project, cells, edition.grid, features, edition.convention, Path(scratch))
        delivery = edition.into(staging.folder)
        for variable, array in layers.rasters.items():
            if layer_of(edition.convention, variable, "r5m") is not None:
                delivery.raster(edition.name(variable, "r5m", unit), array, edition.grid, layers.window)
        dense = layer_of(edition.convention, "swf", "r100m")
        if dense is not None and dense.extent == "cell":
            grid = Grid(edition.grid.crs, DENSITY_CELL)
            delivery.raster(edition.name("swf", "r100m", unit), layers.density(), grid, coarse(layers.window))
        bounds = edition.grid.bounds(layers.window)
        delivery.vector(edition.name("swf", "vec", unit), layers.features, bounds, features)
    window = layers.window
    place = [window.column, window.row, window.width, window.height]
    return finish(project, unit, staging.moved, inputs, {**layers.figures, "window": place})


def _write_undivided(
    edition: Edition, mosaic: list[MappedTile], units: Mapping[str, Any], towns: tuple[list[Town], str]
) -> tuple[list[Path], dict[Variable, str]]:
    """Write the layers that are not cut into cells; return their files and the reasons for those left out."""
    project, reasons = edition.project, dict[Variable, str]()
    windows = {unit: Window(*figures["window"]) for unit, figures in units.items()}
    area = edition.area(edition.grid.bounds(reduce(Window.union, windows.values())))

    def rasters(variable: Variable) -> dict[Path, Window]:
        return {
            project.products_folder / f"{edition.name(variable, 'r5m', unit).stem}.tif": window
            for unit, window in windows.items()
        }

    with staged(project.products_folder) as staging:
        delivery = edition.into(staging.folder)
        if layer_of(edition.convention, "psil", "vec") is not None:
            name = edition.name("psil", "vec", area)
            _, reasons["psil"] = write_parents(delivery, project, mosaic, name)
        if layer_of(edition.convention, "stl", "vec") is not None:
            _, reasons["stl"] = write_street_trees(delivery, project, towns, rasters("wvl"), edition.grid, edition.name)
        write_densities(delivery, rasters("swf"), edition.grid, edition.name, area)
    reasons["swfc"] = "change needs two years: bocage products change"
    receipt = finish(project, _UNDIVIDED, staging.moved, "", {})
    return [project.products_folder / name for name in receipt["files"]], {
        variable: reason for variable, reason in reasons.items() if reason
    }


def _around(islands: Mapping[str, list[Island]]) -> Window:
    windows = [island.window for own in islands.values() for island in own]
    return reduce(Window.union, windows)


def _of_the_suite(convention: Convention, reasons: Mapping[Variable, str]) -> dict[str, str]:
    forms: tuple[Form, ...] = ("r5m", "r100m", "vec")
    return {
        variable: reason
        for variable, reason in reasons.items()
        if any(layer_of(convention, variable, form) for form in forms)
    }


def _checked(project: Project) -> tuple[tuple[Refusal, ...], dict[str, int]]:
    """Check the folder; return what breaks a rule, and how many rules were kept."""
    verdicts = check_products(project.products_folder)
    failed = [verdict for verdict in verdicts if not verdict.passed]
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
    remarks = sum(verdict.warning for verdict in verdicts)
    return refused, {"passed": len(verdicts) - len(failed), "failed": len(failed), "remarks": remarks}


def _features_file(project: Project, cell: str) -> Path:
    return project.features_folder / f"{cell}.parquet"


def _check_cells(project: Project) -> None:
    epsg_of(project.settings.grid.crs)
    size = project.settings.grid.cell_size
    if abs(size / ORIGIN_STEP - round(size / ORIGIN_STEP)) > 1e-9:
        raise ProductError(
            f"production cells of {size} m do not lie on multiples of {ORIGIN_STEP:g} m, where rasters must begin",
            "set grid.cell_size to a multiple of 1000 m",
        )


def _inputs(edition: Edition, cells: Mapping[str, list[Island]], cogs: Mapping[str, str], stamps: list[str]) -> str:
    """Return the digest of everything that the layers of a unit depend on."""
    project = edition.project
    tiles = sorted(tile for islands in cells.values() for island in islands for tile in island.tiles)
    return digest_json(
        {
            "format": _FORMAT,
            "features": {cell: digest_file(_features_file(project, cell)) for cell in cells},
            "settings": [project.settings.products.model_dump(), project.settings.features.model_dump()],
            "grid": project.settings.grid.model_dump(),
            "tiles": {tile: cogs[tile] for tile in tiles},
            "layers": stamps,
            "profile": edition.convention,
            "date": edition.date,
            "lineage": edition.delivery.lineage,
        }
    )

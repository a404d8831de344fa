"""The labels stage: fuse the reference layers and the corrections to label tiles on the lattice.

Every tile carries a digest of all that it was made from, so that a second run builds only what changed.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from bocage.errors import ProjectError
from bocage.grid import Bounds, Tile, Window
from bocage.outcome import Outcome
from bocage.progress import track
from bocage.project import Project
from bocage.rasters import read_window, write_cog
from bocage.reference.evidence import Sources
from bocage.reference.fusion import IGNORE
from bocage.reference.years import outdated
from bocage.scenes.catalogue import Catalogue

BLOCK = 1024
_TILE_NAME = re.compile(r"[EW]\d+[NS]\d+")
_log = logging.getLogger("bocage")


def build_labels(project: Project) -> Outcome:
    """Fuse labels for every tile that catalogued scenes touch: ``labels/<tile id>.tif``, the "labels" stage.

    Band 1 is the label (0 no tree, 1 tree, 255 ignore), band 2 the confidence (0..100, 255 nothing known), both uint8.
    A tile whose inputs have not changed is kept; tiles that the area no longer holds are removed. With
    ``reference.method = "latent"`` the error rates of the layers are learned first, over all tiles, and kept as
    ``labels/latent.json``.

    Raises
    ------
    ProjectError
        If no scenes are catalogued.
    LayerError
        If there is no layer, a layer covers nothing of the area, cannot be read or holds unknown values, or the
        method needs more layers than vote.
    """
    tiles = tiles_of_scenes(project)
    sources = Sources.open(project)
    area = tiles[0].window
    for tile in tiles[1:]:
        area = area.union(tile.window)
    for layer in sources.layers:
        layer.require(area)

    folder = project.labels_folder
    sources = sources.learned(folder, tiles)
    counts: list[dict[str, int]] = []
    built = 0
    for tile in track(tiles, "labels"):
        path, digest = folder / f"{tile.id}.tif", sources.digest(tile.window)
        known = _counts_of(path, digest)
        if known is None:
            known = _build_tile(sources, tile, path, digest)
            built += 1
        counts.append(known)
    _remove_others(folder, {tile.id for tile in tiles})
    figures = _figures(counts, built, sources)
    if warnings := outdated(sources.layers, _years_of_scenes(project)):
        for warning in warnings:
            _log.warning("%s", warning)
        figures["outdated"] = warnings
    return Outcome((folder,), figures)


def _years_of_scenes(project: Project) -> set[int]:
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    return {scene.acquired.year for scene in scenes if scene.acquired is not None}


def read_labels(project: Project, window: Window) -> NDArray[np.uint8]:
    """Return the labels of a window: 0 no tree, 1 tree, 255 doubt, nothing known or no tile there.

    Raises
    ------
    ProjectError
        If no labels were built.
    StorageError
        If a tile is damaged.
    """
    return _read_band(project, window, 1)


def read_confidence(project: Project, window: Window) -> NDArray[np.uint8]:
    """Return the confidence of the labels of a window, 0 to 100; 0 where nothing is known or no tile is there.

    Raises
    ------
    ProjectError
        If no labels were built.
    StorageError
        If a tile is damaged.
    """
    confidence = _read_band(project, window, 2)
    return np.where(confidence == IGNORE, 0, confidence).astype(np.uint8)


def _read_band(project: Project, window: Window, band: int) -> NDArray[np.uint8]:
    # The folder alone says nothing: it may hold what was learned for labels that were never built.
    if next(project.labels_folder.glob("*.tif"), None) is None:
        raise ProjectError(f"{project.folder} holds no labels", "run: bocage labels build")
    values = np.full(window.shape, IGNORE, np.uint8)
    for tile in project.tiling.tiles(window):
        path = project.labels_folder / f"{tile.id}.tif"
        shared = tile.window.intersection(window)
        if shared is not None and path.is_file():
            values[shared.slices(window)] = read_window(path, project.grid, shared, band=band, fill=IGNORE)
    return values


def tiles_of_scenes(project: Project) -> list[Tile]:
    """Return the tiles that the footprint of a catalogued scene touches within the project's bounds.

    Raises
    ------
    ProjectError
        If no scenes are catalogued, or none touches the area.
    """
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    bounds, tiling = project.bounds, project.tiling
    found: dict[str, Tile] = {}
    for scene in scenes:
        footprint = scene.footprint if bounds is None else scene.footprint.intersection(bounds.polygon())
        # Touching along a line is no shared ground.
        if footprint.area == 0:
            continue
        shapely.prepare(footprint)
        for tile in tiling.tiles(project.grid.window(Bounds(*footprint.bounds))):
            if tile.id not in found and footprint.intersects(project.grid.bounds(tile.window).polygon()):
                found[tile.id] = tile
    if not found:
        raise ProjectError(
            f"none of the {len(scenes)} catalogued scenes touches the area {bounds and bounds.as_tuple()}",
            "mend area.bbox in bocage.toml (left, bottom, right, top in the units of grid.crs)",
        )
    return [found[name] for name in sorted(found)]


def _build_tile(sources: Sources, tile: Tile, path: Path, digest: str) -> dict[str, int]:
    bands = np.empty((2, *tile.window.shape), np.uint8)
    blocks = list(tile.window.blocks(BLOCK))

    def fill(block: Window) -> None:
        rows, columns = block.slices(tile.window)
        bands[:, rows, columns] = sources.label(block)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, blocks))
    counts = _count(bands)
    write_cog(
        path,
        bands,
        grid=sources.grid,
        window=tile.window,
        nodata=IGNORE,
        descriptions=("label", "confidence"),
        tags={"BOCAGE_INPUTS": digest, "BOCAGE_COUNTS": json.dumps(counts)},
        overviews="nearest",
    )
    return counts


def _count(bands: NDArray[np.uint8]) -> dict[str, int]:
    label, confidence = bands
    known = confidence != IGNORE
    return {
        "tree": int(np.count_nonzero(label == 1)),
        "other": int(np.count_nonzero(label == 0)),
        "doubt": int(np.count_nonzero(known & (label == IGNORE))),
        "unknown": int(np.count_nonzero(~known)),
        "confidence": int(confidence[known].sum(dtype=np.int64)),
    }


def _counts_of(path: Path, digest: str) -> dict[str, int] | None:
    """Return the counts of a tile that is in place and up to date, or None."""
    if not path.is_file():
        return None
    try:
        with rasterio.open(path) as file:
            tags = file.tags()
    except RasterioError:
        _log.warning("%s is damaged and is built again", path)
        return None
    if tags.get("BOCAGE_INPUTS") != digest or "BOCAGE_COUNTS" not in tags:
        return None
    counts: dict[str, int] = json.loads(tags["BOCAGE_COUNTS"])
    return counts


def _remove_others(folder: Path, names: set[str]) -> None:
    for path in folder.glob("*.tif"):
        if _TILE_NAME.fullmatch(path.stem) and path.stem not in names:
            _log.info("%s is no longer in the area and is removed", path.name)
            path.unlink()


def _figures(counts: Sequence[dict[str, int]], built: int, sources: Sources) -> dict[str, Any]:
    total = {name: sum(count[name] for count in counts) for name in counts[0]}
    known = total["tree"] + total["other"] + total["doubt"]
    decided = total["tree"] + total["other"]
    figures: dict[str, Any] = {
        "method": sources.settings.method,
        "tiles": len(counts),
        "built": built,
        "kept": len(counts) - built,
        "layers": [layer.kind for layer in sources.layers],
        "corrections": 0 if sources.corrections is None else len(sources.corrections.table),
        "known_km2": round(known * sources.grid.resolution**2 / 1e6, 3),
        "decided_share": round(decided / known, 4) if known else 0.0,
        "tree_share": round(total["tree"] / decided, 4) if decided else 0.0,
        "mean_confidence": round(total["confidence"] / known, 1) if known else 0.0,
    }
    if sources.model is not None:
        figures["error_rates"] = {
            profile.layer: {"omission": profile.omission, "commission": profile.commission}
            for profile in sources.model.profiles
            if profile.witness
        }
    return figures

"""A small mapped project: shapes of known size on a mosaic, written as the mapping stage writes it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from bocage.files import digest_file, write_json
from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.rasters import cog_bytes, write_cog

SETTINGS = """
[grid]
crs = "{crs}"
resolution = {resolution}
tile_size = {tile}
cell_size = {cell}
[features]
resolution = {feature}
{more}
"""


def make_project(
    folder: Path,
    *,
    crs: str = "EPSG:3035",
    resolution: float = 2.0,
    tile: float = 1000.0,
    cell: float = 100_000.0,
    feature: float = 5.0,
    more: str = "",
) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    text = SETTINGS.format(crs=crs, resolution=resolution, tile=tile, cell=cell, feature=feature, more=more)
    (folder / "bocage.toml").write_text(text)
    return Project.open(folder)


def write_mosaic(project: Project, window: Window, probability: NDArray[np.uint8]) -> None:
    """Write the tiles that a mosaic over ``window`` touches; pixels outside of it are nodata."""
    for tile in project.tiling.tiles(window):
        array = np.full(tile.window.shape, 255, np.uint8)
        shared = tile.window.intersection(window)
        assert shared is not None
        array[shared.slices(tile.window)] = probability[shared.slices(window)]
        path = project.map_folder / f"{tile.id}.tif"
        write_cog(path, np.stack([array, (array != 255).astype(np.uint8)]), grid=project.grid, window=tile.window)
        write_json(path.with_suffix(".json"), mapped_receipt(project, tile.id, model="model"))


def write_layer(path: Path, array: NDArray[np.generic], grid: Grid, window: Window, nodata: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cog_bytes(array, grid.crs, grid.transform(window), nodata=nodata))


def origin(resolution: float = 5.0) -> Affine:
    return Affine(resolution, 0, 4_300_000, 0, -resolution, 3_000_000)


def rectangle(shape: tuple[int, int], top: int, left: int, rows: int, columns: int) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[top : top + rows, left : left + columns] = True
    return mask


def disk(shape: tuple[int, int], row: float, column: float, radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(y - row, x - column) <= radius)


def mapped_receipt(project: Project, tile: str, *, model: str, resolution: float | None = None) -> dict[str, Any]:
    """Return the receipt of a tile with what other stages read of it."""
    window = asdict(project.tiling.tile(tile).window)
    place = {"crs": project.grid.crs, "resolution": resolution or project.grid.resolution, "window": window}
    properties = {
        "bocage:key": "key",
        "bocage:model": {"name": model, "digest": model},
        "bocage:grid": place,
        "bocage:pixels": 1,
        "bocage:valid_pixels": 1,
        "bocage:chips": 1,
        "bocage:timings": {"total": 0.1},
        "bocage:scenes": [],
        "bocage:quarantined": [],
    }
    digest = digest_file(project.map_folder / f"{tile}.tif")
    return {"id": tile, "properties": properties, "assets": {"data": {"bocage:sha256": digest}}}

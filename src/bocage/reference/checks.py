"""What is wrong with the files of a layer although each can be read."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import shapely
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform_bounds

from bocage.errors import LayerError
from bocage.grid import Grid, Window
from bocage.reference.codes import CodeTable
from bocage.reference.file import LayerFile
from bocage.reference.headers import Header
from bocage.reference.sources import Source
from bocage.reference.tiles import Footprint
from bocage.scenes.deliveries.locations import split_member

# Of the smaller of two rasters in one archive: tiles share an edge, the parts of a product share their ground.
_SAME_GROUND = 0.5


def check_pixels(files: Sequence[LayerFile], table: CodeTable) -> None:
    """Refuse rasters whose pixels are not those of the product: their values would be misread.

    Raises
    ------
    LayerError
        If a raster has smaller or larger pixels than its kind.
    """
    pixels = table.pixels
    for file in files:
        if pixels is not None and not pixels[0] <= file.gsd <= pixels[1] and not file.source.vector:
            raise LayerError(
                f"{file.name} has pixels of {file.gsd:g} m, and a {table.kind} layer has {pixels[0]:g} to "
                f"{pixels[1]:g} m ({table.source})",
                "the products of 5 m hold codes, those of 100 m per cent; mend kind in bocage.toml",
            )


def check_archives(files: Sequence[LayerFile]) -> None:
    """Refuse files of one archive on the same ground: the first would win, and nobody would have said which.

    Raises
    ------
    LayerError
        If two files of one archive share most of their ground.
    """
    archives: dict[str, list[LayerFile]] = defaultdict(list)
    for file in files:
        archive, member = split_member(file.source.href)
        if member:
            archives[archive].append(file)
    for archive, members in archives.items():
        boxes = np.array([shapely.box(*_corners(file.window)) for file in members], np.object_)
        first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
        shared = shapely.area(shapely.intersection(boxes[first], boxes[second]))
        smaller = np.minimum(shapely.area(boxes[first]), shapely.area(boxes[second]))
        same = np.flatnonzero((first < second) & (shared > _SAME_GROUND * smaller))
        if same.size:
            names = [split_member(members[index].source.href)[1] for index in sorted({*first[same], *second[same]})]
            raise LayerError(
                f"{archive} holds several files of the same ground: {', '.join(names[:6])}",
                f"name the one that is meant, for instance {Path(archive).name}!/{names[0]}",
            )


def _corners(window: Window) -> tuple[int, int, int, int]:
    return window.column, window.row, window.right, window.bottom


def check_footprint(source: Source, header: Header, grid: Grid) -> None:
    """Refuse a tile that lies elsewhere than its index says: the index decides which tiles are looked at.

    Raises
    ------
    LayerError
        If tile and footprint share no ground.
    """
    if source.footprint is None:
        return
    bounds = grid.bounds(header.window).as_tuple()
    if not lies_in(source.footprint, grid, bounds, header.gsd):
        raise LayerError(
            f"{source.href} lies at {bounds}, and its index places it at {source.footprint[0]}",
            "make the index again from the tiles",
        )


def lies_in(footprint: Footprint, grid: Grid, area: tuple[float, float, float, float], margin: float) -> bool:
    """Say whether a footprint comes within ``margin`` metres of an area; where neither can be placed, it does."""
    (left, bottom, right, top), crs = footprint
    around = _area_in(crs, grid.crs, area, margin)
    return around is None or (left <= around[2] and right >= around[0] and bottom <= around[3] and top >= around[1])


@lru_cache(maxsize=256)
def _area_in(
    crs: str, own: str, area: tuple[float, float, float, float], margin: float
) -> tuple[float, float, float, float] | None:
    """Return an area grown by a margin in another system: one area is moved, not thousands of footprints."""
    left, bottom, right, top = area[0] - margin, area[1] - margin, area[2] + margin, area[3] + margin
    if not crs:
        return left, bottom, right, top
    try:
        moved = transform_bounds(CRS.from_user_input(own), CRS.from_user_input(crs), left, bottom, right, top, 51)
    except (RasterioError, CRSError, CPLE_BaseError):
        return None
    return moved if all(math.isfinite(value) for value in moved) else None

"""The frame: every cell of the lattice that a scene shows well enough, once per scene.

A continent has millions of such pairs, so they are held as columns of numbers; names and outlines are made for the few
that are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.errors import GridError, SampleError
from bocage.grid import SNAP, Bounds, Grid, Tiling
from bocage.progress import bar
from bocage.samples.coverage import cover
from bocage.scenes.scene import Scene

# Scenes whose cells are listed at a time: memory stays small, and numpy has enough to do.
_BATCH = 2000

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """Pairs of cell and scene, ordered by the id of the scene, then by cell from south to north and west to east.

    Attributes
    ----------
    cells
        The tiling of sample cells.
    scene_ids, sensors
        Name and sensor of each scene that has a pair, ordered by name.
    scene
        (n,) index into ``scene_ids``.
    east, north
        (n,) index of the cell: its lower left corner is (east x size, north x size) metres.
    valid_share
        (n,) part of the cell within the footprint and outside clouds, above 0 and up to 1.
    ground
        (n,) number of the cell, the same for pairs of one cell, 0 to the number of cells - 1.
    """

    cells: Tiling
    scene_ids: tuple[str, ...]
    sensors: tuple[str, ...]
    scene: Ints
    east: Ints
    north: Ints
    valid_share: NDArray[np.float64]
    ground: Ints

    def __len__(self) -> int:
        return len(self.scene)

    @property
    def places(self) -> Ints:
        """(n, 2) east and north of each pair."""
        return np.column_stack([self.east, self.north])

    def distinct(self) -> Ints:
        """Return the index of one pair of each cell, in the order of ``ground``."""
        found: Ints = np.unique(self.ground, return_index=True)[1]
        return found

    def take(self, pairs: NDArray[np.intp]) -> Frame:
        """Return the frame of some pairs only."""
        return replace(
            self,
            scene=self.scene[pairs],
            east=self.east[pairs],
            north=self.north[pairs],
            valid_share=self.valid_share[pairs],
            ground=np.unique(self.ground[pairs], return_inverse=True)[1],
        )

    def table(self, pairs: NDArray[np.intp]) -> geopandas.GeoDataFrame:
        """Return some pairs as a table in the grid's CRS.

        The columns are cell_id, scene_id, sensor, column, row, width, height (the lattice window), valid_share and
        geometry.
        """
        tiles = [
            self.cells.tile_at(int(east), int(north))
            for east, north in zip(self.east[pairs], self.north[pairs], strict=True)
        ]
        windows = [tile.window for tile in tiles]
        bounds = [self.cells.grid.bounds(window).as_tuple() for window in windows]
        return geopandas.GeoDataFrame(
            {
                "cell_id": [tile.id for tile in tiles],
                "scene_id": [self.scene_ids[index] for index in self.scene[pairs]],
                "sensor": [self.sensors[index] for index in self.scene[pairs]],
                "column": np.array([window.column for window in windows], np.int64),
                "row": np.array([window.row for window in windows], np.int64),
                "width": self.cells.pixels,
                "height": self.cells.pixels,
                "valid_share": self.valid_share[pairs],
            },
            geometry=list(shapely.box(*np.array(bounds, np.float64).reshape(-1, 4).T)),
            crs=self.cells.grid.crs,
        )


def cell_tiling(grid: Grid, size: float) -> Tiling:
    """Return the tiling of sample cells.

    Raises
    ------
    SampleError
        If ``size`` is not a whole number of pixels.
    """
    try:
        return Tiling(grid, size)
    except GridError as error:
        raise SampleError(
            f"samples.cell_size {size} m is not a whole number of {grid.resolution} m pixels",
            f"set samples.cell_size = {max(round(size / grid.resolution), 1) * grid.resolution:.10g}",
        ) from error


def build_frame(scenes: Iterable[Scene], cells: Tiling, *, minimum_valid: float, bounds: Bounds | None = None) -> Frame:
    """List every pair of cell and scene of which a share of ``minimum_valid`` or more is imaged.

    Parameters
    ----------
    scenes
        In any order; each is asked for once.
    bounds
        The area to work on; what lies outside counts as not imaged.

    Raises
    ------
    SampleError
        If no cell is imaged well enough.
    """
    known: list[tuple[str, str]] = []
    parts: list[tuple[Ints, Ints, Ints, NDArray[np.float64]]] = []
    batch: list[Scene] = []

    def flush() -> None:
        found = cover(_shown(batch, bounds), cells.size)
        kept = found.share >= minimum_valid
        parts.append((found.polygon[kept] + len(known), found.east[kept], found.north[kept], found.share[kept]))
        known.extend((scene.id, scene.sensor) for scene in batch)

    with bar("sample frame", len(scenes) if isinstance(scenes, Sequence) else None) as advance:
        for scene in scenes:
            batch.append(scene)
            if len(batch) == _BATCH:
                flush()
                advance(len(batch))
                batch.clear()
        if batch:
            flush()
            advance(len(batch))
    if not any(len(part[0]) for part in parts):
        raise SampleError(
            f"none of the {len(known)} scenes shows {minimum_valid:.0%} of a cell of {cells.size:g} m",
            "set a smaller samples.cell_size or samples.minimum_valid, or catalogue more scenes",
        )
    pair_scene, east, north, share = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _ordered(cells, known, pair_scene, east, north, share)


def blocks_of(frame: Frame, block_size: float) -> tuple[Ints, Ints]:
    """Return the number of the block of ground that holds each pair, and (blocks, 2) the place of each block.

    Raises
    ------
    SampleError
        If a block is not a whole number of cells, so that a cell would lie in two.
    """
    size = frame.cells.size
    ratio = block_size / size
    if ratio < 1 - SNAP or abs(ratio - round(ratio)) > SNAP:
        raise SampleError(
            f"samples.block_size {block_size:g} m is not a whole number of cells of {size:g} m",
            f"use a multiple of {size:g} m",
        )
    return _number(frame.east // round(ratio), frame.north // round(ratio))


def _shown(scenes: Sequence[Scene], bounds: Bounds | None) -> NDArray[np.object_]:
    """Return what each scene shows of the area, outside its clouds."""
    shown: NDArray[np.object_] = np.array([scene.footprint for scene in scenes], np.object_)
    clouds = np.array([scene.clouds for scene in scenes], np.object_)
    veiled = np.flatnonzero(clouds != np.array(None))
    if len(veiled):
        shown[veiled] = shapely.difference(shown[veiled], clouds[veiled])
    if bounds is not None:
        area = bounds.polygon()
        shapely.prepare(area)
        crossing = np.flatnonzero(~shapely.covers(area, shown))
        shown[crossing] = shapely.intersection(shown[crossing], area)
    return shown


def _ordered(
    cells: Tiling, known: Sequence[tuple[str, str]], scene: Ints, east: Ints, north: Ints, share: NDArray[np.float64]
) -> Frame:
    """Return the frame in its own order, whatever the order of the catalogue."""
    by_name = sorted(set(scene.tolist()), key=lambda index: known[index])
    rank = np.zeros(len(known), np.int64)
    rank[by_name] = np.arange(len(by_name))
    order = np.lexsort((east, north, rank[scene]))
    scene, east, north, share = rank[scene][order], east[order], north[order], share[order]
    names = tuple(known[index][0] for index in by_name)
    sensors = tuple(known[index][1] for index in by_name)
    return Frame(cells, names, sensors, scene, east, north, share, _number(east, north)[0])


def _number(east: Ints, north: Ints) -> tuple[Ints, Ints]:
    """Return a number for each place, from south to north and west to east, and (numbers, 2) the places."""
    left, width = int(east.min()), int(east.max()) - int(east.min()) + 1
    keys, number = np.unique(north * width + (east - left), return_inverse=True)
    return number.astype(np.int64), np.column_stack([keys % width + left, keys // width])

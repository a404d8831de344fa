"""Tiles on trial: how fast this machine maps where no tile tells of it yet.

A few tiles of the size of the plan go through the same worker as all others, into a folder that is removed. Their
scenes are made up: rasters of the grid, the pixels and the data type of a scene of the plan, so that decoding and
resampling cost about what they will. No pixel of a scene is read. They differ in the number of their scenes and chips,
which tells what a tile, a scene and a chip cost.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from bocage.grid import Grid, Tile, Tiling, Window
from bocage.mapping.planning import Plan, TileJob
from bocage.mapping.rates import Rates, Timed, bare_rate, bare_rates, rates_from
from bocage.mapping.receipt import TileSummary, cog_name
from bocage.mapping.seams import HALF_WIDTH, measure_borders
from bocage.mapping.worker import Work, Worker
from bocage.rasters import open_stored, window_of
from bocage.storage import FolderStorage, Storage

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.scene import Scene

_log = logging.getLogger("bocage")

SOURCE = "tiles on trial on this machine"
_CHIPS_SECONDS = 1.0
"""Seconds that the model may take for the chips of the largest tile, where it is so fast."""
_ENOUGH = 1.5
"""Seconds after which no further round is begun."""
_ROUNDS = 2
_PIXELS = 1536
"""Pixels along the edge of what a made-up scene shows at most, where a chip is not larger."""
_BLOCK = 512
_TEXTURE = 256
_WIDE = "trial-wide"


@dataclass(frozen=True, slots=True)
class _Ended:
    """A tile that is done: what it tells, and when."""

    summary: TileSummary
    moment: float


def trial_rates(plan: Plan, segmenter: Segmenter, work: Work) -> Rates:
    """Return the rates of this machine, from tiles on trial; those of the bare model if they cannot be mapped.

    Parameters
    ----------
    plan
        With a tile to map; its scenes tell what those on trial are like.
    """
    lattice = work.recipe.lattice
    bare = bare_rate(segmenter, lattice.chip, work.batch_size)
    with tempfile.TemporaryDirectory(prefix="bocage-trial-") as name:
        try:
            return _on_trial(plan, segmenter, work, bare, Path(name))
        except Exception as error:  # noqa: BLE001 - what a tile on trial meets is no reason to have no plan
            _log.debug("a tile on trial failed", exc_info=error)
            _log.warning("no tile could be mapped on trial, so the plan knows the bare model alone: %s", error)
    return bare_rates(bare)


def _on_trial(plan: Plan, segmenter: Segmenter, work: Work, bare: float, folder: Path) -> Rates:
    grid, lattice = work.recipe.grid, work.recipe.lattice
    job = max(plan.jobs, key=lambda each: each.chips)
    scene, tile = job.scenes[0], job.tile.window
    # So many chips along the edge as the model is fast, and no larger a raster than is quickly written.
    across = max(math.isqrt(int(_CHIPS_SECONDS * bare)) - 1, 1) * lattice.stride
    large = min(tile.width, across, max(round(_PIXELS * scene.gsd / grid.resolution), lattice.stride))
    small = min(tile.width, max(lattice.stride // 2, 1))
    wide, narrow = (_twin(scene, grid, _corner(tile, edge), folder / f"{edge}.tif") for edge in (large, small))
    wide = replace(wide, id=_WIDE)
    round_of = ((narrow,), (wide,), (narrow, replace(narrow, id="trial-again")))
    trial = replace(work, storage=FolderStorage(folder / "map"))
    ended = _map((round_of[0], *_ROUNDS * round_of), tile, Worker(trial, segmenter), least=1 + len(round_of))
    timed = [_timed(before, after) for before, after in pairwise(ended)]
    read = [each.summary for each in ended if each.summary.id != _name(0)]  # the first one pays for what is done once
    rates = rates_from(timed, *_reading(scene, read, narrow, wide), SOURCE)
    return replace(rates, border_seconds=_border_seconds(trial.storage, ended[-1].summary.id, tile, grid))


def _map(scenes: Sequence[tuple[Scene, ...]], window: Window, worker: Worker, least: int) -> list[_Ended]:
    """Map tiles as the engine of one machine does, the next one begun before the last one ends.

    Parameters
    ----------
    scenes
        The scenes of each tile.
    least
        The first so many are mapped, whichever end first; the rest only while there is time.

    Returns
    -------
    ended
        The tiles in the order in which they ended.
    """
    done: SimpleQueue[tuple[Future[TileSummary], float]] = SimpleQueue()
    ended: list[_Ended] = []
    missing = {_name(number) for number in range(least)}
    started = time.perf_counter()
    try:
        for number, own in enumerate(scenes):
            future = worker.begin(TileJob(Tile(_name(number), window), own, "", 0))
            future.add_done_callback(lambda future: done.put((future, time.perf_counter())))
        while len(ended) < len(scenes):
            future, moment = done.get()
            summary = future.result()
            if summary.refused or not summary.chips:
                raise ValueError(summary.refused[0].reason if summary.refused else "a made-up scene shows nothing")
            ended.append(_Ended(summary, moment))
            missing.discard(summary.id)
            if not missing and moment - started > _ENOUGH:
                break
    finally:
        worker.close()
    return ended


def _name(number: int) -> str:
    return f"trial-{number}"


def _timed(before: _Ended, after: _Ended) -> Timed:
    summary = after.summary
    return Timed(len(summary.used), summary.chips, summary.timings["predict"], after.moment - before.moment)


def _corner(tile: Window, edge: int) -> Window:
    return Window(tile.column, tile.row, edge, edge)


def _twin(scene: Scene, grid: Grid, window: Window, path: Path) -> Scene:
    """Write a raster like that of a scene which shows a window of the lattice, and return its scene.

    The raster is larger than what the scene shows: whole blocks are decoded for a window that begins somewhere in one.
    """
    bounds = grid.bounds(window)
    x = np.array([bounds.left, bounds.right, bounds.right, bounds.left])
    y = np.array([bounds.top, bounds.top, bounds.bottom, bounds.bottom])
    if scene.crs != grid.crs:
        from bocage.scenes.footprint import transformer  # pyproj is slow to import

        x, y = transformer(grid.crs, scene.crs).transform(x, y)
    across = math.hypot(scene.transform.a, scene.transform.d) or grid.resolution
    down = math.hypot(scene.transform.b, scene.transform.e) or grid.resolution
    # On the pixels of the scene, so that what lies on the lattice is read as such.
    left = scene.transform.c + math.floor((min(x) - scene.transform.c) / across + 1e-6) * across
    top = scene.transform.f + math.ceil((max(y) - scene.transform.f) / down - 1e-6) * down
    rows = max(math.ceil((top - min(y)) / down - 1e-6), 1) + _BLOCK - 1
    columns = max(math.ceil((max(x) - left) / across - 1e-6), 1) + _BLOCK - 1
    left, top, shape = left - _BLOCK // 2 * across, top + _BLOCK // 2 * down, (rows, columns)
    transform = Affine(across, 0, left, 0, -down, top)
    _write(path, scene, shape, transform)
    part = replace(
        scene.image.parts[0], href=str(path), row=0, column=0, height=shape[0], width=shape[1],
        bands=tuple(range(1, scene.image.count + 1)),
    )  # fmt: skip
    image = replace(scene.image, parts=(part,), shape=shape, transform=transform, described=True)
    return replace(scene, id="trial", image=image, footprint=bounds.polygon(), size=path.stat().st_size, clouds=None)


def _write(path: Path, scene: Scene, shape: tuple[int, int], transform: Affine) -> None:
    """Write a raster of texture that takes about as long to decode as imagery does.

    Below the size of two blocks it is a single one: as much as blocks of files hold around such a window on average.
    """
    dtype = np.dtype(scene.image.dtype)
    random = np.random.default_rng(0)
    rows, columns = (-(-edge // _TEXTURE) for edge in shape)
    bands: list[NDArray[np.generic]] = []
    for index in range(scene.image.count):
        # Around the middle of what the stretch takes for dark and bright, where no value stands for nodata.
        low, high = scene.stretch[min(index, len(scene.stretch) - 1)]
        coarse = np.kron(random.random((_TEXTURE // 16, _TEXTURE // 16)), np.ones((16, 16)))
        values = low + (high - low) * (0.2 + 0.4 * coarse + 0.2 * random.random(coarse.shape))
        values[values == scene.nodata] = (low + high) / 2
        bands.append(np.tile(values.astype(dtype), (rows, columns))[: shape[0], : shape[1]])
    block = _BLOCK if min(shape) >= 2 * _BLOCK - 1 else 16 * -(-max(shape) // 16)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=shape[0], width=shape[1], dtype=dtype.name,
        crs=scene.crs, transform=transform, nodata=scene.nodata, tiled=True, blockxsize=block, blockysize=block,
        compress="DEFLATE", zlevel=1, predictor=2 if dtype.kind in "ui" else 3, interleave="pixel",
    ) as file:  # fmt: skip
        file.write(np.stack(bands))


def _reading(scene: Scene, summaries: Sequence[TileSummary], narrow: Scene, wide: Scene) -> tuple[float | None, float]:
    """Return the bytes that are read in a second, None where it cannot be told, and the bytes of a chip.

    What the wide raster takes longer than the narrow one is the reading, the rest is opening. Bytes are reckoned as if
    the files were as dense as those of the scene.
    """
    density = scene.size / max(scene.shape[0] * scene.shape[1], 1)
    whole = [each for each in summaries if each.used == (_WIDE,)]
    part = [each for each in summaries if each.used == (narrow.id,)]
    longer = median(each.timings["read"] for each in whole) - median(each.timings["read"] for each in part)
    size, less = (density * each.shape[0] * each.shape[1] for each in (wide, narrow))
    known = size > less and longer > 0
    return (size - less) / longer if known else None, size / whole[0].chips


def _border_seconds(storage: Storage, name: str, window: Window, grid: Grid) -> float:
    """Return what comparing two tiles at their border takes, with the file of one in the place of both."""
    size = window.width
    if size < 2 * HALF_WIDTH:
        return 0.0
    tiling = Tiling(grid, size * grid.resolution)
    place = tiling.tile_at(window.column // size, -(window.row // size) - 1)
    east = tiling.tile_at(window.column // size + 1, -(window.row // size) - 1)

    def read(strip: Window) -> NDArray[np.uint8]:
        with open_stored(storage, cog_name(name)) as file:
            part = Window(strip.column - HALF_WIDTH, strip.row, strip.width, strip.height)
            return window_of(file, grid, part, band=1, fill=255).astype(np.uint8)

    measure_borders((place, east), tiling, read, threads=1)  # once, for what is done once
    started = time.perf_counter()
    measure_borders((place, east), tiling, read, threads=1)
    return time.perf_counter() - started

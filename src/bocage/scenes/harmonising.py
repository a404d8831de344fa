"""Harmonising catalogued scenes: read what neighbours both saw, coarsely, and give each scene a new stretch.

Pixels are read on a lattice of coarse cells, in blocks that all pairs share, so that memory does not grow with the
number of scenes and a block is seldom read twice. Every other square of the ground is kept out of the fit and serves to
say by how much scenes differ before and after.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from bocage.errors import BocageError
from bocage.grid import Bounds, Grid, Window
from bocage.outcome import Refusal
from bocage.progress import bar
from bocage.scenes.harmonisation import Difference, apply, median_difference, solve
from bocage.scenes.matching import MATCHERS, Match, MatchMethod, Pair
from bocage.scenes.reader import Patch, SceneReader
from bocage.scenes.scene import Scene, Stretch

Open = Callable[[Scene, Grid], SceneReader]

# A cell is this many pixels of the grid wide: wide enough that scenes which lie a pixel apart still see the same.
_CELL = 8
# Cells of a block, of a square that is fitted or kept out as a whole, and of the smallest overlap.
_BLOCK = 256
_SQUARE = 16
_LEAST_CELLS = 100
# An overlap is read in this many blocks at most, spread over it, and gives this many pixels to the fit.
_MOST_BLOCKS = 32
_MOST_FITTED = 20_000
# Pixels of an overlap, and of all of them, that are kept to the end for the check.
_MOST_CHECKED = 2_000
_MOST_CHECKED_IN_ALL = 2_000_000
_MOST_NEIGHBOURS = 64
# Blocks that are kept: 330 KB each.
_KEPT_BLOCKS = 512


@dataclass(frozen=True, slots=True)
class Harmonisation:
    """What harmonising came to.

    Attributes
    ----------
    stretches
        Scene id to its new stretch; that of a scene without neighbours is as it was.
    before, after
        Differences of the scenes on pixels that were not used for the fit; None where no scenes overlap.
    pairs
        How many overlaps were matched.
    bounded
        Scenes whose change met a bound.
    refused
        Scenes that could not be read; their stretch is as it was.
    """

    stretches: dict[str, Stretch]
    before: Difference | None
    after: Difference | None
    pairs: int
    bounded: tuple[str, ...]
    refused: tuple[Refusal, ...]


def harmonise(scenes: Sequence[Scene], grid: Grid, method: MatchMethod, open_scene: Open) -> Harmonisation:
    """Return stretches under which overlapping scenes look alike.

    Parameters
    ----------
    scenes
        Scenes with different ids; their order does not matter.
    grid
        The working lattice.
    method
        ``histogram`` compares the distributions of values, ``invariant`` the half of the pixels that changed least.
    open_scene
        Opens a scene for reading onto a lattice: :func:`bocage.scenes.open_scene`.
    """
    known = {scene.id: scene for scene in scenes}
    source = _Source(Grid(grid.crs, grid.resolution * _CELL), open_scene)
    pairs = neighbours(scenes, source.grid)

    most_checked = min(_MOST_CHECKED, math.ceil(_MOST_CHECKED_IN_ALL / max(len(pairs), 1)))

    def one(first: str, second: str) -> tuple[Match, Pair] | None:
        found = _read_pair(source, known[first], known[second], most_checked)
        return (MATCHERS[method](found[0]), found[1]) if found else None

    results = []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool, bar("Harmonising scenes", len(pairs)) as advance:
        for result in pool.map(lambda pair: one(*pair), pairs):
            advance(1)
            if result is not None:
                results.append(result)
    # A scene that failed midway has matched some neighbours already; what it said of them is not trusted.
    results = [(match, check) for match, check in results if not {match.first, match.second} & source.refused.keys()]
    solution = solve([match for match, _ in results], list(known))
    checks = [check for _, check in results]
    return Harmonisation(
        {name: apply(scene.stretch, solution.adjustments[name]) for name, scene in known.items()},
        median_difference(checks),
        median_difference(checks, solution.adjustments),
        len(results),
        solution.bounded,
        tuple(refusal for _, refusal in sorted(source.refused.items())),
    )


def neighbours(scenes: Sequence[Scene], coarse: Grid) -> list[tuple[str, str]]:
    """Return the ids of overlapping scenes, each scene with at most 64 others: those with which it shares most.

    Parameters
    ----------
    scenes
        The scenes, with footprints in the CRS of the lattice.
    coarse
        The lattice of the cells; an overlap of fewer than 100 is none.

    Returns
    -------
    list
        Pairs from north to south in rows of blocks, so that blocks can be kept from one pair to the next.
    """
    ordered = sorted(scenes, key=lambda scene: scene.id)
    shapes = np.array([scene.footprint for scene in ordered], dtype=object)
    one, other = STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    areas = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    count: Counter[int] = Counter()
    chosen = []
    for index in np.lexsort((other, one, -areas)):
        first, second = int(one[index]), int(other[index])
        if areas[index] < _LEAST_CELLS * coarse.resolution**2:
            break
        if max(count[first], count[second]) < _MOST_NEIGHBOURS:
            count.update((first, second))
            chosen.append((first, second))
    edge = _BLOCK * coarse.resolution

    def place(pair: tuple[int, int]) -> tuple[float, float, tuple[int, int]]:
        centre = shapes[pair[0]].centroid
        return -math.floor(centre.y / edge), centre.x, pair

    return [(ordered[first].id, ordered[second].id) for first, second in sorted(chosen, key=place)]


class _Source:
    """Reads blocks of scenes and keeps those that were read last; may be used from several threads at once."""

    def __init__(self, grid: Grid, open_scene: Open) -> None:
        self.grid = grid
        self.refused: dict[str, Refusal] = {}
        self._open = open_scene
        # A block that another thread is reading is waited for, not read again.
        self._blocks: OrderedDict[tuple[str, int, int], Future[Patch | None]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, scene: Scene, column: int, row: int) -> Patch | None:
        """Return a block, or None for a scene that cannot be read."""
        key = (scene.id, column, row)
        with self._lock:
            kept = self._blocks.get(key)
            future: Future[Patch | None] = kept or Future()
            self._blocks[key] = future
            self._blocks.move_to_end(key)
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        if kept is None:
            try:
                future.set_result(self._load(scene, column, row))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def _load(self, scene: Scene, column: int, row: int) -> Patch | None:
        if scene.id in self.refused:
            return None
        try:
            with self._open(scene, self.grid) as reader:
                return reader.read(Window(column * _BLOCK, row * _BLOCK, _BLOCK, _BLOCK))
        except BocageError as error:
            self.refused[scene.id] = Refusal.of(scene.id, error)
            return None


def _read_pair(source: _Source, first: Scene, second: Scene, most_checked: int) -> tuple[Pair, Pair] | None:
    """Return the pixels to fit and those to check, or None where no pixel was seen by both scenes."""
    overlap = first.footprint.intersection(second.footprint)
    window = source.grid.window(Bounds(*overlap.bounds))
    places = [
        (column, row)
        for row in range(window.row // _BLOCK, (window.bottom - 1) // _BLOCK + 1)
        for column in range(window.column // _BLOCK, (window.right - 1) // _BLOCK + 1)
        if overlap.intersects(_square(source.grid, column, row))
    ]
    bands = min(len(first.stretch), len(second.stretch))
    fitted: list[NDArray[np.uint8]] = []
    checked: list[NDArray[np.uint8]] = []
    rows, columns = np.indices((_BLOCK, _BLOCK)) // _SQUARE
    kept_out = (rows + columns) % 2 == 1
    for column, row in places[:: math.ceil(len(places) / _MOST_BLOCKS)]:
        one, other = source.read(first, column, row), source.read(second, column, row)
        if one is None or other is None:
            return None
        both = one.valid & other.valid
        values = np.stack([one.image[:bands], other.image[:bands]])
        fitted.append(values[:, :, both & ~kept_out])
        checked.append(values[:, :, both & kept_out])
    names = first.id, second.id
    fit, check = _pair(names, fitted, _MOST_FITTED), _pair(names, checked, most_checked)
    return (fit, check) if fit.first_values.size else None


def _square(grid: Grid, column: int, row: int) -> shapely.Polygon:
    return grid.bounds(Window(column * _BLOCK, row * _BLOCK, _BLOCK, _BLOCK)).polygon()


def _pair(names: tuple[str, str], blocks: Sequence[NDArray[np.uint8]], most: int) -> Pair:
    values = np.concatenate(blocks, axis=2)
    kept = values[:, :, :: math.ceil(values.shape[2] / most) or 1].astype(np.float32)
    return Pair(*names, kept[0], kept[1])

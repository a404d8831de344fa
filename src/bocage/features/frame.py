"""The frame of the work: a region of the lattice, cut into tiles that are worked side by side with a halo.

The planes of a region (woody, forest, crops, ...) are held whole, one byte per cell; everything larger lives in one
tile at a time. What a tile computes for the cells that it owns must not depend on how the region is cut. So whoever
works with a halo states how far a result can reach, and what hangs together over tiles is joined afterwards
(:mod:`bocage.features.labelling`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window

# Large enough that halos of 50 to 100 cells cost little, small enough for the cache of a processor.
TILE = 1024
# A region of a single tile is cut for the workers if its parts are not shorter than this.
LEAST = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """A region and how it is cut.

    Attributes
    ----------
    window
        The region, on the lattice.
    tile
        Largest edge of a tile in cells. Tiles are as large as each other, so that no worker waits for the last one.
    workers
        Number of tiles that are worked at a time. OpenCV and numpy release the interpreter's lock.
    own
        What the tiles own together, if that is not the whole region: what lies around it is seen and not worked.
    """

    window: Window
    tile: int = TILE
    workers: int = 2
    own: Window | None = None

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Frame:
        """Return the frame of arrays of that shape whose place does not matter."""
        return cls(Window(0, 0, shape[1], shape[0]))

    @property
    def cores(self) -> tuple[Window, ...]:
        """What each tile owns, row by row."""
        region = self.own or self.window
        down, across = (-(-size // self.tile) for size in region.shape)
        if down * across < self.workers and max(region.shape) >= LEAST * self.workers:
            down, across = (self.workers, 1) if region.height >= region.width else (1, self.workers)
        rows, columns = _cuts(region.row, region.height, down), _cuts(region.column, region.width, across)
        return tuple(
            Window(left, top, right - left, bottom - top)
            for top, bottom in pairwise(rows)
            for left, right in pairwise(columns)
        )

    def around(self, core: Window, halo: int) -> Window:
        """Return what a tile sees: its core with a halo, as far as the region goes."""
        seen = core.pad(halo).intersection(self.window)
        assert seen is not None
        return seen

    def seen[T: np.generic](self, plane: NDArray[T], core: Window, halo: int) -> NDArray[T]:
        """Return the part of a plane of the region that a tile sees, as a view."""
        return plane[self.around(core, halo).slices(self.window)]

    def framed[T: np.generic](self, plane: NDArray[T], core: Window, halo: int = 1) -> NDArray[T]:
        """Return a copy of the core with a halo on every side, 0 where the region ends."""
        seen = self.around(core, halo)
        result = np.zeros(core.pad(halo).shape, plane.dtype)
        result[seen.slices(core.pad(halo))] = plane[seen.slices(self.window)]
        return result

    def corner(self, core: Window, halo: int) -> tuple[int, int]:
        """Return row and column of the core in what the tile sees."""
        seen = self.around(core, halo)
        return core.row - seen.row, core.column - seen.column

    def inner(self, core: Window, halo: int) -> tuple[slice, slice]:
        """Return the slices of the core in what the tile sees."""
        return core.slices(self.around(core, halo))

    def each[T](self, work: Callable[[int, Window], T]) -> Iterator[T]:
        """Yield ``work(number, core)`` for every tile, in order; few results wait at a time."""
        cores = self.cores
        if self.workers < 2 or len(cores) < 2:
            yield from (work(number, core) for number, core in enumerate(cores))
            return
        with ThreadPoolExecutor(self.workers, thread_name_prefix="features") as pool:
            running: deque[Future[T]] = deque()
            for number, core in enumerate(cores):
                running.append(pool.submit(work, number, core))
                if len(running) > 2 * self.workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()

    def all(self, work: Callable[[int, Window], object]) -> None:
        """Run ``work(number, core)`` for every tile."""
        for _ in self.each(work):
            pass


def _cuts(start: int, size: int, number: int) -> list[int]:
    """Return where a stretch is cut into parts of nearly one length, both ends included."""
    return [start + size * part // number for part in range(number + 1)]

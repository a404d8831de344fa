"""What a mapping run will do, worked out from the catalogue and the receipts, before any pixel is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from bocage.grid import Bounds, Tile, Tiling, Window
from bocage.mapping.incidence import Incidence, find_incidence
from bocage.mapping.inventory import Inventory
from bocage.mapping.machines import Estimate, Load, Machine, estimate
from bocage.mapping.rates import LastRun, Rates, rates_of
from bocage.mapping.receipt import Recipe, SceneMark
from bocage.mapping.volume import block_margins, corners_of, read_shares

if TYPE_CHECKING:
    from bocage.scenes.catalogue import Catalogue
    from bocage.scenes.scene import Scene

HERE = "this machine"


@dataclass(frozen=True, slots=True)
class TileJob:
    """A tile to map, the scenes that cover it in the catalogue's order, and the key its receipt will hold.

    Attributes
    ----------
    chips
        Chips that share ground with the footprint of a scene, over all scenes.
    bytes
        Bytes that its scenes' files hold under those chips.
    """

    tile: Tile
    scenes: tuple[Scene, ...]
    key: str
    chips: int
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of a mapping run.

    Attributes
    ----------
    recipe
        The lattices and the model.
    jobs
        Tiles that are missing, stale, damaged or had to do without a scene.
    done
        Tiles that are in place as planned.
    rates
        How fast a worker is, or None where nothing was measured.
    loading, preparing
        Seconds that this process took to load the model, and those until the plan was made, these included.
    """

    recipe: Recipe
    jobs: tuple[TileJob, ...]
    done: tuple[TileJob, ...]
    rates: Rates | None = None
    loading: float = 0.0
    preparing: float = 0.0

    @property
    def tiles(self) -> tuple[TileJob, ...]:
        """All tiles of the run, done or not."""
        return (*self.done, *self.jobs)

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes that the tiles to map will read, each once."""
        found = {scene.id: scene for job in self.jobs for scene in job.scenes}
        return tuple(found[name] for name in sorted(found))

    @property
    def load(self) -> Load:
        """Tiles to map, their scenes, the chips that go through the model, bytes that are read, and borders to compare.

        Chips and bytes are what footprints and sizes of the catalogue give; clouds and gaps within a footprint spare
        some. Ground that the chips of two tiles share is read by both.
        """
        borders = _borders(job.tile.window for job in self.tiles)
        return Load(len(self.jobs), self.chips, self.bytes, self.observations, borders)

    @property
    def chips(self) -> int:
        """Chips that go through the model."""
        return sum(job.chips for job in self.jobs)

    @property
    def bytes(self) -> int:
        """Bytes of the scenes' files that lie under the chips of the tiles to map."""
        return sum(job.bytes for job in self.jobs)

    @property
    def observations(self) -> int:
        """How often a tile to map is seen: its scenes, added over the tiles."""
        return sum(len(job.scenes) for job in self.jobs)

    def estimate(self, machines: Sequence[Machine] = (), workers: int = 1, startup: float = 0.0) -> Estimate | None:
        """Return hours, cost and bottleneck on machines; where none is given, on so many workers like the measured one.

        None where nothing was measured.

        Parameters
        ----------
        startup
            Seconds before the first tile.
        """
        rates, load = self.rates, self.load
        if rates is None:
            return None
        own = Machine(
            HERE,
            workers,
            1,
            rates.chips_per_second,
            rates.bytes_per_second,
            tile_seconds=rates.tile_seconds,
            scene_seconds=rates.scene_seconds,
        )
        ending = load.borders * rates.border_seconds
        return estimate(load, machines or (own,), rates.efficiency, startup, ending)

    def as_dict(self, machines: Sequence[Machine] = (), workers: int = 1, startup: float = 0.0) -> dict[str, Any]:
        """Return the figures of the plan, JSON-like; the parameters are those of :meth:`estimate`."""
        found = self.estimate(machines, workers, startup)
        scenes = self.scenes
        return {
            "tiles": len(self.tiles),
            "tiles_to_map": len(self.jobs),
            "tiles_done": len(self.done),
            "scenes": len(scenes),
            "observations": self.observations,
            "bytes": self.bytes,
            "bytes_of_scenes": sum(scene.size for scene in scenes),
            "chips": self.chips,
            "rates": None if self.rates is None else self.rates.as_dict(),
            "workers": sum(each.count * each.workers for each in machines) if machines else workers,
            **({} if found is None else found.as_dict()),
        }


def make_plan(
    catalogue: Catalogue,
    tiling: Tiling,
    recipe: Recipe,
    inventory: Inventory,
    *,
    area: Bounds | None,
    bbox: Bounds | None = None,
    last: LastRun | None = None,
) -> Plan:
    """Work out which tiles are to be mapped from which scenes.

    Parameters
    ----------
    inventory
        The tiles that are there.
    area
        The project's area, or None for all that the scenes cover.
    bbox
        Limits the tiles further to those that share ground with it.
    last
        The run that wrote the tiles which are in place; see :func:`bocage.mapping.rates.rates_of`.
    """
    within = shared_window(tiling, catalogue.bounds, area, bbox)
    if within is None:
        return Plan(recipe, (), ())
    jobs: list[TileJob] = []
    done: list[TileJob] = []
    for job in _all_jobs(catalogue, tiling, recipe, within):
        (done if inventory.is_done(job.tile.id, job.key) else jobs).append(job)
    summaries = (inventory.summary(job.tile.id) for job in done)
    rates = rates_of((summary for summary in summaries if summary is not None), last)
    return Plan(recipe, tuple(jobs), tuple(done), rates)


def _borders(windows: Iterable[Window]) -> int:
    """Return how many pairs of tiles lie side by side."""
    corners = {(window.column, window.row): window for window in windows}
    return sum(
        ((column + window.width, row) in corners) + ((column, row + window.height) in corners)
        for (column, row), window in corners.items()
    )


def shared_window(tiling: Tiling, *bounds: Bounds | None) -> Window | None:
    """Return the pixels of all tiles that share pixels with every one of ``bounds``; None stands for everywhere."""
    windows = [tiling.grid.window(each) for each in bounds if each is not None]
    shared: Window | None = windows[0]
    for window in windows[1:]:
        shared = shared.intersection(window) if shared is not None else None
    return shared


def _all_jobs(catalogue: Catalogue, tiling: Tiling, recipe: Recipe, within: Window) -> Iterator[TileJob]:
    """Yield the tiles that share ground with a footprint, from north to south and west to east.

    All tiles are joined with all footprints at once, and a scene is made once for all of its tiles: tile by tile, a
    continent would take minutes and hold every scene some ten times over.
    """
    # A window touches tiles that reach beyond it; a scene may lie there.
    size = tiling.pixels
    whole = Window(within.column // size * size, within.row // size * size, 1, 1).union(
        Window((within.right - 1) // size * size + size - 1, (within.bottom - 1) // size * size + size - 1, 1, 1)
    )
    places = catalogue.within(tiling.grid.bounds(whole))
    footprints = catalogue.footprints(places)
    pairs = find_incidence(footprints, tiling, recipe.lattice, whole)
    if not len(pairs.scene):
        return
    needed, index = np.unique(pairs.scene, return_inverse=True)
    scenes = catalogue.take(places[needed], footprints[needed])
    marks = [SceneMark.of(scene) for scene in scenes]
    local = Incidence(pairs.down, pairs.east, index, pairs.chips)
    bounds = shapely.bounds(footprints[needed])
    margins = block_margins(scenes, tiling.grid)
    shares = read_shares(local, bounds, corners_of(scenes, tiling.grid), tiling, recipe.lattice, margins)
    sizes = np.array([scene.size for scene in scenes], dtype=np.float64)
    read = np.rint(shares * sizes[index]).astype(np.int64)
    other = (np.diff(pairs.down) != 0) | (np.diff(pairs.east) != 0)
    starts = np.concatenate([[0], np.flatnonzero(other) + 1])
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(index)], strict=True):
        tile = tiling.tile_at(int(pairs.east[first]), -int(pairs.down[first]) - 1)
        own = index[first:last].tolist()
        key = recipe.key(tile.window, [marks[place] for place in own])
        chips, size_read = int(pairs.chips[first:last].sum()), int(read[first:last].sum())
        yield TileJob(tile, tuple(scenes[place] for place in own), key, chips, size_read)

"""What a mapping run will do, worked out from the catalogue and the receipts, before any pixel is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bocage.grid import Bounds, Tile, Tiling, Window
from bocage.mapping.inventory import Inventory
from bocage.mapping.receipt import Recipe, SceneMark

if TYPE_CHECKING:
    from bocage.scenes.catalogue import Catalogue
    from bocage.scenes.scene import Scene


@dataclass(frozen=True, slots=True)
class TileJob:
    """A tile to map, the scenes that cover it in the catalogue's order, and the key its receipt will hold."""

    tile: Tile
    scenes: tuple[Scene, ...]
    key: str
    chips: int


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
    rate
        Chips per second that one worker is expected to map, or None where it is not known.
    """

    recipe: Recipe
    jobs: tuple[TileJob, ...]
    done: tuple[TileJob, ...]
    rate: float | None = None

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
    def bytes(self) -> int:
        """Size of the files of those scenes, as they were catalogued."""
        return sum(scene.size for scene in self.scenes)

    @property
    def chips(self) -> int:
        """Chips that may go through the model: those that touch the bounds of a scene in a tile to map."""
        return sum(job.chips for job in self.jobs)

    def hours(self, workers: int = 1) -> float | None:
        """Return the estimated hours with that many workers, or None where no rate is known."""
        return None if self.rate is None else self.chips / self.rate / max(workers, 1) / 3600

    def as_dict(self, workers: int = 1) -> dict[str, Any]:
        """Return the figures of the plan, JSON-like."""
        hours = self.hours(workers)
        return {
            "tiles": len(self.tiles),
            "tiles_to_map": len(self.jobs),
            "tiles_done": len(self.done),
            "scenes": len(self.scenes),
            "bytes": self.bytes,
            "chips": self.chips,
            "chips_per_second": None if self.rate is None else round(self.rate, 3),
            "hours": None if hours is None else round(hours, 4),
            "workers": workers,
        }


def make_plan(
    catalogue: Catalogue,
    tiling: Tiling,
    recipe: Recipe,
    inventory: Inventory,
    *,
    area: Bounds | None,
    bbox: Bounds | None = None,
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
    """
    done: list[TileJob] = []
    jobs: list[TileJob] = []
    for tile in tiles_within(tiling, catalogue.bounds, area, bbox):
        scenes = tuple(catalogue.covering(tiling.grid.bounds(tile.window)))
        if not scenes:
            continue
        key = recipe.key(tile.window, [SceneMark.of(scene) for scene in scenes])
        chips = sum(_chips(scene, tile, tiling, recipe) for scene in scenes)
        job = TileJob(tile, scenes, key, chips)
        (done if inventory.is_done(tile.id, key) else jobs).append(job)
    return Plan(recipe, tuple(jobs), tuple(done), rate_of(inventory, (job.tile.id for job in done)))


def tiles_within(tiling: Tiling, *bounds: Bounds | None) -> Iterable[Tile]:
    """Yield the tiles that share pixels with every one of ``bounds``; None stands for everywhere."""
    windows = [tiling.grid.window(each) for each in bounds if each is not None]
    shared: Window | None = windows[0]
    for window in windows[1:]:
        shared = shared.intersection(window) if shared is not None else None
    return tiling.tiles(shared) if shared is not None else ()


def rate_of(inventory: Inventory, tiles: Iterable[str]) -> float | None:
    """Return the chips per second that the receipts of ``tiles`` report, or None where they report none."""
    summaries = [summary for summary in (inventory.summary(tile) for tile in tiles) if summary is not None]
    seconds, chips = sum(summary.seconds for summary in summaries), sum(summary.chips for summary in summaries)
    return chips / seconds if chips and seconds > 0 else None


def _chips(scene: Scene, tile: Tile, tiling: Tiling, recipe: Recipe) -> int:
    """Return how many chips touch the bounds of what a scene shows of a tile."""
    shared = scene.footprint.intersection(tiling.grid.bounds(tile.window).polygon())
    if shared.is_empty or not shared.area:
        return 0
    inside = tiling.grid.window(Bounds(*shared.bounds)).intersection(tile.window)
    return 0 if inside is None else recipe.lattice.count(inside)

"""How much faster two local workers map than one: one thread each, on two cores, the same tiles and network.

From compressed scenes on disk to COGs with their receipts. The clock runs from the moment at which all workers hold the
model until the last tile is written; what starting takes is told apart. One worker reads ahead in a second thread, so
it already has part of the other core; the figure ``against_one_core`` is that against a worker which is held on one.

What two cores can do at all is ``bare_ratio``, that of two bare models, which share nothing but the machine: its
memory, its caches and its clock. ``of_bare`` is the share of that which the workers reach.

    python benchmarks/scaling.py [--json] [--tile PIXELS] [--tiles N] [--workers N] [--repeat N]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from small_projects import write_scene

from bocage.grid import Bounds, Grid, Tiling
from bocage.mapping.crew import Report, supervise
from bocage.mapping.inventory import Inventory
from bocage.mapping.lattice import Lattice
from bocage.mapping.local import Processes
from bocage.mapping.planning import TileJob, make_plan
from bocage.mapping.receipt import Recipe, TileSummary, cog_name
from bocage.mapping.supervision import Ready
from bocage.mapping.worker import UNDER_WAY, Work
from bocage.models import build_network, load_model
from bocage.models.item import ModelDescription
from bocage.models.package import save_package
from bocage.outcome import Refusal
from bocage.scenes import BANDS, Catalogue, open_scene, recognise
from bocage.storage import FolderStorage

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

GRID = Grid("EPSG:3035", 2.0)
WANTED = 1.7
CHIP, BATCH = 256, 4
BARE_BATCHES = 24
"""Batches of each bare model: some seconds."""
_LOOK = 1.0
"""Seconds between two looks at processes that may have died."""


class TogetherCrew:
    """Workers that get no tile before all of them are ready; it notes when that was."""

    def __init__(self, work: Work, workers: int, cores: Sequence[int] | None) -> None:
        self._processes = Processes(work, workers)
        self._workers = workers
        self._cores = cores
        self._held: list[Report] = []
        self.ready_at = 0.0

    def start(self, slot: int) -> None:
        """Start a worker, on some of the cores only where that is asked for."""
        before = os.sched_getaffinity(0)
        if self._cores is not None:
            os.sched_setaffinity(0, self._cores)  # A process begins where its parent may run.
        self._processes.start(slot)
        os.sched_setaffinity(0, before)

    def give(self, slot: int, job: TileJob) -> None:
        """Give a tile to a worker."""
        self._processes.give(slot, job)

    def kill(self, slot: int, reason: str) -> None:
        """End a worker."""
        self._processes.kill(slot, reason)

    def wait(self, seconds: float | None) -> Sequence[Report]:
        """Return what has happened, once all are ready."""
        reports = self._processes.wait(seconds)
        if self.ready_at:
            return reports
        self._held += reports
        if sum(isinstance(event, Ready) for event, _ in self._held) < self._workers:
            return ()
        self.ready_at = time.perf_counter()
        held, self._held = self._held, []
        return held

    def close(self) -> None:
        """End all workers."""
        self._processes.close()


def prepare(folder: Path, tiles: int, pixels: int) -> tuple[Work, tuple[TileJob, ...]]:
    """Write a scene over a row of tiles and a model package; return the work and the jobs."""
    tiling = Tiling(GRID, pixels * GRID.resolution)
    edge = tiling.size
    scenes = []
    for number in range(tiles):
        # A scene per tile, which is a little larger, so that the chips at its edge are whole.
        path = folder / f"{number:02}.tif"
        write_scene(path, number * edge - CHIP, CHIP, pixels + CHIP, number)
        scenes.append(recognise(path, GRID, bands=BANDS))
    name = "efficientnet_lite0"
    description = ModelDescription("slf", name, tuple(BANDS), GRID.resolution, stretch="percentile", chip=CHIP)
    save_package(folder / "model", build_network(name, pretrained=False), description)
    segmenter = load_model(folder / "model")
    recipe = Recipe(GRID, Lattice.of(CHIP, 0.25, segmenter.multiple), "slf", segmenter.digest)
    storage = FolderStorage(folder / "map")
    work = Work(recipe, storage, BATCH, partial(load_model, folder / "model"), open_scene)
    area = Bounds(0, -edge, tiles * edge, 0)
    return work, make_plan(Catalogue(scenes), tiling, recipe, Inventory.open(storage), area=area).jobs


def time_workers(
    work: Work, jobs: Sequence[TileJob], workers: int, cores: Sequence[int] | None = None
) -> tuple[float, float, list[str]]:
    """Map all tiles; return the seconds of mapping, those of starting, and the digests of the rasters."""
    started = time.perf_counter()
    crew = TogetherCrew(work, workers, cores)
    last = 0.0
    results: list[TileSummary | Refusal] = []
    for result in supervise(jobs, crew, workers, tries=1, at_once=UNDER_WAY):
        last = time.perf_counter()
        results.append(result)
    names = [result.id for result in results if isinstance(result, TileSummary)]
    if len(names) < len(jobs):
        raise RuntimeError(f"{len(jobs) - len(names)} tiles were quarantined")
    digests = [sha256(work.storage.read(cog_name(name))).hexdigest() for name in sorted(names)]
    return last - crew.ready_at, crew.ready_at - started, digests


def run_bare(package: Path, together: Barrier, spent: Queue[float]) -> None:
    """Time a model alone in this process, from the moment at which all are ready."""
    segmenter = load_model(package)
    images = np.random.default_rng(1).integers(1, 256, (BATCH, 4, CHIP, CHIP), dtype=np.uint8)
    valid = np.ones((BATCH, CHIP, CHIP), dtype=np.bool_)
    segmenter.predict(images, valid)
    with ThreadPoolExecutor(segmenter.at_once) as threads:
        together.wait()
        started = time.perf_counter()
        list(threads.map(lambda _: segmenter.predict(images, valid), range(BARE_BATCHES)))
        spent.put(time.perf_counter() - started)


def time_bare(package: Path, models: int) -> float:
    """Return the seconds that so many models take at once, each for as many batches in a process of its own.

    Raises
    ------
    RuntimeError
        If a process dies, for which the others would wait for ever.
    """
    context = multiprocessing.get_context("spawn")
    together, spent = context.Barrier(models), context.Queue()
    processes = [context.Process(target=run_bare, args=(package, together, spent)) for _ in range(models)]
    seconds: list[float] = []
    try:
        for process in processes:
            process.start()
        while len(seconds) < models:
            with suppress(Empty):
                seconds.append(spent.get(timeout=_LOOK))
            if failed := [process.exitcode for process in processes if process.exitcode]:
                raise RuntimeError(f"a process with a bare model ended with status {failed[0]}")
    finally:
        for process in processes:
            process.kill()
            process.join()
    return max(seconds)


def measure(folder: Path, *, tiles: int, pixels: int, workers: int, repeat: int) -> dict[str, Any]:
    """Time one worker and several in turn and return the figures of the best of each."""
    work, jobs = prepare(folder, tiles, pixels)
    core = sorted(os.sched_getaffinity(0))[:1]
    trials = {"one": (1, None), "one_core": (1, core), "several": (workers, None)}
    seconds = dict.fromkeys(trials, float("inf"))
    starting = dict(seconds)
    bare = {1: float("inf"), workers: float("inf")}
    found: set[tuple[str, ...]] = set()
    for _ in range(repeat):
        for name, (count, cores) in trials.items():
            mapping, start, digests = time_workers(work, jobs, count, cores)
            seconds[name], starting[name] = min(seconds[name], mapping), min(starting[name], start)
            found.add(tuple(digests))
        for count, best in bare.items():
            bare[count] = min(best, time_bare(folder / "model", count))
    ratio, bare_ratio = seconds["one"] / seconds["several"], workers * bare[1] / bare[workers]
    useful = len(jobs) * pixels * pixels / 1e6
    return {
        "limit_ratio": round(ratio, 3),
        "wanted_ratio": WANTED,
        "bare_ratio": round(bare_ratio, 3),
        "of_bare": round(ratio / bare_ratio, 3),
        "against_one_core": round(seconds["one_core"] / seconds["several"], 3),
        "workers": workers,
        "threads_per_worker": int(os.environ["OMP_NUM_THREADS"]),
        "cores": len(os.sched_getaffinity(0)),
        "tiles": len(jobs),
        "tile_pixels": pixels,
        "megapixels_per_second": {name: round(useful / value, 4) for name, value in seconds.items()},
        "mapping_seconds": {name: round(value, 2) for name, value in seconds.items()},
        "starting_seconds": {name: round(value, 2) for name, value in starting.items()},
        "same_bytes": len(found) == 1,
        "repeat": repeat,
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print the ratio, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tile", type=int, default=1024, help="edge of a tile in pixels")
    parser.add_argument("--tiles", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(
            Path(folder), tiles=options.tiles, pixels=options.tile, workers=options.workers, repeat=options.repeat
        )
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    for name, speed in figures["megapixels_per_second"].items():
        start = figures["starting_seconds"][name]
        print(f"{name.replace('_', ' '):<10} {speed:8.3f} useful megapixels/s, after {start:.1f} s of starting")
    print(f"ratio      {figures['limit_ratio']:8.3f} (wanted {WANTED} or more)")
    print(f"bare models {figures['bare_ratio']:.3f}, of which the workers reach {figures['of_bare']:.3f}")
    print(f"against a worker on one core {figures['against_one_core']:.3f}; the same bytes: {figures['same_bytes']}")


if __name__ == "__main__":
    main()

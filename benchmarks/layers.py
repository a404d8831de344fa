"""A layer of 60 000 tiles: the tiles of a window, and `bocage status` over a project that reads them.

The query is compared with asking every tile in turn. The status looks at each tile behind the index again, for the
three stages that read layers; it is run as a person runs it, and beside it in a project whose layer is one file.
Run ``python benchmarks/layers.py``; with ``--json`` it prints one object whose ``limit_ratio`` is the median query as a
share of its limit, and whose ``rival_ratio`` is how many times faster it is than asking every tile.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bocage.chain import inputs_digest
from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.receipts import Receipt
from bocage.reference.file import LayerFile
from bocage.reference.layer import Layer
from bocage.reference.noted import digest_of, note_files, notes_of
from bocage.reference.sources import Source
from bocage.settings import LayerSettings
from bocage.stages import stage_named

SIDE = 245
TILE = 5000
QUERIES = 2000
LIMIT_MS = 0.5
RUNS = 3
SETTINGS = '[[reference.layers]]\nkind = "tree_cover_density"\npaths = ["{}"]\n'


def median_ms(ask: Callable[[Window], object], windows: list[Window]) -> float:
    """Return the median time of a question over windows, in milliseconds."""
    times = []
    for window in windows:
        clock = time.perf_counter()
        ask(window)
        times.append(time.perf_counter() - clock)
    return round(1000 * statistics.median(times), 4)


def queries() -> dict[str, float]:
    """Return how long it takes to open the tiles as a layer, and to find those of a block of labels."""
    windows = [Window(place % SIDE * TILE, place // SIDE * TILE, TILE, TILE) for place in range(SIDE**2)]
    files = tuple(LayerFile(Source(f"/tiles/{at}.tif", 1, ""), window, 10.0) for at, window in enumerate(windows))
    settings = LayerSettings(kind="tree_cover_density", paths=("index.csv",))
    clock = time.perf_counter()
    layer = Layer(settings, Grid("EPSG:3035", 2.0), files)
    opening = time.perf_counter() - clock
    corners = np.random.default_rng(0).integers(0, SIDE * TILE, (QUERIES, 2)).tolist()
    asked = [Window(column, row, 1024, 1024) for column, row in corners]

    def one_by_one(window: Window) -> list[LayerFile]:
        return [file for file in files if file.window.intersection(window) is not None]

    assert all(layer.files_in(window) == one_by_one(window) for window in asked[:10])
    return {
        "tiles": SIDE**2,
        "opening_seconds": round(opening, 3),
        "query_ms": median_ms(layer.files_in, asked),
        "one_by_one_ms": median_ms(one_by_one, asked[:50]),
    }


def project_of(folder: Path, tiles: int) -> Project:
    """Return a project whose stages have read a layer: an index of tiles, or one file where there is no tile."""
    (folder / "tiles").mkdir(parents=True)
    paths = [folder / "tiles" / f"tcd_2021_{number:05}_03035_v1_0.tif" for number in range(tiles)]
    for path in paths:
        path.write_bytes(b"0")
    name = "index.csv" if tiles else "tcd.tif"
    (folder / name).touch()
    (folder / "bocage.toml").write_text(SETTINGS.format(name), encoding="utf-8")
    project = Project.open(folder)
    (layer,) = project.settings.reference.layers
    if tiles:
        note_files(layer, project, paths, ())
    for stage in ("labels", "features", "products"):
        inputs = inputs_digest(project, stage_named(stage), {})
        seen = digest_of(notes_of([layer], project))
        Receipt(stage, "done", inputs, "2026-01-01T00:00:00+00:00", seen=seen).write(project.receipts_folder)
    return project


def status_seconds(project: Project) -> float:
    """Return the median processor time of ``bocage status``, in which other work on the machine counts little."""
    times = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "bocage", "status", "--json", "--project", str(project.folder)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert "labels" in done.stdout
    return round(statistics.median(times), 2)


def measure() -> dict[str, Any]:
    """Return all figures."""
    figures: dict[str, Any] = queries()
    with tempfile.TemporaryDirectory() as folder:
        figures["status_seconds"] = status_seconds(project_of(Path(folder) / "many", SIDE**2))
        figures["status_seconds_of_one_file"] = status_seconds(project_of(Path(folder) / "one", 0))
    figures["limit_ratio"] = round(figures["query_ms"] / LIMIT_MS, 3)
    figures["rival_ratio"] = round(figures["one_by_one_ms"] / figures["query_ms"], 1)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    figures = measure()
    if parser.parse_args().json:
        print(json.dumps(figures))
        return
    query, one_by_one = figures["query_ms"], figures["one_by_one_ms"]
    status, of_one = figures["status_seconds"], figures["status_seconds_of_one_file"]
    print(f"{figures['tiles']} tiles, a tree of them made in {figures['opening_seconds']} s")
    print(f"tiles of a window  {query:8.4f} ms   limit {LIMIT_MS} ms; one by one {one_by_one} ms")
    print(f"bocage status      {status:8.2f} s    where the layer is one file: {of_one} s")


if __name__ == "__main__":
    main()

"""How much memory mapping takes: a small area of a small scene against 16 times the area of a scene 16 times as large.

Each is mapped by the local engine in a process of its own, whose peak resident memory is compared. The tiles are of one
size; the small area has four of them.

    python benchmarks/memory.py [--json] [--tile PIXELS] [--backbone NAME] [--runtime auto|torch|openvino]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import rasterio

from bocage.grid import Grid, Tile, Window
from bocage.mapping.engines import make_engine
from bocage.mapping.lattice import Lattice
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import Recipe, TileSummary
from bocage.mapping.worker import Work
from bocage.models import TorchSegmenter, build_network
from bocage.models.runtimes import RuntimeChoice
from bocage.processes import keep_memory
from bocage.scenes import BANDS, open_scene, recognise
from bocage.storage import open_storage

GRID = Grid("EPSG:3035", 2.0)
WANTED = 1.1
CHIP, OVERLAP, BATCH = 512, 0.25, 4
SMALL, LARGE = 2, 8
"""Tiles along an edge of the area."""


def write_scene(path: Path, pixels: int) -> Window:
    """Write a square scene of 16-bit texture, a row of blocks at a time; return its window."""
    window = Window(0, -pixels, pixels, pixels)
    random = np.random.default_rng(0)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": pixels, "width": pixels, "dtype": "uint16", "crs": GRID.crs,
        "nodata": 0, "transform": GRID.transform(window), "tiled": True, "blockxsize": 512, "blockysize": 512,
        "compress": "DEFLATE", "zlevel": 1, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        for row in range(0, pixels, 512):
            rows = min(512, pixels - row)
            part = rasterio.windows.Window(0, row, pixels, rows)
            file.write(random.integers(100, 1700, (4, rows, pixels)).astype(np.uint16), window=part)
    return window


def map_area(folder: Path, tiles: int, edge: int, backbone: str, runtime: RuntimeChoice) -> dict[str, Any]:
    """Map the scene of the folder, so many tiles along each edge; return what it took."""
    keep_memory()  # as the command does
    scene = recognise(folder / "scene.tif", GRID, bands=BANDS)
    network = build_network(backbone, pretrained=False)
    plain = TorchSegmenter(network, bands=tuple(BANDS), resolution=GRID.resolution, digest="benchmark")
    segmenter = plain.prepare(runtime, edge=CHIP)
    lattice = Lattice.of(CHIP, OVERLAP, segmenter.multiple)
    target = folder / "map"
    target.mkdir()
    work = Work(Recipe(GRID, lattice, "", ""), open_storage(target), BATCH, lambda: segmenter, open_scene)
    jobs = [
        TileJob(Tile(f"{row}-{column}", Window(column * edge, (row - tiles) * edge, edge, edge)), (scene,), "", 1)
        for row in range(tiles)
        for column in range(tiles)
    ]
    pixels = 0
    # As many at a time as the engine maps in its own process: this one is measured.
    for first in range(0, len(jobs), 16):
        for summary in make_engine("local", 1).run(jobs[first : first + 16], work, segmenter):
            assert isinstance(summary, TileSummary), summary
            pixels += summary.valid_pixels
    return {
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "pixels": pixels,
        "scene_bytes": (folder / "scene.tif").stat().st_size,
        "runtime": segmenter.runtime,
    }


def measure(edge: int, backbone: str, runtime: RuntimeChoice) -> dict[str, Any]:
    """Map both areas, each in a process of its own, and return the figures."""
    found: dict[str, dict[str, Any]] = {}
    for name, tiles in (("small", SMALL), ("large", LARGE)):
        with tempfile.TemporaryDirectory() as folder:
            write_scene(Path(folder) / "scene.tif", tiles * edge)
            command = [sys.executable, __file__, "--child", folder, str(tiles)]
            options = ["--tile", str(edge), "--backbone", backbone, "--runtime", runtime]
            done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True)
            found[name] = json.loads(done.stdout.splitlines()[-1])
    ratio = found["large"]["peak_megabytes"] / found["small"]["peak_megabytes"]
    return {"memory_ratio": round(ratio, 4), "wanted_ratio": WANTED, "tile": edge, "backbone": backbone, **found}


def main() -> None:
    """Print the ratio, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tile", type=int, default=1024, help="edge of a tile in pixels")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--runtime", choices=get_args(RuntimeChoice.__value__), default="auto")
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "TILES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        folder, tiles = options.child
        print(json.dumps(map_area(Path(folder), int(tiles), options.tile, options.backbone, options.runtime)))
        return
    figures = measure(options.tile, options.backbone, options.runtime)
    if options.json:
        print(json.dumps(figures))
        return
    for name in ("small", "large"):
        print(f"{name:6s} {figures[name]['pixels'] / 1e6:8.2f} megapixels {figures[name]['peak_megabytes']:9.1f} MB")
    print(f"ratio  {figures['memory_ratio']:8.3f} (wanted {WANTED} or less)")


if __name__ == "__main__":
    main()

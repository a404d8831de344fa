"""How close mapping comes to its limit: the bare model's forward pass over the same chips on the same machine.

From a compressed scene on disk to a written COG with its receipt, on two threads, with the small pretrained network.
Both are timed in turn, several times, and the best of each is compared.

    python benchmarks/mapping.py [--json] [--tile PIXELS] [--repeat N]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

THREADS = "2"
os.environ.setdefault("OMP_NUM_THREADS", THREADS)

import numpy as np  # noqa: E402 - the number of threads is read when numpy and torch are imported
import rasterio  # noqa: E402

from bocage.grid import Bounds, Grid, Tiling, Window  # noqa: E402
from bocage.mapping.chips import batches, read_strips  # noqa: E402
from bocage.mapping.inventory import Inventory  # noqa: E402
from bocage.mapping.lattice import Lattice  # noqa: E402
from bocage.mapping.planning import make_plan  # noqa: E402
from bocage.mapping.rates import bare_rate  # noqa: E402
from bocage.mapping.receipt import Recipe, receipt_name  # noqa: E402
from bocage.mapping.worker import Work, Worker  # noqa: E402
from bocage.models import TorchSegmenter, build_network  # noqa: E402
from bocage.scenes import BANDS, Catalogue, Scene, open_scene, recognise  # noqa: E402
from bocage.storage import FolderStorage  # noqa: E402

GRID = Grid("EPSG:3035", 2.0)
WANTED = 0.9


def write_scene(path: Path, pixels: int) -> None:
    """Write a scene of 16-bit texture that compresses about as imagery does, larger than the tile on every side."""
    random = np.random.default_rng(0)
    size = pixels + 512
    coarse = np.kron(random.integers(100, 1500, (4, size // 16 + 1, size // 16 + 1)), np.ones((1, 16, 16), dtype=int))
    image = (coarse[:, :size, :size] + random.integers(0, 200, (4, size, size))).astype(np.uint16)
    window = Window(-256, -pixels - 256, size, size)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": size, "width": size, "dtype": "uint16", "crs": GRID.crs, "nodata": 0,
        "transform": GRID.transform(window), "tiled": True, "blockxsize": 512, "blockysize": 512,
        "compress": "DEFLATE", "predictor": 2,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(image)


def time_bare(segmenter: TorchSegmenter, scene: Scene, window: Window, work: Work) -> tuple[float, int]:
    """Return the seconds of the bare forward passes over the chips of a window, and how many chips they are."""
    lattice = work.recipe.lattice
    seconds, chips = 0.0, 0
    seen = np.zeros(window.shape, dtype=np.bool_)
    with open_scene(scene, GRID) as reader:
        for batch in list(batches(read_strips(reader, window, lattice), window, lattice, work.batch_size, seen)):
            started = time.perf_counter()
            segmenter.predict(batch.images, batch.valid)
            seconds += time.perf_counter() - started
            chips += len(batch.chips)
    return seconds, chips


def measure(pixels: int, repeat: int, folder: Path) -> dict[str, Any]:
    """Time mapping and the bare model in turn and return the figures."""
    import torch

    torch.set_num_threads(int(THREADS))
    write_scene(folder / "scene.tif", pixels)
    scene = recognise(folder / "scene.tif", GRID, bands=BANDS)
    segmenter = TorchSegmenter(
        build_network("efficientnet_lite0", pretrained=True), bands=tuple(BANDS), resolution=2.0, digest="benchmark"
    )
    lattice = Lattice.of(512, 0.25, segmenter.multiple)
    storage = FolderStorage(folder)
    work = Work(Recipe(GRID, lattice, "benchmark", "benchmark"), storage, 4, lambda: segmenter, open_scene)
    worker = Worker(work, segmenter)
    tiling = Tiling(GRID, pixels * GRID.resolution)
    area = Bounds(0, 0, tiling.size, tiling.size)
    (job,) = make_plan(Catalogue([scene]), tiling, work.recipe, Inventory.open(storage), area=area).jobs
    bare_rate(segmenter, lattice.chip, work.batch_size)

    mapped: list[float] = []
    bare: list[float] = []
    parts: dict[str, float] = {}
    chips = 0
    for _ in range(repeat):
        seconds, chips = time_bare(segmenter, scene, job.tile.window, work)
        bare.append(seconds)
        started = time.perf_counter()
        worker.run(job)
        seconds = time.perf_counter() - started
        if not mapped or seconds < min(mapped):
            receipt = json.loads(storage.read(receipt_name(job.tile.id)))
            parts = receipt["properties"]["bocage:timings"]
        mapped.append(seconds)
    useful = pixels * pixels / 1e6
    return {
        "limit_ratio": round(min(bare) / min(mapped), 4),
        "wanted_ratio": WANTED,
        "useful_megapixels_per_second": round(useful / min(mapped), 4),
        "bare_megapixels_per_second": round(useful / min(bare), 4),
        "tile_pixels": pixels,
        "chips": chips,
        "repeat": repeat,
        "parts": {"bare_forward": round(min(bare), 3), "file_to_cog": round(min(mapped), 3), **parts},
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print the ratio, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tile", type=int, default=1536, help="edge of the tile in pixels")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.tile, options.repeat, Path(folder))
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    print(f"mapping, file to COG  {figures['useful_megapixels_per_second']:8.3f} useful megapixels/s")
    print(f"bare model            {figures['bare_megapixels_per_second']:8.3f} useful megapixels/s, the same chips")
    print(f"ratio                 {figures['limit_ratio']:8.3f} (wanted {WANTED} or more)")
    print("parts, seconds       ", ", ".join(f"{name} {seconds:.2f}" for name, seconds in figures["parts"].items()))


if __name__ == "__main__":
    main()

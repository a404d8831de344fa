"""How close cutting chips comes to its limit: bare reading and writing of the same pixels with the same threads.

A project of one compressed 16-bit scene and its label tiles is cut with two workers. The limit reads the same windows
of both with plain rasterio and writes the finished chips with GDAL's own COG driver: no stretch, no validity, no
digests, no receipts. The time of plain tiled GeoTIFFs without overviews, which are not what a chip is, is printed for
information. All are timed in turn, several times, and the best of each is compared.

    python benchmarks/cutting.py [--json] [--cells EDGE] [--repeat N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.windows import Window as PixelWindow

from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.samples import Samples, chip_paths, cut_chips, draw_samples
from bocage.scenes import BANDS, catalogue_scenes
from bocage.settings import Settings

GRID = Grid("EPSG:3035", 2.0)
WANTED = 0.7
WORKERS = 2
CELL = 1280
# Upper left corner on the lattice, in metres: a corner of cells and of label tiles.
LEFT, TOP = 4_096_000.0, 3_072_000.0


@dataclass(frozen=True)
class Pair:
    """One chip as the limit handles it: where it is read and what is written."""

    scene: PixelWindow
    labels: PixelWindow
    window: Window
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]


def make_project(folder: Path, cells: int) -> Project:
    """Write a scene of texture that compresses about as imagery does, and its labels, and draw every cell."""
    random = np.random.default_rng(0)
    size = cells * CELL
    coarse = np.kron(
        random.integers(100, 1500, (4, size // 16, size // 16), np.uint16), np.ones((1, 16, 16), np.uint16)
    )
    image = coarse + random.integers(0, 200, (4, size, size), np.uint16)
    window = Window(round(LEFT / 2), round(-TOP / 2), size, size)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": size, "width": size, "dtype": "uint16", "crs": GRID.crs, "nodata": 0,
        "transform": GRID.transform(window), "tiled": True, "blockxsize": 512, "blockysize": 512,
        "compress": "DEFLATE", "predictor": 2,
    }  # fmt: skip
    (folder / "scenes").mkdir(parents=True)
    path = folder / "scenes" / "scene.tif"
    with rasterio.open(path, "w", **profile) as file:
        file.write(image)
        for index, name in enumerate(BANDS, start=1):
            file.set_band_description(index, name)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], Resampling.average)
    settings = Settings.model_validate(
        {
            "grid": {"tile_size": size * 2.0, "cell_size": size * 2.0},
            "area": {"bbox": GRID.bounds(window).as_tuple()},
            "samples": {"count": cells * cells, "cell_size": CELL * 2.0, "buffer": 0.0, "block_size": CELL * 2.0},
        }
    )
    project = Project(folder, settings)
    (tile,) = project.tiling.tiles(window)
    # Crowns and groves of many sizes: labels compress as real ones do.
    trees = np.kron(random.random((2, size // 8, size // 8)) < 0.2, np.ones((1, 8, 8), bool)).any(axis=0)
    confidence = np.full(tile.window.shape, 80, np.uint8)
    write_cog(
        project.labels_folder / f"{tile.id}.tif", np.stack([trees.astype(np.uint8), confidence]), grid=GRID,
        window=tile.window, nodata=255, tags={"BOCAGE_INPUTS": "benchmark"},
    )  # fmt: skip
    catalogue_scenes(project)
    draw_samples(project)
    return project


def time_cutting(project: Project) -> float:
    """Return the seconds of cutting every chip from clean."""
    shutil.rmtree(project.chips_folder, ignore_errors=True)
    started = time.perf_counter()
    cut_chips(project, workers=WORKERS)
    return time.perf_counter() - started


def pairs_of(project: Project) -> list[Pair]:
    """Return the chips that were cut, in memory."""
    samples = Samples.read(project)
    column, row = round(LEFT / 2), round(-TOP / 2)
    pairs = []
    for sample_id, window in zip(samples.table["sample_id"], samples.windows(), strict=True):
        image, label = (rasterio.open(path) for path in chip_paths(project, sample_id))
        with image, label:
            place = PixelWindow(window.column - column, window.row - row, window.width, window.height)
            pairs.append(Pair(place, place, window, image.read(), label.read()))
    return pairs


def time_bare(project: Project, pairs: Sequence[Pair], folder: Path, *, cog: bool) -> float:
    """Return the seconds of plain reading and writing of COGs or plain GeoTIFFs; each thread has its own handles."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (tile,) = project.labels_folder.glob("*.tif")
    mine = local()
    handles: list[Any] = []

    def work(numbered: tuple[int, Pair]) -> None:
        number, pair = numbered
        if not hasattr(mine, "scene"):
            mine.scene = rasterio.open(project.folder / "scenes" / "scene.tif")
            mine.labels = rasterio.open(tile)
            handles.extend((mine.scene, mine.labels))
        mine.scene.read(window=pair.scene)
        mine.labels.read(1, window=pair.labels)
        for name, bands, overviews in (("image", pair.image, "average"), ("label", pair.label, "mode")):
            path = folder / f"{number}_{name}.tif"
            profile: dict[str, Any] = {
                "driver": "GTiff", "count": len(bands), "height": CELL, "width": CELL, "dtype": "uint8", "tiled": True,
                "crs": GRID.crs, "transform": GRID.transform(pair.window), "blockxsize": 512, "blockysize": 512,
            }  # fmt: skip
            if not cog:
                with rasterio.open(path, "w", compress="DEFLATE", predictor=2, **profile) as file:
                    file.write(bands)
                continue
            # Copying lets other threads run, which closing a dataset of the COG driver does not.
            with MemoryFile() as memory:
                with memory.open(**profile) as file:
                    file.write(bands)
                rasterio.shutil.copy(
                    memory.name, path, driver="COG", compress="DEFLATE", blocksize=512, predictor="STANDARD",
                    overview_resampling=overviews,
                )  # fmt: skip

    started = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, enumerate(pairs)))
    seconds = time.perf_counter() - started
    for handle in handles:
        handle.close()
    return seconds


def measure(cells: int, repeat: int, folder: Path) -> dict[str, Any]:
    """Time all in turn and return the figures."""
    project = make_project(folder / "project", cells)
    cut_chips(project, workers=WORKERS)
    pairs = pairs_of(project)
    trials: dict[str, Callable[[], float]] = {
        "cutting": lambda: time_cutting(project),
        "bare": lambda: time_bare(project, pairs, folder / "bare", cog=True),
        "plain": lambda: time_bare(project, pairs, folder / "plain", cog=False),
    }
    seconds = {name: float("inf") for name in trials}
    for _ in range(repeat):
        for name, trial in trials.items():
            seconds[name] = min(seconds[name], trial())
    started = time.perf_counter()
    kept = cut_chips(project, workers=WORKERS).figures["kept"]
    return {
        "limit_ratio": round(seconds["bare"] / seconds["cutting"], 3),
        "wanted_ratio": WANTED,
        "chips": len(pairs),
        "chip_pixels": CELL,
        "workers": WORKERS,
        "chips_per_second": round(len(pairs) / seconds["cutting"], 3),
        "bare_chips_per_second": round(len(pairs) / seconds["bare"], 3),
        "without_overviews_chips_per_second": round(len(pairs) / seconds["plain"], 3),
        "kept_chips_per_second": round(kept / (time.perf_counter() - started), 1),
        "repeat": repeat,
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print the ratio, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cells", type=int, default=5, help="cells along an edge of the scene")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.cells, options.repeat, Path(folder))
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    print(f"{figures['chips']} pairs of {CELL} x {CELL} pixels, {WORKERS} workers")
    print(f"cutting                          {figures['chips_per_second']:8.2f} chips/s")
    print(f"bare read and write of COGs      {figures['bare_chips_per_second']:8.2f} chips/s")
    print(f"the same without overviews       {figures['without_overviews_chips_per_second']:8.2f} chips/s")
    print(f"a second run, all kept           {figures['kept_chips_per_second']:8.1f} chips/s")
    print(f"share of bare                    {figures['limit_ratio']:8.3f} (wanted {WANTED} or more)")


if __name__ == "__main__":
    main()

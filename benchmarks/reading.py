"""How close reading windows onto the lattice comes to its limit, plain rasterio reading of the same blocks.

Where scene and lattice coincide, a window is decoded, checked for nodata and stretched; the limit only decodes. Where
they do not, the cost of warping is printed beside that of rasterio's WarpedVRT, which does not stretch. Both are timed
in turn, several times, and the best of each is compared.

    python benchmarks/reading.py [--json] [--size PIXELS] [--repeat N]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as PixelWindow

from bocage.grid import Grid, Window
from bocage.scenes import BANDS, Scene, open_scene, recognise

GRID = Grid("EPSG:3035", 2.0)
WANTED = 0.8
EDGES = (512, 1024, 2560)
INDEXES = [1, 2, 3, 4]
BLOCK = 512
# Upper left corner on the lattice, in metres: a corner of lattice blocks of 512 pixels.
LEFT, TOP = 4000 * 1024.0, 3000 * 1024.0
FORMATS: dict[str, dict[str, Any]] = {
    "uint16 deflate": {"dtype": "uint16", "compress": "DEFLATE", "predictor": 2},
    "uint8 deflate": {"dtype": "uint8", "compress": "DEFLATE", "predictor": 2},
    "uint16 LZW": {"dtype": "uint16", "compress": "LZW", "predictor": 2},
    "uint8 LZW": {"dtype": "uint8", "compress": "LZW"},
    "uint8 LZW, blocks of 256": {"dtype": "uint8", "compress": "LZW", "blockxsize": 256, "blockysize": 256},
}
WARPS: dict[str, tuple[str, float, bool]] = {
    "UTM 2 m, bilinear": ("EPSG:32631", 2.0, True),
    "4 m, bilinear": ("EPSG:3035", 4.0, True),
    "0.6 m, averaged from its overview": ("EPSG:3035", 0.6, True),
    "0.6 m, averaged from its pixels": ("EPSG:3035", 0.6, False),
    "UTM 0.6 m, averaged from its overview": ("EPSG:32631", 0.6, True),
    "UTM 0.6 m, averaged from its pixels": ("EPSG:32631", 0.6, False),
}


def texture(size: int, dtype: str) -> Any:
    """Return (4, size, size) numbers that compress about as imagery does."""
    random = np.random.default_rng(0)
    coarse = np.kron(
        random.integers(100, 1500, (4, size // 16 + 1, size // 16 + 1), dtype=np.uint16),
        np.ones((1, 16, 16), np.uint16),
    )
    image = coarse[:, :size, :size] + random.integers(0, 200, (4, size, size), dtype=np.uint16)
    return image if dtype == "uint16" else (image >> 3).astype(dtype)


def write_scene(path: Path, size: int, crs: str, transform: Affine, options: dict[str, Any]) -> Path:
    """Write a scene with averaged overviews."""
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": size, "width": size, "crs": crs, "transform": transform, "nodata": 0,
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile | options) as file:
        file.write(texture(size, options["dtype"]))
        for index, name in enumerate(BANDS, start=1):
            file.set_band_description(index, name)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], Resampling.average)
    return path


def best_of_each(trials: dict[str, Callable[[], float]], repeat: int) -> dict[str, float]:
    """Return the shortest time of each of several trials, which take turns."""
    seconds = {name: float("inf") for name in trials}
    for _ in range(repeat):
        for name, trial in trials.items():
            seconds[name] = min(seconds[name], trial())
    return seconds


def time_over(items: Sequence[Any], work: Callable[[Any], object], threads: int) -> float:
    """Return the seconds of working through items."""
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        for _ in pool.map(work, items) if threads > 1 else map(work, items):
            pass
        return time.perf_counter() - started


def time_plain(path: Path, windows: Sequence[PixelWindow], threads: int) -> float:
    """Return the seconds of plain reading, each thread with its own handle."""
    mine = local()
    with ExitStack() as handles:

        def read(window: PixelWindow) -> None:
            if not hasattr(mine, "file"):
                mine.file = rasterio.open(path)
                # Closed by another thread, which "with" does not allow.
                handles.callback(mine.file.close)
            mine.file.read(INDEXES, window=window)

        return time_over(windows, read, threads)


def time_reader(scene: Scene, windows: Sequence[Window], threads: int, *, overviews: bool = True) -> float:
    """Return the seconds of reading onto the lattice with one reader."""
    with open_scene(scene, GRID, overviews=overviews) as reader:
        return time_over(windows, reader.read, threads)


def share_of_plain(path: Path, size: int, edge: int, threads: int, repeat: int) -> dict[str, Any]:
    """Compare both ways of reading windows of a scene that lies on the lattice."""
    scene = recognise(path, GRID)
    steps = range(0, size - edge + 1, edge)
    column, row = round(LEFT / GRID.resolution), round(-TOP / GRID.resolution)
    seconds = best_of_each(
        {
            "plain": partial(
                time_plain, path, [PixelWindow(right, down, edge, edge) for down in steps for right in steps], threads
            ),
            "reader": partial(
                time_reader,
                scene,
                [Window(column + right, row + down, edge, edge) for down in steps for right in steps],
                threads,
            ),
        },
        repeat,
    )
    megapixels = len(steps) ** 2 * edge * edge / 1e6
    return {
        "window": edge,
        "threads": threads,
        "share": round(seconds["plain"] / seconds["reader"], 3),
        "reader_megapixels_per_second": round(megapixels / seconds["reader"], 1),
        "plain_megapixels_per_second": round(megapixels / seconds["plain"], 1),
    }


def time_warped(path: Path, windows: Sequence[Window], whole: Window, method: Resampling) -> float:
    """Return the seconds of reading through rasterio's virtual warping."""
    with (
        rasterio.open(path) as file,
        WarpedVRT(
            file, crs=GRID.crs, transform=GRID.transform(whole), width=whole.width, height=whole.height,
            resampling=method, nodata=0, tolerance=0.01,
        ) as warped,
    ):  # fmt: skip
        inside = [PixelWindow(w.column - whole.column, w.row - whole.row, w.width, w.height) for w in windows]
        return time_over(inside, lambda window: warped.read(INDEXES, window=window), 1)


def cost_of_warping(name: str, folder: Path, repeat: int) -> dict[str, Any]:
    """Compare both ways of bringing a scene of another grid onto the lattice: milliseconds for a million pixels."""
    crs, gsd, overviews = WARPS[name]
    path = folder / f"{crs[5:]}_{gsd}.tif"
    if not path.is_file():
        x, y = Transformer.from_crs(GRID.crs, crs, always_xy=True).transform(LEFT, TOP)
        size = 2048 if gsd >= 2 else 4096
        write_scene(path, size, crs, Affine(gsd, 0, x + 0.3, 0, -gsd, y + 0.7), FORMATS["uint16 deflate"])
    scene = recognise(path, GRID)
    with open_scene(scene, GRID, overviews=overviews) as reader:
        whole, reduction = reader.window, reader.reduction
    edge = 1024
    windows = [
        Window(column, row, min(edge, whole.right - column), min(edge, whole.bottom - row))
        for row in range(whole.row, whole.bottom, edge)
        for column in range(whole.column, whole.right, edge)
    ]
    method = Resampling.average if gsd < GRID.resolution else Resampling.bilinear
    seconds = best_of_each(
        {
            "reader": partial(time_reader, scene, windows, 1, overviews=overviews),
            "rival": partial(time_warped, path, windows, whole, method),
        },
        repeat,
    )
    megapixels = whole.width * whole.height / 1e6
    return {
        "case": name,
        "reduction": round(reduction, 2),
        "reader_milliseconds_per_megapixel": round(seconds["reader"] / megapixels * 1e3, 1),
        "rival_milliseconds_per_megapixel": round(seconds["rival"] / megapixels * 1e3, 1),
        "rival_ratio": round(seconds["rival"] / seconds["reader"], 3),
    }


def measure(size: int, repeat: int, folder: Path) -> dict[str, Any]:
    """Time all and return the figures."""
    transform = Affine(GRID.resolution, 0, LEFT, 0, -GRID.resolution, TOP)
    aligned = []
    for index, (name, options) in enumerate(FORMATS.items()):
        # The first is the usual one, in full size and with threads; the others say whether the format matters.
        edge = size if index == 0 else size // 2
        path = write_scene(folder / f"aligned_{index}.tif", edge, GRID.crs, transform, options)
        for window in EDGES if index == 0 else EDGES[:2]:
            for threads in (1, 4) if index == 0 else (1,):
                found = share_of_plain(path, edge, min(window, edge), threads, repeat)
                aligned.append({"format": name} | found)
    warped = [cost_of_warping(name, folder, repeat) for name in WARPS]
    return {
        "limit_ratio": min(entry["share"] for entry in aligned),
        "wanted_ratio": WANTED,
        "rival_ratio": min(entry["rival_ratio"] for entry in warped),
        "aligned": aligned,
        "warped": warped,
        "size": size,
        "repeat": repeat,
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print the figures, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", type=int, default=8192, help="edge of the scene in pixels")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.size, options.repeat, Path(folder))
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    print(
        "windows on the lattice: share of the speed of plain rasterio reading (Mpx/s of four bands, reader and plain)"
    )
    for entry in figures["aligned"]:
        print(
            f"  {entry['format']:<26} {entry['window']:5d} px {entry['threads']} threads {entry['share']:6.3f}"
            f" {entry['reader_megapixels_per_second']:8.1f} {entry['plain_megapixels_per_second']:8.1f}"
        )
    print(f"lowest {figures['limit_ratio']} (wanted {WANTED} or more)")
    print("onto the lattice from another grid: milliseconds for a million pixels, reader and WarpedVRT")
    for entry in figures["warped"]:
        print(
            f"  {entry['case']:<40} {entry['reader_milliseconds_per_megapixel']:8.1f}"
            f" {entry['rival_milliseconds_per_megapixel']:8.1f}   {entry['rival_ratio']:6.2f} times as fast"
        )


if __name__ == "__main__":
    main()

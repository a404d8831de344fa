"""A catalogue of 40 000 scenes: opening it, the scenes of a tile, its memory; and how fast scenes are added.

A query is held to its limit in 99 of 100 cases: now and then the interpreter collects its garbage meanwhile.
The scenes are synthetic and cover a continent; they have one to four raster files each, and a third has clouds. Adding
is measured on small real GeoTIFFs with overviews and a STAC Item each, beside the bare ``rasterio.open`` and the
statistics of its smallest useful overview on as many threads. Run ``python benchmarks/catalogue.py``; with ``--json``
it prints one object whose ``limit_ratio`` is the worst figure as a share of its limit, and whose ``rival_ratio`` is the
speed of adding as a share of that of the bare reading.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SCENES = 40_000
FILES = 200
EDGE = 4096
TILE = 10_000.0
QUERIES = 500
LIMITS = {"open_seconds": 2.0, "query_ms": 20.0, "peak_memory_mb": 1000.0}


def synthetic(count: int, folder: Path) -> Iterator[Any]:
    """Yield entries of scenes of 20 km that lie over Europe, about ten over each place."""
    import numpy as np
    import shapely
    from affine import Affine

    from bocage.scenes.calibration import Calibration
    from bocage.scenes.deliveries.image import Image, Part
    from bocage.scenes.register import Entry, Record
    from bocage.scenes.scene import BandStatistics, Scene

    rng = np.random.default_rng(0)
    extent = 20_000.0 * (count / 10) ** 0.5
    for number in range(count):
        x, y = 3_000_000 + rng.uniform(0, extent), 1_500_000 + rng.uniform(0, extent)
        bands = ("red", "green", "blue") if number % 50 == 0 else ("blue", "green", "red", "nir")
        many, place = len(bands), f"{folder}/deliveries/{number:05}"
        columns = 10_000 // (number % 4 + 1)
        parts = tuple(
            Part(f"{place}/IMG_R1C{part + 1}.TIF", 0, part * columns, 10_000, columns, tuple(range(1, many + 1)))
            for part in range(number % 4 + 1)
        )
        outline = shapely.Point(x, y).buffer(10_000, quad_segs=16)
        clouds = None
        if number % 3 == 0:
            spots = rng.uniform(-8000, 8000, (20, 2)) + np.array([x, y])
            clouds = shapely.set_precision(shapely.union_all(shapely.buffer(shapely.points(spots), 400)), 0.01)
        scene = Scene(
            id=f"scene_{number:05}",
            image=Image(
                parts, (10_000, columns * len(parts)), many, "uint16", 0.0, "EPSG:32632", Affine(2, 0, 5e5, 0, -2, 6e6)
            ),
            sensor="PHR",
            bands=bands,
            gsd=2.0,
            acquired=datetime(2021, 5, 1, tzinfo=UTC) + timedelta(minutes=number),
            stretch=((112.25, 918.5),) * many,
            footprint=shapely.set_precision(outline, 0.01),
            platform="PHR1A",
            sun_elevation=51.3,
            sun_azimuth=150.2,
            off_nadir=12.1,
            view_azimuth=98.7,
            cloud_cover=3.5,
            digest=f"{number:064x}",
            size=800_000_000,
            clouds=clouds,
            calibration=Calibration((1.1e-4,) * many, (0.001,) * many, "metadata") if number % 5 else None,
            saturation=4095,
            statistics=(BandStatistics(1.0, 4095.0, 512.75, 99.5),) * many,
            valid_share=0.93,
            saturated_share=0.001,
            documents=(f"{place}/DIM.XML", f"{place}/RPC.XML"),
            quicklook=folder / "quicklooks" / f"{number}.jpg",
        )
        yield Entry(scene, Record(parts[0].href, f"{number:064x}", "0" * 64, place, added=False))


def fill(folder: Path) -> dict[str, float]:
    """Write the catalogue of synthetic scenes, and then one scene more."""
    from bocage.grid import Grid
    from bocage.scenes.register import Register

    register = Register(folder / "scenes.parquet", Grid("EPSG:3035", 2.0))
    *entries, last = synthetic(SCENES + 1, folder)
    clock = time.perf_counter()
    for entry in entries:
        register.put(entry)
    register.write()
    writing = time.perf_counter() - clock
    clock = time.perf_counter()
    again = Register(folder / "scenes.parquet", Grid("EPSG:3035", 2.0))
    again.put(last)
    again.write()
    return {"write_seconds": round(writing, 1), "append_one_seconds": round(time.perf_counter() - clock, 2)}


def query(folder: Path) -> dict[str, float]:
    """Open the catalogue in this process and ask for the scenes of tiles."""
    import numpy as np

    from bocage.grid import Bounds, Grid
    from bocage.scenes.catalogue import Catalogue

    clock = time.perf_counter()
    catalogue = Catalogue.open(folder / "scenes.parquet", Grid("EPSG:3035", 2.0))
    opening = time.perf_counter() - clock
    rng = np.random.default_rng(1)
    bounds, spent, found = catalogue.bounds, [], 0
    for _ in range(QUERIES):
        left = rng.uniform(bounds.left, bounds.right) // TILE * TILE
        bottom = rng.uniform(bounds.bottom, bounds.top) // TILE * TILE
        clock = time.perf_counter()
        found += len(catalogue.covering(Bounds(left, bottom, left + TILE, bottom + TILE)))
        spent.append(1000 * (time.perf_counter() - clock))
    return {
        "open_seconds": round(opening, 3),
        "query_median_ms": round(statistics.median(spent), 2),
        "query_ms": round(statistics.quantiles(spent, n=100)[98], 2),
        "query_worst_ms": round(max(spent), 2),
        "scenes_per_query": round(found / QUERIES, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def deliver(folder: Path) -> list[Path]:
    """Write GeoTIFFs of 4096 x 4096 pixels with overviews, each with a STAC Item."""
    import numpy as np
    import rasterio
    from affine import Affine

    (folder / "scenes").mkdir()
    (folder / "bocage.toml").write_text("", encoding="utf-8")
    rng = np.random.default_rng(0)
    first = folder / "scenes" / "d000.tif"
    profile = {
        "driver": "GTiff", "width": EDGE, "height": EDGE, "count": 4, "dtype": "uint16", "nodata": 0,
        "crs": "EPSG:3035", "tiled": True, "compress": "deflate", "transform": Affine(2, 0, 4e6, 0, -2, 3e6),
    }  # fmt: skip
    with rasterio.open(first, "w", **profile) as file:
        coarse = rng.integers(100, 3000, (4, EDGE // 16, EDGE // 16), dtype=np.uint16)
        file.write(coarse.repeat(16, axis=1).repeat(16, axis=2))
        file.build_overviews([2, 4, 8, 16])
    content = first.read_bytes()
    bands = [{"name": name, "eo:common_name": name} for name in ("red", "green", "blue", "nir")]
    paths = []
    for number in range(FILES):
        path = folder / "scenes" / f"d{number:03}.tif"
        path.write_bytes(content)
        item = {
            "type": "Feature",
            "stac_version": "1.1.0",
            "id": path.stem,
            "properties": {"datetime": "2021-06-01T10:00:00Z", "platform": "PHR1A", "eo:cloud_cover": 2},
            "assets": {"data": {"href": path.name, "bands": bands}},
        }
        path.with_suffix(".json").write_text(json.dumps(item), encoding="utf-8")
        paths.append(path)
    return paths


def bare(path: Path) -> float:
    """Open a file and return the mean of the statistics of the overview that shows 1024 pixels."""
    import numpy as np
    import rasterio

    with rasterio.open(path) as file:
        numbers = file.read(out_shape=(file.count, 1024, 1024))
        seen = numbers[:, (numbers != file.nodata).any(axis=0)]
        limits = np.quantile(seen, (0.005, 0.995), axis=1)
        return float(seen.mean() + seen.std() + seen.min() + seen.max() + limits.mean())


def adding(folder: Path) -> dict[str, float]:
    """Add the deliveries and read them barely, on as many threads."""
    from bocage.project import Project
    from bocage.scenes import catalogue_scenes

    paths = deliver(folder)
    threads = min(16, 2 * (os.cpu_count() or 1))
    seconds: dict[str, float] = {}
    # The first of both loads libraries and fills the cache of the disk.
    for _ in range(2):
        clock = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(bare, paths))
        seconds["bare"] = time.perf_counter() - clock
        (folder / "scenes.parquet").unlink(missing_ok=True)
        clock = time.perf_counter()
        found = catalogue_scenes(Project.open(folder))
        seconds["adding"] = time.perf_counter() - clock
    assert found.figures["recognised"] == FILES, found.refused
    clock = time.perf_counter()
    catalogue_scenes(Project.open(folder))
    again = time.perf_counter() - clock
    return {
        "added_per_second": round(FILES / seconds["adding"], 1),
        "bare_per_second": round(FILES / seconds["bare"], 1),
        "unchanged_per_second": round(FILES / again, 1),
        "threads": threads,
    }


def main() -> None:
    """Measure each part in a process of its own and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("fill", "query", "adding"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    parts = {"fill": fill, "query": query, "adding": adding}
    if arguments.part is not None:
        print(json.dumps(parts[arguments.part](arguments.folder)))
        return
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for part, folder in (("fill", one), ("query", one), ("adding", other)):
            command = [sys.executable, __file__, "--part", part, "--folder", folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            figures |= json.loads(done.stdout)
    limit_ratio = round(max(figures[name] / limit for name, limit in LIMITS.items()), 3)
    rival_ratio = round(figures["added_per_second"] / figures["bare_per_second"], 3)
    if arguments.json:
        print(json.dumps({"limit_ratio": limit_ratio, "rival_ratio": rival_ratio, **figures}))
        return
    print(f"{SCENES} scenes, written in {figures['write_seconds']} s, one more in {figures['append_one_seconds']} s")
    print(f"opening            {figures['open_seconds']:8.2f} s    limit {LIMITS['open_seconds']:.0f} s")
    print(
        f"scenes of a tile   {figures['query_ms']:8.2f} ms   limit {LIMITS['query_ms']:.0f} ms (99 of 100; median "
        f"{figures['query_median_ms']} ms, worst {figures['query_worst_ms']} ms; {figures['scenes_per_query']} scenes)"
    )
    print(f"peak memory        {figures['peak_memory_mb']:8.0f} MB   limit {LIMITS['peak_memory_mb']:.0f} MB")
    print(
        f"adding             {figures['added_per_second']:8.1f} /s   bare open and statistics "
        f"{figures['bare_per_second']} /s: {rival_ratio} of it, {figures['threads']} threads"
    )
    print(f"adding again       {figures['unchanged_per_second']:8.1f} /s   nothing has changed")


if __name__ == "__main__":
    main()

"""Drawing 10 000 cells from a continent: seconds and memory beside their limits, spread beside a random draw.

6 million square kilometres on cells of 2560 m, 40 000 simulated footprints of nine sensors, a layer of 13 zones as
polygons and a raster of towns, both read as reference layers. The clock runs from the footprints in memory to the table
of samples; the input is made before it starts. Memory is the peak of the whole process.

    python benchmarks/drawing.py [--json] [--cells N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine

from bocage.grid import Grid
from bocage.project import Project
from bocage.samples.balance import imbalance, simple_random
from bocage.samples.frame import Frame, build_frame, cell_tiling
from bocage.samples.samples import draw_frame, figures_of, table_of
from bocage.samples.strata import stratify
from bocage.samples.zones import stratum_layers
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.scene import Scene
from bocage.settings import SamplesSettings, Settings

GRID = Grid("EPSG:3035", 2.0)
SECONDS, MEGABYTES = 60.0, 2000.0
LEFT, BOTTOM, WIDE, HIGH = 2_600_000, 1_500_000, 3_000_000, 2_000_000
FOOTPRINTS, ZONES = 40_000, 13
# Shares of the coverage by sensor: a few cameras take most of it, as in the production of 2021.
SENSORS = {
    "PHR": 0.3, "SV1": 0.2, "WV2": 0.15, "KS3": 0.1, "SPOT": 0.1, "PNEO": 0.07, "GE1": 0.05, "WV3": 0.02,
    "TRIPLESAT": 0.01,
}  # fmt: skip


def make_scenes(rng: np.random.Generator) -> list[Scene]:
    """Return footprints of 14 to 22 km that cover the continent about twice, each slightly moved and turned."""
    across = 245
    step = np.array([WIDE / across, HIGH / (FOOTPRINTS / across)])
    place = np.column_stack([np.arange(FOOTPRINTS) % across, np.arange(FOOTPRINTS) // across])
    centre = [LEFT, BOTTOM] + step * (place + 0.5 + rng.uniform(-0.3, 0.3, (FOOTPRINTS, 2)))
    size, angle = rng.uniform(14e3, 22e3, (FOOTPRINTS, 2)), rng.uniform(-0.25, 0.25, FOOTPRINTS)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2 * size[:, None]
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    shapes = shapely.polygons(np.einsum("nij,nkj->nki", turn, corners) + centre[:, None])
    sensors = rng.choice(list(SENSORS), FOOTPRINTS, p=list(SENSORS.values()))
    part = Part("scene.tif", 0, 0, 1, 1, (1, 2, 3, 4))
    image = Image((part,), (1, 1), 4, "uint16", 0, GRID.crs, Affine.identity(), True)
    return [
        Scene(f"scene_{index:05d}", image, str(sensor), ("red", "green", "blue", "nir"), 2.0, None, (), shape)
        for index, (sensor, shape) in enumerate(zip(sensors, shapes, strict=True))
    ]


def make_layers(folder: Path, rng: np.random.Generator) -> tuple[Path, Path]:
    """Write zones with ragged borders as polygons, and towns as a raster of 500 m."""
    steps = 400
    x, y = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, steps))
    seeds = rng.random((ZONES, 2))
    x, y = x + 0.03 * np.sin(40 * y), y + 0.03 * np.sin(35 * x)
    zone = np.argmin([np.hypot(x - one[0], y - one[1]) for one in seeds], axis=0).astype(np.uint8) + 1
    shapes = rasterio.features.shapes(zone, transform=Affine(WIDE / steps, 0, LEFT, 0, -HIGH / steps, BOTTOM + HIGH))
    found = [(shapely.geometry.shape(shape), int(code)) for shape, code in shapes]
    table = geopandas.GeoDataFrame(
        {"code": [code for _, code in found]}, geometry=[one for one, _ in found], crs=GRID.crs
    )
    table.dissolve("code", as_index=False).to_file(folder / "zones.gpkg")
    pixels = (HIGH // 500, WIDE // 500)
    coarse = rng.random((pixels[0] // 20 + 1, pixels[1] // 20 + 1)) < 0.04
    towns = np.kron(coarse, np.ones((20, 20), np.uint8))[: pixels[0], : pixels[1]].astype(np.uint8)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 1, "height": pixels[0], "width": pixels[1], "dtype": "uint8", "crs": GRID.crs,
        "transform": Affine(500, 0, LEFT, 0, -500, BOTTOM + HIGH), "tiled": True, "compress": "DEFLATE",
    }  # fmt: skip
    with rasterio.open(folder / "urban.tif", "w", **profile) as file:
        file.write(towns, 1)
    return folder / "zones.gpkg", folder / "urban.tif"


def peak_megabytes() -> float:
    """Return the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def overall_imbalance(frame: Frame, drawn: np.ndarray[Any, np.dtype[np.bool_]], repeat: int) -> tuple[float, float]:
    """Return the imbalance of a draw without regard to strata, and the mean of simple random draws of that size."""
    one = np.zeros(len(frame), np.int64)
    rivals = [simple_random(one, drawn, np.random.default_rng(seed)) for seed in range(repeat)]
    return imbalance(frame, one, drawn), float(np.mean([imbalance(frame, one, it) for it in rivals]))


def measure(folder: Path, count: int, seed: int, **options: Any) -> dict[str, Any]:
    """Draw and return the figures."""
    rng = np.random.default_rng(0)
    scenes = make_scenes(rng)
    zones, urban = make_layers(folder, rng)
    before = peak_megabytes()
    given = SamplesSettings(count=count, seed=seed, **options)
    clock, processor = [time.perf_counter()], time.process_time()
    frame = build_frame(scenes, cell_tiling(GRID, given.cell_size), minimum_valid=given.minimum_valid)
    clock.append(time.perf_counter())
    project = Project(folder, Settings(samples=given))
    strata = stratify(
        frame,
        zones=stratum_layers(project, "environmental_zones", str(zones), given.cell_size),
        urban=stratum_layers(project, "urban", str(urban), given.cell_size),
    )
    clock.append(time.perf_counter())
    drawn = draw_frame(frame, strata, given, count, np.random.default_rng(seed))
    clock.append(time.perf_counter())
    table = table_of(frame, strata, drawn)
    clock.append(time.perf_counter())
    figures = figures_of(frame, strata, drawn, given)
    clock.append(time.perf_counter())
    seconds, memory = clock[-1] - clock[0], peak_megabytes()
    processor = time.process_time() - processor
    is_drawn = np.zeros(len(frame), np.bool_)
    is_drawn[drawn.pairs] = True
    ours, rival = overall_imbalance(frame, is_drawn, 3)
    spread = figures["imbalance"]["all"]
    return {
        "limit_ratio": round(max(seconds / SECONDS, memory / MEGABYTES), 4),
        "rival_ratio": round(spread["drawn"] / spread["simple_random"], 4),
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "limit_seconds": SECONDS,
        "peak_memory_mb": round(memory),
        "limit_memory_mb": MEGABYTES,
        "memory_of_the_input_mb": round(before),
        "parts": {
            name: round(after - start, 2)
            for name, start, after in zip(
                ("frame", "strata", "draw", "table", "figures"), clock[:-1], clock[1:], strict=True
            )
        },
        "pairs": len(frame),
        "cells": figures["frame_cells"],
        "footprints": len(scenes),
        "samples": len(table),
        "per_split": figures["per_split"],
        "strata": len(strata.names),
        "strata_present": len(figures["per_stratum"]),
        "strata_in_test": len(figures["per_stratum_and_split"]["test"]),
        "nearest_to_test_m": figures["nearest_to_test"],
        "buffer_m": given.cell_size if given.buffer is None else given.buffer,
        "imbalance_within_strata": figures["imbalance"],
        "imbalance_overall": {"drawn": round(ours, 4), "simple_random": round(rival, 4)},
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print the figures, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cells", type=int, default=10_000, help="how many to draw")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--buffer", type=float, default=None, help="metres between the test and the rest")
    parser.add_argument("--minimum-distance", type=float, default=0.0, help="metres between drawn cells")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(
            Path(folder), given.cells, given.seed, buffer=given.buffer, minimum_distance=given.minimum_distance
        )
    if given.json:
        json.dump(figures, sys.stdout)
        print()
        return
    spread, overall = figures["imbalance_within_strata"], figures["imbalance_overall"]
    print(f"{figures['samples']} samples of {figures['pairs']} pairs of {figures['cells']} cells and scenes")
    print(f"time      {figures['seconds']:8.1f} s of {SECONDS:.0f} s allowed ({figures['seconds'] / SECONDS:.2f})")
    print(f"processor {figures['processor_seconds']:8.1f} s, what it takes where nothing else runs")
    print(f"memory    {figures['peak_memory_mb']:8.0f} MB of {MEGABYTES:.0f} MB allowed")
    print(
        f"strata    {figures['strata_present']:8d} present of {figures['strata']}, {figures['strata_in_test']} in test"
    )
    print(f"splits    {figures['per_split']}, nearest to test {figures['nearest_to_test_m']:.0f} m")
    for where, one in (("within strata", spread["all"]), ("its test", spread["test"]), ("without strata", overall)):
        print(f"imbalance {one['drawn']:8.3f} {where}, simple random {one['simple_random']:.3f}")
    print("parts, seconds:", ", ".join(f"{name} {value:.1f}" for name, value in figures["parts"].items()))


if __name__ == "__main__":
    main()

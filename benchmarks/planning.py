"""The plan of a mapping: how long planning a continent takes, and how near a plan comes to its run.

*Continent*: 40 000 scenes and 63 000 tiles of benchmarks/europe.py, from the file of the catalogue to the figures of
the plan, in a process of its own, beside the limits of 30 s and 2 GB.
*Run*: scenes of 16-bit texture with an untrained network on this machine, mapped in two halves. The first is planned
from timing the bare model, the second from the receipts of the first; both are compared with what they took.

    python benchmarks/planning.py [--json] [--scenes N] [--tile PIXELS] [--tiles N] [--workers N] [--only PART]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SECONDS, MEGABYTES = 30.0, 2000.0
NEAR = 0.25
FAMILY = "efficientnet_lite0"


def fill(folder: Path, scenes: int) -> dict[str, Any]:
    """Write the catalogue."""
    from europe import GRID, make_scenes

    from bocage.scenes.register import Entry, Record, Register

    clock = time.perf_counter()
    register = Register(folder / "scenes.parquet", GRID)
    for scene in make_scenes(scenes):
        record = Record(scene.href, scene.digest, "0" * 64, str(folder), added=False)
        register.put(Entry(scene, record))
    register.write()
    return {"fill_seconds": round(time.perf_counter() - clock, 1)}


def continent(folder: Path) -> dict[str, Any]:
    """Plan the continent in this process: from the file of the catalogue to the figures."""
    from europe import GRID, TILING

    from bocage.mapping.inventory import Inventory
    from bocage.mapping.lattice import Lattice
    from bocage.mapping.machines import Machine
    from bocage.mapping.planning import make_plan
    from bocage.mapping.receipt import Recipe
    from bocage.scenes.catalogue import Catalogue
    from bocage.storage import FolderStorage

    recipe = Recipe(GRID, Lattice.of(512, 0.25), "benchmark", "0" * 64)
    clock = time.perf_counter()
    catalogue = Catalogue.open(folder / "scenes.parquet", GRID)
    opened = time.perf_counter() - clock
    found = make_plan(catalogue, TILING, recipe, Inventory.open(FolderStorage(folder / "map")), area=None)
    figures = found.as_dict([Machine("gpu", 1, 1, 100.0)])
    seconds = time.perf_counter() - clock
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 2),
        "opening_seconds": round(opened, 2),
        "peak_memory_mb": round(memory, 1),
        "seconds_ratio": round(seconds / SECONDS, 3),
        "memory_ratio": round(memory / MEGABYTES, 3),
        **{name: figures[name] for name in ("tiles", "scenes", "observations", "chips", "bytes", "bytes_of_scenes")},
    }


def write_scene(path: Path, pixels: int) -> None:
    """Write a scene of 16-bit texture that compresses about as imagery does."""
    import numpy as np
    import rasterio
    from europe import GRID

    from bocage.grid import Window

    random = np.random.default_rng(0)
    coarse = np.kron(
        random.integers(100, 1500, (4, pixels // 16 + 1, pixels // 16 + 1)), np.ones((1, 16, 16), dtype=np.int64)
    )
    image = (coarse[:, :pixels, :pixels] + random.integers(0, 200, (4, pixels, pixels))).astype(np.uint16)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": pixels, "width": pixels, "dtype": "uint16", "crs": GRID.crs,
        "nodata": 0, "transform": GRID.transform(Window(0, -pixels, pixels, pixels)), "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "DEFLATE", "predictor": 2,
    }  # fmt: skip
    path.parent.mkdir(parents=True)
    with rasterio.open(path, "w", **profile) as file:
        file.write(image)


def local(folder: Path, tile: int, tiles: int, workers: int) -> dict[str, Any]:
    """Map a small project in two halves and compare each with its plan."""
    import torch

    from bocage.mapping import map_area
    from bocage.models import build_network, save_package
    from bocage.models.item import ModelDescription
    from bocage.project import Project
    from bocage.scenes import BANDS, catalogue_scenes

    pixels = 2 * tile * tiles
    write_scene(folder / "scenes" / "scene.tif", pixels)
    size = 2.0 * tile
    (folder / "bocage.toml").write_text(
        f'[grid]\ntile_size = {size}\ncell_size = {size * 10}\n[scenes]\nstretch = "minmax"\n'
        f'bands = ["red", "green", "blue", "nir"]\n[mapping]\nworkers = {workers}\n',
        encoding="utf-8",
    )
    project = Project.open(folder)
    catalogue_scenes(project)
    torch.manual_seed(0)
    description = ModelDescription("slf", FAMILY, tuple(BANDS), 2.0, "minmax", 512)
    save_package(project.models_folder / "slf", build_network(FAMILY, pretrained=False), description)
    edge = 2.0 * pixels
    halves = {"bare_model": (0.0, edge / 2 + 1, edge, edge), "receipts": None}
    return {name: map_area(project, bbox=box).figures["plan"] for name, box in halves.items()}


def main() -> None:
    """Measure each part in a process of its own and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scenes", type=int, default=40_000)
    parser.add_argument("--tile", type=int, default=2048, help="edge of a tile of the run, in pixels")
    parser.add_argument("--tiles", type=int, default=2, help="the run maps 2N x 2N tiles, in two halves")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", choices=("continent", "run"))
    parser.add_argument("--part", choices=("fill", "continent", "run"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part is not None:
        match options.part:
            case "fill":
                figures = fill(options.folder, options.scenes)
            case "continent":
                figures = continent(options.folder)
            case _:
                figures = local(options.folder, options.tile, options.tiles, options.workers)
        print(json.dumps(figures))
        return
    result: dict[str, Any] = {"load_average": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for part, folder in (("fill", one), ("continent", one), ("run", other)):
            if options.only in {None, "run" if part == "run" else "continent"}:
                command = [sys.executable, __file__, "--part", part, "--folder", folder]
                for name in ("scenes", "tile", "tiles", "workers"):
                    command += [f"--{name}", str(getattr(options, name))]
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                result[part] = json.loads(done.stdout)
    if "continent" in result:
        result["limit_ratio"] = max(result["continent"]["seconds_ratio"], result["continent"]["memory_ratio"])
    if "run" in result:
        result["worst_deviation"] = round(max(abs(part["ratio"] - 1) for part in result["run"].values()), 4)
    if options.json:
        print(json.dumps(result))
        return
    if "continent" in result:
        part = result["continent"]
        print(f"{part['scenes']} scenes, {part['tiles']} tiles, {part['chips']:,} chips, {part['bytes'] / 1e12:.2f} TB")
        print(f"planning     {part['seconds']:9.2f} s    limit {SECONDS:.0f} s ({part['opening_seconds']} s to open)")
        print(f"peak memory  {part['peak_memory_mb']:9.0f} MB   limit {MEGABYTES:.0f} MB")
    for name, part in result.get("run", {}).items():
        print(
            f"run planned by {part['rates_from']} ({name}): {part['planned_seconds']} s planned, {part['seconds']} s "
            f"taken, ratio {part['ratio']} (limit 1 +- {NEAR}); chips {part['chips']} of {part['planned_chips']}, "
            f"bytes {part['bytes']} of {part['planned_bytes']}"
        )


if __name__ == "__main__":
    main()

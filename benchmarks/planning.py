"""The plan of a mapping: how long planning a continent takes, and how near a plan comes to its run.

*Continent*: 40 000 scenes and 63 000 tiles of benchmarks/europe.py, from the file of the catalogue to the figures of
the plan, in a process of its own, beside the limits of 30 s and 2 GB.
*Run*: projects with an untrained network on this machine, each mapped in two parts: ``bocage map --plan`` in a process
of its own, then ``bocage map``. The first part is planned from tiles on trial, the second from the receipts of the
first. Scenes of 16-bit texture under large and under small tiles; and where ``BOCAGE_DATA`` has them, the 17 of Ohio,
and the six dates of dakota that show the same ground.

    python benchmarks/planning.py [--json] [--scenes N] [--cases NAME ...] [--workers N] [--only PART]
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
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Case:
    """A project to plan and map: its grid, its scenes, and how they become bytes.

    Attributes
    ----------
    texture
        Edge in pixels of a scene that is made, or 0.
    paths
        Pattern of the scenes within ``BOCAGE_DATA``, if none is made.
    """

    crs: str
    resolution: float
    tile: float
    chip: int
    stretch: str
    texture: int = 0
    paths: str = ""


CASES = {
    "texture, large tiles": Case("EPSG:3035", 2.0, 4096.0, 512, "minmax", texture=8192),
    "texture, small tiles": Case("EPSG:3035", 2.0, 512.0, 256, "minmax", texture=2048),
    "ohio": Case("EPSG:26917", 1.2, 600.0, 512, "none", paths="ohio/scene_*.tif"),
    "dakota": Case("EPSG:26914", 5.0, 1000.0, 128, "percentile", paths="dakota/*.tif"),
}


def local(folder: Path, case: Case, workers: int) -> dict[str, Any]:
    """Plan and map a small project in two parts."""
    from bocage.project import Project
    from bocage.scenes import Catalogue

    paths = folder / "scenes"
    if case.texture:
        write_scene(paths / "scene.tif", case.texture)
    else:
        paths = Path(os.environ["BOCAGE_DATA"]) / case.paths
    (folder / "bocage.toml").write_text(
        f'[grid]\ncrs = "{case.crs}"\nresolution = {case.resolution}\ntile_size = {case.tile}\n'
        f'cell_size = {case.tile * 10}\n[scenes]\nstretch = "{case.stretch}"\npaths = ["{paths}"]\n'
        f'bands = ["red", "green", "blue", "nir"]\n[mapping]\nworkers = {workers}\nchip = {case.chip}\n',
        encoding="utf-8",
    )
    program(folder, "run", "--until", "scenes")
    subprocess.run([sys.executable, __file__, "--part", "model", "--folder", folder, "--stretch", case.stretch,
                    "--resolution", str(case.resolution)], check=True)  # fmt: skip
    project = Project.open(folder)
    bounds = Catalogue.open(project.scenes_file, project.grid).bounds
    middle = (bounds.left + bounds.right) / 2
    half = [str(value) for value in (bounds.left, bounds.bottom, middle, bounds.top)]
    return {name: planned_and_run(folder, box) for name, box in (("on trial", ["--bbox", *half]), ("receipts", []))}


def save_model(folder: Path, resolution: float, stretch: Any) -> None:
    """Save a network that was never trained."""
    import torch

    from bocage.models import build_network, save_package
    from bocage.models.item import ModelDescription
    from bocage.scenes import BANDS

    torch.manual_seed(0)
    description = ModelDescription("slf", FAMILY, tuple(BANDS), resolution, stretch, 512)
    save_package(folder / "models" / "slf", build_network(FAMILY, pretrained=False), description)


def planned_and_run(folder: Path, options: list[str]) -> dict[str, Any]:
    """Plan a part of the map in one process and map it in another."""
    planned = program(folder, "map", "--plan", *options)
    clock = time.perf_counter()
    run = program(folder, "map", *options)["figures"]["plan"]
    command = time.perf_counter() - clock
    seconds = 3600 * planned["hours"]
    return {
        "tiles": planned["tiles_to_map"],
        "planned_seconds": round(seconds, 2),
        "command_seconds": round(command, 2),
        "ratio": round(run["seconds"] / seconds, 4),
        "ratio_of_tiles": round(run["parts"]["tiles"]["seconds"] / run["parts"]["tiles"]["planned_seconds"], 4),
        "run": run,
    }


def program(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run the program in a process of its own and return what it says."""
    command = [sys.executable, "-m", "bocage", *arguments, "--project", str(folder), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def main() -> None:
    """Measure each part in a process of its own and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scenes", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--only", choices=("continent", "run"))
    parser.add_argument("--part", choices=("fill", "continent", "model"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resolution", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--stretch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.part:
        case "fill":
            print(json.dumps(fill(options.folder, options.scenes)))
            return
        case "continent":
            print(json.dumps(continent(options.folder)))
            return
        case "model":
            save_model(options.folder, options.resolution, options.stretch)
            return
    result = measure(options)
    if options.json:
        print(json.dumps(result))
    else:
        show(result)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of the parts that are asked for."""
    result: dict[str, Any] = {"load_average": round(os.getloadavg()[0], 2)}
    if options.only != "run":
        with tempfile.TemporaryDirectory() as folder:
            for part in ("fill", "continent"):
                command = [sys.executable, __file__, "--part", part, "--folder", folder]
                done = subprocess.run([*command, "--scenes", str(options.scenes)], stdout=subprocess.PIPE, check=True)
                result[part] = json.loads(done.stdout)
    if options.only != "continent":
        result["run"] = {}
        for name in options.cases:
            if CASES[name].paths and "BOCAGE_DATA" not in os.environ:
                print(f"{name} is left out: BOCAGE_DATA names no folder", file=sys.stderr)
                continue
            with tempfile.TemporaryDirectory() as folder:
                result["run"][name] = local(Path(folder), CASES[name], options.workers)
                print(f"{name} is done", file=sys.stderr)
    if "continent" in result:
        result["limit_ratio"] = max(result["continent"]["seconds_ratio"], result["continent"]["memory_ratio"])
    if "run" in result:
        ratios = [part["ratio"] for case in result["run"].values() for part in case.values()]
        result["worst_deviation"] = round(max(abs(ratio - 1) for ratio in ratios), 4)
    return result


def show(result: dict[str, Any]) -> None:
    """Print the figures beside their limits."""
    if "continent" in result:
        part = result["continent"]
        print(f"{part['scenes']} scenes, {part['tiles']} tiles, {part['chips']:,} chips, {part['bytes'] / 1e12:.2f} TB")
        print(f"planning     {part['seconds']:9.2f} s    limit {SECONDS:.0f} s ({part['opening_seconds']} s to open)")
        print(f"peak memory  {part['peak_memory_mb']:9.0f} MB   limit {MEGABYTES:.0f} MB")
    for name, parts in result.get("run", {}).items():
        for source, part in parts.items():
            run = part["run"]
            print(
                f"{name}, {part['tiles']} tiles, planned by {source}: {part['planned_seconds']} s planned, "
                f"{run['seconds']} s taken, ratio {part['ratio']} (limit 1 +- {NEAR}), of the tiles alone "
                f"{part['ratio_of_tiles']}; chips {run['chips']} of {run['planned_chips']}, bytes {run['bytes']} of "
                f"{run['planned_bytes']}"
            )


if __name__ == "__main__":
    main()

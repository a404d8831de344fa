"""A project of many small tiles, and the program at work on it in a process of its own, which may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rasterio
from affine import Affine

from bocage.files import digest_file, finished

TILE = 128  # pixels
RESOLUTION = 2.0
LEFT, TOP = 4_000_000.0, 3_000_000.0
SETTINGS = """
[grid]
tile_size = {size}
cell_size = {cell}
[scenes]
stretch = "none"
bands = ["red", "green", "blue", "nir"]
{paths}
[mapping]
chip = {chip}
workers = {workers}
"""


def write_scene(path: Path, left: float, top: float, pixels: int, seed: int) -> None:
    """Write a scene of texture with a hole in it."""
    random = np.random.default_rng(seed)
    coarse = np.kron(random.integers(20, 200, (4, pixels // 16 + 1, pixels // 16 + 1)), np.ones((1, 16, 16), dtype=int))
    image = (coarse[:, :pixels, :pixels] + random.integers(0, 50, (4, pixels, pixels))).astype(np.uint8)
    image[:, pixels // 3 : pixels // 2, pixels // 4 : pixels // 3] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": pixels, "width": pixels, "dtype": "uint8", "crs": "EPSG:3035",
        "nodata": 0, "transform": Affine(RESOLUTION, 0, left, 0, -RESOLUTION, top), "tiled": True,
        "blockxsize": 64, "blockysize": 64, "compress": "DEFLATE",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(image)


def write_scenes(folder: Path, edge: int) -> None:
    """Write two scenes: ``one`` over ``edge`` x ``edge`` tiles, ``two`` over their lower right part."""
    write_scene(folder / "one.tif", LEFT, TOP, edge * TILE, 1)
    shift = edge * TILE * RESOLUTION / 3
    write_scene(folder / "two.tif", LEFT + shift, TOP - shift, edge * TILE * 2 // 3, 2)


PROGRAM = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import stand_in; stand_in.program()"


@dataclass
class SmallProject:
    """A project folder whose scenes are catalogued, and what the program makes of it."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def make(
        cls,
        folder: Path,
        scenes: str,
        *,
        tile: int = TILE,
        chip: int = 64,
        workers: int = 2,
        environment: dict[str, str] | None = None,
    ) -> SmallProject:
        """Make a project of the scenes that match ``scenes``: a pattern within the folder, or a URL."""
        size = tile * RESOLUTION
        text = SETTINGS.format(
            size=size, cell=size * 10, chip=chip, workers=workers, paths=f"paths = {json.dumps([scenes])}"
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bocage.toml").write_text(text, encoding="utf-8")
        made = cls(folder, {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})})
        made.run("run", "--until", "scenes")
        return made

    @property
    def map(self) -> Path:
        """Where the tiles lie."""
        return self.folder / "map"

    def digests(self) -> dict[str, str]:
        """Return the digest of every raster of the mosaic."""
        return {path.stem: digest_file(path) for path in finished(self.map, "*.tif")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the program."""
        command = [sys.executable, "-c", PROGRAM, *arguments, "--project", str(self.folder), "--json"]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        )

    def run(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """Run the program to its end, which must be with that status, and return what it says."""
        return self.end(self.start(*arguments), status)

    def end(self, process: subprocess.Popen[str], status: int = 0) -> dict[str, Any]:
        """Wait for the program and return what it says."""
        said, errors = process.communicate()
        if process.returncode != status:
            raise RuntimeError(f"the program ended with {process.returncode}, not {status}: {errors[-2000:]}")
        result: dict[str, Any] = json.loads(said)
        return result

    def wait_for_tiles(self, count: int, process: subprocess.Popen[str], seconds: float = 120.0) -> bool:
        """Wait until the mosaic has that many tiles; say whether it has while the program runs."""
        limit = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < limit:
            if len(finished(self.map, "*.json")) >= count:
                return True
            time.sleep(0.02)
        return False


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the worker processes of a mapping that is under way."""
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if any("spawn_main" in part for part in child.cmdline())]
    except psutil.Error:  # One of them has just ended.
        return []

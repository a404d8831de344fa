"""How close mapping comes to its limit, and how it does beside its rivals: file to file, on two threads.

Bocage runs as its command does, in a process that keeps its memory (docs/decisions/0031-kept-memory.md), and so does
the bare model. Each rival runs in a process of its own as its users have it, and then in one that keeps its memory,
too, which no manual tells them: ``rival_ratio`` is beside the former, ``rival_ratio_kept_memory`` beside the latter.

The limit is the bare model: the forward passes over as many chips, in memory, by the same runtime in the same batches.
The rivals map the same file with the same network by torch, with the same overlap: MONAI's sliding window and
torchgeo's gridded sampler (pip install monai torchgeo; one that is not installed is left out). All take turns, and the
best turn of each is compared, so that whatever else the machine does hits all alike.

    python benchmarks/mapping.py [--json] [--size PIXELS] [--repeat N] [--backbone NAME] [--runtime auto|torch|openvino]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, get_args

THREADS = "2"
os.environ.setdefault("OMP_NUM_THREADS", THREADS)

import numpy as np  # noqa: E402 - the number of threads is read when numpy and torch are imported
import rasterio  # noqa: E402
import torch  # noqa: E402
from rivals import RIVALS, Task  # noqa: E402

from bocage.grid import Grid, Tile, Window  # noqa: E402
from bocage.mapping.engines import make_engine  # noqa: E402
from bocage.mapping.lattice import Lattice  # noqa: E402
from bocage.mapping.planning import TileJob  # noqa: E402
from bocage.mapping.receipt import Recipe, TileSummary  # noqa: E402
from bocage.mapping.worker import Work  # noqa: E402
from bocage.models import TorchSegmenter, build_network  # noqa: E402
from bocage.models.runtimes import RuntimeChoice  # noqa: E402
from bocage.processes import keep_memory  # noqa: E402
from bocage.scenes import BANDS, open_scene, recognise  # noqa: E402
from bocage.storage import open_storage  # noqa: E402

GRID = Grid("EPSG:3035", 2.0)
WANTED, WANTED_OF_RIVALS = 0.9, 2.0
CHIP, OVERLAP, BATCH = 512, 0.25, 4


def write_scene(path: Path, pixels: int) -> Window:
    """Write a square scene of 16-bit texture that compresses about as imagery does; return its window."""
    random = np.random.default_rng(0)
    cells = pixels // 16 + 1
    coarse = np.kron(random.integers(100, 1500, (4, cells, cells)), np.ones((1, 16, 16), dtype=int))
    image = (coarse[:, :pixels, :pixels] + random.integers(0, 200, (4, pixels, pixels))).astype(np.uint16)
    window = Window(0, -pixels, pixels, pixels)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": pixels, "width": pixels, "dtype": "uint16", "crs": GRID.crs,
        "nodata": 0, "transform": GRID.transform(window), "tiled": True, "blockxsize": 512, "blockysize": 512,
        "compress": "DEFLATE", "predictor": 2,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(image)
    return window


def bare_seconds(segmenter: TorchSegmenter, chips: int) -> float:
    """Return the seconds of the forward passes over so many chips in memory, as many at once as the runtime takes."""
    random = np.random.default_rng(1)
    images = random.integers(1, 256, (BATCH, 4, CHIP, CHIP), dtype=np.uint8)
    valid = np.ones((BATCH, CHIP, CHIP), dtype=np.bool_)
    counts = [min(BATCH, chips - first) for first in range(0, chips, BATCH)]
    with ThreadPoolExecutor(segmenter.at_once) as threads:
        started = time.perf_counter()
        list(threads.map(lambda count: segmenter.predict(images[:count], valid[:count]), counts))
        return time.perf_counter() - started


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Rival:
    """A rival in a process of its own, which waits while others have their turn."""

    def __init__(self, name: str, task: Task, *, keep: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, name, task, keep), daemon=True)
        self._process.start()
        theirs.close()

    def ready(self) -> bool:
        """Wait until it has mapped a corner once; tell whether it is installed."""
        said = self._pipe.recv()
        if said:
            print(said, file=sys.stderr)
        return not said

    def seconds(self) -> float:
        """Let it map the scene and return the seconds."""
        self._pipe.send(True)
        took: float = self._pipe.recv()
        return took

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._pipe.send(False)
        self._process.join()


def _serve(pipe: Connection, name: str, task: Task, keep: bool) -> None:
    if keep:
        keep_memory()
    torch.set_num_threads(int(THREADS))
    try:
        RIVALS[name](dataclasses.replace(task, only=CHIP))
    except ImportError as error:
        pipe.send(f"{name} is left out: {error}")
        return
    pipe.send("")
    while pipe.recv():
        pipe.send(timed(lambda: RIVALS[name](task)))


def measure(size: int, repeat: int, backbone: str, runtime: RuntimeChoice, folder: Path) -> dict[str, Any]:
    """Time all in turns and return the figures."""
    keep_memory()  # as the command does; the bare model and the rivals have it, too
    torch.set_num_threads(int(THREADS))
    window = write_scene(folder / "scene.tif", size)
    scene = recognise(folder / "scene.tif", GRID, bands=BANDS)
    torch.manual_seed(0)
    network = build_network(backbone, pretrained=False).eval()
    plain = TorchSegmenter(network, bands=tuple(BANDS), resolution=GRID.resolution, digest="benchmark")
    segmenter = plain.prepare(runtime, edge=CHIP)
    lattice = Lattice.of(CHIP, OVERLAP, segmenter.multiple)
    (folder / "map").mkdir()
    recipe = Recipe(GRID, lattice, "benchmark", "benchmark")
    work = Work(recipe, open_storage(folder / "map"), BATCH, lambda: segmenter, open_scene)
    job = TileJob(Tile("tile", window), (scene,), "benchmark", lattice.count(window))
    task = Task(folder / "scene.tif", folder / "rival.tif", network, scene.stretch, CHIP, lattice.stride, BATCH)
    rivals = {(name, kept): Rival(name, task, keep=kept) for name in RIVALS for kept in (False, True)}

    summaries: list[TileSummary] = []

    def bocage() -> None:
        (summary,) = make_engine("local", 1).run([job], work, segmenter)
        assert isinstance(summary, TileSummary), summary
        summaries.append(summary)

    present = {key: rival for key, rival in rivals.items() if rival.ready()}
    bare_seconds(segmenter, BATCH)
    bare: list[float] = []
    own: list[float] = []
    theirs: dict[tuple[str, bool], list[float]] = {key: [] for key in present}
    for _ in range(repeat):
        bare.append(bare_seconds(segmenter, job.chips))
        own.append(timed(bocage))
        for key, rival in present.items():
            theirs[key].append(rival.seconds())
    for rival in rivals.values():
        rival.close()

    useful = size * size / 1e6
    best = {"bocage": min(own)} | {
        f"{name}{', memory kept' if kept else ''}": min(took) for (name, kept), took in theirs.items()
    }
    fastest = summaries[int(np.argmin(own))]

    def ratio(kept: bool) -> float | None:
        took = [min(times) for (_, key), times in theirs.items() if key == kept]
        return round(min(took) / min(own), 4) if took else None

    return {
        "limit_ratio": round(min(bare) * fastest.chips / job.chips / best["bocage"], 4),
        "wanted_ratio": WANTED,
        "rival_ratio": ratio(kept=False),
        "rival_ratio_kept_memory": ratio(kept=True),
        "wanted_rival_ratio": WANTED_OF_RIVALS,
        "useful_megapixels_per_second": {name: round(useful / took, 4) for name, took in best.items()},
        "bare_megapixels_per_second": round(job.chips * CHIP**2 / 1e6 / min(bare), 4),
        "runtime": segmenter.runtime,
        "backbone": backbone,
        "size": size,
        "overlap": OVERLAP,
        "chips": fastest.chips,
        "repeat": repeat,
        "ratio_per_turn": [round(one / other, 4) for one, other in zip(bare, own, strict=True)],
        "threads": int(THREADS),
        "parts": {"bare": round(min(bare), 3), "file_to_file": round(best["bocage"], 3), **fastest.timings},
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print the ratios, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", type=int, default=4096, help="edge of the scene in pixels")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--runtime", choices=get_args(RuntimeChoice.__value__), default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.size, options.repeat, options.backbone, options.runtime, Path(folder))
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    print(f"runtime               {figures['runtime']}")
    for name, rate in figures["useful_megapixels_per_second"].items():
        print(f"{name:22s} {rate:8.3f} useful megapixels/s, file to file")
    turns = ", ".join(f"{ratio:.3f}" for ratio in figures["ratio_per_turn"])
    print(f"share of bare model   {figures['limit_ratio']:8.3f} (wanted {WANTED} or more); by turns {turns}")
    if figures["rival_ratio"] is not None:
        print(f"times the best rival  {figures['rival_ratio']:8.3f} (wanted {WANTED_OF_RIVALS} or more)")
        print(f"  with memory kept    {figures['rival_ratio_kept_memory']:8.3f}")
    print("parts, seconds       ", ", ".join(f"{name} {seconds:.2f}" for name, seconds in figures["parts"].items()))


if __name__ == "__main__":
    main()

"""How close training comes to its limit: the bare forward and backward pass and the step, same network, same batch.

Training reads chips from files, cuts and varies crops, moves the average and goes through Lightning; validation is left
out, since its share is a setting. Both run in this process, in turns of one step, and the best turn of each is
compared; the median of the ratios of neighbouring turns is given, too. Chips are those of ``--project`` or, without it,
generated.

    python benchmarks/training.py [--json] [--backbone NAME] [--turns N] [--steps N] [--batch N] [--crop PIXELS]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

THREADS = "2"
os.environ.setdefault("OMP_NUM_THREADS", THREADS)

import cv2  # noqa: E402 - the number of threads is read when numpy and torch are imported
import geopandas  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from shapely.geometry import box  # noqa: E402

from bocage.grid import Window  # noqa: E402
from bocage.models.network import build_network  # noqa: E402
from bocage.project import Project  # noqa: E402
from bocage.rasters import write_cog  # noqa: E402
from bocage.samples import Samples, chip_paths  # noqa: E402
from bocage.settings import RunSettings, Settings  # noqa: E402
from bocage.training.batches import Batch  # noqa: E402
from bocage.training.chips import ChipStore, survey  # noqa: E402
from bocage.training.crops import Crops, WeightedCrop  # noqa: E402
from bocage.training.loss import masked_loss  # noqa: E402
from bocage.training.precision import choose_precision  # noqa: E402
from bocage.training.session import learn  # noqa: E402
from bocage.training.task import SegmentationTask  # noqa: E402

WANTED = 0.9
# All that varies a crop, as strong as one would have it.
VARIATION: dict[str, Any] = {"zoom": 1.5, "coarsen": 2.0, "band_dropout": 0.3, "exchange": 0.5}
_EDGE, _CHIPS = 512, 12


def write_chips(folder: Path) -> Project:
    """Write chips of blobs that differ by texture, in three scenes, and the samples that name them."""
    project, rows = Project(folder, Settings()), []
    for index in range(_CHIPS):
        rng = np.random.default_rng(index)
        mask = cv2.GaussianBlur(rng.standard_normal((_EDGE, _EDGE)), (0, 0), 8) > 0.02
        image = rng.normal(110, 8, (4, _EDGE, _EDGE)) + mask * rng.normal(-40, 20, (4, _EDGE, _EDGE))
        window, name = Window(index * _EDGE, 0, _EDGE, _EDGE), f"cell{index}"
        image_path, label_path = chip_paths(project, name)
        write_cog(image_path, image.clip(1, 255).astype(np.uint8), grid=project.grid, window=window, nodata=0)
        write_cog(label_path, mask.astype(np.uint8), grid=project.grid, window=window, nodata=255)
        split = "test" if index == 0 else "train"
        bounds = box(*project.grid.bounds(window).as_tuple())
        rows.append(
            {
                "sample_id": name, "cell_id": name, "scene_id": f"scene{index % 3}", "sensor": "GENERIC", "zone": "",
                "urban": False, "stratum": "all", "split": split, "probability": 1.0, "weight": 1.0,
                "column": window.column, "row": window.row, "width": window.width, "height": window.height,
                "valid_share": 1.0, "geometry": bounds,
            }
        )  # fmt: skip
    Samples(geopandas.GeoDataFrame(rows, crs=project.grid.crs)).write(project.samples_file)
    return project


class Bare:
    """The least that training can be: forward, loss, backward, and a step of AdamW, on one batch that is there."""

    def __init__(self, run: RunSettings, batch: Batch) -> None:
        torch.manual_seed(0)
        self.network = build_network(run.backbone, pretrained=False).train()
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)
        self.batch = batch
        self.low = choose_precision(run, self.network) == "bf16-mixed"

    def step(self) -> None:
        """Do one step."""
        self.optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low):
            logit = self.network(self.batch.image, self.batch.valid)
        masked_loss(logit, self.batch.label).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()


@dataclass(frozen=True)
class GatedCrops(Crops):
    """Crops that are made only while training runs: none is made ahead at the expense of the bare steps."""

    gate: threading.Event = field(default_factory=threading.Event)

    def crop(self, number: int) -> WeightedCrop:
        """Wait until training runs, and return the crop."""
        self.gate.wait()
        return super().crop(number)


class Clock:
    """Times training in turns with the bare step: training steps run until a turn is over, then the bare ones."""

    def __init__(self, bare: Bare, turn: int, gate: threading.Event) -> None:
        self.bare, self.turn, self.gate = bare, turn, gate
        self.training: list[float] = []
        self.alone: list[float] = []
        self.averaging = 0.0
        self._count, self._started = 0, 0.0
        gate.set()

    def tick(self) -> None:
        """Note the end of a training step; the first turn warms up and is not counted."""
        self._count += 1
        if self._count % self.turn:
            return
        ended = time.perf_counter()
        self.gate.clear()
        started = time.perf_counter()
        for _ in range(self.turn):
            self.bare.step()
        if self._count > self.turn:
            self.training.append(ended - self._started)
            self.alone.append(time.perf_counter() - started)
        self.gate.set()
        self._started = time.perf_counter()


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Let the clock tick with the steps of training while this is held."""
    before = SegmentationTask.on_train_batch_end

    def tick(self: SegmentationTask, *rest: Any) -> None:
        started = time.perf_counter()
        before(self, *rest)
        clock.averaging += time.perf_counter() - started
        clock.tick()

    SegmentationTask.on_train_batch_end = tick  # type: ignore[method-assign]
    try:
        yield
    finally:
        SegmentationTask.on_train_batch_end = before  # type: ignore[method-assign]


def measure(project: Project, run: RunSettings, turn: int, folder: Path) -> dict[str, Any]:
    """Time training and the bare step in turns and return the figures."""
    torch.set_num_threads(int(THREADS))
    gate = threading.Event()
    gate.set()
    crops = GatedCrops(ChipStore(survey(project, validates=False)["train"]), run, gate=gate)
    started = time.thread_time()
    batch = Batch.of([crops.crop(number) for number in range(run.batch_size)])
    cold = time.thread_time() - started
    started = time.thread_time()
    for number in range(run.batch_size):
        crops.crop(number)
    warm = time.thread_time() - started
    clock = Clock(Bare(run, batch), turn, gate)
    torch.manual_seed(0)
    with watched(clock):
        learn(build_network(run.backbone, pretrained=False), run, crops, None, folder, "benchmark")
    training, alone = min(clock.training) / turn, min(clock.alone) / turn
    ratios = [one / two for one, two in zip(clock.alone, clock.training, strict=True)]
    return {
        "limit_ratio": round(alone / training, 4),
        "wanted_ratio": WANTED,
        "median_ratio": round(float(np.median(ratios)), 4),
        "ratio_per_turn": [round(one, 3) for one in ratios],
        "backbone": run.backbone,
        "batch": run.batch_size,
        "crop": run.crop,
        "precision": choose_precision(run, clock.bare.network),
        "variation": {name: getattr(run, name) for name in VARIATION} | {"augmentation": run.augmentation},
        "crops_per_second": round(run.batch_size / training, 2),
        "bare_crops_per_second": round(run.batch_size / alone, 2),
        "parts": {
            "bare_step": round(alone, 4),
            "training_step": round(training, 4),
            "crops_of_a_batch": round(warm, 4),
            "crops_of_the_first_batch": round(cold, 4),
            "average": round(clock.averaging / run.steps, 4),
        },
        "load_average": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print the ratio, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--turns", type=int, default=100, help="turns that are counted")
    parser.add_argument("--steps", type=int, default=1, help="steps of a turn")
    parser.add_argument("--project", type=Path, help="a project with chips, in place of generated ones")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    steps = (options.turns + 1) * options.steps
    run = RunSettings(
        name="benchmark", backbone=options.backbone, pretrained=False, batch_size=options.batch, crop=options.crop,
        steps=steps, validate_every=steps, select="last", **VARIATION,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        project = Project.open(options.project) if options.project else write_chips(Path(folder))
        figures = measure(project, run, options.steps, Path(folder) / "run")
    if options.json:
        json.dump(figures, sys.stdout)
        print()
        return
    print(f"training   {figures['crops_per_second']:8.2f} crops/s of {run.crop} pixels, {figures['precision']}")
    print(f"bare       {figures['bare_crops_per_second']:8.2f} crops/s: forward, backward, step, one batch in memory")
    print(f"ratio      {figures['limit_ratio']:8.3f} (wanted {WANTED} or more), median {figures['median_ratio']}")
    print(f"load       {figures['load_average']:8.2f}")
    print("parts, seconds", ", ".join(f"{name} {seconds:.4f}" for name, seconds in figures["parts"].items()))


if __name__ == "__main__":
    main()

"""A shift of sensor between training and test, on a simulated landscape with exact truth: accuracy and homogeneity.

Every arm is trained on chips of some sensors and scored on ground that training never saw, on scenes of the same
sensors and of others. Homogeneity is the agreement of an arm with itself on that ground, where scenes of different
sensors overlap: the IoU of the trees that it finds in one and in the other, and the share of pixels where it changes
its mind. It needs no truth and is no accuracy: read it beside the scores. "Pretrained here" has seen scenes of all four
sensors without labels, but not the test ground.

The per-image forest has labels of each image to learn from and answers for that image only, as it did in production,
so it is no test of a shift.

    python benchmarks/homogeneity.py [--json] [--steps N] [--size METRES] [--seeds N] [--first SEED] [--arm NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from bocage.errors import ModelError
from bocage.files import write_text
from bocage.models import load_model
from bocage.models.forest.segmenter import ForestSegmenter
from bocage.models.segmenter import Segmenter
from bocage.project import Project
from bocage.reference import build_labels
from bocage.samples import Samples, cut_chips, draw_samples
from bocage.scenes import Catalogue, catalogue_scenes
from bocage.settings import RunSettings
from bocage.simulation import simulate
from bocage.training import pretrain, train_models
from bocage.training.chips import ChipStore, survey
from bocage.training.consistency import summary
from bocage.training.evaluation import evaluate, total
from bocage.training.homogeneity import measure_homogeneity
from bocage.training.scores import Agreement

FAMILIES = ("PHR", "SPOT", "WV2", "GEOSAT2")
TRAINED = ("PHR", "WV2")
PRETRAINED = "here"


@dataclass(frozen=True, slots=True)
class Arm:
    """A model to train: the backbone of its run, and whether it sees labels of every image."""

    name: str
    backbone: str
    pretrained: bool
    every_image: bool = False


ARMS = (
    Arm("GEOBIA forest per image", "forest_per_image", pretrained=False, every_image=True),
    Arm("GEOBIA forest", "forest", pretrained=False),
    Arm("U-Net ResNet50 from scratch", "resnet50", pretrained=False),
    Arm("lite0 from scratch", "efficientnet_lite0", pretrained=False),
    Arm("lite0 ImageNet", "efficientnet_lite0", pretrained=True),
    Arm("lite0 ImageNet, pretrained here", PRETRAINED, pretrained=True),
)


def prepare(folder: Path, seed: int, size: float) -> Project:
    """Simulate, label with the truth, and draw chips."""
    simulate(folder, seed=seed, size=size, families=FAMILIES)
    text = (folder / "bocage.toml").read_text(encoding="utf-8")
    begin, end = text.index("[[reference.layers]]"), text.index("# Cells of 640 m")
    truth = '[[reference.layers]]\nkind = "classes"\npaths = ["truth/woody.tif"]\ntree = [1]\nother = [0]\n\n'
    text = text[:begin] + truth + text[end:]
    text = text.replace("cell_size = 640\nblock_size = 1280", "cell_size = 256\nblock_size = 512\nbuffer = 64")
    text = text.replace("test_share = 0.2", "test_share = 0.3").replace("count = 160", "count = 1000")
    write_text(folder / "bocage.toml", text + "\n[pretraining]\npatch = 8\n")
    project = Project.open(folder)
    catalogue_scenes(project)
    build_labels(project)
    draw_samples(project)
    cut_chips(project)
    return project


def restrict(project: Project, whole: Samples, *, every_image: bool) -> None:
    """Leave only chips of the trained sensors to learn from; the test keeps all."""
    table = whole.table
    keep = (table["split"] == "test") | table["sensor"].isin(TRAINED) | every_image
    Samples(table[keep].reset_index(drop=True)).write(project.samples_file)


def scores(project: Project, of_scene: Callable[[str], Segmenter]) -> dict[str, float | None]:
    """Return the IoU on the test ground over the scenes of trained sensors and of others."""
    catalogue = Catalogue.open(project.scenes_file, project.grid)
    counts = {True: Agreement(), False: Agreement()}
    test = survey(project)["test"]
    for name in sorted({chip.scene_id for chip in test}):
        store = ChipStore([chip for chip in test if chip.scene_id == name])
        counts[catalogue.scene(name).sensor in TRAINED] += total(evaluate(of_scene(name), store))
    return {"seen": counts[True].iou, "unseen": counts[False].iou}


def measure(project: Project, arm: Arm, steps: int, seed: int) -> dict[str, Any]:
    """Train one arm and return its figures."""
    run = RunSettings(
        name=f"{arm.name.replace(' ', '-').replace(',', '')}-{seed}",
        backbone=arm.backbone,
        pretrained=arm.pretrained,
        steps=steps,
        batch_size=8,
        crop=128,
        learning_rate=2e-3,
        validate_every=max(1, steps // 4),
        average=0.98,
        seed=seed,
    )
    clock = time.perf_counter()
    train_models(project, [run])
    model = load_model(project.models_folder / run.name)

    def of_scene(scene: str) -> Segmenter:
        return model.for_scene(scene) if arm.every_image and isinstance(model, ForestSegmenter) else model

    test = shapely.union_all(Samples.read(project).of("test").table.geometry)
    pairs = measure_homogeneity(
        model,
        Catalogue.open(project.scenes_file, project.grid),
        project.grid,
        within=test,
        of_scene=of_scene,
    )
    return {
        "arm": arm.name,
        "seed": seed,
        "steps": steps,
        **{f"iou_{name}_sensors": iou for name, iou in scores(project, of_scene).items()},
        "homogeneity": summary(pairs),
        "seconds": round(time.perf_counter() - clock, 1),
    }


def compare(
    folder: Path, arms: Sequence[Arm], *, steps: int, size: float, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the figures of every arm and seed; a seed is another landscape, too."""
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        project = prepare(folder / str(seed), seed, size)
        whole = Samples.read(project)
        for arm in arms:
            restrict(project, whole, every_image=arm.every_image)
            if arm.backbone == PRETRAINED:
                clock = time.perf_counter()
                pretrain(project, backbone="efficientnet_lite0", name=PRETRAINED, steps=steps)
                print(f"pretraining: {time.perf_counter() - clock:.0f} s", file=sys.stderr)
            rows.append(measure(project, arm, steps, seed))
            print(json.dumps(rows[-1]), file=sys.stderr)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=150, help="training steps of every network, and of pretraining")
    parser.add_argument("--size", type=float, default=3000.0, help="edge of the landscape in metres")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them, so that processes can share the seeds")
    parser.add_argument("--arm", action="append", choices=[arm.name for arm in ARMS], help="only this arm")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    arms = [arm for arm in ARMS if arguments.arm is None or arm.name in arguments.arm]
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = compare(Path(folder), arms, steps=arguments.steps, size=arguments.size, seeds=seeds)
        except ModelError as error:
            parser.error(str(error))
    if arguments.json:
        print(json.dumps({"trained_sensors": TRAINED, "arms": rows}))
        return
    print(f"trained on {', '.join(TRAINED)}; IoU and agreement on ground that training never saw")
    print(f"{'arm':<34}{'seed':>5}{'seen':>8}{'unseen':>8}{'agree IoU':>11}{'differ':>9}{'|dp|':>8}{'seconds':>9}")
    for row in rows:
        same = row["homogeneity"]
        print(
            f"{row['arm']:<34}{row['seed']:>5}"
            f"{row['iou_seen_sensors'] or 0:>8.3f}{row['iou_unseen_sensors'] or 0:>8.3f}"
            f"{same['iou'] or 0:>11.3f}{same['differing']:>9.4f}{same['difference']:>8.4f}{row['seconds']:>9.0f}"
        )


if __name__ == "__main__":
    main()

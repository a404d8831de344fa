"""The same few recipes for every network of the learning curve, compared on the validation scenes.

Each arm of ``examples/ohio`` that is a network is trained with 25 annotations of the first order under each recipe and
scored on the validation scenes, which no cell of the curve uses and which are not its test. That is the whole tuning:
as many trials for one arm as for another. The settings take the best recipe of each arm by hand.

    python benchmarks/recipes.py [--json] [--arms a,b] [--annotations N] [--orders N] [--steps N] [--as-set] [--thawing]
        [--project DIR]

With ``--as-set`` each arm is tried under the recipe that the settings give it, with ``--thawing`` also with a trunk
that does not learn or learns part by part, which is for pretrained arms. One order is a noisy trial; ``--orders`` takes
more of them.

A trial that is done is kept in ``benchmark/recipes/`` of the project and not repeated. It needs the imagery in
``BOCAGE_DATA``, and what ``learning_curve.py`` makes for the home-made arm.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

from imitations import data_folder

from bocage.chain import run_chain
from bocage.files import digest_json, write_json
from bocage.models.forest import FORESTS
from bocage.project import Project
from bocage.settings import RunSettings
from bocage.training.chips import ChipStore, survey
from bocage.training.curve.annotation import AnnotatedStore
from bocage.training.curve.bench import Bench
from bocage.training.fitting import train_run

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "ohio"
RECIPES: dict[str, dict[str, Any]] = {
    "one rate": {"trunk_learning_rate": None, "layer_decay": 1.0},
    "a third of the rate": {"learning_rate": 7e-4, "trunk_learning_rate": None, "layer_decay": 1.0},
    "trunk at a tenth": {"trunk_learning_rate": 2e-4, "layer_decay": 1.0},
    "trunk by layers": {"trunk_learning_rate": 5e-4, "layer_decay": 0.7},
}
# What only makes sense for a trunk that knows something already.
PRETRAINED: dict[str, dict[str, Any]] = {"trunk frozen": {"recipe": "frozen"}, "part by part": {"recipe": "gradual"}}

AS_SET: dict[str, dict[str, Any]] = {"as set": {}}


def trials(
    project: Project,
    arms: list[RunSettings],
    annotations: int,
    recipes: dict[str, dict[str, Any]],
    *,
    orders: int,
    steps: int | None,
) -> list[dict[str, Any]]:
    """Train and score every trial that is not there, and return all."""
    bench = Bench(project)
    splits = survey(project, validates=False)
    validation = ChipStore(splits["validation"])
    results: list[dict[str, Any]] = []
    for order in range(orders):
        train = AnnotatedStore(ChipStore(splits["train"]), bench.subset(order, annotations))
        stores = {"train": train, "test": validation}
        for arm in arms:
            for recipe, changes in recipes.items():
                length = steps or arm.steps
                changed = {"select": "last", "steps": length, "validate_every": length, "seed": arm.seed + order}
                run = arm.model_copy(update=changes | changed)
                trial = [run.model_dump(mode="json"), annotations]
                path = project.benchmark_folder / "recipes" / f"{digest_json(trial)[:16]}.json"
                if not path.is_file():
                    with tempfile.TemporaryDirectory() as folder:
                        scores = train_run(project, run, stores, digest_json(trial), Path(folder) / "model")["test"]
                    record = {"arm": arm.name, "recipe": recipe, "annotations": annotations, "steps": length}
                    record |= {"order": order} | {name: scores[name] for name in ("iou", "boundary_f1")}
                    write_json(path, record)
                results.append(json.loads(path.read_text(encoding="utf-8")))
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--arms", help="names of arms, with commas between them; all networks without it")
    parser.add_argument("--annotations", type=int, default=25)
    parser.add_argument("--orders", type=int, default=1)
    parser.add_argument("--steps", type=int, help="as many as the settings say without it")
    parser.add_argument("--as-set", action="store_true", help="only the recipe that the settings give each arm")
    parser.add_argument("--thawing", action="store_true", help="a frozen trunk and gradual unfreezing as well")
    parser.add_argument("--project", type=Path, default=EXAMPLE)
    arguments = parser.parse_args()
    os.environ.setdefault("BOCAGE_DATA", str(data_folder()))
    project = Project.open(arguments.project)
    run_chain(project, until="chips")
    asked = arguments.arms.split(",") if arguments.arms else None
    arms = [
        arm
        for arm in project.settings.benchmark.arms
        if (arm.backbone not in FORESTS if asked is None else arm.name in asked)
    ]
    recipes = (AS_SET if arguments.as_set else RECIPES) | (PRETRAINED if arguments.thawing else {})
    orders, steps = arguments.orders, arguments.steps
    results = trials(project, arms, arguments.annotations, recipes, orders=orders, steps=steps)
    if arguments.json:
        print(json.dumps({"trials": results}))
        return
    print(f"{'arm':<16} {'recipe':<22} {'order':>5} {'steps':>6} {'IoU':>6} {'boundary F1':>12}   validation scenes")
    for one in results:
        print(
            f"{one['arm']:<16} {one['recipe']:<22} {one.get('order', 0):>5} {one['steps']:>6} "
            f"{one['iou']:>6.3f} {one['boundary_f1']:>12.3f}"
        )


if __name__ == "__main__":
    main()

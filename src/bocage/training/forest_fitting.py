"""A run of the training stage whose backbone is a forest: fitted on the chips, scored, and written as a package."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bocage.errors import ModelError, TrainingError
from bocage.models.forest import ARCHITECTURE
from bocage.models.forest.archive import tensors_of
from bocage.models.forest.features import VERSION
from bocage.models.forest.growing import Forest, LabelledChip
from bocage.models.forest.recipe import Recipe
from bocage.models.item import ModelDescription
from bocage.models.package import save_package
from bocage.project import Project
from bocage.settings import RunSettings
from bocage.training.chips import ChipStore
from bocage.training.evaluation import evaluate, figures

_log = logging.getLogger("bocage")


def forest_inputs() -> dict[str, Any]:
    """Return what a forest depends on beside chips and settings: another version or recipe fits it anew."""
    return {"features": VERSION, "recipe": asdict(Recipe())}


def fit_forest(
    project: Project,
    run: RunSettings,
    stores: Mapping[str, ChipStore],
    folder: Path,
    digest: str,
    *,
    bbox: tuple[float, float, float, float] | None,
    data: Mapping[str, str],
) -> dict[str, Any]:
    """Fit a forest on the chips to train with, write its package into ``folder``, and return its figures.

    Of the run's settings only the name, the backbone and the seed matter, and the weights of samples not at all.
    Validation chips choose nothing: the recipe is fixed.

    Parameters
    ----------
    digest
        Of the chips and settings, for the description.
    bbox
        West, south, east, north of the training ground in degrees.
    data
        What the card says of the chips.

    Raises
    ------
    TrainingError
        If the labels to train with hold one class only, or no decided pixel.
    SampleError
        If a chip cannot be read.
    """
    scenes = project.settings.scenes
    _log.info("run %s: growing on %d chips; steps and crops are those of networks", run.name, len(stores["train"]))
    clock = time.perf_counter()
    try:
        segmenter = Forest.fit(
            labelled(stores["train"]),
            per_image=run.backbone == "forest_per_image",
            seed=run.seed,
            resolution=project.grid.resolution,
            stretch=scenes.stretch,
            percentiles=scenes.percentiles,
            # What bounds torch's threads bounds these: a benchmark shares its cores among its workers so.
            jobs=torch.get_num_threads(),
        )
    except ModelError as error:
        raise TrainingError(f"run {run.name}: {error.problem}", error.mend) from error
    seconds = time.perf_counter() - clock
    validation_iou = None
    if run.select == "best":
        validation = evaluate(segmenter, stores["validation"], f"{run.name}: validation chips")
        validation_iou = figures(validation)["iou"]
    test = figures(evaluate(segmenter, stores["test"], f"{run.name}: test chips"))
    description = ModelDescription(
        name=run.name,
        backbone=run.backbone,
        architecture=ARCHITECTURE,
        framework="scikit-learn",
        bands=segmenter.bands,
        resolution=segmenter.resolution,
        stretch=scenes.stretch,
        percentiles=scenes.percentiles,
        chip=run.crop,
        metrics={key: test[key] for key in ("iou", "f1", "precision", "recall")},
        hyperparameters=asdict(segmenter.recipe) | {"seed": run.seed},
        training_digest=digest,
        data=data,
        bbox=bbox,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    save_package(folder, tensors_of(segmenter), description)
    _log.info("run %s: IoU %s on the test chips", run.name, test["iou"])
    return {
        "backbone": run.backbone,
        "pretrained": False,
        "trees": len(segmenter.forests) * segmenter.recipe.trees,
        "forests": len(segmenter.forests),
        "validation_iou": validation_iou,
        "seconds": round(seconds, 1),
        "test": test,
    }


def labelled(store: ChipStore) -> Iterator[LabelledChip]:
    """Yield the image, the label and the scene of every chip."""
    for index, chip in enumerate(store.chips):
        image, label = store.read(index)
        yield image, label, chip.scene_id

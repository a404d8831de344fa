"""The training stage: every run of the settings becomes a model package, or stays as it is where nothing changed."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from bocage.errors import SettingsError
from bocage.files import write_json
from bocage.models.beginning import check_beginning
from bocage.models.forest import FORESTS
from bocage.models.ndvi import NdviThreshold
from bocage.outcome import Outcome
from bocage.project import Project
from bocage.settings import RunSettings
from bocage.training.chips import ChipStore, digest_chips, survey
from bocage.training.evaluation import evaluate, figures
from bocage.training.fitting import train_run

_RIVAL = "ndvi.json"
_log = logging.getLogger("bocage")


def train_models(
    project: Project,
    runs: Sequence[RunSettings] | None = None,
    *,
    backbone: str | None = None,
    name: str | None = None,
    steps: int | None = None,
    recipe: str | None = None,
    seed: int | None = None,
) -> Outcome:
    """Train every run and score it, and the NDVI threshold, on the test chips: the "train" stage.

    A run that was killed goes on after its last validation and ends with the same weights; a run whose chips and
    settings have not changed since is not trained again.

    Parameters
    ----------
    runs
        The runs, in place of those of the settings.
    backbone, name, steps, recipe, seed
        Train one run instead: the one of that name or, failing that, of that backbone, with these changes.

    Raises
    ------
    ProjectError
        If no samples were drawn.
    SampleError
        If a chip cannot be read.
    TrainingError
        If a split is empty or holds one class only, or the loss is not finite.
    ModelError
        If a backbone is unknown or has no pretrained weights.
    SettingsError
        If the changes make no valid run, or a run starts from itself or from a later one, or is a forest that should
        start from a model or train itself.
    """
    if runs is None:
        runs = project.settings.training.runs
        changes = {"backbone": backbone, "name": name, "steps": steps, "recipe": recipe, "seed": seed}
        changes = {key: value for key, value in changes.items() if value is not None}
        if changes:
            runs = (_changed(runs, changes),)
    for run in runs:
        # A name that is wrong in the last run would be told after hours of the others.
        check_beginning(project, run, runs)
    splits = survey(project, validates=any(run.select == "best" for run in runs))
    if not any(chip.tree for chip in splits["test"]):
        _log.warning("the labels of the test split (%d chips) hold no tree: its IoU says nothing", len(splits["test"]))
    chips = digest_chips(splits)
    stores = {split: ChipStore(members) for split, members in splits.items()}
    results = {run.name: train_run(project, run, stores, chips, project.models_folder / run.name) for run in runs}
    rival = _rival(project, stores, chips)
    outputs = [project.models_folder / run.name for run in runs]
    return Outcome((*outputs, project.models_folder / _RIVAL), {"runs": results, "ndvi": rival})


def _changed(runs: Sequence[RunSettings], changes: Mapping[str, Any]) -> RunSettings:
    """Return the run that the options of the command describe."""
    name, backbone = changes.get("name"), changes.get("backbone")
    base = next((run for run in runs if run.name == name), None)
    base = base or next((run for run in runs if run.backbone == backbone), None) or runs[0]
    if name and name != base.name:
        _log.info(
            "no run of the settings is called %s: it is trained as run %s is, but for its options", name, base.name
        )
    given = base.model_dump() | dict(changes)
    if backbone and backbone != base.backbone and not name:
        # Another backbone under the name of a trained run would replace its package.
        given["name"] = backbone
    other_recipe = given["recipe"] != base.recipe and "probe" in {given["recipe"], base.recipe}
    if base.start and (given["backbone"] != base.backbone or other_recipe):
        _log.info("run %s does not start from %s, which is another kind of network", given["name"], base.start)
        given["start"] = ""
    if given["backbone"] in FORESTS:
        given["self_training"] = 0
    if changes.get("recipe") not in {None, "gradual"}:
        # The steps of another recipe would contradict the one that is asked for.
        given["unfreeze"] = ()
    try:
        return RunSettings.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        where = f"{fault['loc'][0]} {fault['input']!r}" if fault["loc"] else f"run {base.name}"
        raise SettingsError(f"{where}: {fault['msg']}", "give another value") from error


def _rival(project: Project, stores: Mapping[str, ChipStore], chips: str) -> dict[str, Any]:
    """Return the figures of the NDVI threshold, fitted on the chips to train with and scored on the test chips."""
    path = project.models_folder / _RIVAL
    # Without a file, or with one that does not hold, the threshold is fitted anew.
    with suppress(FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["digest"] == chips:
            kept: dict[str, Any] = content["figures"]
            return kept
    scenes = project.settings.scenes
    threshold = NdviThreshold.fit(
        stores["train"], project.grid.resolution, stretch=scenes.stretch, percentiles=scenes.percentiles
    )
    test = figures(evaluate(threshold, stores["test"], "NDVI: test chips"))
    result = {"threshold": round(threshold.threshold, 4), "test": test}
    write_json(path, {"digest": chips, "figures": result})
    return result

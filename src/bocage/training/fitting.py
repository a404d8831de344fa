"""The training stage: every run of the settings becomes a model package, or stays as it is where nothing changed."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from bocage.errors import ModelError, SettingsError
from bocage.files import digest_json, write_json
from bocage.models.backbones import find_backbone
from bocage.models.beginning import Beginning
from bocage.models.forest import FORESTS
from bocage.models.homemade import Trunk, resolve_backbone
from bocage.models.item import UNET, ModelDescription
from bocage.models.ndvi import NdviThreshold
from bocage.models.network import build_network
from bocage.models.package import load_model, save_package
from bocage.models.probe import PROBE, Probe
from bocage.models.segmenter import TorchSegmenter
from bocage.outcome import Outcome
from bocage.project import Project
from bocage.samples import Samples
from bocage.scenes.bands import BANDS
from bocage.settings import RunSettings
from bocage.training.chips import Chip, ChipStore, digest_chips, survey
from bocage.training.evaluation import evaluate, figures
from bocage.training.forest_fitting import fit_forest, forest_inputs
from bocage.training.precision import choose_precision
from bocage.training.rounds import ROUNDS, learn_in_rounds
from bocage.training.state import WORKING
from bocage.training.weighting import Weighting

RECEIPT = "training.json"
_RIVAL = "ndvi.json"
# Raised when the training itself changes, so that packages of an older version are made again.
RECIPE = 3
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
        If the changes make no valid run.
    """
    if runs is None:
        runs = project.settings.training.runs
        changes = {"backbone": backbone, "name": name, "steps": steps, "recipe": recipe, "seed": seed}
        changes = {key: value for key, value in changes.items() if value is not None}
        if changes:
            runs = (_changed(runs, changes),)
    for place, run in enumerate(runs):
        # A name that is wrong in the last run would be told after hours of the others.
        if run.backbone not in FORESTS:
            trunk = resolve_backbone(project, run.backbone, pretrained=False)
            if run.start not in {one.name for one in runs[:place]}:
                Beginning.of(project, run, trunk.backbone, _architecture(run))
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
    if changes.get("recipe") not in {None, "gradual"}:
        # The steps of another recipe would contradict the one that is asked for.
        given["unfreeze"] = ()
    try:
        return RunSettings.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        where = f"{fault['loc'][0]} {fault['input']!r}" if fault["loc"] else f"run {base.name}"
        raise SettingsError(f"{where}: {fault['msg']}", "give another value") from error


def train_run(
    project: Project, run: RunSettings, stores: Mapping[str, ChipStore], chips_digest: str, folder: Path
) -> dict[str, Any]:
    """Train one run into ``folder`` unless it is done there, score it, and return its figures.

    Parameters
    ----------
    stores
        Chips by split: "train", "test" and, unless the run keeps its last weights, "validation".
    chips_digest
        Of the chips and of what is done with them: a package of other chips is made again.
    folder
        Where the package goes, with ``log.csv``, ``tensorboard/`` and ``training.json``.

    Returns
    -------
    dict
        ``test`` holds the scores on the test chips in all and per scene; ``kept_step`` the step whose weights are kept
        and ``validation_iou`` theirs; ``seconds``, ``crops_per_second``, ``megapixels_per_second`` and ``peak_bytes``
        what it cost. With self-training these are of the last round, but for seconds and bytes, which are of all, and
        ``rounds_before`` tells of the others.

    Raises
    ------
    TrainingError, ModelError
        As :func:`train_models`.
    """
    ground = stores["train"].everywhere() if run.self_training else stores["train"]
    weighting = Weighting.of(project, run, ground.chips)
    trunk = None
    if run.backbone not in FORESTS:
        trunk = _trunk(project, run)
    given = {
        "recipe": RECIPE,
        "chips": chips_digest,
        "weights": weighting and weighting.digest,
        "run": _run_inputs(run),
        "stretch": project.settings.scenes.stretch,
        "resolution": project.grid.resolution,
        "pretrained_from": trunk.source if trunk else forest_inputs(),
    }
    digest = digest_json(given)
    kept = _finished(folder, digest)
    if kept is not None:
        _log.info("run %s: nothing changed, its package stays", run.name)
        return kept
    data, bbox = _data(stores["train"].chips, chips_digest), _degrees(project, stores["train"].chips)
    if trunk is None:
        result = fit_forest(project, run, stores, folder, digest, bbox=bbox, data=data)
    else:
        _warn_of_other_ground(project, run, trunk)
        network, result = _fit_network(project, run, trunk, stores, weighting, folder, digest)
        description = _describe(project, run, trunk, digest, result["test"], bbox=bbox, data=data)
        save_package(folder, network, description)
    write_json(folder / RECEIPT, {"digest": digest, "inputs": given, "figures": result})
    for working in (WORKING, ROUNDS):
        shutil.rmtree(folder / working, ignore_errors=True)
    return result


def _fit_network(
    project: Project,
    run: RunSettings,
    trunk: Trunk,
    stores: Mapping[str, ChipStore],
    weighting: Weighting | None,
    folder: Path,
    digest: str,
) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network that has learnt, with the weights that are kept, and its figures."""
    beginning = Beginning.of(project, run, trunk.backbone, _architecture(run))
    scenes = project.settings.scenes

    def build() -> nn.Module:
        built = build_network(trunk.backbone, run.pretrained and beginning is None, weights=trunk.weights)
        network = Probe(built) if run.recipe == "probe" else built
        if beginning is not None:
            beginning.load_into(network)
        return network

    def segmenter(network: nn.Module) -> TorchSegmenter:
        return TorchSegmenter(
            network,
            bands=BANDS,
            resolution=project.grid.resolution,
            digest=digest,
            stretch=scenes.stretch,
            percentiles=scenes.percentiles,
        )

    network, rounds = learn_in_rounds(run, build, segmenter, stores, weighting, folder, digest)
    test = figures(evaluate(segmenter(network), stores["test"], f"{run.name}: test chips"))
    _log.info("run %s: IoU %s on the test chips", run.name, test["iou"])
    progress = rounds[-1]
    rate = progress.crops_per_second(run)
    return network, {
        "backbone": run.backbone,
        "pretrained": run.pretrained,
        "recipe": run.recipe,
        "precision": choose_precision(run, network),
        **progress.figures(),
        **({"rounds_before": [one.figures() for one in rounds[:-1]]} if run.self_training else {}),
        "seconds": round(sum(one.seconds for one in rounds), 1),
        "crops_per_second": round(rate, 2),
        "megapixels_per_second": round(rate * run.crop**2 / 1e6, 4),
        "peak_bytes": max(one.memory for one in rounds),
        "test": test,
    }


def _describe(
    project: Project,
    run: RunSettings,
    trunk: Trunk,
    digest: str,
    test: Mapping[str, Any],
    *,
    bbox: tuple[float, float, float, float],
    data: Mapping[str, str],
) -> ModelDescription:
    """Return what the package of a network says, given its scores on the test chips."""
    scenes, contract = project.settings.scenes, find_backbone(trunk.backbone).contract
    return ModelDescription(
        name=run.name,
        backbone=trunk.backbone,
        bands=BANDS,
        resolution=project.grid.resolution,
        stretch=scenes.stretch,
        percentiles=scenes.percentiles,
        scaling=(contract.mean, contract.std),
        chip=run.crop,
        architecture=_architecture(run),
        pretrained=run.pretrained or bool(run.start),
        pretrained_source=trunk.source,
        pretrained_licence=trunk.licence,
        metrics={key: test[key] for key in ("iou", "f1", "precision", "recall")},
        hyperparameters=run.model_dump(mode="json"),
        training_digest=digest,
        data=data,
        bbox=bbox,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _run_inputs(run: RunSettings) -> dict[str, Any]:
    """Return the settings that the weights follow from; those that are newer than a run without them are left out."""
    inputs = run.model_dump(mode="json")
    return {name: value for name, value in inputs.items() if value or name not in {"self_training", "start"}}


def _architecture(run: RunSettings) -> str:
    return PROBE if run.recipe == "probe" else UNET


def _trunk(project: Project, run: RunSettings) -> Trunk:
    """Return what the backbone of a run stands for, with the source and licence of the model that it starts from."""
    trunk = resolve_backbone(project, run.backbone, pretrained=run.pretrained and not run.start)
    beginning = Beginning.of(project, run, trunk.backbone, _architecture(run))
    return trunk if beginning is None else Trunk(trunk.backbone, None, beginning.source, beginning.licence)


def _warn_of_other_ground(project: Project, run: RunSettings, trunk: Trunk) -> None:
    """Warn where the pretraining of a backbone saw no pixels of the project's size."""
    contract, here = find_backbone(trunk.backbone).contract, project.grid.resolution
    if run.pretrained and contract.resolution is not None and not contract.covers(here):
        _log.warning(
            "run %s: %s was pretrained on pixels of %g to %g m; those of this project have %g m",
            *(run.name, run.backbone, *contract.resolution, here),
        )


def _finished(folder: Path, digest: str) -> dict[str, Any] | None:
    """Return the figures of a run that was finished with these inputs and whose package is whole."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        if receipt["digest"] != digest:
            return None
        load_model(folder)
        figures_of_run: dict[str, Any] = receipt["figures"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, ModelError):
        # No receipt, or none that holds: the run is trained again, which mends whatever was wrong.
        return None
    return figures_of_run


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


def _data(chips: Sequence[Chip], digest: str) -> dict[str, str]:
    """Return what a card says of the chips to train with."""
    return {
        "chips": f"{len(chips)} of {len({chip.scene_id for chip in chips})} scenes",
        "chips of all splits (SHA-256)": digest,
    }


def _degrees(project: Project, chips: Sequence[Chip]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the ground of some chips, in degrees."""
    table = Samples.read(project).table
    ids = {chip.sample_id for chip in chips}
    west, south, east, north = table[table["sample_id"].isin(ids)].to_crs("EPSG:4326").total_bounds
    return float(west), float(south), float(east), float(north)

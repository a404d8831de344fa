"""The training stage: every run of the settings becomes a model package, or stays as it is where nothing changed."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import signal
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from pydantic import ValidationError
from safetensors.torch import load_file

from bocage.errors import ModelError, SettingsError, TrainingError
from bocage.files import digest_json, write_json
from bocage.models.item import ModelDescription
from bocage.models.ndvi import NdviThreshold
from bocage.models.network import Network, build_network
from bocage.models.package import load_model, save_package
from bocage.models.segmenter import TorchSegmenter
from bocage.outcome import Outcome
from bocage.progress import bar
from bocage.project import Project
from bocage.samples import Samples
from bocage.scenes.bands import BANDS
from bocage.settings import RunSettings
from bocage.training.chips import Chip, ChipStore, digest_chips, survey
from bocage.training.evaluation import evaluate, figures
from bocage.training.journal import BEST, STATE, Journal
from bocage.training.task import CropModule, SegmentationTask

RECEIPT = "training.json"
_WORKING = "training"
_RIVAL = "ndvi.json"
# Raised when the training itself changes, so that packages of an older version are made again.
_RECIPE = 1
_log = logging.getLogger("bocage")


def train_models(
    project: Project,
    runs: Sequence[RunSettings] | None = None,
    *,
    backbone: str | None = None,
    name: str | None = None,
    steps: int | None = None,
) -> Outcome:
    """Train every run and score it, and the NDVI threshold, on the test chips: the "train" stage.

    A run that was killed goes on after its last validation and ends with the same weights; a run whose chips and
    settings have not changed since is not trained again.

    Parameters
    ----------
    runs
        The runs, in place of those of the settings.
    backbone, name, steps
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
        if backbone or name or steps:
            runs = (_changed(runs, backbone, name, steps),)
    splits = survey(project)
    chips = digest_chips(splits)
    stores = {split: ChipStore(members) for split, members in splits.items()}
    results = {run.name: _train(project, run, stores, chips) for run in runs}
    rival = _rival(project, stores, chips)
    outputs = [project.models_folder / run.name for run in runs]
    return Outcome((*outputs, project.models_folder / _RIVAL), {"runs": results, "ndvi": rival})


def _changed(runs: Sequence[RunSettings], backbone: str | None, name: str | None, steps: int | None) -> RunSettings:
    """Return the run that the options of the command describe."""
    base = next((run for run in runs if run.name == name), None)
    base = base or next((run for run in runs if run.backbone == backbone), None) or runs[0]
    changes: dict[str, Any] = {"backbone": backbone, "name": name, "steps": steps}
    if backbone and backbone != base.backbone and not name:
        # Another backbone under the name of a trained run would replace its package.
        changes["name"] = backbone
    given = {key: value for key, value in changes.items() if value is not None}
    try:
        return RunSettings.model_validate(base.model_dump() | given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise SettingsError(f"{fault['loc'][0]} {fault['input']!r}: {fault['msg']}", "give another value") from error


@dataclass(frozen=True, slots=True)
class _Fit:
    """What a finished training knows of itself."""

    best_iou: float
    best_step: int
    seconds: float


def _train(project: Project, run: RunSettings, stores: Mapping[str, ChipStore], chips: str) -> dict[str, Any]:
    """Train one run unless it is done, and return its figures."""
    folder = project.models_folder / run.name
    given = {
        "recipe": _RECIPE,
        "chips": chips,
        "run": run.model_dump(mode="json"),
        "stretch": project.settings.scenes.stretch,
        "resolution": project.grid.resolution,
    }
    digest = digest_json(given)
    kept = _finished(folder, digest)
    if kept is not None:
        _log.info("run %s: nothing changed, its package stays", run.name)
        return kept
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        network = build_network(run.backbone, run.pretrained)
        fit = _fit(network, run, stores, folder, digest)
    network.load_state_dict(load_file(folder / _WORKING / BEST))
    scenes = project.settings.scenes
    segmenter = TorchSegmenter(
        network,
        bands=BANDS,
        resolution=project.grid.resolution,
        digest=digest,
        stretch=scenes.stretch,
        percentiles=scenes.percentiles,
    )
    test = figures(evaluate(segmenter, stores["test"], f"{run.name}: test chips"))
    description = ModelDescription(
        name=run.name,
        backbone=run.backbone,
        bands=BANDS,
        resolution=project.grid.resolution,
        stretch=scenes.stretch,
        percentiles=scenes.percentiles,
        chip=run.crop,
        pretrained=run.pretrained,
        metrics={key: test[key] for key in ("iou", "f1", "precision", "recall")},
        hyperparameters=run.model_dump(mode="json"),
        training_digest=digest,
        bbox=_degrees(project, stores["train"].chips),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    save_package(folder, network, description)
    result = {
        "backbone": run.backbone,
        "pretrained": run.pretrained,
        "steps": run.steps,
        "best_step": fit.best_step,
        "validation_iou": fit.best_iou,
        "seconds": round(fit.seconds, 1),
        "samples_per_second": round(run.steps * run.batch_size / max(fit.seconds, 1e-9), 2),
        "test": test,
    }
    write_json(folder / RECEIPT, {"digest": digest, "inputs": given, "figures": result})
    shutil.rmtree(folder / _WORKING)
    _log.info("run %s: IoU %s on the test chips", run.name, test["iou"])
    return result


def _finished(folder: Path, digest: str) -> dict[str, Any] | None:
    """Return the figures of a run that was finished with these inputs and whose package is whole."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        if receipt["digest"] != digest:
            return None
        load_model(folder)
        figures_of_run: dict[str, Any] = receipt["figures"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, ModelError):
        # No receipt, or none that holds: the run is trained again, which mends whatever was wrong.
        return None
    return figures_of_run


def _fit(network: Network, run: RunSettings, stores: Mapping[str, ChipStore], folder: Path, digest: str) -> _Fit:
    """Train to the end, from where an earlier session with the same inputs stopped."""
    working = folder / _WORKING
    state = _resume(working, digest)
    task = SegmentationTask(network, run, state and state["task"])
    on_gpu = torch.cuda.is_available()
    workers = min(8, max((os.cpu_count() or 1) - 1, 0)) if on_gpu else 0
    with bar(f"{run.name}: training steps", run.steps) as advance, _quiet():
        journal = Journal(folder, stores["validation"], advance, state and state["journal"])
        trainer = lightning.Trainer(
            accelerator="gpu" if on_gpu else "cpu",
            devices=1,
            precision="bf16-mixed" if on_gpu else "32-true",
            max_steps=run.steps - task.first,
            max_epochs=-1,
            gradient_clip_val=1.0,
            reload_dataloaders_every_n_epochs=1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=working,
            callbacks=[journal],
            # Lightning would otherwise take over the signals of a batch system that it finds itself in.
            plugins=[LightningEnvironment()],
        )
        try:
            trainer.fit(task, CropModule(stores["train"], task, workers))
        except SystemExit as error:
            if not journal.interrupted:
                raise
            # Lightning leaves interrupts switched off and exits; the command line has its own words for them.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from error
    return _Fit(journal.best_iou, journal.best_step, journal.seconds)


def _resume(working: Path, digest: str) -> dict[str, Any] | None:
    """Return the state to resume from, or None after clearing what other inputs left behind."""
    note, path = working / "inputs.json", working / STATE
    there = all(one.is_file() for one in (note, path, working / BEST))
    if there and json.loads(note.read_text(encoding="utf-8"))["digest"] == digest:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
            raise TrainingError(f"{path} cannot be read: {error}", f"remove {working} and train again") from error
        _log.info("run %s: going on after step %d", working.parent.name, state["task"]["step"])
        return state
    shutil.rmtree(working, ignore_errors=True)
    write_json(note, {"digest": digest})
    return None


def _rival(project: Project, stores: Mapping[str, ChipStore], chips: str) -> dict[str, Any]:
    """Return the figures of the NDVI threshold, fitted on the chips to train with and scored on the test chips."""
    path = project.models_folder / _RIVAL
    if path.is_file():
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


def _degrees(project: Project, chips: Sequence[Chip]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the ground of some chips, in degrees."""
    table = Samples.read(project).table
    ids = {chip.sample_id for chip in chips}
    west, south, east, north = table[table["sample_id"].isin(ids)].to_crs("EPSG:4326").total_bounds
    return float(west), float(south), float(east), float(north)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice to its own developers out of our log; its errors still show."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", message=r".*num_workers.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

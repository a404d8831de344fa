"""One run of training: chips become a model package and its figures, or it stays as it is where nothing changed."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import nn

from bocage.errors import ModelError
from bocage.files import digest_json, write_json
from bocage.models.backbones import find_backbone
from bocage.models.beginning import Beginning, check_beginning, kind_of, starts_from_own
from bocage.models.forest import FORESTS
from bocage.models.homemade import Trunk, resolve_backbone
from bocage.models.item import ModelDescription
from bocage.models.network import build_network
from bocage.models.package import load_model, save_package
from bocage.models.probe import Probe
from bocage.models.segmenter import TorchSegmenter
from bocage.project import Project
from bocage.samples import Samples
from bocage.scenes.bands import BANDS
from bocage.settings import RunSettings
from bocage.training.chips import Chip, ChipStore
from bocage.training.evaluation import evaluate, figures
from bocage.training.forest_fitting import fit_forest, forest_inputs
from bocage.training.precision import choose_precision
from bocage.training.rounds import ROUNDS, learn_in_rounds
from bocage.training.state import WORKING
from bocage.training.weighting import Weighting

RECEIPT = "training.json"
# Raised when the training itself changes, so that packages of an older version are made again.
RECIPE = 3
_log = logging.getLogger("bocage")


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
    TrainingError, ModelError, SettingsError
        As :func:`bocage.training.stage.train_models`.
    """
    # Ground that is labelled later has weights, too, and looking for it reads every chip.
    ground = stores["train"].everywhere() if run.self_training and run.weights else stores["train"]
    weighting = Weighting.of(project, run, ground.chips)
    trunk, beginning = _begin(project, run)
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
        _clear(folder)
        return kept
    data, bbox = _data(stores["train"].chips, chips_digest), _degrees(project, stores["train"].chips)
    if trunk is None:
        result = fit_forest(project, run, stores, folder, digest, bbox=bbox, data=data)
    else:
        _warn_of_other_ground(project, run, trunk)
        if beginning is not None:
            beginning.warn_of_other_pixels(project, run)
            if not starts_from_own(project, run):
                # A model of this project has kept off the test ground.
                beginning.warn_of_test_ground(run, _degrees(project, stores["test"].chips))
            data |= beginning.data
        network, result = _fit_network(project, run, trunk, beginning, stores, weighting, folder, digest)
        description = _describe(project, run, trunk, digest, result["test"], bbox=bbox, data=data)
        save_package(folder, network, description)
    write_json(folder / RECEIPT, {"digest": digest, "inputs": given, "figures": result})
    _clear(folder)
    return result


def _clear(folder: Path) -> None:
    """Remove what a finished run goes on from no more."""
    for working in (WORKING, ROUNDS):
        shutil.rmtree(folder / working, ignore_errors=True)


def _fit_network(
    project: Project,
    run: RunSettings,
    trunk: Trunk,
    beginning: Beginning | None,
    stores: Mapping[str, ChipStore],
    weighting: Weighting | None,
    folder: Path,
    digest: str,
) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network that has learnt, with the weights that are kept, and its figures."""
    scenes = project.settings.scenes

    def build() -> nn.Module:
        built = build_network(trunk.backbone, run.pretrained and not run.start, weights=trunk.weights)
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
        "pretrained": run.pretrained or bool(run.start),
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
        architecture=kind_of(project, run)[1],
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
    # Of a model to start from the digest counts, which says what is in it, and not where it lies.
    del inputs["start"]
    if not run.self_training:
        del inputs["self_training"], inputs["teachers"]
    return inputs


def _begin(project: Project, run: RunSettings) -> tuple[Trunk | None, Beginning | None]:
    """Return what the backbone of a run stands for, and the model that it starts from, whose licence it then has.

    A forest has neither.
    """
    if run.backbone in FORESTS:
        check_beginning(project, run)
        return None, None
    trunk = resolve_backbone(project, run.backbone, pretrained=run.pretrained and not run.start)
    beginning = Beginning.of(project, run)
    if beginning is not None:
        trunk = Trunk(trunk.backbone, None, beginning.source, beginning.description.licence)
    return trunk, beginning


def _warn_of_other_ground(project: Project, run: RunSettings, trunk: Trunk) -> None:
    """Warn where the pretraining of a backbone saw no pixels of the project's size."""
    contract, here = find_backbone(trunk.backbone).contract, project.grid.resolution
    if run.pretrained and not run.start and contract.resolution is not None and not contract.covers(here):
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

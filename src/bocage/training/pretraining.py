"""Pretraining: a backbone learns what landscapes look like from scenes without labels, by filling holes in them.

Masked-image modelling as in SimMIM (Xie et al. 2022): random patches are hidden, and the network says what was in
them. What it learns is kept as a home-made backbone, which ``training.runs.backbone`` takes by its name.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydantic import ValidationError

from bocage.errors import ModelError, SettingsError, TrainingError
from bocage.files import digest_file, digest_json, write_bytes, write_text
from bocage.models.backbones import BACKBONES
from bocage.models.forest import FORESTS
from bocage.models.homemade import (
    HomemadeBackbone,
    find_homemade,
    homemade_folder,
    resolve_backbone,
    save_homemade,
    warn_of_other_pixels,
)
from bocage.models.network import Network, build_network
from bocage.models.weights import find_weights
from bocage.outcome import Outcome
from bocage.progress import bar
from bocage.project import Project
from bocage.scenes.bands import BANDS
from bocage.settings import PretrainingSettings
from bocage.training.ground import Choice, choose_ground
from bocage.training.masking import hidden_error, mean_colour
from bocage.training.reconstruction import Reconstruction, scale
from bocage.training.reconstruction_task import ReconstructionTask
from bocage.training.state import STATE, WORKING, take_up
from bocage.training.unlabelled import Batch, SceneCrops, split_grounds

LOG = "log.csv"
# Raised when the pretraining itself changes, so that a state of an older version is not gone on with.
_RECIPE = 1
_COLUMNS = ("step", "loss", "learning_rate", "held_out")
_HELD_OUT_BATCHES = 8
# The crops that the loss is told on are drawn by another stream of random numbers than those that are learned from.
_OTHER_STREAM = 1 << 32
_log = logging.getLogger("bocage")


def pretrain(
    project: Project, *, backbone: str, name: str, steps: int | None = None, from_scratch: bool = False
) -> Outcome:
    """Pretrain a backbone on the scenes of the catalogue and keep it as ``backbones/NAME``.

    A pretraining that was killed goes on after its last state and ends with the same weights; one that is finished and
    whose inputs have not changed is left alone.

    Parameters
    ----------
    backbone
        A backbone of Bocage, or one that was pretrained here before.
    name
        What the result is called.
    steps
        In place of ``pretraining.steps``.
    from_scratch
        Begin with random weights instead of the published ones.

    Raises
    ------
    ProjectError
        If no scenes are catalogued.
    ModelError
        If the backbone is unknown, has no published weights here, or the name is taken.
    SettingsError
        If the steps make no valid settings.
    SceneError
        If a scene cannot be read.
    TrainingError
        If no ground is left to learn from, or the loss is not finite.
    """
    folder = homemade_folder(project, name)
    given = _changed(project.settings.pretraining, steps)
    start = _find_start(project, backbone, name, from_scratch=from_scratch)
    choice = choose_ground(project, keep_test_unseen=given.keep_test_unseen)
    if not choice.grounds:
        refused = f"; refused are {len(choice.refused)}, first {choice.refused[0]}" if choice.refused else ""
        raise TrainingError(
            f"no scene of {project.scenes_file} is left to learn from{refused}",
            "add scenes with near infrared outside the test and validation ground",
        )
    if given.keep_test_unseen and not (choice.left_out or project.samples_file.is_file()):
        _log.warning(
            "backbone %s: no samples are drawn and no test scenes named, so ground that is tested later is seen now",
            name,
        )
    inputs = _inputs(project, given, start, choice)
    note = _finished(project, name, inputs)
    if note is None:
        note = _pretrain(project, given, start, choice, name, inputs)
    else:
        _log.info("backbone %s: nothing changed, it stays", name)
    _warn_of_nothing_learned(note)
    figures = {"backbone": note.backbone, "start": note.start, "scenes": len(note.scenes), **note.figures}
    return Outcome((folder,), figures, choice.refused)


@dataclass(frozen=True, slots=True)
class _Start:
    """The weights that a pretraining begins with; without a path random ones, or those that are published."""

    backbone: str
    published: bool
    path: Path | None
    says: str
    licence: str

    def build(self) -> Network:
        return build_network(self.backbone, self.published, weights=self.path)


def _find_start(project: Project, backbone: str, name: str, *, from_scratch: bool) -> _Start:
    own_licence = "that of the scenes"
    if backbone in FORESTS:
        raise ModelError(
            f"{backbone!r} is no network and cannot be pretrained", "choose one that bocage models list names"
        )
    if backbone not in BACKBONES:
        if backbone == name:
            raise ModelError(f"backbone {name!r} cannot be made from itself", "give the new one another --name")
        note, path = find_homemade(project, backbone)
        if from_scratch:
            return _Start(note.backbone, published=False, path=None, says="random", licence=own_licence)
        warn_of_other_pixels(project, note)
        return _Start(note.backbone, published=False, path=path, says=f"{backbone} {note.digest}", licence=note.licence)
    if from_scratch:
        return _Start(backbone, published=False, path=None, says="random", licence=own_licence)
    try:
        digest = digest_file(find_weights(BACKBONES[backbone]))
        trunk = resolve_backbone(project, backbone, pretrained=True)
    except ModelError as error:
        raise ModelError(
            error.problem, f"run: bocage models fetch {backbone}, or begin with random weights: --from-scratch"
        ) from error
    known = BACKBONES[backbone]
    # Of a file that stands in place of the published one neither what it saw nor its licence is known.
    says, licence = trunk.source or f"{known.pretrained_on} {digest}", trunk.licence or known.licence
    return _Start(backbone, published=True, path=None, says=says, licence=licence)


def _changed(given: PretrainingSettings, steps: int | None) -> PretrainingSettings:
    if steps is None:
        return given
    try:
        return PretrainingSettings.model_validate(given.model_dump() | {"steps": steps})
    except ValidationError as error:
        raise SettingsError(f"steps {steps}: {error.errors()[0]['msg']}", "give another number") from error


def _inputs(project: Project, given: PretrainingSettings, start: _Start, choice: Choice) -> str:
    """Return the digest of all that the weights follow from."""
    scenes = project.settings.scenes
    return digest_json(
        {
            "recipe": _RECIPE,
            "settings": given.model_dump(mode="json"),
            "start": [start.backbone, start.says],
            "grid": [project.grid.crs, project.grid.resolution],
            "stretch": [scenes.stretch, scenes.percentiles],
            "ground": [(one.scene.fingerprint, one.grid.crs, one.open.wkb_hex) for one in choice.grounds],
        }
    )


def _finished(project: Project, name: str, inputs: str) -> HomemadeBackbone | None:
    try:
        note, _ = find_homemade(project, name)
    except ModelError:
        # None there, or not whole: it is pretrained again, which mends whatever was wrong.
        return None
    return note if note.inputs == inputs else None


def _pretrain(
    project: Project, given: PretrainingSettings, start: _Start, choice: Choice, name: str, inputs: str
) -> HomemadeBackbone:
    folder = project.backbones_folder / name
    learned, held = split_grounds(choice.grounds, given.seed)
    crops = SceneCrops(learned, given, given.seed)
    held_out = list(SceneCrops(held, given, given.seed + _OTHER_STREAM).batches(0, _HELD_OUT_BATCHES)) if held else []
    if not held:
        _log.warning(
            "backbone %s: there are too few scenes to hold one out, so no loss on held-out crops is told", name
        )
    with torch.random.fork_rng():
        torch.manual_seed(given.seed)
        network = start.build()
        network.contract.check_shape((1, len(BANDS), given.crop, given.crop), (1, given.crop, given.crop))
        task = ReconstructionTask(Reconstruction(network), given, name)
        clock = _Clock()
        rows = _fit(task, crops, held_out, folder, inputs, clock)
        task.settle(crops)
    last = rows[-1]
    figures = {
        "steps": given.steps,
        "loss": last["loss"],
        "held_out": last.get("held_out"),
        "held_out_by_mean_colour": _by_mean_colour(held_out),
        "crops_per_second": round(given.steps * given.batch_size / max(clock.seconds, 1e-9), 2),
        "seconds": round(clock.seconds, 1),
        "square_kilometres": round(sum(ground.area for ground in learned) / 1e6, 3),
        "held_out_scenes": [ground.scene.id for ground in held],
    }
    note = HomemadeBackbone(
        name=name,
        backbone=start.backbone,
        start=start.says,
        licence=start.licence,
        bands=BANDS,
        resolution=project.grid.resolution,
        stretch=project.settings.scenes.stretch,
        percentiles=project.settings.scenes.percentiles,
        scenes={ground.scene.id: ground.scene.fingerprint for ground in learned},
        left_out=choice.left_out,
        figures=figures,
        settings=given.model_dump(mode="json"),
        inputs=inputs,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    save_homemade(project, task.network.trunk, note)
    shutil.rmtree(folder / WORKING)
    return note


class _Clock:
    """Seconds spent over all sessions."""

    def __init__(self) -> None:
        self.before = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self._started


def _fit(
    task: ReconstructionTask, crops: SceneCrops, held_out: list[Batch], folder: Path, inputs: str, clock: _Clock
) -> list[dict[str, float]]:
    """Train to the end, from where an earlier session with the same inputs stopped, and return the rows of the log."""
    given, name = task.given, folder.name
    step, rows = 0, list[dict[str, float]]()
    state = take_up(folder / WORKING, inputs)
    if state is not None:
        task.network.load_state_dict(state["network"])
        task.optimiser.load_state_dict(state["optimiser"])
        step, rows, clock.before = state["step"], state["rows"], state["seconds"]
        _log.info("backbone %s: going on after step %d", name, step)
    losses: list[float] = []
    with bar(f"{name}: pretraining steps", given.steps) as advance:
        advance(step)
        for batch in crops.batches(step, given.steps - step):
            losses.append(task.learn(batch, step))
            step += 1
            advance(1)
            if step % given.validate_every == 0 or step == given.steps:
                row = {"step": step, "loss": _rounded(losses), "learning_rate": task.rate(step - 1)}
                rows.append(row | ({"held_out": round(task.judge(held_out), 6)} if held_out else {}))
                losses.clear()
                write_text(folder / LOG, _table(rows))
                _keep(folder / WORKING / STATE, task, step, rows, clock)
    return rows


def _keep(path: Path, task: ReconstructionTask, step: int, rows: list[dict[str, float]], clock: _Clock) -> None:
    content = io.BytesIO()
    weights, optimiser = task.network.state_dict(), task.optimiser.state_dict()
    state = {"network": weights, "optimiser": optimiser, "step": step, "rows": rows, "seconds": clock.seconds}
    torch.save(state, content)
    write_bytes(path, content.getvalue())


def _by_mean_colour(batches: list[Batch]) -> float | None:
    """Return the error on held-out crops of saying the mean of what is shown: what any network has to beat."""
    if not batches:
        return None
    errors = [
        hidden_error(mean_colour(image, batch.valid.unsqueeze(1) & ~batch.hidden), image, batch.hidden, batch.valid) / 2
        for batch in batches
        for image in [scale(batch.images)]
    ]
    return _rounded([float(error.item()) for error in errors])


def _warn_of_nothing_learned(note: HomemadeBackbone) -> None:
    """Warn where the weights that are kept tell no better what was hidden than the mean colour of what is shown does.

    An equal error counts as well: a trunk that says the mean colour and nothing else has learnt none of the landscape.
    """
    own, mean = note.figures.get("held_out"), note.figures.get("held_out_by_mean_colour")
    if own is None or mean is None or own < mean:
        return
    _log.warning(
        "backbone %s: its error on scenes held out is %g, and that of saying the mean colour of what is shown is %g: "
        "it has learned nothing of these scenes that a training could use; raise pretraining.steps above %s, or give "
        "it more scenes",
        *(note.name, own, mean, note.figures["steps"]),
    )


def _rounded(losses: list[float]) -> float:
    return round(math.fsum(losses) / len(losses), 6)


def _table(rows: list[Mapping[str, float]] | list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

"""The chain: which stages are up to date, and running those that are not.

A stage is stale when its settings, a stage before it or a file from outside has changed since its receipt, or when
something that it made is gone. Inside a stage, finished tiles, chips and training steps are kept, so a stage that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from bocage.errors import BocageError, SettingsError
from bocage.files import digest_file, digest_json
from bocage.project import Project
from bocage.receipts import Receipt, object_sizes, sizes
from bocage.reference.noted import digest_of, looked_at_again, notes_of
from bocage.settings import LayerSettings
from bocage.stages import STAGES, Stage, stage_named

_log = logging.getLogger("bocage")

_Look = Callable[[tuple[LayerSettings, ...]], "_Behind"]
State = Literal["done", "stale", "missing", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class StageState:
    """Whether a stage is up to date, and why not."""

    stage: Stage
    state: State
    reason: str
    receipt: Receipt | None


def inputs_digest(project: Project, stage: Stage, options: dict[str, Any]) -> str:
    """Return the digest of all that a stage would read now: settings, earlier receipts, files from outside, options."""
    settings = project.settings.model_dump(mode="json", include=set(stage.sections))
    for name in stage.indifferent:
        section, key = name.split(".")
        del settings[section][key]
    earlier = {name: receipt.digest for name in stage.after if (receipt := _receipt(project, name)) is not None}
    outside = sorted({_mark(path, project.folder) for path in stage.outside(project)})
    inputs: dict[str, Any] = {"settings": settings, "earlier": earlier, "outside": outside, "options": options}
    if layers := stage.layers(project):
        # What a layer may be used for changes nothing that is made of it.
        inputs["layers"] = [layer.model_dump(mode="json", exclude={"licence", "attribution"}) for layer in layers]
    return digest_json(inputs)


def _mark(path: Path, folder: Path) -> tuple[str, int, int]:
    """Return the name, size and time of a file; one that is missing counts as well, since it may come."""
    name = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
    if not path.exists():
        return name, -1, -1
    stat = path.stat()
    return name, stat.st_size, stat.st_mtime_ns


def state_of(project: Project, stage: Stage) -> StageState:
    """Say whether a stage is done, stale, interrupted, failed or missing, and why."""
    return _state_of(project, stage, partial(_look_behind, project))


def _state_of(project: Project, stage: Stage, look: _Look) -> StageState:
    receipt = _receipt(project, stage.name)
    if receipt is None:
        return StageState(stage, "missing", "never ran", None)
    if receipt.status == "running":
        return StageState(stage, "interrupted", f"was stopped after its start at {receipt.started}", receipt)
    if receipt.status == "failed":
        return StageState(stage, "failed", receipt.reason, receipt)
    reason = _why_stale(project, stage, receipt, look)
    if not reason and receipt.left:
        reason = f"{_first(receipt.left)} failed and will be tried again"
    return StageState(stage, "stale" if reason else "done", reason, receipt)


def _why_stale(project: Project, stage: Stage, receipt: Receipt, look: _Look) -> str:
    if receipt.options:
        given = ", ".join(f"{name} = {value}" for name, value in receipt.options.items())
        return f"was made with other options than the settings: {given}"
    if receipt.inputs != inputs_digest(project, stage, {}):
        return "its settings, an earlier stage or a file that it reads has changed"
    behind = look(stage.layers(project))
    if receipt.seen != behind.digest:
        if not behind.changed:
            return "the files of a layer were others when it ran"
        return f"{_first(behind.changed)}, behind a layer, is missing or changed"
    gone = _gone(receipt.outputs, project.folder)
    if gone:
        return f"{_first(gone)} is missing or changed"
    return ""


def _gone(outputs: dict[str, int], folder: Path) -> list[str]:
    """Return the outputs that are missing or of another size; a store is listed once."""
    objects = object_sizes({name.rpartition("/")[0] for name in outputs if name.startswith("s3://")})
    return [
        name
        for name, size in outputs.items()
        if (objects.get(name) if name.startswith("s3://") else _size(folder / name)) != size
    ]


def _first(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


@dataclass(frozen=True, slots=True)
class _Behind:
    """What lies behind what the settings name: the digest of the files as they are, and which differ from the notes."""

    digest: str
    changed: tuple[str, ...]


def _look_behind(project: Project, layers: tuple[LayerSettings, ...]) -> _Behind:
    then = notes_of(layers, project)
    now = looked_at_again(then, project)
    return _Behind(digest_of(now), tuple(one.name for one, other in zip(then, now, strict=True) if one != other))


def status(project: Project) -> list[StageState]:
    """Return the state of every stage; a stage after one that is not done is stale even where its receipt agrees."""
    states: dict[str, StageState] = {}
    # Three stages read the same layers, which may have tens of thousands of files.
    look = cache(partial(_look_behind, project))
    for stage in STAGES:
        own = _state_of(project, stage, look)
        waits_for = [name for name in stage.after if states[name].state != "done"]
        if own.state == "done" and waits_for:
            own = replace(own, state="stale", reason=f"{waits_for[0]} will run again before it")
        states[stage.name] = own
    return list(states.values())


def run_stage(project: Project, name: str, /, **options: Any) -> Receipt:
    """Run one stage, whether it is up to date or not, and leave its receipt.

    Parameters
    ----------
    options
        What the caller asks for beyond the settings. They are written to the receipt, and a stage that was run with
        options counts as stale for ``bocage run``.

    Raises
    ------
    BocageError
        As the stage raises it; the receipt then says ``failed`` and why. Where options were refused, an earlier receipt
        stays.
    """
    stage = stage_named(name)
    options = {key: value for key, value in options.items() if value is not None}
    indifferent = {setting.split(".")[1] for setting in stage.indifferent}
    noted = {key: value for key, value in options.items() if key not in indifferent}
    started = datetime.now(UTC).isoformat(timespec="seconds")
    before = Receipt.read(project.receipts_folder, name) if options else None
    receipt = Receipt(name, "running", inputs_digest(project, stage, noted), started, options=noted)
    receipt.write(project.receipts_folder)
    _log.info("%s: %s", name, stage.makes)
    clock = time.perf_counter()
    try:
        outcome = stage.run(project, **options)
    except BocageError as error:
        if before is not None and isinstance(error, SettingsError):
            # A wish that cannot be granted says nothing of what the settings made.
            before.write(project.receipts_folder)
            raise
        replace(receipt, status="failed", reason=str(error), seconds=time.perf_counter() - clock).write(
            project.receipts_folder
        )
        raise
    receipt = replace(
        receipt,
        status="done",
        # The catalogue names files, such as cloud masks, that were not known when its stage began.
        inputs=inputs_digest(project, stage, noted) if stage.hashed else receipt.inputs,
        seen=digest_of(notes_of(stage.layers(project), project)),
        made=_content(outcome.outputs, project.folder) if stage.hashed else "",
        seconds=round(time.perf_counter() - clock, 3),
        peak_memory_mb=peak_memory_mb(),
        figures=outcome.figures,
        refused=outcome.refused,
        left=outcome.left,
        outputs=sizes(outcome.outputs, project.folder) | object_sizes(outcome.buckets),
    )
    receipt.write(project.receipts_folder)
    for refusal in outcome.refused:
        _log.warning("%s refused %s", name, refusal)
    _log.info("%s: done in %.1f s", name, receipt.seconds)
    return receipt


def run_chain(project: Project, *, until: str | None = None) -> list[Receipt]:
    """Run every stage that is not up to date, in order, and return the receipts of all.

    Parameters
    ----------
    until
        The name of the last stage to run; all by default.
    """
    receipts = []
    for stage in STAGES:
        current = state_of(project, stage)
        if current.state == "done" and current.receipt is not None:
            _log.info("%s: up to date", stage.name)
            receipts.append(current.receipt)
        else:
            receipts.append(run_stage(project, stage.name))
        if stage.name == until:
            break
    return receipts


def _content(outputs: Iterable[Path], folder: Path) -> str:
    return digest_json({name: digest_file(folder / name) for name in sizes(outputs, folder)})


def peak_memory_mb() -> float:
    """Return the largest resident memory that this process or one of its children has held, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(peak * unit / 2**20, 1)


def _receipt(project: Project, stage: str) -> Receipt | None:
    return Receipt.read(project.receipts_folder, stage)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None

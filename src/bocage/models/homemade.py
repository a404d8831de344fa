"""Backbones that a project pretrained itself: a folder each with the trunk's weights and a note of what they saw.

The note is written last and holds the digest of the weights, so what a kill tore apart is recognised, and so is a file
that was altered.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bocage.errors import ModelError
from bocage.files import digest_file, finished, write_bytes, write_json
from bocage.models.backbone import Backbone
from bocage.models.backbones import BACKBONES, find_backbone
from bocage.models.forest import FORESTS
from bocage.models.weights import is_own, locate_weights
from bocage.project import Project
from bocage.scenes.bands import BANDS
from bocage.scenes.stretch import Method

if TYPE_CHECKING:
    from torch import nn

WEIGHTS, NOTE = "backbone.safetensors", "backbone.json"
_NOT_THE_PUBLISHED = "not known, since the file is not the published one"
_FORMAT = 1
_log = logging.getLogger("bocage")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def _shares(value: object) -> bool:
    return isinstance(value, tuple) and len(value) in {0, 2} and all(isinstance(one, int | float) for one in value)


def _digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


# A note that was altered by hand must not surface as an error of arithmetic hours later.
_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: isinstance(value, str),
    "backbone": lambda value: isinstance(value, str),
    "start": lambda value: isinstance(value, str),
    "licence": lambda value: isinstance(value, str),
    "bands": _texts,
    "resolution": lambda value: isinstance(value, int | float) and 0 < value < math.inf,
    "stretch": lambda value: value in get_args(Method),
    "percentiles": _shares,
    "scenes": lambda value: isinstance(value, dict) and all(map(_digest, value.values())),
    "left_out": _texts,
    "figures": lambda value: isinstance(value, dict),
    "settings": lambda value: isinstance(value, dict),
    "inputs": _digest,
    "digest": _digest,
}


@dataclass(frozen=True, slots=True)
class HomemadeBackbone:
    """What the note of a backbone says.

    Attributes
    ----------
    name
        What runs call it; the name of its folder.
    backbone
        The backbone of Bocage that its trunk is.
    start
        What the trunk began with: "random", or the name and SHA-256 of the weights.
    licence
        Licence of the weights that it began with, as far as it binds; that of the scenes adds to it.
    bands, resolution, stretch, percentiles
        What its crops were: common names of the bands, metres per pixel, how numbers became bytes, and between which
        shares where the stretch is "percentile"; none where an older version did not write them down.
    scenes
        SHA-256 of everything that decides the pixels of a scene, by the id of the scene.
    left_out
        Ids of the scenes that were kept apart for test and validation.
    figures
        Steps, seconds, losses.
    settings
        The settings of the pretraining.
    inputs
        SHA-256 of all that the weights follow from.
    digest
        SHA-256 of the weights.
    created
        Time of its end, ISO 8601 in UTC.
    """

    name: str
    backbone: str
    start: str
    licence: str
    bands: tuple[str, ...]
    resolution: float
    stretch: str
    scenes: Mapping[str, str]
    left_out: tuple[str, ...]
    figures: Mapping[str, Any]
    settings: Mapping[str, Any]
    inputs: str
    created: str
    percentiles: tuple[float, ...] = ()
    digest: str = ""
    format: int = field(default=_FORMAT)


@dataclass(frozen=True, slots=True)
class Trunk:
    """What the backbone of a run stands for.

    Attributes
    ----------
    backbone
        A backbone of Bocage, or the name of a forest.
    weights
        The weights of a home-made one; None for the published or random ones.
    source, licence
        Name and SHA-256 of home-made weights, or of a file that the person put in place of the published one, and
        their licence, which the package keeps; else empty.
    """

    backbone: str
    weights: Path | None = None
    source: str = ""
    licence: str = ""


def resolve_backbone(project: Project, name: str, *, pretrained: bool) -> Trunk:
    """Return what a run's backbone of that name stands for; without ``pretrained`` its weights are not looked for.

    Warns where a home-made one has seen other pixels than those of the project.

    Raises
    ------
    ModelError
        If there is no backbone of that name, or a home-made one is damaged or altered.
    """
    if name in BACKBONES:
        source = _own_file(BACKBONES[name]) if pretrained else ""
        return Trunk(name, source=source, licence=_NOT_THE_PUBLISHED if source else "")
    if name in FORESTS:
        return Trunk(name)
    note, weights = find_homemade(project, name, besides=FORESTS)
    if not pretrained:
        return Trunk(note.backbone)
    warn_of_other_pixels(project, note)
    source = f"{name}, pretrained on {len(note.scenes)} scenes, SHA-256 {note.digest}"
    return Trunk(note.backbone, weights, source, note.licence)


def _own_file(backbone: Backbone) -> str:
    """Return name and SHA-256 of the file that stands for the published weights, empty where it is none of that kind.

    The published file is known by the name of the backbone; of another one nothing is, and a run that began with it
    has to be made again when it changes.
    """
    path = locate_weights(backbone)
    if path is None or not is_own(backbone, path):
        return ""
    digest, published = digest_file(path), backbone.weights.digest
    if published and digest.startswith(published):
        return ""
    return f"{path.name}, which stands in place of the published file, SHA-256 {digest}"


def warn_of_other_pixels(project: Project, note: HomemadeBackbone) -> None:
    """Warn where a home-made backbone has seen other pixels than those of the project."""
    scenes = project.settings.scenes
    seen, here = (note.resolution, note.stretch), (project.grid.resolution, scenes.stretch)
    shares = note.percentiles or scenes.percentiles
    if seen == here and (note.stretch != "percentile" or shares == scenes.percentiles):
        return
    _log.warning(
        "backbone %s was pretrained at %s; this project has %s",
        note.name,
        pixels_in_words(*seen, shares),
        pixels_in_words(*here, scenes.percentiles),
    )


def save_homemade(project: Project, trunk: nn.Module, note: HomemadeBackbone) -> Path:
    """Write weights and note, whole or not at all, and return their folder.

    Raises
    ------
    ModelError
        If the name is not free.
    StorageError
        If the disk is full or the folder is not writable.
    """
    from safetensors.torch import save

    folder = homemade_folder(project, note.name)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trunk.state_dict().items()}
    write_bytes(folder / WEIGHTS, save(tensors))
    write_json(folder / NOTE, asdict(note) | {"digest": digest_file(folder / WEIGHTS)})
    return folder


def homemade_folder(project: Project, name: str) -> Path:
    """Return where the backbone of that name lies, or will.

    Raises
    ------
    ModelError
        If it is no name for a folder, or already that of a backbone of Bocage.
    """
    if name in BACKBONES or name in FORESTS:
        raise ModelError(f"{name!r} is a backbone of Bocage already", "give the new one another --name")
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot be the name of a backbone",
            "use letters, digits, '_', '.' and '-', a letter or digit first",
        )
    return project.backbones_folder / name


def list_homemade(project: Project) -> list[HomemadeBackbone]:
    """Return the notes of the backbones that the project pretrained, by name. Weights are not looked at.

    Raises
    ------
    ModelError
        If a note is damaged.
    """
    return [_read(path) for path in finished(project.backbones_folder, f"*/{NOTE}")]


def find_homemade(project: Project, name: str, besides: Sequence[str] = ()) -> tuple[HomemadeBackbone, Path]:
    """Return the note and the path of the weights of a home-made backbone, its digest checked.

    Parameters
    ----------
    besides
        Names that the caller takes as well: a refusal offers them.

    Raises
    ------
    ModelError
        If there is none of that name, or it is damaged or altered.
    """
    note_path = project.backbones_folder / name / NOTE
    if not _NAME.fullmatch(name) or not note_path.is_file():
        own = [path.parent.name for path in finished(project.backbones_folder, f"*/{NOTE}")]
        raise ModelError(
            f"{name!r} is neither a backbone of Bocage nor one pretrained in {project.folder}",
            f"choose one of: {', '.join([*BACKBONES, *besides, *own])}; or run: bocage pretrain --name {name}",
        )
    note = _read(note_path)
    weights = note_path.with_name(WEIGHTS)
    if not weights.is_file():
        raise ModelError(f"{weights} is missing", "copy the whole folder, or pretrain the backbone again")
    if digest_file(weights) != note.digest:
        raise ModelError(
            f"{weights} is damaged or was altered: its SHA-256 is not the one in {NOTE}",
            "copy the whole folder again, or pretrain the backbone again",
        )
    return note, weights


def _read(path: Path) -> HomemadeBackbone:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        content = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
        note = HomemadeBackbone(**content)
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not the note of a backbone: {error}", "pretrain the backbone again") from error
    if note.format != _FORMAT:
        raise ModelError(f"{path} is of format {note.format}; this version reads {_FORMAT}", "use a newer Bocage")
    if wrong := [name for name, right in _FIELDS.items() if not right(getattr(note, name))]:
        raise ModelError(
            f"{path} is not the note of a backbone: {', '.join(wrong)} cannot be as it says",
            "copy the whole folder again, or pretrain the backbone again",
        )
    if note.name != path.parent.name:
        raise ModelError(f"{path} is the note of {note.name!r}", f"name its folder {note.name} again")
    if note.bands != BANDS:
        raise ModelError(
            f"{path.parent} was pretrained on {', '.join(note.bands)}, and images have {', '.join(BANDS)}",
            "pretrain a backbone on the bands of the project",
        )
    find_backbone(note.backbone)
    return note


def pixels_in_words(resolution: float, stretch: str, shares: Sequence[float]) -> str:
    """Return what pixels are: metres, and how numbers became bytes, between which shares where that matters."""
    between = f" of {' to '.join(f'{share:g}' for share in shares)}" if stretch == "percentile" else ""
    return f"{resolution:g} m with stretch {stretch}{between}"

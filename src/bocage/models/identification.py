"""Saying what a file of weights is, by the names and shapes of its tensors, and which backbones it loads into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bocage.errors import MissingExtraError
from bocage.files import digest_file
from bocage.models.backbone import Backbone
from bocage.models.backbones import BACKBONES, find_backbone
from bocage.models.checkpoint import Fit, fit, read_checkpoint
from bocage.models.kinds import describe


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file of weights is.

    Attributes
    ----------
    path, digest, tensors, parameters
        The file, its SHA-256, the number of its tensors and of the numbers in them.
    kind
        What it is, in words.
    backbones
        The backbones whose pretrained weights it is by its layout: it loads strictly.
    known
        Those of them whose digest it has; none where no digest is known.
    """

    path: Path
    digest: str
    tensors: int
    parameters: int
    kind: str
    backbones: tuple[str, ...]
    known: tuple[str, ...]


def identify(path: Path) -> tuple[Identity, dict[str, Tensor]]:
    """Return what a file is, and its tensors.

    Raises
    ------
    ModelError
        If it cannot be read as weights.
    """
    tensors = read_checkpoint(path)
    digest = digest_file(path)
    fitting = tuple(entry for entry in BACKBONES.values() if _fits(entry, tensors))
    identity = Identity(
        path=path,
        digest=digest,
        tensors=len(tensors),
        parameters=sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point()),
        kind=describe(tensors),
        backbones=tuple(entry.name for entry in fitting),
        known=tuple(
            entry.name for entry in fitting if entry.weights.digest and digest.startswith(entry.weights.digest)
        ),
    )
    return identity, tensors


def compare(backbone: str, tensors: Mapping[str, Tensor]) -> Fit:
    """Return how a file's tensors fit the trunk of a backbone.

    Raises
    ------
    ModelError
        If there is no such backbone.
    MissingExtraError
        If it needs an optional dependency that is not installed.
    """
    chosen = find_backbone(backbone)
    return fit(chosen, tensors, skeleton(chosen))


def skeleton(backbone: Backbone) -> Mapping[str, Tensor]:
    """Return the trunk's state without its numbers, in no memory."""
    with torch.device("meta"):
        state: Mapping[str, Tensor] = backbone.build().state_dict()
    return state


def _fits(backbone: Backbone, tensors: Mapping[str, Tensor]) -> bool:
    # Most files are told apart by a look at their names; building every trunk to compare with takes long.
    prefixes = tuple(old for old, _ in backbone.weights.parts)
    marked = not backbone.weights.mark or backbone.weights.mark in tensors
    if not marked or not any(name.startswith(prefixes) for name in tensors):
        return False
    try:
        return fit(backbone, tensors, skeleton(backbone)).strict
    except MissingExtraError:
        # What is not installed cannot be trained on either; the list says which extra it takes.
        return False

"""Reading files of weights, and loading them strictly: every tensor finds its place, and every place its tensor.

Nothing is unpickled: safetensors, or torch's own files read as weights only.
"""

from __future__ import annotations

import pickle
import re
import shlex
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bocage.errors import ModelError
from bocage.models.backbone import Backbone
from bocage.models.kinds import describe
from bocage.models.weights import find_weights

if TYPE_CHECKING:
    from bocage.models.pyramid import Pyramid

# What training frameworks call the weights among the rest of a checkpoint.
_CONTAINERS = ("state_dict", "model", "teacher")
_TORCH = (b"PK\x03\x04", b"\x80")
_GLOBAL = re.compile(r"GLOBAL (\S+)")
_SOME = 3


@dataclass(frozen=True, slots=True)
class Fit:
    """How the tensors of a file fit the trunk of a backbone.

    Attributes
    ----------
    state
        The tensors under the trunk's names.
    missing
        Names of the trunk that the file lacks.
    unexpected
        Names of the file that belong to no part.
    misshapen
        (name in the trunk, shape in the file, shape in the trunk).
    unusable
        Names of the trunk whose numbers in the file are undefined, infinite, or whole where they should be fractions.
    """

    state: Mapping[str, Tensor]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    unusable: tuple[str, ...] = ()

    @property
    def strict(self) -> bool:
        """Whether everything fits."""
        return not (self.missing or self.unexpected or self.misshapen or self.unusable)

    @property
    def reason(self) -> str:
        """What does not fit, in a line."""
        found = []
        if self.misshapen:
            name, given, own = self.misshapen[0]
            found.append(f"{name} is {given} instead of {own}{_more(len(self.misshapen))}")
        kinds = (
            ("lacks", self.missing),
            ("holds besides", self.unexpected),
            ("holds no usable numbers in", self.unusable),
        )
        for what, names in kinds:
            if names:
                found.append(f"{what} {', '.join(names[:_SOME])}{_more(len(names), _SOME)}")
        return "; ".join(found)


def read_checkpoint(path: Path, container: str = "") -> dict[str, Tensor]:
    """Return the tensors of a .safetensors, .pth, .pt or .ckpt file in their order.

    Parameters
    ----------
    container
        Where in the file the weights are; empty: at its top or under one of the usual names.

    Raises
    ------
    ModelError
        If the file is missing, damaged, not a file of weights, or holds objects that would have to be unpickled.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is missing"
        raise ModelError(f"{path} {what}", "give the path of a file of weights")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    for name in (container,) if container else _CONTAINERS:
        if isinstance(inner := content.get(name), Mapping):
            content = inner
            break
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{path} holds no weights", "give a file that holds a state dictionary of tensors")
    return tensors


def fit(backbone: Backbone, tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Fit:
    """Return how the tensors of a published file fit a trunk's own state, by the layout that the backbone declares."""
    weights = backbone.weights
    given = weights.adapt(tensors) if weights.adapt else tensors
    state: dict[str, Tensor] = {}
    unexpected = []
    for name, tensor in given.items():
        if name.startswith(weights.unused):
            continue
        place = next((new + name.removeprefix(old) for old, new in weights.parts if name.startswith(old)), None)
        if place is None or place not in own:
            unexpected.append(name)
            continue
        state[place] = _widened(tensor, own[place]) if place == weights.stem else tensor
    return _fit(state, tuple(unexpected), own)


def load_pretrained(backbone: Backbone, trunk: Pyramid) -> None:
    """Give a trunk the published weights of its backbone, from the disk.

    Raises
    ------
    ModelError
        If they are missing, altered, of another model, or do not fit.
    """
    path = find_weights(backbone)
    tensors = read_checkpoint(path, backbone.weights.container)
    found = fit(backbone, tensors, trunk.state_dict())
    if not found.strict:
        raise ModelError(
            f"{path} does not hold the weights of {backbone.name}: it is {describe(tensors)}; {found.reason}",
            f"run: bocage models check {shlex.quote(str(path))} to see which backbone it is for, bring the file from "
            f"{backbone.source}, or set pretrained = false",
        )
    trunk.load_state_dict(dict(found.state))


def load_trunk(backbone: Backbone, trunk: Pyramid, path: Path) -> None:
    """Give a trunk the state that an earlier trunk of the same backbone was saved with.

    Raises
    ------
    ModelError
        If the file is missing, damaged or of another trunk.
    """
    found = _fit(read_checkpoint(path), (), trunk.state_dict())
    if not found.strict:
        raise ModelError(f"{path} is not a trunk of {backbone.name}: {found.reason}", "name the backbone it is of")
    trunk.load_state_dict(dict(found.state))


def _fit(state: Mapping[str, Tensor], unexpected: tuple[str, ...], own: Mapping[str, Tensor]) -> Fit:
    return Fit(
        state=state,
        missing=tuple(name for name in own if name not in state),
        unexpected=unexpected + tuple(name for name in state if name not in own),
        misshapen=tuple(
            (name, tuple(tensor.shape), tuple(own[name].shape))
            for name, tensor in state.items()
            if name in own and tensor.shape != own[name].shape
        ),
        unusable=tuple(name for name, tensor in state.items() if name in own and not _usable(tensor, own[name])),
    )


def _usable(given: Tensor, own: Tensor) -> bool:
    """Say whether a network can learn from what a file holds: a run would end at its first step, and blame its rate."""
    if not own.is_floating_point() or given.is_meta:
        return True
    return given.is_floating_point() and bool(torch.isfinite(given.to_dense().float()).all())


def _widened(given: Tensor, own: Tensor) -> Tensor:
    """Return a stem's weights for more bands than it had; those beyond begin at zero.

    The first step then sees exactly what the pretrained trunk saw; a tiled stem is known to lose accuracy.
    """
    missing = own.shape[1] - given.shape[1] if given.ndim == own.ndim else 0
    if missing <= 0 or (given.shape[0], *given.shape[2:]) != (own.shape[0], *own.shape[2:]):
        return given
    return torch.cat([given, torch.zeros_like(given[:, :1]).repeat(1, missing, 1, 1)], dim=1)


def _safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        loaded: Mapping[str, Any] = load_file(path)
    except (SafetensorError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    return loaded


def _torch(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        begin = file.read(64)
    if not begin.startswith(_TORCH):
        raise _unreadable(path, f"it is {_kind(begin)}")
    try:
        with warnings.catch_warnings():
            # Of protocols of pickle; what cannot be read is told below.
            warnings.simplefilter("ignore", UserWarning)
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own words advise to read the file unsafely; of them the name of the object is of use.
        named = _GLOBAL.search(str(error))
        raise ModelError(
            f"{path} holds pickled objects{f' ({named[1]})' if named else ''}, which could run any program when read",
            "bring the weights as safetensors or as a state dictionary of tensors",
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        # An early end of the file has no words.
        raise _unreadable(path, str(error).partition("\n")[0] or "it ends too early") from error
    if not isinstance(content, Mapping):
        raise ModelError(f"{path} holds a {type(content).__name__}, not weights", "give a state dictionary of tensors")
    return content


def _kind(begin: bytes) -> str:
    if not begin:
        return "empty"
    if begin.lstrip().startswith(b"<"):
        return "a page of a web site, perhaps its answer to a refused download"
    if begin.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the file it points to"
    return "no file of torch"


def _unreadable(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} cannot be read as weights: {why}", "replace the file by a whole one")


def _more(count: int, shown: int = 1) -> str:
    return f" and {count - shown} more" if count > shown else ""

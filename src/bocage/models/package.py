"""The model package: a folder with the weights (safetensors), their description (a STAC Item) and a card.

Nothing in a package is unpickled. The Item carries the digest of the weights, so a package that was cut short, altered
or mixed up is refused in words.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import cast

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from bocage.errors import ModelError
from bocage.files import digest_file, write_bytes, write_json, write_text
from bocage.models.backbones import BACKBONES
from bocage.models.card import CARD, card_of
from bocage.models.forest import ARCHITECTURE as FOREST
from bocage.models.item import ITEM, TORCH, UNET, WEIGHTS, ModelDescription, description_of, item_of
from bocage.models.network import build_network
from bocage.models.probe import PROBE, Probe
from bocage.models.remote import fetch_package
from bocage.models.runtimes import Precision, RuntimeChoice
from bocage.models.segmenter import Segmenter, TorchSegmenter

type Opener = Callable[[Path, Mapping[str, Tensor], ModelDescription, str], Segmenter]

ARCHITECTURES: Mapping[str, str] = MappingProxyType(
    {
        UNET: "bocage.models.package:open_network",
        PROBE: "bocage.models.package:open_network",
        FOREST: "bocage.models.forest.archive:open_forest",
    }
)
"""Who opens a package of an architecture: ``module:function`` of (path of the weights, their tensors, what the Item
says, SHA-256 of the weights)."""


def save_package(
    folder: Path, model: nn.Module | Mapping[str, Tensor], description: ModelDescription
) -> tuple[Path, Path]:
    """Write a package into ``folder`` and return the paths of the weights and of the Item.

    Parameters
    ----------
    model
        A network, or the arrays of a model that is none.

    Raises
    ------
    StorageError
        If the disk is full or the folder is not writable.
    """
    state = model.state_dict() if isinstance(model, nn.Module) else model
    kept = [model.parameters()] if isinstance(model, nn.Module) else [state.values()]
    parameters = sum(tensor.numel() for tensors in kept for tensor in tensors)
    weights = folder / WEIGHTS
    write_bytes(weights, save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}))
    digest = digest_file(weights)
    library = "torch" if description.framework == TORCH else description.framework
    version = metadata.version(library).partition("+")[0]
    write_text(folder / CARD, card_of(description, digest, parameters))
    write_json(folder / ITEM, item_of(description, digest, weights.stat().st_size, parameters, version))
    return weights, folder / ITEM


def read_description(folder: Path | str) -> tuple[ModelDescription, str]:
    """Read the description of a package and the digest that its weights must have.

    Raises
    ------
    ModelError
        If the folder holds no package, or the Item is damaged or lacks a field.
    """
    path = Path(folder) / ITEM
    if not path.is_file():
        raise ModelError(f"{folder} holds no model package: {ITEM} is missing", "run: bocage train")
    try:
        return description_of(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{path} is not the description of a model: {error!r}", "train the model again") from error


def load_model(
    folder: Path | str, *, runtime: RuntimeChoice = "torch", precision: Precision = "32", edge: int = 512
) -> Segmenter:
    """Open a package as a segmenter, on the GPU where there is one; ``folder`` may be an ``s3://`` URL.

    Parameters
    ----------
    runtime, precision, edge
        What runs a network; see :func:`bocage.models.runtimes.choose_runtime`. A forest has arithmetic of its own.

    Raises
    ------
    ModelError
        If the package is missing, damaged, altered, or of an architecture that this version does not know, or if the
        runtime does not take it.
    MissingExtraError
        If the runtime is not installed.
    StorageError
        If it lies in a store that cannot be read.
    """
    path, description, digest, tensors = read_package(folder)
    module, _, function = ARCHITECTURES[description.architecture].partition(":")
    opener = cast("Opener", getattr(importlib.import_module(module), function))
    segmenter = opener(path, tensors, description, digest)
    if isinstance(segmenter, TorchSegmenter):
        return segmenter.prepare(runtime, precision=precision, edge=edge)
    return segmenter


def read_package(folder: Path | str) -> tuple[Path, ModelDescription, str, dict[str, Tensor]]:
    """Return the path of a package's weights, its description, the SHA-256 of the weights, and the weights.

    Parameters
    ----------
    folder
        May be an ``s3://`` URL.

    Raises
    ------
    ModelError
        If the package is missing, damaged, altered, or of an architecture that this version does not know.
    StorageError
        If it lies in a store that cannot be read.
    """
    if isinstance(folder, str) and folder.startswith("s3://"):
        folder = fetch_package(folder)
    description, digest = read_description(folder)
    path = Path(folder) / WEIGHTS
    if description.architecture not in ARCHITECTURES:
        raise ModelError(
            f"{Path(folder) / ITEM} describes a model that this version does not know: {description.architecture} on "
            f"{description.backbone}",
            f"train it again with this version, which knows: {', '.join(ARCHITECTURES)}",
        )
    if not path.is_file():
        raise ModelError(f"{path} is missing", "copy the whole package, or train the model again")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(
            f"{path} is damaged or was altered: its SHA-256 is not the one in {ITEM}",
            "copy the whole package again, or train the model again",
        )
    try:
        return path, description, digest, load(content)
    except SafetensorError as error:
        raise ModelError(f"{path} cannot be read as weights: {error}", "copy the whole package again") from error


def open_network(
    path: Path, tensors: Mapping[str, Tensor], description: ModelDescription, digest: str
) -> TorchSegmenter:
    """Return the network of a package as a segmenter.

    Raises
    ------
    ModelError
        If the backbone is unknown, the weights do not fit it, or they have learnt from input that was scaled otherwise.
    """
    if description.backbone not in BACKBONES:
        raise ModelError(
            f"{path.with_name(ITEM)} describes a model that this version does not know: {description.architecture} on "
            f"{description.backbone}",
            f"use one of: {', '.join(BACKBONES)}",
        )
    built = build_network(description.backbone, pretrained=False)
    network = Probe(built) if description.architecture == PROBE else built
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ModelError(
            f"{path} does not fit a {description.architecture} on {description.backbone}: {str(error).splitlines()[0]}",
            "train the model again with this version",
        ) from error
    built.contract.check_bands(description.bands)
    if description.scaling not in {None, (built.contract.mean, built.contract.std)}:
        raise ModelError(
            f"{path.with_name(ITEM)} describes a {description.backbone} whose input was scaled otherwise than this "
            "version scales it",
            "train the model again with this version",
        )
    return TorchSegmenter(
        network,
        bands=description.bands,
        resolution=description.resolution,
        digest=digest,
        stretch=description.stretch,
        percentiles=description.percentiles,
    )

"""The model package: weights as safetensors and a STAC Item that says all that mapping needs to know.

``model.json`` is a STAC 1.1 Item with the machine learning model extension (MLM 1.4), ``model.safetensors`` its only
asset. Weights are never unpickled. The Item is written last and holds the digest of the weights, so a package that
was torn by a kill is recognised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from shapely.geometry import box, mapping
from torch import nn

from bocage.errors import ModelError
from bocage.files import digest_file, write_bytes, write_json
from bocage.models.backbones import BACKBONES
from bocage.models.network import MULTIPLE, build_network
from bocage.models.probe import ARCHITECTURE as PROBE
from bocage.models.probe import Probe
from bocage.models.segmenter import TorchSegmenter
from bocage.scenes.stretch import Method

WEIGHTS, ITEM = "model.safetensors", "model.json"
ARCHITECTURE = "U-Net"
_EXTENSIONS = (
    "https://stac-extensions.github.io/mlm/v1.4.0/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
# Multihash prefix of a SHA-256: the function's code and the length, as the file extension asks for.
_SHA256 = "1220"
_PERCENTILES = (0.005, 0.995)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a package says about its model.

    Attributes
    ----------
    name
        Name of the training run.
    backbone
        A name in ``BACKBONES``.
    bands
        Common names in the order of the input.
    resolution
        Metres per pixel.
    stretch
        How the scenes became bytes: a value of ``scenes.stretch``.
    percentiles
        Low and high share of that stretch where it is "percentile": the value of ``scenes.percentiles``.
    chip
        Edge of the crops that it was trained on, in pixels.
    pretrained
        Whether the encoder began with pretrained weights.
    metrics
        IoU, F1, precision and recall on the test chips.
    hyperparameters
        Settings of the run.
    training_digest
        Digest of the chips and settings that it was trained with.
    bbox
        West, south, east, north of the training ground in degrees, or None.
    created
        Time of the training's end, ISO 8601 in UTC.
    """

    name: str
    backbone: str
    bands: tuple[str, ...]
    resolution: float
    stretch: Method
    chip: int
    architecture: str = ARCHITECTURE
    pretrained: bool = False
    metrics: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    training_digest: str = ""
    bbox: tuple[float, float, float, float] | None = None
    created: str = ""
    percentiles: tuple[float, float] = _PERCENTILES


def save_package(folder: Path, network: nn.Module, description: ModelDescription) -> tuple[Path, Path]:
    """Write a package into ``folder`` and return the paths of the weights and of the Item.

    Raises
    ------
    StorageError
        If the disk is full or the folder is not writable.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    weights = folder / WEIGHTS
    write_bytes(weights, save(tensors))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    write_json(folder / ITEM, _item(description, digest_file(weights), weights.stat().st_size, parameters))
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
        item = json.loads(path.read_text(encoding="utf-8"))
        properties = item["properties"]
        description = ModelDescription(
            name=str(item["id"]),
            backbone=str(properties["bocage:backbone"]),
            bands=tuple(str(band) for band in properties["mlm:input"][0]["bands"]),
            resolution=float(properties["bocage:resolution"]),
            stretch=_stretch(properties["bocage:stretch"]),
            chip=int(properties["bocage:chip"]),
            architecture=str(properties["mlm:architecture"]),
            pretrained=bool(properties["mlm:pretrained"]),
            metrics=dict(properties["bocage:metrics"]),
            hyperparameters=dict(properties.get("mlm:hyperparameters", {})),
            training_digest=str(properties["bocage:training_digest"]),
            bbox=tuple(item["bbox"]) if "bbox" in item else None,
            created=str(properties["datetime"]),
            percentiles=_percentiles(properties),
        )
        checksum = str(item["assets"]["model"]["file:checksum"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{path} is not the description of a model: {error!r}", "train the model again") from error
    return description, checksum.removeprefix(_SHA256)


def load_model(folder: Path | str) -> TorchSegmenter:
    """Open a package as a segmenter, on the GPU where there is one.

    Raises
    ------
    ModelError
        If the package is missing, damaged, altered, or of an architecture that this version does not know.
    """
    description, digest = read_description(folder)
    path = Path(folder) / WEIGHTS
    if description.architecture not in {ARCHITECTURE, PROBE} or description.backbone not in BACKBONES:
        raise ModelError(
            f"{Path(folder) / ITEM} describes a model that this version does not know: {description.architecture} on "
            f"{description.backbone}",
            f"use a {ARCHITECTURE} or a {PROBE} on one of: {', '.join(BACKBONES)}",
        )
    if not path.is_file():
        raise ModelError(f"{path} is missing", "copy the whole package, or train the model again")
    content = path.read_bytes()
    if digest_file(path) != digest:
        raise ModelError(
            f"{path} is damaged or was altered: its SHA-256 is not the one in {ITEM}",
            "copy the whole package again, or train the model again",
        )
    network: nn.Module = build_network(description.backbone, pretrained=False)
    if description.architecture == PROBE:
        network = Probe(network)
    try:
        network.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"{path} does not fit a {description.architecture} on {description.backbone}: {str(error).splitlines()[0]}",
            "train the model again with this version",
        ) from error
    return TorchSegmenter(
        network,
        bands=description.bands,
        resolution=description.resolution,
        digest=digest,
        stretch=description.stretch,
        percentiles=description.percentiles,
    )


def _stretch(value: str) -> Method:
    methods: tuple[Method, ...] = get_args(Method)
    for method in methods:
        if value == method:
            return method
    raise ValueError(f"bocage:stretch {value!r} is none of {', '.join(methods)}")


def _percentiles(properties: Mapping[str, Any]) -> tuple[float, float]:
    # Packages of earlier versions do not say them; those shares are the default that their scenes were stretched by.
    low, high = properties.get("bocage:percentiles", _PERCENTILES)
    return float(low), float(high)


def _item(description: ModelDescription, digest: str, size: int, parameters: int) -> dict[str, Any]:
    created = description.created or datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    bands = [{"name": band, "eo:common_name": band} for band in description.bands]
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(_EXTENSIONS),
        "id": description.name,
        "geometry": None if description.bbox is None else mapping(box(*description.bbox)),
        "properties": {
            "datetime": created,
            "description": "Probability of woody vegetation per pixel from four-band imagery",
            "bands": bands,
            **_mlm(description, parameters),
            "bocage:backbone": description.backbone,
            "bocage:resolution": description.resolution,
            "bocage:stretch": description.stretch,
            "bocage:percentiles": list(description.percentiles),
            "bocage:chip": description.chip,
            "bocage:multiple": MULTIPLE,
            "bocage:metrics": dict(description.metrics),
            "bocage:training_digest": description.training_digest,
        },
        "links": [],
        "assets": {
            "model": {
                "href": f"./{WEIGHTS}",
                "type": "application/octet-stream; application=safetensors",
                "title": "Weights of the network",
                "roles": ["mlm:model", "mlm:weights"],
                # STAC 1.1 allows bands in the properties only beside those of an asset, and MLM wants the former.
                "bands": bands,
                "mlm:artifact_type": "safetensors.torch.save",
                "file:checksum": _SHA256 + digest,
                "file:size": size,
            }
        },
    }
    if description.bbox is not None:
        item["bbox"] = list(description.bbox)
    return item


def _mlm(description: ModelDescription, parameters: int) -> dict[str, Any]:
    """Return the fields of the machine learning model extension."""
    known = BACKBONES[description.backbone]
    return {
        # The extension wants a name that begins with a letter and ends with a letter or a digit; a run's name may not.
        "mlm:name": f"Bocage {description.name} model",
        "mlm:architecture": description.architecture,
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "PyTorch",
        "mlm:framework_version": torch.__version__.partition("+")[0],
        "mlm:total_parameters": parameters,
        "mlm:pretrained": description.pretrained,
        "mlm:pretrained_source": known.weights if description.pretrained else None,
        "mlm:input": [
            {
                "name": "image",
                "description": "Bytes 0..255 per band, and a mask of validity; the network scales them itself",
                "bands": list(description.bands),
                "input": {
                    "shape": [-1, len(description.bands), -1, -1],
                    "dim_order": ["batch", "bands", "height", "width"],
                    "data_type": "uint8",
                },
                "value_scaling": None,
                "resize_type": None,
            }
        ],
        "mlm:output": [
            {
                "name": "probability",
                "description": "Probability of woody vegetation, 0..1",
                "tasks": ["semantic-segmentation"],
                "result": {"shape": [-1, -1, -1], "dim_order": ["batch", "height", "width"], "data_type": "float32"},
                "classification:classes": [
                    {"value": 0, "name": "other", "description": "no woody vegetation"},
                    {"value": 1, "name": "woody", "description": "woody vegetation"},
                ],
            }
        ],
        "mlm:hyperparameters": {"chip": description.chip, **description.hyperparameters},
    }

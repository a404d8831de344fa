"""The description of a model as a STAC Item with the machine learning model extension (MLM)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from shapely.geometry import box, mapping

from bocage.models.backbones import BACKBONES
from bocage.models.contract import MULTIPLE
from bocage.scenes.stretch import Method

UNET = "U-Net with fine stem"
"""The architecture of every network that ``build_network`` makes."""
TORCH = "PyTorch"
"""The framework of all networks; what has another is no network and takes images of any size."""
WEIGHTS, ITEM = "model.safetensors", "model.json"
# Multihash prefix of a SHA-256: the function's code and the length, as the file extension asks for.
SHA256 = "1220"
_EXTENSIONS = (
    "https://stac-extensions.github.io/mlm/v1.4.0/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
_PERCENTILES = (0.005, 0.995)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a package says about its model.

    Attributes
    ----------
    name
        Name of the training run.
    backbone
        A name in ``BACKBONES``, or what an architecture without one calls its variant.
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
    architecture
        A key of the table in ``package.py``.
    framework
        What the model was trained with.
    pretrained
        Whether the trunk began with pretrained weights.
    pretrained_source
        What those had seen, where the project made them itself; empty: what the backbone's entry says.
    pretrained_licence
        The licence of such weights.
    metrics
        IoU, F1, precision and recall on the test chips.
    hyperparameters
        Settings of the run.
    training_digest
        Digest of the chips and settings that it was trained with.
    data
        What it was trained on: names and digests, for the card.
    bbox
        West, south, east, north of the training ground in degrees, or None.
    created
        Time of the training's end, ISO 8601 in UTC.
    scaling
        Mean and deviation per band, in shares of the full range, by which the network scales its input; None where a
        model scales nothing, or an older version did not write it down.
    """

    name: str
    backbone: str
    bands: tuple[str, ...]
    resolution: float
    stretch: Method
    chip: int
    architecture: str = UNET
    framework: str = TORCH
    pretrained: bool = False
    pretrained_source: str = ""
    pretrained_licence: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    training_digest: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    bbox: tuple[float, float, float, float] | None = None
    created: str = ""
    percentiles: tuple[float, float] = _PERCENTILES
    scaling: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def source(self) -> str:
        """What the weights that it began with had seen, empty where it began at random."""
        if not self.pretrained:
            return ""
        known = BACKBONES.get(self.backbone)
        return self.pretrained_source or (known.pretrained_on if known else "")

    @property
    def licence(self) -> str:
        """The licence of the weights that it began with, empty where it began at random."""
        if not self.pretrained:
            return ""
        # What a source of its own is bound by, is written beside it.
        known = None if self.pretrained_source else BACKBONES.get(self.backbone)
        return self.pretrained_licence or (known.licence if known else "")


def item_of(description: ModelDescription, digest: str, size: int, parameters: int, framework: str) -> dict[str, Any]:
    """Return the Item, given digest and bytes of the weights, their number, and the version of the framework."""
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
            **_mlm(description, parameters, framework),
            "bocage:backbone": description.backbone,
            "bocage:resolution": description.resolution,
            "bocage:stretch": description.stretch,
            "bocage:percentiles": list(description.percentiles),
            "bocage:scaling": description.scaling,
            "bocage:chip": description.chip,
            "bocage:multiple": MULTIPLE if description.framework == TORCH else 1,
            "bocage:metrics": dict(description.metrics),
            "bocage:training_digest": description.training_digest,
            "bocage:data": dict(description.data),
            "bocage:pretrained_licence": description.licence,
        },
        "links": [],
        "assets": {
            "model": {
                "href": f"./{WEIGHTS}",
                "type": "application/octet-stream; application=safetensors",
                "title": "Weights of the model",
                "roles": ["mlm:model", "mlm:weights"],
                # STAC 1.1 allows bands in the properties only beside those of an asset, and MLM wants the former.
                "bands": bands,
                "mlm:artifact_type": "safetensors.torch.save",
                "file:checksum": SHA256 + digest,
                "file:size": size,
            }
        },
    }
    if description.bbox is not None:
        item["bbox"] = list(description.bbox)
    return item


def description_of(item: Mapping[str, Any]) -> tuple[ModelDescription, str]:
    """Return what an Item says, and the SHA-256 that the weights must have.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError
        If it is not the Item of a model.
    """
    properties = item["properties"]
    description = ModelDescription(
        name=str(item["id"]),
        backbone=str(properties["bocage:backbone"]),
        bands=tuple(str(band) for band in properties["mlm:input"][0]["bands"]),
        resolution=float(properties["bocage:resolution"]),
        stretch=_stretch(properties["bocage:stretch"]),
        chip=int(properties["bocage:chip"]),
        architecture=str(properties["mlm:architecture"]),
        framework=str(properties["mlm:framework"]),
        pretrained=bool(properties["mlm:pretrained"]),
        pretrained_source=str(properties["mlm:pretrained_source"] or ""),
        pretrained_licence=str(properties.get("bocage:pretrained_licence", "")),
        metrics=dict(properties["bocage:metrics"]),
        hyperparameters=dict(properties.get("mlm:hyperparameters", {})),
        training_digest=str(properties["bocage:training_digest"]),
        data=dict(properties.get("bocage:data", {})),
        bbox=tuple(item["bbox"]) if "bbox" in item else None,
        created=str(properties["datetime"]),
        percentiles=_percentiles(properties),
        scaling=_scaling(properties.get("bocage:scaling")),
    )
    return description, str(item["assets"]["model"]["file:checksum"]).removeprefix(SHA256)


def _stretch(value: str) -> Method:
    methods: tuple[Method, ...] = get_args(Method)
    for method in methods:
        if value == method:
            return method
    raise ValueError(f"bocage:stretch {value!r} is none of {', '.join(methods)}")


def _percentiles(properties: Mapping[str, Any]) -> tuple[float, float]:
    low, high = properties["bocage:percentiles"]
    return float(low), float(high)


def _scaling(said: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if said is None:
        return None
    mean, std = said
    return tuple(map(float, mean)), tuple(map(float, std))


def _mlm(description: ModelDescription, parameters: int, framework: str) -> dict[str, Any]:
    """Return the fields of the machine learning model extension."""
    return {
        # The extension wants a name that begins with a letter and ends with a letter or a digit; a run's name may not.
        "mlm:name": f"Bocage {description.name} model",
        "mlm:architecture": description.architecture,
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": description.framework,
        "mlm:framework_version": framework,
        "mlm:total_parameters": parameters,
        "mlm:pretrained": description.pretrained,
        "mlm:pretrained_source": description.source or None,
        "mlm:input": [
            {
                "name": "image",
                "description": "Bytes 0..255 per band, and a mask of validity; the model scales them itself",
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

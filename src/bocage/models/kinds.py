"""Saying in words what tensors are of, by their names and shapes alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_SWIN = re.compile(r"^(.*?)features\.0\.0\.weight$")
_RESNET = re.compile(r"^(.*?)conv1\.weight$")
_BLOCK = re.compile(r"(?:blocks|transformer\.layers)\.(\d+)\.")
_SIZES = {96: "T or S", 128: "B", 192: "L"}
_TRUNK = "the trunk of a backbone as Bocage keeps it; runs take what bocage pretrain made by the name of its folder"
_BANDS = {
    2: "Sentinel-1",
    3: "red, green, blue",
    9: "nine bands of Sentinel-2",
    10: "ten bands of Sentinel-2",
    11: "Landsat",
}


def describe(tensors: Mapping[str, Tensor]) -> str:
    """Return in words what the names and shapes of tensors say."""
    for name, tensor in tensors.items():
        # EfficientNet, MobileNet and DenseNet of torchvision begin with the same name; only a Swin attends.
        if (found := _SWIN.match(name)) and tensor.ndim == 4 and any(".attn." in other for other in tensors):
            return _swin(found[1], tensor, tensors)
        if (found := _RESNET.match(name)) and f"{found[1]}layer1.0.conv1.weight" in tensors:
            return _resnet(found[1], tensor, tensors)
    return _transformer(tensors) or f"a file of {len(tensors)} tensors that begins with {next(iter(tensors))}"


def _transformer(tensors: Mapping[str, Tensor]) -> str:
    """Return what else than a Swin or a ResNet the tensors are, empty where that is unknown."""
    blocks = len({found[1] for name in tensors if (found := _BLOCK.search(name))})
    embedding = tensors.get("patch_embed.proj.weight")
    kinds = {
        "a Swin of DEO": "feat_extr.conv_rgb.0.weight" in tensors,
        "a whole network of Bocage, not the weights of a backbone": any(name.startswith("trunk.") for name in tensors),
        _TRUNK: all(name.startswith("encoder.") for name in tensors),
        "a Panopticon transformer": any("conv3d" in name for name in tensors),
        f"an encoder of Clay, {blocks} blocks": any(name.startswith("model.encoder.") for name in tensors),
        f"a DOFA transformer of {blocks} blocks": any("weight_generator" in name for name in tensors),
        "an EfficientNet": any(name.endswith("conv_stem.weight") for name in tensors),
        "a ConvNeXt": "stem.0.weight" in tensors and any(name.startswith("stages.") for name in tensors),
    }
    if embedding is not None:
        size = f"{embedding.shape[0]} on patches of {embedding.shape[-1]} pixels"
        kinds[f"a vision transformer of {blocks} blocks of {size}"] = True
    return next((kind for kind, holds in kinds.items() if holds), "")


def _swin(prefix: str, embedding: Tensor, tensors: Mapping[str, Tensor]) -> str:
    version = "-v2" if any("cpb_mlp" in name for name in tensors) else ""
    width, bands = embedding.shape[0], embedding.shape[1]
    model = f"Swin{version}-{_SIZES.get(width, f'of width {width}')}"
    seen = _BANDS.get(bands, f"{bands} bands")
    whole = any(name.startswith("intermediates.") for name in tensors)
    if prefix == "backbone.backbone.backbone.":
        return f"the multi-image checkpoint of Satlas, {model} on {seen}"
    if prefix == "backbone.backbone." and whole:
        return f"the single-image checkpoint of Satlas, {model} on {seen}"
    return f"a {model} on {seen}, of which the names begin with {prefix}features" if prefix else f"a {model} on {seen}"


def _resnet(prefix: str, stem: Tensor, tensors: Mapping[str, Tensor]) -> str:
    blocks = {name.removeprefix(f"{prefix}layer3.").split(".")[0] for name in tensors if f"{prefix}layer3." in name}
    size = {6: "50 or 34", 23: "101", 36: "152"}.get(len(blocks), f"with {len(blocks)} blocks in its third stage")
    seen = _BANDS.get(stem.shape[1], f"{stem.shape[1]} bands")
    origin = " of Satlas" if prefix.startswith("backbone.") else ""
    return f"a ResNet {size}{origin} on {seen}"

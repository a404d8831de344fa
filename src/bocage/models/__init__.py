"""Models: networks that see trees, the package they are kept in, and the colour threshold they have to beat.

``load_model`` opens a package as a :class:`Segmenter`; ``build_network`` makes an untrained network. The submodules
import torch, which takes seconds; they are imported when a name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bocage.models.backbones import BACKBONES, Backbone, fetch_weights

if TYPE_CHECKING:
    from bocage.models.ndvi import NdviThreshold
    from bocage.models.network import UNet, build_network
    from bocage.models.package import ModelDescription, load_model, read_description, save_package
    from bocage.models.segmenter import Segmenter, TorchSegmenter

__all__ = [
    "BACKBONES",
    "Backbone",
    "ModelDescription",
    "NdviThreshold",
    "Segmenter",
    "TorchSegmenter",
    "UNet",
    "build_network",
    "fetch_weights",
    "load_model",
    "read_description",
    "save_package",
]

_HOMES = {
    "NdviThreshold": "ndvi",
    "UNet": "network",
    "build_network": "network",
    "ModelDescription": "package",
    "load_model": "package",
    "read_description": "package",
    "save_package": "package",
    "Segmenter": "segmenter",
    "TorchSegmenter": "segmenter",
}


def __getattr__(name: str) -> object:
    import importlib

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)

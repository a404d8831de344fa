"""Models: networks that see trees, the package they are kept in, and the colour threshold they have to beat.

``load_model`` opens a package as a :class:`Segmenter`; ``build_network`` makes an untrained network. The submodules
import torch, which takes seconds; they are imported when a name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bocage.models.backbone import Backbone
from bocage.models.backbones import BACKBONES, find_backbone
from bocage.models.contract import InputContract

if TYPE_CHECKING:
    from bocage.models.fetching import fetch_weights
    from bocage.models.item import ModelDescription
    from bocage.models.ndvi import NdviThreshold
    from bocage.models.network import Network, build_network
    from bocage.models.package import load_model, read_description, save_package
    from bocage.models.pyramid import Pyramid
    from bocage.models.segmenter import Segmenter, TorchSegmenter
    from bocage.models.weights import find_weights

__all__ = [
    "BACKBONES",
    "Backbone",
    "InputContract",
    "ModelDescription",
    "NdviThreshold",
    "Network",
    "Pyramid",
    "Segmenter",
    "TorchSegmenter",
    "build_network",
    "fetch_weights",
    "find_backbone",
    "find_weights",
    "load_model",
    "read_description",
    "save_package",
]

_HOMES = {
    "ModelDescription": "item",
    "NdviThreshold": "ndvi",
    "Network": "network",
    "Pyramid": "pyramid",
    "Segmenter": "segmenter",
    "TorchSegmenter": "segmenter",
    "build_network": "network",
    "fetch_weights": "fetching",
    "find_weights": "weights",
    "load_model": "package",
    "read_description": "package",
    "save_package": "package",
}


def __getattr__(name: str) -> object:
    import importlib

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)

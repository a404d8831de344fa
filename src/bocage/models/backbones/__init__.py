"""The backbones that a network can stand on, one small file per family.

Adding one is adding a file with a tuple ``BACKBONES``: it is found here. Importing this package does not import torch.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from bocage.errors import ModelError
from bocage.models.backbone import Backbone
from bocage.models.forest import FORESTS


def discover() -> Mapping[str, Backbone]:
    """Return the backbones of every file in this package by their names.

    Raises
    ------
    ModelError
        If two files give the same name.
    """
    found: dict[str, Backbone] = {}
    for module in pkgutil.iter_modules(__path__):
        entries: tuple[Backbone, ...] = importlib.import_module(f"{__name__}.{module.name}").BACKBONES
        for entry in entries:
            if entry.name in found:
                raise ModelError(f"two backbones are called {entry.name}", f"rename the one in {module.name}.py")
            found[entry.name] = entry
    return MappingProxyType(found)


BACKBONES: Mapping[str, Backbone] = discover()
"""The backbones by the name that ``training.runs.backbone`` takes."""


def find_backbone(name: str) -> Backbone:
    """Return the backbone of that name.

    Raises
    ------
    ModelError
        If there is none, or it is a forest.
    """
    if name in FORESTS:
        raise ModelError(
            f"{name!r} is no network: it has no weights to begin with and grows on the chips",
            f"run: bocage train --backbone {name}, or choose one of: {', '.join(BACKBONES)}",
        )
    if name not in BACKBONES:
        raise ModelError(f"{name!r} is not a backbone of Bocage", f"choose one of: {', '.join(BACKBONES)}")
    return BACKBONES[name]

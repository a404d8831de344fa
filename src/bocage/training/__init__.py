"""Training: chips become a model package that knows its score on ground that training never saw.

``train_models`` is the stage, ``train_run`` one run of it on any chips; ``pretrain`` makes a backbone from scenes
without labels. The submodules import torch and lightning; they are imported when a name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bocage.training.fitting import train_run
    from bocage.training.pretraining import pretrain
    from bocage.training.stage import train_models

__all__ = ["pretrain", "train_models", "train_run"]

_HOMES = {"pretrain": "pretraining", "train_models": "stage", "train_run": "fitting"}


def __getattr__(name: str) -> object:
    import importlib

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)

"""Training: chips become a model package that knows its score on ground that training never saw.

``train_models`` is the stage. The submodules import torch and lightning; they are imported when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bocage.training.fitting import train_models

__all__ = ["train_models"]


def __getattr__(name: str) -> object:
    if name != "train_models":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bocage.training.fitting import train_models

    return train_models

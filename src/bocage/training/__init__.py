"""Training: chips become a model package that knows its score on ground that training never saw.

``train_models`` is the stage, ``train_run`` one run of it on any chips. The submodules import torch and lightning; they
are imported when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bocage.training.fitting import train_models, train_run

__all__ = ["train_models", "train_run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bocage.training import fitting

    return getattr(fitting, name)

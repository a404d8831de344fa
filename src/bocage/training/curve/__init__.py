"""The learning curve: models compared on nested subsets of the annotations, and what the comparison can decide.

``run_benchmark`` trains what is missing and writes the table, the plot and the verdict. The submodules that train
import torch; they are imported when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bocage.training.curve.benchmark import run_benchmark

__all__ = ["run_benchmark"]


def __getattr__(name: str) -> object:
    if name != "run_benchmark":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bocage.training.curve.benchmark import run_benchmark

    return run_benchmark

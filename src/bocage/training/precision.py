"""The arithmetic of a run: 32 bits, or bfloat16 where the machine is faster at it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from bocage.settings import RunSettings

type Precision = Literal["32-true", "bf16-mixed"]


def choose_precision(run: RunSettings, network: nn.Module) -> Precision:
    """Return what Lightning calls the precision of a run.

    "auto" is bfloat16 on a GPU. On a processor it is so where that has instructions for bfloat16 and the network has no
    convolutions per channel (depthwise), which are slower in it; see decision 18 for the measurements. It depends on
    the kind of machine and the network only, never on a clock, so that a run goes on as it began wherever the
    processors are alike.
    """
    if run.precision != "auto":
        return "32-true" if run.precision == "32" else "bf16-mixed"
    kind = bfloat16_here()
    if kind == "graphics":
        return "bf16-mixed"
    return "bf16-mixed" if kind == "processor" and not _has_depthwise(network) else "32-true"


def bfloat16_here() -> Literal["graphics", "processor", "none"]:
    """Return what computes in bfloat16 on this machine: all that "auto" asks of it."""
    if torch.cuda.is_available():
        return "graphics"
    return "processor" if torch.cpu._is_avx512_bf16_supported() else "none"  # torch offers no public name for it


def _has_depthwise(network: nn.Module) -> bool:
    return any(
        isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1 for module in network.modules()
    )

"""The program with a stand-in for the network: a filter of a few lines, so that a process starts without torch.

What it maps has the same chips, blending, fusion, files and receipts as ever, so that a fault shows in the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

import bocage.models
from bocage.scenes import BANDS
from bocage.scenes.stretch import Method


@dataclass
class StandIn:
    """A mean over 9 pixels of a band difference, through a logistic; zeros beyond the edge, as a network has them."""

    bands: tuple[str, ...] = tuple(BANDS)
    resolution: float = 2.0
    digest: str = "5" * 64
    multiple: int = 4
    at_once: int = 1
    stretch: Method = "none"
    percentiles: tuple[float, float] = (0.005, 0.995)
    runtime: str = "scipy"

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the probability of each pixel; what is said of pixels that are not valid means nothing."""
        value = (images[:, 3].astype(np.float32) - images[:, 0]) / 128
        mean = uniform_filter(value, size=(0, 9, 9), mode="constant")
        probability: NDArray[np.float32] = (1 / (1 + np.exp(-4 * mean))).astype(np.float32)
        probability[~valid] = 1.0
        return probability


def load_stand_in(folder: Path | str, **_runtime: object) -> StandIn:  # noqa: ARG001 - as the loader of packages takes it
    """Return the stand-in, whatever lies in the folder and by whatever runtime."""
    return StandIn()


def stand_in_for_the_network() -> None:
    """Let this process load the stand-in where it would load a model package."""
    # Into the package's own names: asking for the true one first would import torch.
    vars(bocage.models)["load_model"] = load_stand_in


def program() -> None:
    """Run the command line with the stand-in."""
    from bocage.cli import main

    stand_in_for_the_network()
    main()

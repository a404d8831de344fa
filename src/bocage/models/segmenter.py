"""A trained network as mapping sees it: byte images in, probabilities out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bocage.errors import ModelError
from bocage.models.contract import MULTIPLE

if TYPE_CHECKING:
    from bocage.scenes.stretch import Method


@runtime_checkable
class Segmenter(Protocol):
    """Anything that tells the probability of woody vegetation per pixel."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Common names of the bands in the order that ``predict`` takes."""

    @property
    def resolution(self) -> float:
        """Metres per pixel that the model was trained at."""

    @property
    def stretch(self) -> Method:
        """How the scenes that it was trained on became bytes."""

    @property
    def percentiles(self) -> tuple[float, float]:
        """Low and high share of that stretch, 0 to 1, where it is "percentile"."""

    @property
    def digest(self) -> str:
        """SHA-256 that changes whenever predictions may change."""

    @property
    def multiple(self) -> int:
        """Edges of the images must be multiples of this."""

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return probabilities 0..1, (n, rows, columns), of images (n, bands, rows, columns).

        The value of an invalid pixel is meaningless. An image's result does not depend on its companions in the
        batch beyond floating point.
        """


class TorchSegmenter:
    """A network in evaluation mode, on the GPU where there is one.

    Raises
    ------
    ModelError
        From ``predict``, if the images have other bands or an edge that is not a multiple of ``multiple``.
    """

    multiple = MULTIPLE

    def __init__(
        self,
        network: nn.Module,
        *,
        bands: tuple[str, ...],
        resolution: float,
        digest: str,
        stretch: Method = "percentile",
        percentiles: tuple[float, float] = (0.005, 0.995),
    ) -> None:
        self.bands = bands
        self.resolution = resolution
        self.stretch = stretch
        self.percentiles = percentiles
        self.digest = digest
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = network.to(self._device).to(memory_format=torch.channels_last).eval()

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return probabilities 0..1, (n, rows, columns), of images (n, bands, rows, columns), uint8 0..255."""
        count, bands, rows, columns = images.shape
        if bands != len(self.bands):
            raise ModelError(
                f"images of {bands} bands do not suit this model, which takes {', '.join(self.bands)}",
                "give the bands by these names, in this order",
            )
        if rows % self.multiple or columns % self.multiple or valid.shape != (count, rows, columns):
            raise ModelError(
                f"images {images.shape} with validity {valid.shape} do not suit this model",
                f"give (n, bands, rows, columns) and (n, rows, columns), edges being multiples of {self.multiple}",
            )
        with torch.inference_mode():
            logit = self._network(_tensor(images).to(self._device), _tensor(valid).to(self._device))
            result: NDArray[np.float32] = torch.sigmoid(logit).float().cpu().numpy()
        return result


def _tensor(array: NDArray[np.generic]) -> torch.Tensor:
    # torch shares memory with numpy and warns about arrays that cannot be written to, such as those of a reader.
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))

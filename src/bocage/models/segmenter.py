"""A trained network as mapping sees it: byte images in, probabilities out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from bocage.files import digest_json
from bocage.models.contract import MULTIPLE, check_images
from bocage.models.runtimes import Precision, Runtime, RuntimeChoice, choose_runtime
from bocage.models.runtimes.torch import TorchRuntime

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

    @property
    def runtime(self) -> str:
        """What does the arithmetic, in words."""

    @property
    def at_once(self) -> int:
        """How many threads may ask for a prediction at once, and are to, so that the model never waits for the next."""

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return probabilities 0..1, (n, rows, columns), of images (n, bands, rows, columns).

        The value of an invalid pixel is meaningless. An image's result does not depend on its companions in the
        batch beyond floating point. It may be called from any thread, from ``at_once`` at a time.
        """


class TorchSegmenter:
    """A network of torch in a runtime.

    Parameters
    ----------
    runtime
        What runs the network; torch, as it is, where None: right for a network that still learns.

    Raises
    ------
    ModelError
        From ``predict``, if the images have other bands, are no bytes, or have an edge that is not a multiple of
        ``multiple``. No runtime sees them then: one of them would take floats of 0..1 for bytes of 0.
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
        runtime: Runtime | None = None,
    ) -> None:
        self.bands = bands
        self.resolution = resolution
        self.stretch = stretch
        self.percentiles = percentiles
        self.digest = digest
        self._network = network
        self._runtime = TorchRuntime(network) if runtime is None else runtime

    @property
    def runtime(self) -> str:
        """What does the arithmetic, in words."""
        return self._runtime.name

    @property
    def at_once(self) -> int:
        """How many predictions the runtime takes at once."""
        return self._runtime.at_once

    def prepare(self, choice: RuntimeChoice, *, precision: Precision = "32", edge: int = 512) -> TorchSegmenter:
        """Return the same model in a runtime for mapping; see :func:`bocage.models.runtimes.choose_runtime`."""
        return TorchSegmenter(
            self._network,
            bands=self.bands,
            resolution=self.resolution,
            # In 32 bits the map is the same wherever it is computed; in fewer it is another.
            digest=self.digest if precision == "32" else digest_json([self.digest, precision]),
            stretch=self.stretch,
            percentiles=self.percentiles,
            runtime=choose_runtime(self._network, choice, precision=precision, edge=edge),
        )

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return probabilities 0..1, (n, rows, columns), of images (n, bands, rows, columns), uint8 0..255."""
        check_images(images, valid, self.bands, self.multiple)
        return self._runtime.run(images, valid)

"""Runtimes: what does the arithmetic of a network. The package on disk is the same for all of them.

A runtime is made when a model is loaded. Whichever it is, an image gives the same probabilities within 2 of 255 in 32
bits, and exactly the same whatever else is in its batch; decision 21 has the measurements.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, Protocol

from bocage.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

type RuntimeChoice = Literal["auto", "torch", "openvino"]
type Precision = Literal["32", "bf16"]

_log = logging.getLogger("bocage")


class Runtime(Protocol):
    """A network that is ready to run on this machine."""

    @property
    def name(self) -> str:
        """Library, version, device and precision in words, for the log and the receipts."""

    @property
    def at_once(self) -> int:
        """How many threads are best to call ``run`` at once, so that the end of a call is hidden behind the next."""

    def run(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return probabilities 0..1, (n, rows, columns), of images (n, 4, rows, columns), uint8.

        May be called from any thread; calls beyond ``at_once`` wait for the others.
        """


def choose_runtime(
    network: nn.Module, choice: RuntimeChoice = "auto", *, precision: Precision = "32", edge: int = 512
) -> Runtime:
    """Return the runtime that a network runs fastest with on this machine, or the one that is asked for.

    The rule of "auto": torch where there is a GPU. Without one OpenVINO, where it is installed and takes the network;
    else torch, and the log says why.

    Parameters
    ----------
    network
        A network of Bocage, in evaluation mode from now on.
    precision
        Bits of the arithmetic. "bf16" is faster where the processor has it, and changes the map: by 1 of 255 or by 20,
        which depends on the network.
    edge
        Edge in pixels of the images to come. Others work too, and are prepared when they come.

    Raises
    ------
    MissingExtraError
        If OpenVINO is asked for and not installed.
    ModelError
        If the runtime that is asked for does not take the network or the precision.
    """
    import torch

    from bocage.models.runtimes.torch import TorchRuntime

    if choice == "torch" or (choice == "auto" and torch.cuda.is_available()):
        return TorchRuntime(network, precision=precision, compiled=True)
    try:
        from bocage.models.runtimes.openvino import OpenVinoRuntime  # an optional extra

        return OpenVinoRuntime(network, precision=precision, edge=edge)
    except ImportError as error:
        if choice == "openvino":
            raise MissingExtraError(
                'the runtime "openvino" needs OpenVINO, which is not installed',
                'pip install "bocage[openvino]", or set mapping.runtime to "torch"',
            ) from error
        _log.info('torch does the arithmetic; OpenVINO is faster on a processor: pip install "bocage[openvino]"')
    except ModelError as error:
        if choice == "openvino":
            raise
        _log.warning("torch does the arithmetic: %s", error.problem)
    return TorchRuntime(network, precision=precision, compiled=True)

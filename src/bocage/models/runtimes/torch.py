"""The runtime that is always there: torch, on the GPU where there is one."""

from __future__ import annotations

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bocage.models.network import channels_last
from bocage.models.runtimes import Precision


class TorchRuntime:
    """A network run by torch, channels last.

    On a processor one image at a time: a batch of four takes up to twice as long per image, since its maps do not fit
    into the caches. On a GPU a whole batch at a time.

    Parameters
    ----------
    network
        Moved to the device and set to evaluation.
    compiled
        Where whole batches are run, compile the network for their shape and replay it as CUDA graphs. Batches with
        fewer images are filled up, since every other shape would be compiled anew.
    whole
        Whether to run whole batches; by the device where None.
    """

    at_once = 1

    def __init__(
        self, network: nn.Module, *, precision: Precision = "32", compiled: bool = False, whole: bool | None = None
    ) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = channels_last(network.to(self._device)).eval()
        self._low = precision == "bf16"
        self._whole = self._device.type != "cpu" if whole is None else whole
        self._forward = self._probabilities
        self._largest = 0
        self._fills_up = self._whole and compiled
        if self._fills_up:
            self._forward = torch.compile(self._probabilities, mode="reduce-overhead", dynamic=False)
        self._lock = threading.Lock()
        where = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else "CPU"
        self.name = f"torch {torch.__version__.partition('+')[0]} on {where}, {precision.removeprefix('bf')} bits"

    def run(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the probabilities; see :class:`bocage.models.runtimes.Runtime`."""
        with self._lock, torch.inference_mode():
            if self._whole:
                return self._run_whole(images, valid)
            result = np.empty(valid.shape, dtype=np.float32)
            for image, inside, place in zip(images, valid, result, strict=True):
                place[...] = self._on_device(image[np.newaxis], inside[np.newaxis])[0]
        return result

    def _run_whole(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        count = len(images)
        self._largest = max(self._largest, count)
        if self._fills_up and count < self._largest:
            images = np.concatenate([images, np.zeros((self._largest - count, *images.shape[1:]), dtype=np.uint8)])
            valid = np.concatenate([valid, np.zeros((self._largest - count, *valid.shape[1:]), dtype=np.bool_)])
        return self._on_device(images, valid)[:count]

    def _on_device(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        probability = self._forward(_tensor(images).to(self._device), _tensor(valid).to(self._device))
        result: NDArray[np.float32] = probability.cpu().numpy()
        return result

    def _probabilities(self, images: Tensor, valid: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._low):
            logit: Tensor = self._network(images, valid)
        return torch.sigmoid(logit.float())


def _tensor(array: NDArray[np.generic]) -> Tensor:
    # torch shares memory with numpy and warns about arrays that cannot be written to, such as those of a reader.
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))

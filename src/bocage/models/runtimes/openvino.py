"""The runtime for processors without a GPU: OpenVINO, an optional extra.

The network is converted in memory when it is loaded: nothing is written, and nothing is fetched. OpenVINO's own
converter would report its use over the network, so the reader of traced networks beneath it is called instead.
"""

from __future__ import annotations

import os
import threading
import warnings
from importlib import metadata

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn

from bocage.errors import ModelError
from bocage.models.runtimes import Precision

_LANES = (4, 2)
"""How many images are under way at once, if the threads can be shared out evenly among them."""
_HINTS = {"32": "f32", "bf16": "bf16"}


class OpenVinoRuntime:
    """A network run by OpenVINO on the processor.

    Several images are under way at once, each in a lane of its own with its share of the threads: threads that work on
    images of their own need not wait for each other. A lane does the same arithmetic for an image whatever the others
    do. There are as many threads as ``OMP_NUM_THREADS`` says, or as torch takes.

    Parameters
    ----------
    edge
        Edge in pixels of the images to come; the network is compiled for that shape at once, and for others when they
        come.

    Raises
    ------
    ModelError
        If the network cannot be converted, or the processor does not have the precision.
    """

    def __init__(self, network: nn.Module, *, precision: Precision = "32", edge: int = 512) -> None:
        self._network = _Probabilities(network).to("cpu").eval()
        self._precision = precision
        self._core = ov.Core()
        self._queues: dict[tuple[int, ...], ov.AsyncInferQueue] = {}
        self._lock = threading.Lock()
        self.name = f"OpenVINO {metadata.version('openvino')} on CPU, {precision.removeprefix('bf')} bits"
        self._queue((edge, edge))

    def run(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the probabilities; see :class:`bocage.models.runtimes.Runtime`."""
        result = np.empty(valid.shape, dtype=np.float32)
        with self._lock:
            queue = self._queue(valid.shape[1:])
            images, valid = np.ascontiguousarray(images), np.ascontiguousarray(valid)
            for index in range(len(images)):
                one = slice(index, index + 1)
                queue.start_async([images[one], valid[one]], result[index], share_inputs=True)
            queue.wait_all()
        return result

    def _queue(self, shape: tuple[int, ...]) -> ov.AsyncInferQueue:
        if shape not in self._queues:
            self._queues[shape] = self._compile(shape)
        return self._queues[shape]

    def _compile(self, shape: tuple[int, ...]) -> ov.AsyncInferQueue:
        threads = _threads()
        lanes = next((lanes for lanes in _LANES if threads % lanes == 0), 1)
        compiled = self._core.compile_model(
            _convert(self._network, shape),
            "CPU",
            {
                "NUM_STREAMS": lanes,
                "INFERENCE_NUM_THREADS": threads,
                "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
                # Two workers that pin their threads pin them to the same cores.
                "ENABLE_CPU_PINNING": False,
            },
        )
        if self._precision == "bf16" and compiled.get_property("INFERENCE_PRECISION_HINT") != ov.Type.bf16:
            raise ModelError("this processor has no arithmetic in bf16", 'set mapping.precision to "32"')
        queue = ov.AsyncInferQueue(compiled, lanes)
        queue.set_callback(_take)
        return queue


class _Probabilities(nn.Module):
    """A network with the last step: from the logit to the probability."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        """Return probabilities (n, rows, columns)."""
        return torch.sigmoid(self.network(images, valid))


def _take(request: ov.InferRequest, place: NDArray[np.float32]) -> None:
    place[...] = request.get_output_tensor(0).data[0]


def _convert(network: nn.Module, shape: tuple[int, ...]) -> ov.Model:
    """Return a network as OpenVINO's own, for one image of a fixed shape."""
    images = torch.zeros((1, 4, *shape), dtype=torch.uint8)
    valid = torch.ones((1, *shape), dtype=torch.bool)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # The checks of the input contract are not part of what is traced, and tracing is to be replaced some day.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(network, (images, valid), check_trace=False)  # type: ignore[no-untyped-call]
            # The reader hands back to the decoder while it converts: it must outlive the conversion.
            decoder = TorchScriptPythonDecoder(traced)
            reader = FrontEndManager().load_by_framework("pytorch")
            model = reader.convert(reader.load(decoder))
            model.reshape({0: list(images.shape), 1: list(valid.shape)})
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"OpenVINO does not take this network: {str(error).splitlines()[0]}", 'set mapping.runtime to "torch"'
        ) from error
    return model


def _threads() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(told) if told.isdigit() and int(told) else torch.get_num_threads()

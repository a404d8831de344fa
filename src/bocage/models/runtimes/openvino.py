"""The runtime for processors without a GPU: OpenVINO, an optional extra.

The network is converted in memory when it is loaded: nothing is written, and nothing is fetched. OpenVINO's own
converter would report its use over the network, so the reader of traced networks beneath it is called instead.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from contextlib import suppress
from importlib import metadata
from itertools import cycle
from queue import SimpleQueue

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
"""How many images the arithmetic works on at once, if the threads can be shared out evenly among them."""
_HINTS = {"32": "f32", "bf16": "bf16"}


class OpenVinoRuntime:
    """A network run by OpenVINO on the processor.

    Several images are under way at once, each in a lane of its own with its share of the threads: threads that work on
    images of their own need not wait for each other. A lane does the same arithmetic for an image whatever the others
    do. There are as many threads as ``OMP_NUM_THREADS`` says, or as torch takes. Two calls at once keep all lanes busy:
    the images of one stand behind those of the other, so that no lane is idle at the end of a call.

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

    at_once = 2

    def __init__(self, network: nn.Module, *, precision: Precision = "32", edge: int = 512) -> None:
        self._network = _Probabilities(network).to("cpu").eval()
        self._precision = precision
        self._core = ov.Core()
        self._callers: dict[tuple[int, ...], SimpleQueue[list[ov.InferRequest]]] = {}
        self._lock = threading.Lock()
        self.name = f"OpenVINO {metadata.version('openvino')} on CPU, {precision.removeprefix('bf')} bits"
        self._requests((edge, edge))

    def run(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the probabilities; see :class:`bocage.models.runtimes.Runtime`."""
        images, valid = np.ascontiguousarray(images), np.ascontiguousarray(valid)
        result = np.empty(valid.shape, dtype=np.float32)
        callers = self._requests(valid.shape[1:])
        requests = callers.get()
        started: deque[tuple[ov.InferRequest, NDArray[np.float32]]] = deque()
        try:
            for index, request in zip(range(len(images)), cycle(requests), strict=False):
                if len(started) == len(requests):
                    _take(*started.popleft())
                one = slice(index, index + 1)
                request.start_async([images[one], valid[one]], share_inputs=True)
                started.append((request, result[index]))
            while started:
                _take(*started.popleft())
        finally:
            for request, _ in started:  # after an error: the arrays must outlive what reads them
                with suppress(RuntimeError):
                    request.wait()
            callers.put(requests)
        return result

    def _requests(self, shape: tuple[int, ...]) -> SimpleQueue[list[ov.InferRequest]]:
        """Return the requests for images of a shape: a list for each of the callers that there may be at once."""
        with self._lock:
            if shape not in self._callers:
                self._callers[shape] = self._compile(shape)
            return self._callers[shape]

    def _compile(self, shape: tuple[int, ...]) -> SimpleQueue[list[ov.InferRequest]]:
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
        callers: SimpleQueue[list[ov.InferRequest]] = SimpleQueue()
        for _ in range(self.at_once):
            callers.put([compiled.create_infer_request() for _ in range(lanes)])
        return callers


class _Probabilities(nn.Module):
    """A network with the last step: from the logit to the probability."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        """Return probabilities (n, rows, columns)."""
        return torch.sigmoid(self.network(images, valid))


def _take(request: ov.InferRequest, place: NDArray[np.float32]) -> None:
    request.wait()
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

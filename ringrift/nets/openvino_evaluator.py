"""The network by OpenVINO on a CPU (pip install 'ringrift[openvino]').

The network goes there as an ONNX file: OpenVINO's own conversion of torch modules sends statistics of use to its
makers unless told not to, and reading a file does not.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ringrift.nets.backend import Backend
from ringrift.nets.evaluator import Answer, HostEvaluator
from ringrift.nets.network import Network
from ringrift.nets.onnx_file import onnx_bytes
from ringrift.nets.presence import require
from ringrift.nets.readout import Readout, output_shapes

#: Our names of number formats -> OpenVINO's.
PRECISION: Final = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


class OpenvinoEvaluator(HostEvaluator):
    """Asks a network by OpenVINO, which reads and writes our buffers without a copy."""

    def __init__(self, net: Network, backend: Backend) -> None:
        """Make the network ready; takes less than a second. BadInput where OpenVINO is not installed."""
        require(backend.kind)
        import openvino

        super().__init__(net.config, backend, Readout.allocate(net.config, backend.batch))
        core = openvino.Core()
        model = core.read_model(onnx_bytes(net, backend.batch), b"")
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": PRECISION[backend.dtype],
            "INFERENCE_NUM_THREADS": backend.threads,
            # One batch at a time: all threads work on it.
            "NUM_STREAMS": 1,
            # Two workers that pin their thread to the first core would share it.
            "ENABLE_CPU_PINNING": False,
        }
        self._said: list[NDArray[np.float32]] = [
            np.zeros(shape, np.float32) for shape in output_shapes(net.config, backend.batch)
        ]
        self._request = core.compile_model(model, "CPU", options).create_infer_request()
        for i, array in enumerate((self.readout.planes, self.readout.scalars)):
            self._request.set_input_tensor(i, openvino.Tensor(array, shared_memory=True))
        for i, array in enumerate(self._said):
            self._request.set_output_tensor(i, openvino.Tensor(array, shared_memory=True))

    def start(self) -> None:
        """Infer; see `NetworkEvaluator.start`."""
        self._request.infer()

    def _answer(self) -> Answer:
        policy, tail, value = self._said
        return policy, tail, value

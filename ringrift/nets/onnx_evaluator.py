"""The network by ONNX Runtime on a CPU (pip install 'ringrift[onnx]')."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ringrift.nets.backend import Backend
from ringrift.nets.evaluator import Answer, HostEvaluator
from ringrift.nets.network import Network
from ringrift.nets.onnx_file import INPUTS, OUTPUTS, onnx_bytes
from ringrift.nets.presence import require
from ringrift.nets.readout import Readout, output_shapes


class OnnxEvaluator(HostEvaluator):
    """Asks a network by ONNX Runtime, which reads and writes our buffers without a copy. float32 only."""

    def __init__(self, net: Network, backend: Backend) -> None:
        """Make the network ready; takes half a second. BadInput where ONNX Runtime is not installed."""
        require(backend.kind)
        import onnxruntime

        super().__init__(net.config, backend, Readout.allocate(net.config, backend.batch))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = backend.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        # Threads that wait by spinning take the cores of other workers.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            onnx_bytes(net, backend.batch), options, providers=["CPUExecutionProvider"]
        )
        self._said: list[NDArray[np.float32]] = [
            np.zeros(shape, np.float32) for shape in output_shapes(net.config, backend.batch)
        ]
        self._binding = self._session.io_binding()
        for name, array in zip(INPUTS, (self.readout.planes, self.readout.scalars), strict=True):
            self._binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in zip(OUTPUTS, self._said, strict=True):
            self._binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def start(self) -> None:
        """Run the session; see `NetworkEvaluator.start`."""
        self._session.run_with_iobinding(self._binding)

    def _answer(self) -> Answer:
        policy, tail, value = self._said
        return policy, tail, value

"""The network by torch on a CUDA device, in half precision, beside the processor.

Everything of one batch is queued on the evaluator's own stream, and `submit` returns::

    pinned planes, scalars ─ copy ─▶ static inputs ─ graph of the network ─▶ static outputs ─▶ logits of legal actions
        ─ copy ─▶ pinned logits and values, event

The whole policy of a batch would be megabytes; the legal actions are a hundredth of it and are picked out on the device.

`wait` waits for the event. Two evaluators, two streams: the processor steps the games of one while the device has the
other's batch (`ringrift.selfplay.lanes`). One process uses one device, the first that CUDA_VISIBLE_DEVICES shows it.

The network's kernels are captured once as a CUDA graph and replayed with one launch; where the capture fails they are
launched one by one, to the same effect.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from ringrift.nets.backend import Backend
from ringrift.nets.buffer_network import BufferNetwork
from ringrift.nets.evaluator import NetworkEvaluator
from ringrift.nets.network import Network
from ringrift.nets.presence import require
from ringrift.nets.readout import Readout, input_shapes, output_shapes
from ringrift.nets.torch_evaluator import TORCH_DTYPES

log = structlog.get_logger(__name__)

#: Runs before a capture: cuDNN and the allocator settle within them.
WARM_UP = 3


class CudaEvaluator(NetworkEvaluator):
    """Asks a network on a GPU."""

    def __init__(self, net: Network, backend: Backend) -> None:
        """Make the network ready; takes seconds, most of them for CUDA itself. BadInput where there is no device."""
        require(backend.kind)
        rows = backend.batch
        ins, outs = input_shapes(net.config, rows), output_shapes(net.config, rows)
        # The kernels write into pinned memory, from which the device fetches by itself.
        self._host_in = [torch.zeros(shape).pin_memory() for shape in ins]
        self._host_value = torch.zeros(outs[2]).pin_memory()
        self._allocate(rows * 64)
        planes, scalars = (tensor.numpy() for tensor in self._host_in)
        super().__init__(net.config, backend, Readout(net.config, planes, scalars))
        self._device = torch.device("cuda", torch.cuda.current_device())
        self._stream = torch.cuda.Stream(self._device)
        self._done = torch.cuda.Event()
        self._in = [torch.zeros(shape, device=self._device) for shape in ins]
        whole = BufferNetwork(net, TORCH_DTYPES[backend.dtype]).to(self._device)
        (self._policy, self._tail, self._value), self._run = self._captured(whole)

    def _allocate(self, logits: int) -> None:
        """Pinned room for so many logits and their places."""
        self._host_places = torch.zeros(logits, dtype=torch.int64).pin_memory()
        self._host_logits = torch.zeros(logits).pin_memory()

    def _captured(
        self, whole: BufferNetwork
    ) -> tuple[tuple[torch.Tensor, ...], Callable[[], object]]:
        """Static outputs, and what computes them from the static inputs."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            for _ in range(WARM_UP):
                out = tuple(whole(*self._in))
            self._stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            try:
                # Other threads may go on with their own streams meanwhile.
                with torch.cuda.graph(
                    graph, stream=self._stream, capture_error_mode="thread_local"
                ):
                    static = tuple(whole(*self._in))
            except RuntimeError as error:
                log.warning("no CUDA graph: kernels are launched one by one", reason=str(error))
                torch.cuda.synchronize(self._device)
            else:
                return static, graph.replay

        def run() -> None:
            for target, found in zip(out, whole(*self._in), strict=True):
                target.copy_(found)

        return out, run

    def start(self) -> None:
        """Queue the batch on the stream; see `NetworkEvaluator.start`."""
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            for device, host in zip(self._in, self._host_in, strict=True):
                device.copy_(host, non_blocking=True)
            self._run()
            asked = self.readout.asked
            if asked > len(self._host_logits):
                self._allocate(2 * asked)
            self.readout.places(self._host_places[:asked].numpy())  # while the device computes
            places = self._host_places[:asked].to(self._device, non_blocking=True)
            flat = torch.cat((self._policy.flatten(), self._tail.flatten()))
            self._host_logits[:asked].copy_(flat.index_select(0, places), non_blocking=True)
            self._host_value.copy_(self._value, non_blocking=True)
            self._done.record(self._stream)

    def read(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Wait for the stream; see `NetworkEvaluator.read`."""
        self._done.synchronize()
        values = self.readout.read_values(self._host_value.numpy())
        return self._host_logits[: self.readout.asked].numpy(), values

"""The network by torch on a CUDA device, in half precision."""

from __future__ import annotations

import torch

from ringrift.errors import BadInput
from ringrift.nets.backend import Backend
from ringrift.nets.evaluator import Answer, NetworkEvaluator
from ringrift.nets.network import Network, PlayNetwork
from ringrift.nets.readout import Readout, input_shapes
from ringrift.nets.torch_evaluator import TORCH_DTYPES, frozen


class CudaEvaluator(NetworkEvaluator):
    """Asks a network on a GPU."""

    def __init__(self, net: Network, backend: Backend) -> None:
        """Make the network ready; BadInput where there is no device."""
        if not torch.cuda.is_available():
            raise BadInput("backend torch-cuda: torch sees no CUDA device here")
        shapes = input_shapes(net.config, backend.batch)
        self._host = tuple(torch.zeros(shape).pin_memory() for shape in shapes)
        planes, scalars = self._host
        super().__init__(net.config, backend, Readout(net.config, planes.numpy(), scalars.numpy()))
        self._dtype = TORCH_DTYPES[backend.dtype]
        play = PlayNetwork.of(net).to("cuda", self._dtype)
        self._run = frozen(play.to(memory_format=torch.channels_last), *self._inputs())
        self._said: tuple[torch.Tensor, ...] = ()

    def _inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        planes, scalars = (t.to("cuda", self._dtype, non_blocking=True) for t in self._host)
        return planes.permute(0, 3, 1, 2), scalars

    def _start(self) -> None:
        with torch.inference_mode():
            self._said = self._run(*self._inputs())

    def _answer(self) -> Answer:
        policy, tail, value = (part.float().cpu().numpy() for part in self._said)
        return policy, tail, value

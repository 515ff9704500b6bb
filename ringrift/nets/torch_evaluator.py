"""The network by torch on a CPU: a frozen TorchScript, channels-last, in bfloat16 or float32."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import torch

from ringrift.nets.backend import Backend
from ringrift.nets.evaluator import Answer, HostEvaluator
from ringrift.nets.network import Network, PlayNetwork
from ringrift.nets.readout import Readout

TORCH_DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def _frozen(play: PlayNetwork, planes: torch.Tensor, scalars: torch.Tensor) -> Any:
    """The network as frozen TorchScript for inputs of this shape, dtype and memory layout; after its warm-up."""
    with torch.inference_mode(), warnings.catch_warnings():
        # TorchScript is deprecated in favour of torch.compile, which needs a C++ compiler at run time.
        warnings.simplefilter("ignore", DeprecationWarning)
        run = torch.jit.freeze(torch.jit.trace(play, (planes, scalars), check_trace=False).eval())
        for _ in range(3):  # the profiling executor settles within two calls
            run(planes, scalars)
    return run


class TorchEvaluator(HostEvaluator):
    """Asks a network by torch on the CPU.

    Sets torch's number of compute threads for the whole process: one per worker is what a machine full of
    workers wants.
    """

    def __init__(self, net: Network, backend: Backend) -> None:
        """Make the network ready; takes about a second."""
        super().__init__(net.config, backend, Readout.allocate(net.config, backend.batch))
        self._take_threads()
        self._dtype = TORCH_DTYPES[backend.dtype]
        self._planes = torch.from_numpy(self.readout.planes)
        self._scalars = torch.from_numpy(self.readout.scalars)
        play = PlayNetwork.of(net).to(dtype=self._dtype).to(memory_format=torch.channels_last)
        self._run = _frozen(play, *self._inputs())
        self._said: tuple[torch.Tensor, ...] = ()

    def _inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Both inputs as the network wants them; the planes keep their channels-last memory."""
        return self._planes.to(self._dtype).permute(0, 3, 1, 2), self._scalars.to(self._dtype)

    def _take_threads(self) -> None:
        """The number is the whole process's, and another evaluator may have set it meanwhile."""
        if torch.get_num_threads() != self.backend.threads:
            torch.set_num_threads(self.backend.threads)

    def start(self) -> None:
        """Run the network; see `NetworkEvaluator.start`."""
        self._take_threads()
        with torch.inference_mode():
            self._said = self._run(*self._inputs())

    def _answer(self) -> Answer:
        policy, tail, value = self._said
        if policy.dtype == torch.bfloat16:
            grid = policy.view(torch.int16).numpy().view(np.uint16)
        else:
            grid = policy.numpy()
        return grid, tail.numpy(), value.numpy()

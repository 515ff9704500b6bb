"""The network by torch on a CPU: a frozen TorchScript, channels-last, in bfloat16 or float32."""

from __future__ import annotations

import io
import warnings
from typing import Any, Final

import numpy as np
import torch

from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.backend import Backend
from ringrift.nets.evaluator import Answer, HostEvaluator
from ringrift.nets.network import Network, PlayNetwork
from ringrift.nets.readout import Readout

TORCH_DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


#: Traced networks by what decides their program: config, architecture, dtype, positions of a batch.
_programs: dict[tuple[Config, Arch, torch.dtype, int], bytes] = {}


def _frozen(play: PlayNetwork, planes: torch.Tensor, scalars: torch.Tensor) -> Any:
    """The network as frozen TorchScript for inputs of this shape, dtype and memory layout; after its warm-up.

    Traced once for all networks of its kind: whatever is traced stays in memory until the process ends, weights
    included, and a worker plays with one network after the other for weeks. A program that is read again lives and goes
    with its evaluator, and is there in half the time.
    """
    with torch.inference_mode(), warnings.catch_warnings():
        # TorchScript is deprecated in favour of torch.compile, which needs a C++ compiler at run time.
        warnings.simplefilter("ignore", DeprecationWarning)
        kind = (play.config, play.arch, planes.dtype, planes.shape[0])
        if kind not in _programs:
            traced = torch.jit.trace(play, (planes, scalars), check_trace=False)
            _programs[kind] = _saved(traced)
        program = torch.jit.load(io.BytesIO(_programs[kind])).eval()
        weights = {**dict(program.named_parameters()), **dict(program.named_buffers())}
        for name, values in play.state_dict().items():
            weights[name].copy_(values)
        run = torch.jit.freeze(program)
        for _ in range(3):  # the profiling executor settles within two calls
            run(planes, scalars)
    return run


def _saved(program: torch.jit.ScriptModule) -> bytes:
    """A program as `torch.jit.load` reads it."""
    buffer = io.BytesIO()
    torch.jit.save(program, buffer)
    return buffer.getvalue()


class TorchEvaluator(HostEvaluator):
    """Asks a network by torch on the CPU.

    Sets torch's number of compute threads for the whole process: one per worker is what a machine full of
    workers wants.
    """

    def __init__(self, net: Network, backend: Backend) -> None:
        """Make the network ready; takes a fraction of a second."""
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

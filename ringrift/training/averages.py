"""The averaged weights: what is saved and what plays."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of a network's weights and norm statistics (float32)."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        """Start from the network as it is."""
        self.decay = decay
        #: name -> average; only floating point entries of the state.
        self.tensors: dict[str, Tensor] = {
            name: value.detach().clone()
            for name, value in net.state_dict().items()
            if value.is_floating_point()
        }

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take in the weights after step number `step` (from 0).

        The first steps are averaged over a shorter time, so that the start weights fade as fast as they would in
        a plain mean.
        """
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        state = net.state_dict()
        for name, average in self.tensors.items():
            average.lerp_(state[name], 1.0 - decay)

    def copy_to(self, net: nn.Module) -> None:
        """Give the averages to a network of the same shape."""
        net.load_state_dict(self.tensors, strict=False)

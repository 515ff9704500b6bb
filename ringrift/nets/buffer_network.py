"""The network between the buffers of a `Readout`: what is handed to programs other than torch, and to a GPU whole.

The change of layout and of number format is a part of it, so that whoever computes it reads the very memory that
the kernels wrote.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ringrift.nets.network import Network, PlayNetwork


class BufferNetwork(nn.Module):
    """A `PlayNetwork` with inputs and outputs as they lie in memory."""

    def __init__(self, net: Network, dtype: torch.dtype = torch.float32) -> None:
        """Compute what `net` computes in evaluation mode, in numbers of `dtype`."""
        super().__init__()
        self.play = PlayNetwork.of(net).to(dtype=dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype
        self.eval()

    def forward(self, planes: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """float32 [B, S, S, F], [B, K] -> float32 policy [B, S, S, Q], tail [B, 2], value [B, P]."""
        policy, tail, value = self.play(
            planes.permute(0, 3, 1, 2).to(self.dtype), scalars.to(self.dtype)
        )
        return policy.float(), tail, value

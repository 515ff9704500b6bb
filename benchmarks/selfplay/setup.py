"""What is measured: a config, a network, a backend, a budget."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.backend import Backend
from ringrift.nets.checkpoint import init_model, load_model
from ringrift.nets.choice import dtype_of, named_backend
from ringrift.nets.evaluator import NetworkEvaluator
from ringrift.nets.evaluators import make_evaluator
from ringrift.nets.network import Network
from ringrift.nets.presence import require
from ringrift.rules.game import opening
from ringrift.selfplay.lanes import Lanes, has_device, lane_width, make_pool
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool

#: The network that the bars are for.
CHANNELS, BLOCKS = 64, 6


@dataclass(frozen=True, slots=True)
class Setup:
    """One thing to measure; plain data, so that it can be sent to other processes."""

    #: BOARD:PLAYERS.
    config: str
    #: Budget of every decision, without fast searches.
    simulations: int = 64
    #: Games side by side.
    slots: int = 64
    #: One of `ringrift.nets.choice.WISHES` but "auto".
    backend: str = "torch"
    #: File of a network; None: a drawn one of CHANNELS x BLOCKS.
    model: str | None = None
    #: Where torch computes, "cpu" or "cuda": a machine with a GPU has both, and both can be measured there.
    device: str = "cpu"

    def network(self) -> Network:
        """The network; a drawn one speaks of every position as differently as a trained one."""
        config = Config.parse(self.config)
        if self.model is not None:
            return load_model(Path(self.model), config).net
        net = init_model(config, Arch(channels=CHANNELS, blocks=BLOCKS), 1)
        random = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for block in net.blocks:
                block.second.norm.weight.fill_(0.5)  # type: ignore[union-attr]
            for head in (net.policy_out, net.value_out, net.tail_out):
                bound = (6.0 / head.weight[0].numel()) ** 0.5
                head.weight.uniform_(-bound, bound, generator=random)
        return net

    def backend_of(self, rows: int) -> Backend:
        """The backend for batches of so many positions, one compute thread; BadInput where it cannot run here."""
        if self.backend != "torch":
            return named_backend(self.backend, rows)
        kind = f"torch-{self.device}"
        require(kind)
        return Backend(kind, dtype_of(kind), rows)

    def parameters(self) -> SelfplayParameters:
        """Selfplay with the same budget everywhere."""
        return SelfplayParameters(
            simulations=self.simulations, fast_simulations=self.simulations, slots=self.slots
        )

    def pool(self, net: Network) -> tuple[SelfplayPool | Lanes, list[NetworkEvaluator]]:
        """Pool and evaluators as a shard has them: two lanes where the network has a device of its own."""
        lanes = 2 if has_device(self.backend_of(1).kind) else 1
        backend = self.backend_of(lane_width(self.slots, lanes))
        evaluators = [make_evaluator(net, backend) for _ in range(lanes)]
        start = opening(Config.parse(self.config))
        return make_pool(evaluators, start, self.parameters(), threads=False), evaluators

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return asdict(self)

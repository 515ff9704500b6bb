"""Agents with a network: the prior alone, or Gumbel search over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.evaluators import evaluator_of
from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backends import default_backend
from ringrift.nets.checkpoint import load_model
from ringrift.rules.boards import tables
from ringrift.search.gumbel import SearchPool
from ringrift.search.kernels.prior import choose_prior

#: Games that a match searches side by side: the width of its network batches.
BATCH = 64


class NetworkAgent:
    """`gumbel-mcts` and `policy-only` over the weights that its spec names."""

    def __init__(self, spec: AgentSpec, config: Config, model_path: Path) -> None:
        """Load the weights; raises BadInput when they are broken or not those of the spec."""
        model = load_model(model_path, config)
        if model.sha256 != spec.model_sha256:
            raise BadInput(
                f"{model_path} holds model {model.sha256[:12]}, the agent is {spec.identity}"
            )
        self.spec = spec
        self.config = config
        self.evaluator = evaluator_of(model.net, default_backend(BATCH))
        self._pool: SearchPool | None = None
        if spec.simulations is not None:
            self._pool = SearchPool(
                self.evaluator,
                [spec.simulations],
                spec.max_considered,
                spec.c_visit,
                spec.c_scale,
                rule=spec.rule,
            )

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return one action per game, without noise; see `Agent.choose`."""
        states = np.ascontiguousarray(states)
        if self._pool is not None:
            return self._pool.search(states, seeds)[0]
        actions = np.empty(len(states), np.int32)
        for first in range(0, len(states), BATCH):
            part = states[first : first + BATCH]
            logits, _ = self.evaluator.evaluate(part)
            choose_prior(part, tables(self.config.board), logits, actions[first : first + BATCH])
        return actions

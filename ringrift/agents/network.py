"""Agents with a network: the prior alone, or Gumbel search over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.evaluators import load_evaluator, pool_of
from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.rules.legal import legal_of
from ringrift.search.gumbel import SearchPool
from ringrift.search.kernels.prior import choose_prior

#: Games that a match searches side by side: the width of its network batches.
BATCH = 64


class NetworkAgent:
    """`gumbel-mcts` and `policy-only` over the weights that its spec names."""

    def __init__(self, spec: AgentSpec, config: Config, model_path: Path) -> None:
        """Load the weights; raises BadInput when they are broken or not those of the spec."""
        self.spec = spec
        self.config = config
        self.evaluator = load_evaluator(spec, config, model_path, BATCH)
        self._pool: SearchPool | None = None
        if spec.simulations is not None:
            self._pool = pool_of(spec, self.evaluator, [spec.simulations])

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return one action per game, without noise; see `Agent.choose`."""
        states = np.ascontiguousarray(states)
        if self._pool is not None:
            return self._pool.search(states, seeds)[0]
        actions = np.empty(len(states), np.int32)
        for first in range(0, len(states), BATCH):
            part = states[first : first + BATCH]
            legal = legal_of(self.config, part)
            logits, _ = self.evaluator.evaluate(part, legal)
            choose_prior(*legal, logits, actions[first : first + BATCH])
        return actions

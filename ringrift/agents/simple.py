"""Agents without a network: uniformly random, and one ply ahead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.rules.boards import tables
from ringrift.rules.kernels.play import choose_uniform
from ringrift.search.kernels.heuristic import choose_greedy


class RandomAgent:
    """Uniform over the complete legal list."""

    def __init__(self, spec: AgentSpec, config: Config) -> None:
        """Play one configuration."""
        self.spec = spec
        self.config = config

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return one random move per game; see `Agent.choose`."""
        codes = np.empty(len(states), np.int32)
        games = np.arange(len(states))
        choose_uniform(states, games, tables(self.config.board), seeds, codes)
        return codes


class HeuristicAgent:
    """The move after which `search/kernels/heuristic.py` likes the position best."""

    def __init__(self, spec: AgentSpec, config: Config) -> None:
        """Play one configuration."""
        self.spec = spec
        self.config = config

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the greedy move per game; see `Agent.choose`."""
        codes = np.empty(len(states), np.int32)
        games = np.arange(len(states))
        choose_greedy(states, games, tables(self.config.board), seeds, codes)
        return codes

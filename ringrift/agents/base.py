"""What an agent is."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config


class Agent(Protocol):
    """Chooses moves in many games at once."""

    spec: AgentSpec
    config: Config

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Choose one legal move or action per game; depends on nothing but states and seeds.

        states: uint16[n, 6, N], a decision due in each; seeds: uint64[n]. Returns int32[n].
        """
        ...

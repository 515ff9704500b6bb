"""`gumbel-mcts` with a time for each decision, as an `Agent`: one position after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.clock import Clock, Limits
from ringrift.agents.searching import FIRST_NODES, NetworkThinker, Noise
from ringrift.agents.spec import AgentSpec
from ringrift.agents.thought import Info
from ringrift.configs import Config
from ringrift.nets.backend import Backend


class TimedAgent:
    """Thinks as `NetworkThinker` does; what it plays depends on the machine and its load."""

    def __init__(
        self, spec: AgentSpec, config: Config, model_path: Path, backend: Backend | None = None
    ) -> None:
        """Load the weights; raises BadInput when they are broken or not those of the spec.

        backend: as for `load_evaluator`.
        """
        assert spec.milliseconds is not None
        self.spec = spec
        self.config = config
        self._limits = Limits(seconds=spec.milliseconds / 1000)
        self._thinker = NetworkThinker(spec, config, model_path, FIRST_NODES, backend)

    def thoughts(
        self, states: NDArray[np.uint16], noises: Sequence[Noise]
    ) -> Iterator[tuple[int, Info]]:
        """Think about one position after the other: action, and what the search said last.

        states: uint16[n, 6, N]; noises: one for each.
        """
        for g, noise in enumerate(noises):
            clock = Clock(self._limits)
            thought = self._thinker.search(states[g : g + 1].copy(), clock, 1.0, noise)
            said = None
            while True:
                try:
                    step = next(thought)
                except StopIteration as end:
                    assert said is not None, "a thought ends with what it found"
                    yield int(end.value), said
                    break
                said = step if isinstance(step, Info) else said

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the action found within the time per game, without noise; see `Agent.choose`."""
        still = [Noise()] * len(seeds)
        return np.fromiter((a for a, _ in self.thoughts(states, still)), np.int32, len(states))

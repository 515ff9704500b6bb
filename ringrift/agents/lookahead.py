"""Agents that look ahead without a network: rollouts, and alpha-beta.

Each answers for many games at once as an `Agent`, one after the other, and for one position in slices as a `Thinker`.
With the budget of its spec both give the same answer.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.clock import Clock
from ringrift.agents.spec import BUDGETS, AgentSpec
from ringrift.agents.thought import Info, Thought, seed_of
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.search.minimax import MOST_DEPTH, MinimaxSearch
from ringrift.search.uct import UctSearch

#: Rollouts, and positions of alpha-beta, of one slice of thinking: some milliseconds.
SLICE_ROLLOUTS: Final = 64
SLICE_NODES: Final = 4096
#: Rollouts between two reports; deeper searches of minimax are reported one by one.
REPORT_EVERY: Final = 1024
#: Most rollouts where the time decides, and positions where nothing else does.
MOST_ROLLOUTS: Final = BUDGETS["rollouts"][3]
MOST_NODES: Final = BUDGETS["nodes"][3]


class MctsAgent:
    """Monte Carlo tree search with rollouts; see search/uct.py."""

    def __init__(self, spec: AgentSpec, config: Config) -> None:
        """Play one configuration with the rollouts of the spec."""
        self.spec = spec
        self.config = config
        assert spec.rollouts is not None
        self.rollouts = spec.rollouts
        self._search = UctSearch(config, self.rollouts)

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the action that was tried most per game; see `Agent.choose`."""
        states = np.ascontiguousarray(states)
        actions = np.empty(len(states), np.int32)
        for g, seed in enumerate(seeds.tolist()):
            self._search.begin(states, g, seed)
            self._search.run(self.rollouts)
            actions[g] = self._search.action()
        return actions


class MinimaxAgent:
    """Alpha-beta by iterative deepening; see search/minimax.py."""

    def __init__(self, spec: AgentSpec, config: Config) -> None:
        """Play one configuration within depth and nodes of the spec."""
        self.spec = spec
        self.config = config
        self._search = MinimaxSearch(config)

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the best action per game; see `Agent.choose`."""
        states = np.ascontiguousarray(states)
        depth, nodes = self.spec.depth or MOST_DEPTH, self.spec.nodes or MOST_NODES
        actions = np.empty(len(states), np.int32)
        for g, seed in enumerate(seeds.tolist()):
            self._search.begin(states, g, seed)
            actions[g] = self._search.search(depth, nodes)
        return actions


def _limited(clock: Clock) -> bool:
    """Whether something beside a number of nodes says when to stop."""
    limits = clock.limits
    return limits.seconds is not None or limits.depth is not None or limits.infinite


class MctsThinker:
    """`mcts`, one position at a time; nodes are rollouts."""

    def __init__(self, spec: AgentSpec, config: Config, seed: int) -> None:
        """Think with the rollouts of the spec where no limit is named; the seed decides all rollouts."""
        self.spec = spec
        self.config = config
        self.seed = seed
        self._search: UctSearch | None = None
        self._room = 0

    def _budget(self, clock: Clock) -> int:
        if clock.limits.nodes is not None:
            if clock.limits.nodes > MOST_ROLLOUTS:
                raise BadInput(f"nodes is {clock.limits.nodes}: expected at most {MOST_ROLLOUTS}")
            return clock.limits.nodes
        assert self.spec.rollouts is not None
        return MOST_ROLLOUTS if _limited(clock) else self.spec.rollouts

    def decide(self, states: NDArray[np.uint16], clock: Clock, share: float) -> Thought:
        """Roll out until the budget or the time is used up; see `Thinker.decide`."""
        budget = self._budget(clock)
        if self._search is None or self._room < budget:
            self._search, self._room = UctSearch(self.config, budget), budget
        search = self._search
        search.begin(states, 0, seed_of(self.config, states, self.seed))
        done = 0
        while done < budget:
            made = search.run(min(SLICE_ROLLOUTS, budget - done))
            done += made
            deep = clock.limits.depth is not None and len(search.line()) >= clock.limits.depth
            if made == 0 or deep or clock.expired(share):
                break
            yield _rollouts_so_far(search, done) if done % REPORT_EVERY == 0 else None
        yield _rollouts_so_far(search, done)
        return search.action()


def _rollouts_so_far(search: UctSearch, done: int) -> Info:
    line = search.line()
    return Info(len(line), done, line)


class MinimaxThinker:
    """`minimax`, one position at a time; nodes are positions made."""

    def __init__(self, spec: AgentSpec, config: Config, seed: int) -> None:
        """Think within depth and nodes of the spec where no limit is named; the seed decides between equals."""
        self.spec = spec
        self.config = config
        self.seed = seed
        self._search = MinimaxSearch(config)

    def _budget(self, clock: Clock) -> tuple[int, int]:
        limits = clock.limits
        if limits.nodes is None and not _limited(clock):
            return self.spec.depth or MOST_DEPTH, self.spec.nodes or MOST_NODES
        return min(limits.depth or MOST_DEPTH, MOST_DEPTH), limits.nodes or MOST_NODES

    def decide(self, states: NDArray[np.uint16], clock: Clock, share: float) -> Thought:
        """Deepen until the budget or the time is used up; see `Thinker.decide`."""
        depth, nodes = self._budget(clock)
        search = self._search
        search.begin(states, 0, seed_of(self.config, states, self.seed))
        while search.depth < depth and not search.solved:
            finished = search.deepen(min(search.positions + SLICE_NODES, nodes))
            if search.action >= 0 and (search.positions >= nodes or clock.expired(share)):
                break
            if search.action < 0:
                nodes = max(nodes, search.positions + 1)  # a first look is taken in any case
            yield _depth_so_far(search) if finished else None
        yield _depth_so_far(search)
        return search.action


def _depth_so_far(search: MinimaxSearch) -> Info:
    return Info(search.depth, search.positions, (search.action,))

"""Agents that look ahead without a network: rollouts, and alpha-beta.

Each answers for many games at once as an `Agent`, one after the other, and for one position in slices as a `Thinker`.
With the budget of its spec both give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.clock import Clock, Limits
from ringrift.agents.spec import BUDGETS, AgentSpec
from ringrift.agents.thought import Info, Thought, seed_of
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.search.minimax import MOST_DEPTH, MinimaxSearch
from ringrift.search.uct import UctSearch

#: Rollouts, and positions of alpha-beta, of one slice of thinking: some milliseconds.
SLICE_ROLLOUTS: Final = 64
SLICE_NODES: Final = 4096
#: Rollouts of one slice where no time is kept: signals are heard between two of them.
LONG_ROLLOUTS: Final = 4096
#: Rollouts between two reports; deeper searches of minimax are reported one by one.
REPORT_ROLLOUTS: Final = 1024
#: Most rollouts where the time decides, and positions where nothing else does.
MOST_ROLLOUTS: Final = BUDGETS["rollouts"][3]
MOST_NODES: Final = BUDGETS["nodes"][3]
#: Positions where a depth alone was named: what no depth that can be waited for needs. A million a second on square8,
#: a quarter of that on hexagonal: minutes for a decision, where minimax:d30 would take for ever.
DEPTH_NODES: Final = 100_000_000


class MctsAgent:
    """Monte Carlo tree search with rollouts; see search/uct.py."""

    def __init__(self, spec: AgentSpec, config: Config) -> None:
        """Play one configuration with the rollouts of the spec, or within its time."""
        self.spec = spec
        self.config = config
        self.rollouts = MOST_ROLLOUTS if spec.rollouts is None else spec.rollouts
        self._search = UctSearch(config, self.rollouts)

    def searched(
        self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]
    ) -> Iterator[UctSearch]:
        """Search one position after the other; what a search has found stands until the next is asked for."""
        states = np.ascontiguousarray(states)
        for g, seed in enumerate(seeds.tolist()):
            self._search.begin(states, g, seed)
            clock, left = _clock_of(self.spec), self.rollouts
            step = SLICE_ROLLOUTS if clock else LONG_ROLLOUTS
            while left > 0:
                made = self._search.run(min(step, left))
                left -= made
                if made == 0 or (clock and clock.expired()):
                    break
            yield self._search

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the action that was tried most per game; see `Agent.choose`."""
        found = (search.action() for search in self.searched(states, seeds))
        return np.fromiter(found, np.int32, len(states))


class MinimaxAgent:
    """Alpha-beta by iterative deepening; see search/minimax.py."""

    def __init__(self, spec: AgentSpec, config: Config) -> None:
        """Play one configuration within depth, nodes and time of the spec."""
        self.spec = spec
        self.config = config
        self._search = MinimaxSearch(config)

    def searched(
        self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]
    ) -> Iterator[MinimaxSearch]:
        """Search one position after the other; what a search has found stands until the next is asked for."""
        states = np.ascontiguousarray(states)
        depth, nodes = _own_budget(self.spec)
        for g, seed in enumerate(seeds.tolist()):
            self._search.begin(states, g, seed)
            clock = _clock_of(self.spec)
            if clock is None:
                self._search.search(depth, nodes)
            else:
                for _ in _deepen(self._search, depth, nodes, clock, 1.0):
                    pass
            yield self._search

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the best action per game; see `Agent.choose`."""
        found = (search.action for search in self.searched(states, seeds))
        return np.fromiter(found, np.int32, len(states))


def _own_budget(spec: AgentSpec) -> tuple[int, int]:
    """Depth and positions of a minimax, whichever of them its spec names."""
    nodes = spec.nodes
    if nodes is None:
        nodes = DEPTH_NODES if spec.milliseconds is None else MOST_NODES
    return spec.depth or MOST_DEPTH, nodes


def _clock_of(spec: AgentSpec) -> Clock | None:
    """A clock that runs from now on, where the spec names a time."""
    milliseconds = spec.milliseconds
    return None if milliseconds is None else Clock(Limits(seconds=milliseconds / 1000))


def _deepen(
    search: MinimaxSearch, depth: int, nodes: int, clock: Clock, share: float
) -> Iterator[bool]:
    """Deepen in slices until depth, nodes or time are used up; yields whether a depth was finished by the slice."""
    while search.depth < depth and not search.solved:
        finished = search.deepen(min(search.positions + SLICE_NODES, nodes))
        if search.action >= 0 and (search.positions >= nodes or clock.expired(share)):
            break
        if search.action < 0:
            nodes = max(nodes, search.positions + 1)  # a first look is taken in any case
        yield finished


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
        own = MOST_ROLLOUTS if self.spec.rollouts is None else self.spec.rollouts
        return MOST_ROLLOUTS if _limited(clock) else own

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
            yield _rollouts_so_far(search, done) if done % REPORT_ROLLOUTS == 0 else None
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
            return _own_budget(self.spec)
        return min(limits.depth or MOST_DEPTH, MOST_DEPTH), limits.nodes or MOST_NODES

    def decide(self, states: NDArray[np.uint16], clock: Clock, share: float) -> Thought:
        """Deepen until the budget or the time is used up; see `Thinker.decide`."""
        depth, nodes = self._budget(clock)
        search = self._search
        search.begin(states, 0, seed_of(self.config, states, self.seed))
        for finished in _deepen(search, depth, nodes, clock, share):
            yield _depth_so_far(search) if finished else None
        yield _depth_so_far(search)
        return search.action


def _depth_so_far(search: MinimaxSearch) -> Info:
    return Info(search.depth, search.positions, (search.action,))

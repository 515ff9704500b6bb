"""Agents of the comparisons of searches: one rule over a shared network, with or without tree reuse, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.kernels import begin_known
from ringrift.agents.seeds import decision_seeds
from ringrift.agents.spec import AgentSpec
from ringrift.evaluation.spec import MatchSpec
from ringrift.search.evaluator import Evaluator
from ringrift.search.gumbel import SearchPool
from ringrift.search.kernels import lockstep

#: Decisions that no game between two agents comes to.
LONGEST = 2000


@dataclass(slots=True)
class Cost:
    """What an agent's decisions took."""

    decisions: int = 0
    #: Positions that the network saw for them.
    evaluations: int = 0
    seconds: float = 0.0
    #: Decisions that were searched in a tree of the decision before, and the visits found there.
    taken_over: int = 0
    visits_found: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class CountingPool(SearchPool):
    """Trees that count what they let the network see."""

    evaluations = 0

    def evaluate_batch(self, leaves: int) -> None:
        """See `SearchPool.evaluate_batch`."""
        self.evaluations += leaves
        super().evaluate_batch(leaves)


class SearchAgent:
    """An agent of one rule over a given evaluator; every decision is searched afresh, without noise."""

    def __init__(self, evaluator: Evaluator, spec: AgentSpec, *, reuse: bool = False) -> None:
        """Make room for its trees."""
        assert spec.simulations is not None
        self.spec = spec
        self.config = evaluator.config
        self.cost = Cost()
        self.pool = CountingPool(
            evaluator,
            [spec.simulations],
            spec.max_considered,
            spec.c_visit,
            spec.c_scale,
            rule=spec.rule,
            reuse=reuse,
        )

    def choose(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return one action per game; see `Agent.choose`."""
        start, before = time.perf_counter(), self.pool.evaluations
        actions = self._search(np.ascontiguousarray(states), seeds)
        self.cost.decisions += len(states)
        self.cost.evaluations += self.pool.evaluations - before
        self.cost.seconds += time.perf_counter() - start
        return actions

    def _search(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        return self.pool.search(states, seeds)[0]


class ReusingAgent(SearchAgent):
    """The same, but a position that the game's last tree holds is searched on in its subtree.

    An agent is told states and seeds, not games; the seeds of a match say which game and decision they belong to.
    """

    def __init__(
        self, evaluator: Evaluator, spec: AgentSpec, match: MatchSpec, games: Sequence[int]
    ) -> None:
        """Games: their numbers in the match, at most as many as the evaluator takes at once."""
        super().__init__(evaluator, spec, reuse=True)
        assert len(games) <= evaluator.batch_size
        numbers = np.arange(LONGEST, dtype=np.uint64)
        #: Seed of a decision -> slot of its game.
        self._slot = {
            int(seed): slot
            for slot, game in enumerate(games)
            for seed in decision_seeds(
                np.full(LONGEST, match.game_seed(game), np.uint64), numbers
            ).tolist()
        }

    def _search(self, states: NDArray[np.uint16], seeds: NDArray[np.uint64]) -> NDArray[np.int32]:
        pool, trees = self.pool, self.pool.trees
        places = np.array([self._slot[int(seed)] for seed in seeds], np.int64)
        nodes = np.array(
            [self._known(g, state) for g, state in zip(places, states, strict=True)], np.int64
        )
        begin_known(trees, pool.slots, pool.scratch, states, places, nodes, 0, 0.0, seeds)
        taken = pool.slots.status[places] == lockstep.RUNNING
        self.cost.taken_over += int(taken.sum())
        self.cost.visits_found += int(pool.slots.before[places].sum())
        pool.finish()
        width = int(places.max()) + 1
        actions, values = np.empty(width, np.int32), np.empty((width, 4), np.float32)
        lockstep.read_results(trees, pool.slots, pool.scratch, width, actions, values)
        return actions[places]

    def _known(self, g: int, state: NDArray[np.uint16]) -> int:
        """Node of tree ``g`` that holds a position, or -1."""
        trees = self.pool.trees
        first = int(g) * trees.player.shape[1]
        held = trees.states[first : first + int(trees.num_nodes[g])]
        found = np.flatnonzero((held == state).all(axis=(1, 2)))
        return int(found[0]) if found.size else -1

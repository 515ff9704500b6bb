"""Agents with a network as thinkers: one position at a time, interruptible after each evaluation.

With a number of nodes the search is the one that `NetworkAgent` makes under that budget. Without one, searches of
16, 32, 64, … simulations follow each other until the time is over: sequential halving must know its budget
beforehand, and a search that is as long as all earlier ones together loses half the time at worst.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.clock import Clock
from ringrift.agents.evaluators import load_evaluator, pool_of
from ringrift.agents.spec import AgentSpec
from ringrift.agents.thought import Info, Thought
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backend import Backend
from ringrift.rules.boards import board
from ringrift.rules.legal import legal_of
from ringrift.search.gumbel import SearchPool
from ringrift.search.kernels import lockstep
from ringrift.search.kernels.prior import choose_prior
from ringrift.search.kernels.tree import NONE

#: First and largest search where the time decides.
FIRST_NODES: Final = 16
LAST_NODES: Final = 32768
#: Bytes that a tree may take: a long search of the largest board.
TREE_BYTES: Final = 2 << 30
#: Evaluations between two reports of a search.
REPORT_EVERY: Final = 1024


def most_nodes(config: Config) -> int:
    """Largest search whose tree stays below TREE_BYTES."""
    n = board(config.board).n
    per_node = 6 * n * 2 + (3 * n + 2) * 20 + 64  # a state, its edges, its own fields
    return min(100_000, TREE_BYTES // per_node)


@dataclass(frozen=True, slots=True)
class Noise:
    """Gumbel numbers at the root of a search, which make games differ; see search/kernels/lockstep.py."""

    #: What they are multiplied by; 0: the best action is played.
    scale: float = 0.0
    #: What they are drawn from, the same ones for all searches of a decision.
    seed: int = 0
    #: Factors on the scale where one action is all the prior, and where all are equal.
    clarity: tuple[float, float] = (1.0, 1.0)


class NetworkThinker:
    """`policy-only` and `gumbel-mcts`, one position at a time."""

    def __init__(
        self,
        spec: AgentSpec,
        config: Config,
        path: Path,
        simulations: int,
        backend: Backend | None = None,
    ) -> None:
        """Load the weights; raises BadInput when they are broken or not those of the spec.

        backend: as for `load_evaluator`.
        """
        self.spec = spec
        self.config = config
        self.simulations = simulations
        self.evaluator = load_evaluator(spec, config, path, 1, backend)
        self._pools: dict[tuple[int, ...], SearchPool] = {}

    def decide(self, states: NDArray[np.uint16], clock: Clock, share: float) -> Thought:
        """Search, or take the largest prior; see `Thinker.decide`."""
        if self.spec.kind == "policy-only":
            return self._prior(states)
        return self.search(states, clock, share, Noise())

    def _prior(self, states: NDArray[np.uint16]) -> Thought:
        yield None
        legal = legal_of(self.config, states)
        logits, values = self.evaluator.evaluate(states, legal)
        actions = np.empty(1, np.int32)
        choose_prior(*legal, logits, actions)
        yield Info(1, 1, (int(actions[0]),), tuple(values[0].tolist()))
        return int(actions[0])

    def _budgets(self, clock: Clock) -> tuple[int, ...]:
        limits, most = clock.limits, most_nodes(self.config)
        if limits.nodes is not None:
            if limits.nodes > most:
                raise BadInput(
                    f"nodes is {limits.nodes}: expected at most {most} on {self.config.board}"
                )
            return (limits.nodes,)
        if limits.seconds is None and limits.depth is None and not limits.infinite:
            return (min(self.simulations, most),)
        budgets = [FIRST_NODES]
        while budgets[-1] * 2 <= min(LAST_NODES, most):
            budgets.append(budgets[-1] * 2)
        return tuple(budgets)

    def _pool(self, budgets: tuple[int, ...]) -> SearchPool:
        """Trees and tables for these budgets; those of the last two kinds are kept."""
        pool = self._pools.pop(budgets, None)
        if pool is None:
            while len(self._pools) > 1:
                self._pools.pop(next(iter(self._pools)))
            pool = pool_of(self.spec, self.evaluator, budgets)
        self._pools[budgets] = pool
        return pool

    def search(
        self, states: NDArray[np.uint16], clock: Clock, share: float, noise: Noise
    ) -> Thought:
        """Search until the budget or the time is used up; see `Thinker.decide`."""
        pool = self._pool(self._budgets(clock))
        pool.slots.clarity[:] = noise.clarity
        nodes, last, found = 0, 0, None
        for row, budget in enumerate(pool.slots.budgets.tolist()):
            yield from _one_search(pool, states, row, clock, share, noise, nodes)
            done = int(pool.slots.simulations[0])
            nodes += done
            # A search that was cut short counts if it saw as much as the one before it.
            if found is None or done >= last:
                found, last = _read(pool, nodes, complete=done >= budget), done
            yield replace(found, nodes=nodes)
            deep = clock.limits.depth is not None and found.depth >= clock.limits.depth
            if deep or clock.expired(share):
                break
        assert found is not None
        return found.actions[0]


def _one_search(
    pool: SearchPool,
    states: NDArray[np.uint16],
    row: int,
    clock: Clock,
    share: float,
    noise: Noise,
    earlier: int,
) -> Thought:
    """Search one position under budget ``row`` of the pool, one evaluation per slice, until it is done or time is up."""
    slots = pool.slots
    seeds = np.array([noise.seed], np.uint64)
    lockstep.begin_all(pool.trees, slots, states, 0, 1, row, noise.scale, seeds)
    evaluations = 0
    while True:
        leaves = lockstep.collect(pool.trees, slots, pool.scratch, pool.tables, pool.batch)
        if leaves == 0:
            return 0
        pool.evaluate_batch(leaves)
        evaluations += 1
        if clock.expired(share):
            return 0
        if evaluations % REPORT_EVERY == 0:
            yield _read(pool, earlier + int(slots.simulations[0]), complete=False)
        else:
            yield None


def _read(pool: SearchPool, nodes: int, *, complete: bool) -> Info:
    """What the search in slot 0 has found.

    A complete search plays the best of its most visited actions. In an incomplete one these are only those whose turn
    came first; there the best of all visited ones is taken, by the same formula (by prior and noise, if none is).
    """
    trees, slots = pool.trees, pool.slots
    actions, values = np.empty(1, np.int32), np.empty((1, 4), np.float32)
    lockstep.read_results(trees, slots, pool.scratch, 1, actions, values)
    first, count = int(trees.first_edge[0, 0]), int(trees.edges[0, 0])
    edges = slice(first, first + count)
    visits = trees.visits[0, edges]
    liked = trees.logit[0, edges] + slots.gumbel[0, :count]
    if complete:
        edge = first + int(np.flatnonzero(trees.action[0, edges] == actions[0])[0])
    elif not visits.any():
        edge = first + int(np.argmax(liked))
    else:
        scale = (slots.c[0] + visits.max()) * slots.c[1]  # σ of Danihelka 2022, eq. 8
        score = liked + scale * trees.total[0, edges] / np.maximum(visits, 1)
        edge = first + int(np.argmax(np.where(visits > 0, score, -np.inf)))
    line = []
    while edge != NONE:
        line.append(int(trees.action[0, edge]))
        node = int(trees.child[0, edge])
        edge = NONE if node == NONE else _most_visited(pool, node)
    players = pool.evaluator.config.players
    return Info(len(line), nodes, tuple(line), tuple(values[0, :players].tolist()))


def _most_visited(pool: SearchPool, node: int) -> int:
    """Edge of a node that was visited most, NONE where none was."""
    trees = pool.trees
    first, count = int(trees.first_edge[0, node]), int(trees.edges[0, node])
    visits = trees.visits[0, first : first + count]
    return first + int(np.argmax(visits)) if visits.any() else NONE

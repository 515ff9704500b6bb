"""How near searches of growing size come to the truth of the kept endgames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.endgames.kept import Endgame
from benchmarks.endgames.solver import Solver
from ringrift.configs import Config
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.gumbel import SearchPool

#: Endgames searched side by side; a tree of 4,096 simulations takes about 20 MB.
SLOTS = 4


@dataclass(frozen=True, slots=True)
class Way:
    """A rule of the search with its constant."""

    rule: str
    #: Of σ (eq. 8); PUCT has none.
    c_scale: float = 1.0

    def __str__(self) -> str:
        """As the table names it."""
        return self.rule if self.rule == "puct" else f"{self.rule}, c_scale {self.c_scale:g}"


#: 1.0: the paper's for board games, and what plays here; 0.1: that of its library, mctx.
PLAYED, MCTX, PUCT = Way("gumbel", 1.0), Way("gumbel", 0.1), Way("puct")
WAYS = (PLAYED, MCTX, PUCT)


@dataclass(frozen=True, slots=True)
class Found:
    """What searches of one size found in a set of endgames, all of them won for the seat to decide."""

    simulations: int
    #: Per endgame whether the chosen action wins.
    right: tuple[bool, ...]
    #: Per endgame the value for the seat that decides; the truth is 1.
    values: tuple[float, ...]

    @property
    def share_right(self) -> float:
        """Part of the endgames in which the choice wins."""
        return sum(self.right) / len(self.right)

    @property
    def error(self) -> float:
        """Mean distance of the value from the truth."""
        return sum(1 - v for v in self.values) / len(self.values)


def pool_for(config: Config, simulations: int, way: Way, slots: int = SLOTS) -> SearchPool:
    """A search without a network: equal priors, equal chances until the end."""
    evaluator = UniformEvaluator(config, slots)
    return SearchPool(evaluator, [simulations], 16, 50.0, way.c_scale, rule=way.rule)


def search(endgames: list[Endgame], simulations: int, way: Way) -> Found:
    """Search endgames of one configuration."""
    pool = pool_for(endgames[0].config, simulations, way)
    right, values = [], []
    for first in range(0, len(endgames), SLOTS):
        part = endgames[first : first + SLOTS]
        states = np.concatenate([e.game.states for e in part])
        chosen, found = pool.search(states, np.zeros(len(part), np.uint64))
        right += [int(a) in e.winning for a, e in zip(chosen, part, strict=True)]
        values += [float(v[e.game.player - 1]) for v, e in zip(found, part, strict=True)]
    return Found(simulations, tuple(right), tuple(values))


def unseen_win(endgame: Endgame, simulations: int, way: Way) -> tuple[int, int] | None:
    """Where the search of an endgame goes wrong because a winning reply was never tried.

    Follows the chosen action and then the most visited replies. Returns (visits of the first position where another
    move wins for the seat to decide and none of the tried ones does, its untried winning actions); None if there is
    none.
    """
    pool = pool_for(endgame.config, simulations, way, 1)
    chosen, _ = pool.search(endgame.game.states, np.zeros(1, np.uint64))
    solver, trees = Solver(endgame.config, 1_000_000), pool.trees
    action, node = int(chosen[0]), 0
    while True:
        edges = slice(trees.first_edge[0, node], trees.first_edge[0, node] + trees.edges[0, node])
        tried = trees.visits[0, edges] > 0
        if node:
            if not tried.any():
                return None
            solution = solver.solve(trees.states[node])
            winning = np.isin(trees.action[0, edges], solution.winning)
            if winning.any() and not (winning & tried).any():
                return int(trees.visits[0, edges].sum()), int(winning.sum())
            action = int(trees.action[0, edges][np.argmax(trees.visits[0, edges])])
        node = int(trees.child[0, edges][trees.action[0, edges] == action][0])

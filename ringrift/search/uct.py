"""Monte Carlo tree search without a network: rollouts and the knowledge of the heuristic (kernels/uct.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.constants import MAX_MOVES, NUM_FIELDS
from ringrift.search.kernels.tree import NONE, make_trees
from ringrift.search.kernels.uct import Room, Uct, begin_uct, run_uct

#: Most edges of a tree, 20 bytes each: a node that finds no room is valued, but not searched further.
MOST_EDGES: Final = 30_000_000


@dataclass(frozen=True, slots=True)
class UctParameters:
    """How the search explores and what it believes.

    ================== ============================================== ======= ==============================
    field              meaning                                        default published
    ================== ============================================== ======= ==============================
    exploration        c of PUCB                                      1       1.25 (AlphaZero)
    tau                temperature of the predictor, in units of the  3       --
                       heuristic's value (a stack that can move: 4.5)
    scale              strength that multiplies the odds by e         10      --
    rollout_decisions  random decisions before a position is valued   2       0 to 10 (Lanctot 2014, Lorentz)
    ================== ============================================== ======= ==============================
    """

    exploration: float = 1.0
    tau: float = 3.0
    scale: float = 10.0
    rollout_decisions: int = 2


class UctSearch:
    """One tree that searches one position after the other."""

    def __init__(
        self, config: Config, rollouts: int, parameters: UctParameters | None = None
    ) -> None:
        """Make room for so many rollouts."""
        p = parameters or UctParameters()
        geometry = board(config.board)
        self.config = config
        self.tables = tables(config.board)
        nodes = rollouts + 2
        edges = min(nodes * (3 * geometry.n + 2), MOST_EDGES)
        # zeroed memory that nobody has touched costs nothing
        self.trees = make_trees(1, nodes, edges, NUM_FIELDS, geometry.n)
        self.uct = Uct(
            float(p.exploration),
            float(p.tau),
            float(p.scale),
            int(p.rollout_decisions),
            geometry.num_actions(config.players) - 1,
        )
        self._room = Room(
            np.empty(MAX_MOVES, np.int32),
            np.empty(MAX_MOVES, np.int32),
            np.zeros((1, NUM_FIELDS, geometry.n), np.uint16),
            np.zeros(4),
            np.zeros(1, np.uint64),
        )

    def begin(self, states: NDArray[np.uint16], index: int, seed: int) -> None:
        """Begin anew at state ``index`` of uint16[n, 6, N]; the seed decides all rollouts."""
        begin_uct(self.trees, self._room, states, index, np.uint64(seed))
        self.run(0)  # makes the root

    def run(self, rollouts: int) -> int:
        """Make so many rollouts more; fewer where the room ends. Returns how many."""
        return int(run_uct(self.trees, self.tables, self.uct, self._room, rollouts))

    def _edge(self, node: int) -> int:
        """Edge of a node that was taken most (of these the best), NONE where none was."""
        first, count = int(self.trees.first_edge[0, node]), int(self.trees.edges[0, node])
        edges = slice(first, first + count)
        visits = self.trees.visits[0, edges]
        if not visits.any():
            return NONE
        best = np.where(visits == visits.max(), self.trees.total[0, edges], -1.0)
        return first + int(np.argmax(best))

    def action(self) -> int:
        """The action that was tried most; at least one rollout has been made."""
        return int(self.trees.action[0, self._edge(0)])

    def visits(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Legal actions of the root and how often each was tried, both int32[n]."""
        edges = slice(0, int(self.trees.edges[0, 0]))
        return self.trees.action[0, edges].copy(), self.trees.visits[0, edges].copy()

    def value(self) -> float:
        """What the root is worth to the seat that decides there: mean of its rollouts."""
        edges = slice(0, int(self.trees.edges[0, 0]))
        visits = int(self.trees.visits[0, edges].sum())
        return float(self.trees.total[0, edges].sum() / max(visits, 1))

    def values(self) -> NDArray[np.float64]:
        """Chance of each seat at the root, float64[P]: mean over its rollouts, swaps below it undone (rules §12).

        The component of the seat that decides is `value`. At least one rollout has been made.
        """
        t, count, seats = self.trees, int(self.trees.num_nodes[0]), self.config.players
        parent, edge = t.parent[0, 1:count], t.parent_edge[0, 1:count]
        visits = t.visits[0, edge].astype(np.int64)
        # a visit that did not go on to a child valued the node itself
        ended = visits - np.bincount(parent, weights=visits, minlength=count)[1:]
        found = t.value[0, 1:count, :seats].astype(np.float64)
        swaps = t.action[0, edge] == self.uct.swap
        if swaps.any():
            swapped = [False]
            for above, swap in zip(parent.tolist(), swaps.tolist(), strict=True):
                swapped.append(swapped[above] != swap)
            below = np.array(swapped[1:])
            found[below, :2] = found[below, 1::-1]
        mean: NDArray[np.float64] = ended @ found / ended.sum()
        return mean

    def line(self) -> tuple[int, ...]:
        """Actions of the principal variation."""
        actions: list[int] = []
        node = 0
        while node != NONE and (edge := self._edge(node)) != NONE:
            actions.append(int(self.trees.action[0, edge]))
            node = int(self.trees.child[0, edge])
        return tuple(actions)

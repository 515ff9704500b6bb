"""Gumbel search of many positions at once over one `Evaluator`.

The search is that of Danihelka et al. (2022): Gumbel-top-k and sequential halving at the root, completed Q-values and
deterministic selection below it. Values are vectors over seats; an edge counts for the seat that chose it (max^n).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.constants import NUM_FIELDS
from ringrift.search.evaluator import Evaluator
from ringrift.search.kernels import lockstep
from ringrift.search.kernels.lockstep import Slots, make_scratch
from ringrift.search.kernels.tree import make_trees


@dataclass(frozen=True, slots=True)
class GumbelParameters:
    """What decides a search beside the network.

    ================ ============================================== ======== =========================
    field            meaning                                        default  published
    ================ ============================================== ======== =========================
    simulations      leaves per search                              64       16-200 (Danihelka 2022)
    max_considered   root actions that enter sequential halving     16       16 (same, §5)
    c_visit          σ(q) = (c_visit + max N) · c_scale · q         50       50 (same, §3.4)
    c_scale          the same                                       1.0      1.0 (same)
    noise            scale of the root's Gumbel variables           0        1 in training, 0 in play
    ================ ============================================== ======== =========================
    """

    simulations: int = 64
    max_considered: int = 16
    c_visit: float = 50.0
    c_scale: float = 1.0
    noise: float = 0.0


def visits_in_turn(considered: int, simulations: int) -> NDArray[np.int32]:
    """Sequential halving as a list: at simulation i, one of the actions with so many visits is in turn.

    With 4 actions and 8 simulations: each of the four once, then each of the best two twice:

        0 0 0 0 | 1 1 2 2

    Phases of equal length halve the number of actions, which never falls below 2 (Danihelka 2022, fig. 1).
    Returns int32[simulations].
    """
    if considered <= 1:
        return np.arange(simulations, dtype=np.int32)
    phases = ceil(log2(considered))
    visits = np.zeros(considered, np.int32)
    alive, length = considered, 0
    turns: list[NDArray[np.int32]] = []
    while length < simulations:
        rounds = max(1, simulations // (phases * alive))
        turns.append(np.add.outer(np.arange(rounds, dtype=np.int32), visits[:alive]).ravel())
        length += rounds * alive
        visits[:alive] += rounds
        alive = max(2, alive // 2)
    return np.concatenate(turns)[:simulations]


def turn_tables(budgets: list[int], max_considered: int) -> NDArray[np.int32]:
    """`visits_in_turn` for every number of considered actions: int32[budgets, max_considered + 1, simulations]."""
    out = np.zeros((len(budgets), max_considered + 1, max(budgets)), np.int32)
    for i, simulations in enumerate(budgets):
        for considered in range(1, max_considered + 1):
            out[i, considered, :simulations] = visits_in_turn(considered, simulations)
    return out


class SearchPool:
    """Searches of up to ``evaluator.batch_size`` positions in lock-step.

    Memory: per slot about ``simulations`` states and three edges per cell and node.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        budgets: list[int],
        max_considered: int,
        c_visit: float,
        c_scale: float,
    ) -> None:
        """Allocate trees for the largest of the budgets (simulations); raises BadInput on a budget below 1."""
        if min(budgets) < 1 or max_considered < 2:
            raise BadInput(
                f"simulations {min(budgets)}, max_considered {max_considered}: expected at least 1 and 2"
            )
        geometry = board(evaluator.config.board)
        actions = geometry.num_actions(evaluator.config.players)
        slots = evaluator.batch_size
        nodes = max(budgets) + 2
        self.evaluator = evaluator
        self.tables = tables(evaluator.config.board)
        self.trees = make_trees(slots, nodes, nodes * (3 * geometry.n + 2), NUM_FIELDS, geometry.n)
        self.slots = Slots(
            status=np.zeros(slots, np.int8),
            leaf=np.full(slots, -1, np.int32),
            simulations=np.zeros(slots, np.int32),
            budget=np.zeros(slots, np.int32),
            noise=np.zeros(slots, np.float32),
            gumbel=np.zeros((slots, actions), np.float32),
            budgets=np.array(budgets, np.int32),
            turns=turn_tables(budgets, max_considered),
            c=np.array([c_visit, c_scale]),
            swap=np.array([actions - 1], np.int32),
            rng=np.zeros(slots, np.uint64),
        )
        self.scratch = make_scratch(actions)
        self.batch_states = np.zeros((slots, NUM_FIELDS, geometry.n), np.uint16)
        self.batch_slots = np.zeros(slots, np.int32)

    def evaluate_batch(self, leaves: int) -> None:
        """Let the network see the collected leaves and take in what it says."""
        logits, values = self.evaluator.evaluate(self.batch_states[:leaves])
        lockstep.absorb(self.trees, self.slots, self.batch_slots, leaves, logits, values)

    def search(
        self, states: NDArray[np.uint16], seeds: NDArray[np.uint64], noise: float = 0.0
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Search positions uint16[n, 6, N], a decision due in each, under the first budget.

        seeds: uint64[n], for the Gumbel noise. Returns actions int32[n] and root values float32[n, P].
        """
        count = len(states)
        actions = np.empty(count, np.int32)
        values = np.empty((count, 4), np.float32)
        width = self.slots.status.size
        for first in range(0, count, width):
            part = min(width, count - first)
            chunk = slice(first, first + part)
            lockstep.begin_all(self.trees, self.slots, states, first, part, 0, noise, seeds[chunk])
            while True:
                leaves = lockstep.collect(
                    self.trees,
                    self.slots,
                    self.scratch,
                    self.tables,
                    self.batch_states,
                    self.batch_slots,
                )
                if leaves == 0:
                    break
                self.evaluate_batch(leaves)
            lockstep.read_results(
                self.trees, self.slots, self.scratch, part, actions[chunk], values[chunk]
            )
        return actions, values[:, : self.evaluator.config.players]

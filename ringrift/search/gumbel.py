"""Gumbel search of many positions at once over one `Evaluator`.

The search is that of Danihelka et al. (2022): Gumbel-top-k and sequential halving at the root, completed Q-values and
deterministic selection below it. Values are vectors over seats; an edge counts for the seat that chose it (max^n).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput, nearest
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.constants import NUM_FIELDS
from ringrift.rules.legal import Legal
from ringrift.search.evaluator import Evaluator
from ringrift.search.kernels import lockstep
from ringrift.search.kernels.lockstep import Slots, make_batch, make_scratch
from ringrift.search.kernels.tree import make_trees

#: Rules of the search: Gumbel (Danihelka 2022), or plain PUCT (Silver 2018).
RULES: Final = ("gumbel", "puct")


@dataclass(frozen=True, slots=True)
class Puct:
    """Constants of plain PUCT; the formulas are in ringrift/search/kernels/policy.py.

    ================ ============================================== ======== ===========================
    field            meaning                                        default  published
    ================ ============================================== ======== ===========================
    c_init           weight of the prior in the first visits        1.25     1.25 (AlphaZero, supplement)
    c_base           visits after which that weight grows           19652    19652 (same)
    fpu              what an untried action is worth less than its  0.2      0.2 (KataGo, Wu 2019)
                     position, at a prior of 1 tried, on [-1, 1]
    noise_share      share of Dirichlet noise in the root's priors  0.25     0.25 (AlphaZero)
                     where games are played with a temperature
    noise_alpha      sum of its parameters, at most 1 each          10.83    10.83 (KataGo); AlphaZero:
                                                                             0.3 each (chess), 0.03 (Go)
    ================ ============================================== ======== ===========================
    """

    c_init: float = 1.25
    c_base: float = 19652.0
    fpu: float = 0.2
    noise_share: float = 0.25
    noise_alpha: float = 10.83


def visits_in_turn(considered: int, simulations: int) -> NDArray[np.int32]:
    """Sequential halving as a list: at simulation i, one of the actions with so many visits is in turn.

    With 4 actions and 8 simulations: each of the four once, then each of the best two twice:

        0 0 0 0 | 1 1 2 2

    Phases of equal length halve the number of actions, which never falls below 2 (Danihelka 2022, fig. 1).
    Returns int32[simulations].
    """
    if considered <= 1 or simulations == 0:
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

    Memory: per slot about ``simulations`` states and three edges per cell and node; twice that with ``reuse``.

    With the rule "puct" the parameter ``noise`` of a search is a temperature T: the move is drawn in proportion to
    N^(1/T), the most visited one at 0, and where T > 0 the root's priors get their noise.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        budgets: list[int],
        max_considered: int,
        c_visit: float,
        c_scale: float,
        *,
        rule: str = "gumbel",
        puct: Puct | None = None,
        reuse: bool = False,
    ) -> None:
        """Allocate trees for the largest of the budgets (simulations).

        A later one than the first may be 0: then only the root is evaluated. rule: one of `RULES`; reuse: room for
        what a search takes over from the one before it. Raises BadInput for a first budget below 1, and where there
        is not so much memory.
        """
        if rule not in RULES:
            raise BadInput(f"unknown search rule {rule!r}: {nearest(rule, RULES)}")
        p = puct or Puct()
        if budgets[0] < 1 or min(budgets) < 0 or max_considered < 2:
            raise BadInput(
                f"simulations {min(budgets)}, max_considered {max_considered}: expected at least 1 and 2"
            )
        geometry = board(evaluator.config.board)
        actions = geometry.num_actions(evaluator.config.players)
        slots = evaluator.batch_size
        nodes = (2 if reuse else 1) * max(budgets) + 2
        self.evaluator = evaluator
        self.tables = tables(evaluator.config.board)
        edges = nodes * (3 * geometry.n + 2)
        try:
            self.trees = make_trees(slots, nodes, edges, NUM_FIELDS, geometry.n)
        except MemoryError as error:
            raise BadInput(
                f"no memory for {slots} searches of {max(budgets)} simulations on {evaluator.config.board} ({error}): "
                "fewer simulations or fewer slots take less"
            ) from None
        self.slots = Slots(
            status=np.zeros(slots, np.int8),
            leaf=np.full(slots, -1, np.int32),
            simulations=np.zeros(slots, np.int32),
            budget=np.zeros(slots, np.int32),
            noise=np.zeros(slots, np.float32),
            clarity=np.ones(2),
            gumbel=np.zeros((slots, actions), np.float32),
            before=np.zeros((slots, actions), np.int32),
            budgets=np.array(budgets, np.int32),
            turns=turn_tables(budgets, max_considered),
            c=np.array(
                [
                    c_visit,
                    c_scale,
                    float(rule == "puct"),
                    p.c_base,
                    p.c_init,
                    p.fpu,
                    p.noise_share,
                    p.noise_alpha,
                ]
            ),
            swap=np.array([actions - 1], np.int32),
            rng=np.zeros(slots, np.uint64),
        )
        self.scratch = make_scratch(actions, nodes)
        self.batch = make_batch(slots, actions, NUM_FIELDS, geometry.n)

    def evaluate_batch(self, leaves: int) -> None:
        """Let the network see the collected leaves and take in what it says."""
        self.submit(leaves)
        self.absorb(leaves)

    def submit(self, leaves: int) -> None:
        """Show the network the collected leaves; nothing else may be done with these trees before `absorb`."""
        b = self.batch
        legal = Legal(b.start[: leaves + 1], b.actions[: b.start[leaves]])
        self.evaluator.submit(b.states[:leaves], legal)

    def absorb(self, leaves: int) -> None:
        """Wait for what the network says of the submitted leaves, and take it in."""
        logits, values = self.evaluator.wait()
        lockstep.absorb(self.trees, self.slots, self.scratch, self.batch, leaves, logits, values)

    def search(
        self, states: NDArray[np.uint16], seeds: NDArray[np.uint64], noise: float = 0.0
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Search positions uint16[n, 6, N], a decision due in each, under the first budget.

        seeds: uint64[n], for the Gumbel noise. Returns actions int32[n] and root values float32[n, P], what the policies
        that the searches found are worth.
        """
        count = len(states)
        actions = np.empty(count, np.int32)
        values = np.empty((count, 4), np.float32)
        width = self.slots.status.size
        for first in range(0, count, width):
            part = min(width, count - first)
            chunk = slice(first, first + part)
            lockstep.begin_all(self.trees, self.slots, states, first, part, 0, noise, seeds[chunk])
            self.finish()
            lockstep.read_results(
                self.trees, self.slots, self.scratch, part, actions[chunk], values[chunk]
            )
        return actions, values[:, : self.evaluator.config.players]

    def finish(self) -> None:
        """Search on until every slot is done, or idle."""
        while leaves := lockstep.collect(
            self.trees,
            self.slots,
            self.scratch,
            self.tables,
            self.batch,
        ):
            self.evaluate_batch(leaves)

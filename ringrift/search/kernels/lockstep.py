"""Many searches side by side: every step brings one leaf per search, all leaves go to the network as one batch.

A slot holds one search. Its life:

    IDLE ─▶ ROOT (root waits for its evaluation) ─▶ RUNNING ─▶ DONE (a result can be read)

Each slot keeps its own budget and count, so slots need not be in the same phase, and a slot that is done can be
given a new position at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import copy_state
from ringrift.rules.kernels.constants import MAX_MOVES
from ringrift.rules.kernels.play import next_random
from ringrift.search.kernels.policy import (
    improved_policy,
    most_visits,
    root_value,
    select_interior,
    select_root,
)
from ringrift.search.kernels.tree import NONE, backup, clear_tree, grow, set_priors

IDLE = 0
ROOT = 1
RUNNING = 2
DONE = 3
#: Selfplay only: a game that has not begun; a game that is over and waits to be taken out.
NEW = 4
FINISHED = 5


class Slots(NamedTuple):
    """State of the searches; G slots, A actions, V visit tables, M considered actions, S simulations."""

    status: NDArray[np.int8]  # [G]
    leaf: NDArray[np.int32]  # [G] node that waits for its evaluation, or NONE
    simulations: NDArray[np.int32]  # [G] done in this search
    budget: NDArray[np.int32]  # [G] row of `budgets` that this search runs under
    noise: NDArray[np.float32]  # [G] scale of the Gumbel variables
    gumbel: NDArray[np.float32]  # [G, A] root noise per root edge, in the order of the edges
    budgets: NDArray[np.int32]  # [V] simulations
    turns: NDArray[
        np.int32
    ]  # [V, M + 1, S] visits of the action in turn at each simulation, by considered actions
    c: NDArray[np.float64]  # [2] c_visit, c_scale
    swap: NDArray[np.int32]  # [1] number of the swap action
    rng: NDArray[np.uint64]  # [G] random state


class Scratch(NamedTuple):
    """Working space of one thread."""

    actions: NDArray[np.int32]  # [MAX_MOVES]
    log: NDArray[np.int32]  # [MAX_MOVES]
    policy: NDArray[np.float32]  # [A]


def make_scratch(actions: int) -> Scratch:
    """Allocate working space for an action space of that size."""
    return Scratch(
        np.empty(MAX_MOVES, np.int32),
        np.empty(MAX_MOVES, np.int32),
        np.empty(max(actions, 8), np.float32),
    )


@kernel
def uniform(rng, g):
    """A number in (0, 1) from the slot's random state."""
    x, z = next_random(rng[g])
    rng[g] = x
    return (np.float64(z >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@kernel
def begin(trees, slots, g, s, index, budget, noise):
    """Give slot ``g`` the position ``index`` of ``s``; noise scales the root's Gumbel variables."""
    clear_tree(trees, g, s, index)
    slots.status[g] = ROOT
    slots.leaf[g] = NONE
    slots.simulations[g] = 0
    slots.budget[g] = budget
    slots.noise[g] = noise


@kernel
def draw_noise(trees, slots, g):
    """Gumbel variables of the root's edges."""
    for i in range(min(trees.edges[g, 0], slots.gumbel.shape[1])):
        draw = -np.log(-np.log(uniform(slots.rng, g)))
        slots.gumbel[g, i] = slots.noise[g] * draw


@kernel
def descend(trees, slots, scratch, g):
    """Follow one simulation from the root.

    Returns (node, edge) where the edge has no child yet, or (node, NONE) at the end of a game.
    """
    budget = slots.budget[g]
    considered = min(trees.edges[g, 0], slots.turns.shape[1] - 1)
    wanted = slots.turns[budget, considered, slots.simulations[g]]
    node = 0
    edge = select_root(trees, g, slots.gumbel[g], wanted, slots.c[0], slots.c[1])
    while trees.child[g, edge] != NONE:
        node = trees.child[g, edge]
        if trees.edges[g, node] == 0:
            return node, NONE
        edge = select_interior(trees, g, node, slots.c[0], slots.c[1], scratch.policy)
    return node, edge


@kernel
def collect_slot(trees, slots, scratch, g, t, out_states, out_slots, n):
    """Bring one slot to its next leaf, if its search has one; returns the new batch length.

    Simulations that end in a finished game need no evaluation and are counted on the way.
    """
    while slots.status[g] == ROOT or slots.status[g] == RUNNING:
        node = NONE
        edge = NONE
        if slots.status[g] == RUNNING:
            if slots.simulations[g] >= slots.budgets[slots.budget[g]]:
                slots.status[g] = DONE
                break
            node, edge = descend(trees, slots, scratch, g)
        if node == NONE or edge != NONE:
            node = grow(trees, g, t, node, edge, scratch.actions, scratch.log)
            if trees.player[g, node] != 0:
                k = trees.player.shape[1]
                slots.leaf[g] = node
                copy_state(trees.states, g * k + node, out_states, n)
                out_slots[n] = g
                return n + 1
        backup(trees, g, node, slots.swap[0])
        slots.simulations[g] += 1
    return n


@entry
def begin_all(trees, slots, s, first, count, budget, noise, seeds):
    """Start searches of states first..first+count-1 of ``s`` in slots 0..count-1; seeds: uint64[count]."""
    for g in range(count):
        slots.rng[g] = seeds[g]
        begin(trees, slots, g, s, first + g, budget, noise)
    for g in range(count, slots.status.size):
        slots.status[g] = IDLE


@entry
def collect(trees, slots, scratch, t, out_states, out_slots):
    """Next leaf of every running search.

    out_states: uint16[B, F, N] and out_slots: int32[B] with B >= number of slots. Returns how many were written;
    0 means that all searches are done.
    """
    n = np.int64(0)  # a literal would compile `collect_slot` twice
    for g in range(slots.status.size):
        n = collect_slot(trees, slots, scratch, g, t, out_states, out_slots, n)
    return n


@entry
def absorb(trees, slots, batch_slots, n, logits, values):
    """Take in the evaluations of the last batch: priors and values of its leaves, backed up.

    batch_slots: int32[>= n]; logits: float32[B, A]; values: float32[B, P] per absolute seat.
    """
    for row in range(n):
        g = np.int64(batch_slots[row])
        node = np.int64(slots.leaf[g])
        slots.leaf[g] = NONE
        for q in range(values.shape[1]):
            trees.value[g, node, q] = values[row, q]
        set_priors(trees, g, node, logits, row)
        if slots.status[g] == ROOT:
            draw_noise(trees, slots, g)
            slots.status[g] = RUNNING
        else:
            backup(trees, g, node, slots.swap[0])
            slots.simulations[g] += 1


@kernel
def chosen_edge(trees, slots, g):
    """The root edge that the finished search plays: the best of the most visited (§2 of the paper)."""
    return select_root(trees, g, slots.gumbel[g], most_visits(trees, g), slots.c[0], slots.c[1])


@entry
def read_results(trees, slots, scratch, count, out_actions, out_values):
    """Chosen actions int32[count] and root values float32[count, 4] of slots 0..count-1, all done."""
    for g in range(count):
        out_actions[g] = trees.action[g, chosen_edge(trees, slots, g)]
        root_value(trees, g, out_values[g])


@entry
def read_policy(trees, slots, scratch, g, out_actions, out_policy, out_visits):
    """Root of a finished search: legal actions, improved policy π' and visits; returns their number."""
    improved_policy(trees, g, 0, slots.c[0], slots.c[1], out_policy)
    first = trees.first_edge[g, 0]
    for i in range(trees.edges[g, 0]):
        out_actions[i] = trees.action[g, first + i]
        out_visits[i] = trees.visits[g, first + i]
    return trees.edges[g, 0]

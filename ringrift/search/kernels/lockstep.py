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
from ringrift.rules.kernels.cells import copy_state, scalar
from ringrift.rules.kernels.constants import MAX_MOVES, S_WINNER
from ringrift.rules.kernels.play import advance_kernel, next_random
from ringrift.search.kernels.policy import (
    C_ALPHA,
    C_NOISE,
    C_PUCT,
    C_SCALE,
    C_VISIT,
    most_visits,
    root_policy,
    root_value,
    select_interior,
    select_puct,
    select_root,
    select_visits,
)
from ringrift.search.kernels.tree import (
    NONE,
    backup,
    clear_tree,
    grow,
    keep_subtree,
    set_priors,
    subtree_size,
)

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
    clarity: NDArray[
        np.float64
    ]  # [2] its factors where one move is all the prior, and where all are equal
    gumbel: NDArray[np.float32]  # [G, A] root noise per root edge, in the order of the edges
    before: NDArray[
        np.int32
    ]  # [G, A] visits of the root's edges when the search began (tree reuse)
    budgets: NDArray[np.int32]  # [V] simulations
    turns: NDArray[
        np.int32
    ]  # [V, M + 1, S] visits of the action in turn at each simulation, by considered actions
    c: NDArray[np.float64]  # [NUM_C] constants of the rule, see policy.py
    swap: NDArray[np.int32]  # [1] number of the swap action
    rng: NDArray[np.uint64]  # [G] random state


class Batch(NamedTuple):
    """Leaves that wait for the network, one per slot at most, with their legal actions."""

    states: NDArray[np.uint16]  # [G, F, N]
    slots: NDArray[np.int32]  # [G] slot of each leaf
    start: NDArray[
        np.int32
    ]  # [G + 1] the actions of leaf i are those from start[i] to start[i + 1]
    actions: NDArray[np.int32]  # [G * A]


class Scratch(NamedTuple):
    """Working space of one thread."""

    actions: NDArray[np.int32]  # [MAX_MOVES]
    log: NDArray[np.int32]  # [MAX_MOVES]
    policy: NDArray[np.float32]  # [A]
    moved: NDArray[np.int32]  # [2, K] nodes of a tree that is cut down


def make_scratch(actions: int, nodes: int) -> Scratch:
    """Allocate working space for an action space and trees of that size."""
    return Scratch(
        np.empty(MAX_MOVES, np.int32),
        np.empty(MAX_MOVES, np.int32),
        np.empty(max(actions, 8), np.float32),
        np.empty((2, nodes), np.int32),
    )


def make_batch(slots: int, actions: int, fields: int, cells: int) -> Batch:
    """Allocate room for a leaf of every slot; of the actions only what is written takes memory."""
    return Batch(
        np.zeros((slots, fields, cells), np.uint16),
        np.zeros(slots, np.int32),
        np.zeros(slots + 1, np.int32),
        np.empty(slots * actions, np.int32),
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
    for i in range(slots.before.shape[1]):
        slots.before[g, i] = 0
    slots.status[g] = ROOT
    slots.leaf[g] = NONE
    slots.simulations[g] = 0
    slots.budget[g] = budget
    slots.noise[g] = noise


@kernel
def root_entropy(trees, g):
    """Entropy of the root's prior over that of equal chances, in [0, 1]."""
    n = trees.edges[g, 0]
    first = trees.first_edge[g, 0]
    total = 0.0
    for i in range(n):
        total -= np.float64(trees.prior[g, first + i]) * trees.logit[g, first + i]
    return min(max(total / np.log(np.float64(n)), 0.0), 1.0) if n > 1 else 0.0


@kernel
def small_gamma(slots, g, alpha):
    """A Gamma variable with shape 0 < alpha <= 1 (Ahrens and Dieter 1974, algorithm GS)."""
    bound = 1.0 + alpha / np.e
    while True:
        p = bound * uniform(slots.rng, g)
        u = uniform(slots.rng, g)
        if p <= 1.0:
            x = p ** (1.0 / alpha)
            if u <= np.exp(-x):
                return x
        else:
            x = -np.log((bound - p) / alpha)
            if u <= x ** (alpha - 1.0):
                return x


@kernel
def disturb_priors(trees, slots, g, scratch):
    """Root noise of PUCT: π ← (1 - ε) π + ε · Dirichlet(α / n), n edges (Silver 2018; α as in KataGo)."""
    n = trees.edges[g, 0]
    first = trees.first_edge[g, 0]
    alpha = min(1.0, slots.c[C_ALPHA] / n)
    share = slots.c[C_NOISE]
    total = 0.0
    for i in range(n):
        x = small_gamma(slots, g, alpha)
        scratch.policy[i] = x
        total += x
    for i in range(n):
        prior = (1.0 - share) * trees.prior[g, first + i] + share * scratch.policy[i] / total
        trees.prior[g, first + i] = prior
        trees.logit[g, first + i] = np.log(max(prior, 1e-30))


@kernel
def draw_noise(trees, slots, g, scratch):
    """Gumbel variables of the root's edges; with PUCT noise on the priors as well.

    The scale of both choices, `Slots.noise`, may follow the entropy of the prior.
    """
    if slots.clarity[0] != slots.clarity[1]:
        h = root_entropy(trees, g)
        slots.noise[g] *= slots.clarity[0] + (slots.clarity[1] - slots.clarity[0]) * h
    for i in range(min(trees.edges[g, 0], slots.gumbel.shape[1])):
        draw = -np.log(-np.log(uniform(slots.rng, g)))
        slots.gumbel[g, i] = slots.noise[g] * draw
    if slots.c[C_PUCT] != 0.0 and slots.noise[g] > 0.0:
        disturb_priors(trees, slots, g, scratch)


@kernel
def begin_below(trees, slots, scratch, g, edge, budget, noise):
    """Begin the search of the position behind a root edge with what is known of it; False if that cannot be.

    The subtree becomes the tree. Its visits stay and count in all formulas, but sequential halving and the budget
    count those of the new search alone. A position that was not evaluated, is the end of the game or has no room for
    the budget is left to `begin`: a tree never outgrows its place.
    """
    root = trees.child[g, edge]
    if root == NONE or trees.edges[g, root] == 0:
        return False
    room = trees.player.shape[1] - slots.budgets[budget]
    if subtree_size(trees, g, root, scratch.moved) > room:
        return False
    keep_subtree(trees, g, root, scratch.moved)
    for i in range(trees.edges[g, 0]):
        slots.before[g, i] = trees.visits[g, i]
    slots.leaf[g] = NONE
    slots.simulations[g] = 0
    slots.budget[g] = budget
    slots.noise[g] = noise
    draw_noise(trees, slots, g, scratch)
    slots.status[g] = RUNNING
    return True


@kernel
def descend(trees, slots, scratch, g):
    """Follow one simulation from the root.

    Returns (node, edge) where the edge has no child yet, or (node, NONE) at the end of a game.
    """
    budget = slots.budget[g]
    considered = min(trees.edges[g, 0], slots.turns.shape[1] - 1)
    wanted = slots.turns[budget, considered, slots.simulations[g]]
    c = slots.c
    node = 0
    if c[C_PUCT] != 0.0:
        edge = select_puct(trees, g, 0, c)
    else:
        edge = select_root(
            trees, g, slots.gumbel[g], slots.before[g], wanted, c[C_VISIT], c[C_SCALE]
        )
    while trees.child[g, edge] != NONE:
        node = trees.child[g, edge]
        if trees.edges[g, node] == 0:
            return node, NONE
        if c[C_PUCT] != 0.0:
            edge = select_puct(trees, g, node, c)
        else:
            edge = select_interior(trees, g, node, c[C_VISIT], c[C_SCALE])
    return node, edge


@kernel
def add_leaf(trees, g, node, batch, n):
    """Write a node into row ``n`` of the batch, the one behind the last."""
    copy_state(trees.states, g * trees.player.shape[1] + node, batch.states, n)
    batch.slots[n] = g
    at = batch.start[n]
    first = trees.first_edge[g, node]
    edges = trees.edges[g, node]
    for i in range(edges):
        batch.actions[at + i] = trees.action[g, first + i]
    batch.start[n + 1] = at + edges


@kernel
def collect_slot(trees, slots, scratch, g, t, batch, n):
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
                slots.leaf[g] = node
                add_leaf(trees, g, node, batch, n)
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
def collect(trees, slots, scratch, t, batch):
    """Next leaf of every running search. Returns how many were written; 0 means that all searches are done."""
    n = np.int64(0)  # a literal would compile `collect_slot` twice
    for g in range(slots.status.size):
        n = collect_slot(trees, slots, scratch, g, t, batch, n)
    return n


@entry
def absorb(trees, slots, scratch, batch, n, logits, values):
    """Take in the evaluations of the first ``n`` leaves of a batch: their priors and values, backed up.

    logits: float32[>= batch.start[n]] of the batch's actions; values: float32[B, P] per absolute seat.
    """
    for row in range(n):
        g = np.int64(batch.slots[row])
        node = np.int64(slots.leaf[g])
        slots.leaf[g] = NONE
        for q in range(values.shape[1]):
            trees.value[g, node, q] = values[row, q]
        set_priors(trees, g, node, logits, np.int64(batch.start[row]))
        if slots.status[g] == ROOT:
            draw_noise(trees, slots, g, scratch)
            slots.status[g] = RUNNING
        else:
            backup(trees, g, node, slots.swap[0])
            slots.simulations[g] += 1


@kernel
def chosen_edge(trees, slots, g):
    """The root edge that the finished search plays.

    The best of those that this search visited most (§2 of the paper); with PUCT one drawn by its visits.
    """
    if slots.c[C_PUCT] != 0.0:
        return select_visits(trees, g, slots.gumbel[g])
    before = slots.before[g]
    most = most_visits(trees, g, before)
    return select_root(trees, g, slots.gumbel[g], before, most, slots.c[C_VISIT], slots.c[C_SCALE])


@kernel
def end_of_game(trees, slots, g):
    """Leave slot ``g`` with the end of its game as its only node, its search DONE."""
    trees.num_nodes[g] = 1
    trees.player[g, 0] = 0
    trees.edges[g, 0] = 0
    winner = scalar(trees.states, g * trees.player.shape[1], S_WINNER)
    for q in range(4):
        trees.value[g, 0, q] = 1.0 if q + 1 == winner else 0.0
    slots.status[g] = DONE


@entry
def begin_next(trees, slots, scratch, t, actions, budget, noise, seeds):
    """Play one action in each of the first slots, all done, and search the positions that follow with their subtrees.

    actions: int32[count] of root edges, -1 where the game is over; seeds: uint64[count]. A position that cannot be taken over is searched
    afresh; a slot whose game is over is DONE without a simulation.
    """
    k = trees.player.shape[1]
    for g in range(actions.size):
        slots.rng[g] = seeds[g]
        edge = np.int64(NONE)
        for e in range(trees.edges[g, 0]):
            if trees.action[g, e] == actions[g]:
                edge = np.int64(e)
        if edge != NONE and begin_below(trees, slots, scratch, g, edge, budget, noise):
            continue
        at = np.int64(g * k)
        n, _ = advance_kernel(
            trees.states, at, t, np.int64(actions[g]), scratch.log, np.int64(0), scratch.actions
        )
        begin(trees, slots, g, trees.states, at, budget, noise)
        if n == 0:
            end_of_game(trees, slots, g)
    for g in range(actions.size, slots.status.size):
        slots.status[g] = IDLE


@entry
def read_results(trees, slots, scratch, count, out_actions, out_values):
    """Chosen actions int32[count] and root values float32[count, 4] of slots 0..count-1, all done."""
    for g in range(count):
        if trees.edges[g, 0] == 0:  # a game that is over, after `begin_next`
            out_actions[g] = -1
            for q in range(4):
                out_values[g, q] = trees.value[g, 0, q]
            continue
        out_actions[g] = trees.action[g, chosen_edge(trees, slots, g)]
        root_value(trees, g, slots.c, out_values[g])


@entry
def read_policy(trees, slots, scratch, g, out_actions, out_policy, out_visits):
    """Root of a finished search: legal actions, policy target and visits; returns their number."""
    root_policy(trees, g, slots.c, out_policy)
    first = trees.first_edge[g, 0]
    for i in range(trees.edges[g, 0]):
        out_actions[i] = trees.action[g, first + i]
        out_visits[i] = trees.visits[g, first + i]
    return trees.edges[g, 0]

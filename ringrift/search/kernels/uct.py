"""UCT with a predictor and truncated random rollouts, for any number of seats.

One rollout goes down the tree, adds one node, plays a few random decisions on from there, values the position that it
reaches and adds that value to every edge it came by:

    descend   argmax of Q(a) + c · P(a) · √N / (1 + N(a))                  PUCB (Rosin 2011; AlphaZero's form of it)
    predict   P = softmax(value one ply ahead by the heuristic / τ)        the knowledge of `heuristic.py`
    roll out  ``rollout_decisions`` uniform decisions, then stop           truncated rollouts (Lorentz 2008)
    value     softmax(strength of the seats / scale), 1 and 0 at the end   early playout termination (Lanctot 2014)
    back up   each edge counts for the seat that chose it                  max^n (Luckhardt and Irani 1986)

Plain UCT with rollouts to the end of the game is the case of a large τ and many ``rollout_decisions``; on this game
it is weak, since uniform play decides little and a turn begins with up to 190 placements.

The trees are those of `tree.py`, one slot; `Trees.logit` holds P itself here, and -1 on the first edge of a node
whose P nobody has needed yet: the predictor costs a position for each action, and most leaves are never left again.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import copy_state, scalar
from ringrift.rules.kernels.constants import S_PLAYERS, S_WINNER
from ringrift.rules.kernels.play import advance_kernel, next_random, random_below
from ringrift.search.kernels.heuristic import position_value, strength
from ringrift.search.kernels.tree import NONE, backup, clear_tree, grow


class Uct(NamedTuple):
    """What decides a search beside its position."""

    exploration: float  # c
    tau: float  # of the predictor, in units of the heuristic's value
    scale: float  # of the value, in the same units
    rollout_decisions: int
    swap: int  # number of the action of the pie rule


class Room(NamedTuple):
    """Working space of one search."""

    actions: NDArray[np.int32]  # [MAX_MOVES]
    log: NDArray[np.int32]  # [MAX_MOVES]
    trial: NDArray[np.uint16]  # [1, F, N]
    strength: NDArray[np.float64]  # [4]
    rng: NDArray[np.uint64]  # [1]


@kernel
def chances(s, g, t, scale, scratch, out, row):
    """Chance of each seat, out[0, row, 0..3]: softmax of the strengths, or the end; scratch: float64[4]."""
    players = scalar(s, g, S_PLAYERS)
    winner = scalar(s, g, S_WINNER)
    for q in range(4):
        out[0, row, q] = 1.0 if winner > 0 and q + 1 == winner else 0.0
    if winner > 0:
        return
    strength(s, g, t, scratch)
    top = scratch[0]
    for q in range(1, players):
        top = max(top, scratch[q])
    total = 0.0
    for q in range(players):
        scratch[q] = np.exp((scratch[q] - top) / scale)
        total += scratch[q]
    for q in range(players):
        out[0, row, q] = scratch[q] / total


@kernel
def predict(trees, node, t, uct, room):
    """Set P of all edges of a node: softmax of the heuristic's value of the positions behind them."""
    zero = np.int64(0)
    seat = np.int64(trees.player[0, node])
    first = np.int64(trees.first_edge[0, node])
    n = np.int64(trees.edges[0, node])
    top = np.float32(-1e30)
    for i in range(n):
        e = first + i
        copy_state(trees.states, node, room.trial, zero)
        code = np.int64(trees.action[0, e])
        advance_kernel(room.trial, zero, t, code, room.log, zero, room.actions)
        # after a swap the mover sits where the other one sat
        mine = 3 - seat if code == uct.swap else seat
        x = np.float32(position_value(room.trial, zero, t, mine, room.strength) / uct.tau)
        trees.logit[0, e] = x
        top = max(top, x)
    total = 0.0
    for i in range(n):
        x = np.exp(trees.logit[0, first + i] - top)
        trees.logit[0, first + i] = x
        total += x
    for i in range(n):
        trees.logit[0, first + i] /= total


@kernel
def select(trees, node, exploration):
    """Edge to follow: PUCB, where what was never tried counts as much as the node has been worth so far."""
    first = trees.first_edge[0, node]
    n = trees.edges[0, node]
    visits = 1
    worth = np.float64(trees.value[0, node, trees.player[0, node] - 1])
    for i in range(n):
        visits += trees.visits[0, first + i]
        worth += trees.total[0, first + i]
    worth /= visits
    root = exploration * np.sqrt(np.float64(visits))
    best = -1e30
    pick = first
    for i in range(n):
        e = first + i
        count = trees.visits[0, e]
        q = trees.total[0, e] / count if count > 0 else worth
        score = q + root * trees.logit[0, e] / (1.0 + count)
        if score > best:
            best = score
            pick = e
    return np.int64(pick)


@kernel
def roll_out(trees, node, t, uct, room):
    """Value a new node by a random continuation; its legal actions are still in ``room.actions``."""
    zero = np.int64(0)
    copy_state(trees.states, node, room.trial, zero)
    n = np.int64(trees.edges[0, node])
    swapped = False
    x = room.rng[0]
    for _ in range(uct.rollout_decisions):
        if n == 0:
            break
        x, z = next_random(x)
        code = np.int64(room.actions[random_below(z, n)])
        if code == uct.swap:
            swapped = not swapped
        n, _ = advance_kernel(room.trial, zero, t, code, room.log, zero, room.actions)
    room.rng[0] = x
    chances(room.trial, zero, t, uct.scale, room.strength, trees.value, node)
    if swapped:
        v = trees.value[0, node, 0]
        trees.value[0, node, 0] = trees.value[0, node, 1]
        trees.value[0, node, 1] = v


@kernel
def simulate(trees, t, uct, room):
    """One rollout."""
    node = np.int64(0)
    while trees.edges[0, node] > 0:
        if trees.logit[0, trees.first_edge[0, node]] < 0.0:
            predict(trees, node, t, uct, room)
        edge = select(trees, node, uct.exploration)
        child = np.int64(trees.child[0, edge])
        if child == NONE:
            node = open_node(trees, t, uct, room, node, edge)
            break
        node = child
    backup(trees, np.int64(0), node, uct.swap)


@kernel
def open_node(trees, t, uct, room, node, edge):
    """Add the node behind an edge (the root: NONE, NONE) and value it."""
    child = np.int64(grow(trees, np.int64(0), t, node, edge, room.actions, room.log))
    if trees.edges[0, child] > 0:
        trees.logit[0, trees.first_edge[0, child]] = -1.0
    if trees.player[0, child] != 0:
        roll_out(trees, child, t, uct, room)
    return child


@entry
def begin_uct(trees, room, s, index, seed):
    """Begin a search of state ``index`` of ``s`` uint16[n, F, N]; seed: uint64. `run_uct` makes the root."""
    room.rng[0] = seed
    clear_tree(trees, np.int64(0), s, index)


@entry
def run_uct(trees, t, uct, room, count):
    """Make ``count`` rollouts, or as many as the tree has room for; returns their number."""
    if trees.num_nodes[0] == 0:
        open_node(trees, t, uct, room, np.int64(NONE), np.int64(NONE))
    for i in range(count):
        if trees.num_nodes[0] >= trees.player.shape[1]:
            return i
        simulate(trees, t, uct, room)
    return count

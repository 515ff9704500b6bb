"""Alpha-beta over decisions, with a transposition table and quiescence on captures, for any number of seats.

Values are those of `heuristic.py` for one agent, the one that decides at the root. It takes the largest, everybody
else the smallest: with two seats that is minimax, with more the paranoid assumption (Sturtevant and Korf 2000), under
which alpha-beta prunes as with two. Who decides is looked up at each node, so several decisions by one seat in a row
are nothing special; after a pie swap the agent's seat is the other one.

A search is a row of plies, p = 0 at the root; each holds its position and where it stands in its list of actions, so
that a search can stop after any node and go on later. Depth counts decisions with at least two choices.

    open_node    the value of a position if it can be told at once, else its list of actions, in order
    take_value   a value goes up to the node above and narrows its window
    run_minimax  the loop over both

Order of actions: the table's best one, then by the heuristic's value one ply ahead. At the last ply, where that value
is the search itself, the order is that of the list.

Below the last ply only captures are followed, and what must be decided before a turn is over (chains, lines, regions,
fees), at most QUIET_PLIES decisions; wherever a capture may be declined the position's own value is a choice too.

A table entry holds the value, exact or a bound, of a position searched to one depth. It is used for the same depth
only: then the value of the root is what it would be without the table.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import copy_state, kind_of, scalar, word
from ringrift.rules.kernels.constants import (
    MOVEMENT,
    PLANE_RAY,
    RING_PLACEMENT,
    S_PHASE,
    S_PLAYER,
    S_SLIDE,
    STACK,
)
from ringrift.rules.kernels.play import advance_kernel, next_random
from ringrift.rules.kernels.state import hash_state
from ringrift.search.kernels.heuristic import position_value

#: Decisions that quiescence follows beyond the depth.
QUIET_PLIES = 6
#: Beyond every value.
INFINITE = 1e9
#: Of the action to try first, before all others.
FIRST = 1e6

EXACT = 0
LOWER = 1
UPPER = 2

#: Cursor of a search that is done.
DONE = -1


class Plies(NamedTuple):
    """One search; D plies, W actions."""

    states: NDArray[np.uint16]  # [D, F, N]
    trial: NDArray[np.uint16]  # [1, F, N]
    actions: NDArray[np.int32]  # [D, W] legal actions, those not yet tried from `tried` on
    order: NDArray[np.float64]  # [D, W] the larger the earlier
    count: NDArray[np.int64]  # [D]
    tried: NDArray[np.int64]  # [D] actions begun
    depth: NDArray[np.int64]  # [D] decisions still to be searched; below 1: quiescence
    mine: NDArray[np.int64]  # [D] seat of the agent that searches
    key: NDArray[np.uint64]  # [D]
    alpha: NDArray[np.float64]  # [D]
    beta: NDArray[np.float64]  # [D]
    low: NDArray[np.float64]  # [D] alpha at the beginning
    high: NDArray[np.float64]  # [D] beta at the beginning
    best: NDArray[np.float64]  # [D]
    action: NDArray[np.int32]  # [D] the action of `best`, -1 for none
    after: NDArray[np.int32]  # [W] what an advance lists where nobody asks
    log: NDArray[np.int32]  # [W]
    strength: NDArray[np.float64]  # [4]
    rng: NDArray[np.uint64]  # [1]
    cursor: NDArray[np.int64]  # [2] ply at work, or DONE; positions made so far
    options: NDArray[np.int64]  # [3] use the table; follow captures; number of the swap action


class Table(NamedTuple):
    """Transposition table of T places, T a power of two; an entry counts if its era is the present one."""

    era: NDArray[np.int64]  # [T]
    now: NDArray[np.int64]  # [1]
    key: NDArray[np.uint64]  # [T]
    depth: NDArray[np.int8]  # [T]
    bound: NDArray[np.int8]  # [T] EXACT, LOWER, UPPER
    value: NDArray[np.float64]  # [T]
    action: NDArray[np.int32]  # [T]


@kernel
def place_of(table, key):
    return np.int64(key & np.uint64(table.key.size - 1))


@kernel
def known(table, key):
    """Place of the entry of a position, -1 where there is none."""
    i = place_of(table, key)
    if table.era[i] == table.now[0] and table.key[i] == key:
        return i
    return np.int64(-1)


@kernel
def is_capture(s, g, t, action):
    """Whether a ray action of phase movement or capture passes over a stack."""
    plane = action // t.n
    if plane < PLANE_RAY or plane >= PLANE_RAY + t.D * t.max_ray:
        return False
    d = (plane - PLANE_RAY) // t.max_ray
    if kind_of(word(s, g, action % t.n)) != STACK:
        return False
    for i in range((plane - PLANE_RAY) % t.max_ray):
        if kind_of(word(s, g, t.ray[action % t.n, d, i])) == STACK:
            return True
    return False


@kernel
def play_trial(plies, p, t, code):
    """Play an action of ply ``p`` on the trial position."""
    zero = np.int64(0)
    copy_state(plies.states, p, plies.trial, zero)
    plies.cursor[1] += 1
    advance_kernel(plies.trial, zero, t, code, plies.log, zero, plies.after)


@kernel
def seat_after(plies, p, code):
    """Seat of the searching agent behind an action of ply ``p``: a swap exchanges seats 1 and 2."""
    mine = plies.mine[p]
    return 3 - mine if code == plies.options[2] else mine


@kernel
def set_order(plies, p, t, first):
    """Order the actions of a ply; ``first``: the action that the table or an earlier search liked best, or -1."""
    sign = 1.0 if scalar(plies.states, p, S_PLAYER) == plies.mine[p] else -1.0
    ahead = p == 0 or plies.depth[p] > 1
    for i in range(plies.count[p]):
        code = np.int64(plies.actions[p, i])
        value = 0.0
        if ahead:
            play_trial(plies, p, t, code)
            mine = seat_after(plies, p, code)
            value = sign * position_value(plies.trial, np.int64(0), t, mine, plies.strength)
        if p == 0:  # ties at random
            plies.rng[0], z = next_random(plies.rng[0])
            value += np.float64(z >> np.uint64(11)) * 1e-6 / 9007199254740992.0
        plies.order[p, i] = FIRST if code == first else value


@kernel
def keep_forcing(plies, p, t):
    """Quiescence: keep the captures of a movement decision; every other list is kept whole."""
    if scalar(plies.states, p, S_PHASE) != MOVEMENT or scalar(plies.states, p, S_SLIDE) != 0:
        return
    n = 0
    for i in range(plies.count[p]):
        if is_capture(plies.states, p, t, np.int64(plies.actions[p, i])):
            plies.actions[p, n] = plies.actions[p, i]
            n += 1
    plies.count[p] = n


@kernel
def open_node(plies, table, t, p):
    """Look at the position of ply ``p``, its actions listed. Returns (whether its value is told at once, the value)."""
    value = 0.0
    if plies.count[p] == 0 or plies.depth[p] < 1:
        value = position_value(plies.states, p, t, plies.mine[p], plies.strength)
    if plies.count[p] == 0:
        return True, value
    maximising = scalar(plies.states, p, S_PLAYER) == plies.mine[p]
    plies.low[p] = plies.alpha[p]
    plies.high[p] = plies.beta[p]
    plies.best[p] = -INFINITE if maximising else INFINITE
    plies.action[p] = -1
    plies.tried[p] = 0
    if plies.depth[p] < 1:
        phase = scalar(plies.states, p, S_PHASE)
        if (
            phase == RING_PLACEMENT
            or plies.options[1] == 0
            or plies.depth[p] <= -QUIET_PLIES
            or p + 1 >= plies.count.size
        ):
            return True, value
        keep_forcing(plies, p, t)
        if plies.count[p] == 0:
            return True, value
        if phase == MOVEMENT and scalar(plies.states, p, S_SLIDE) == 0:
            take_value(plies, p, value, np.int32(-1))
        set_order(plies, p, t, np.int64(-1))
        return False, value
    first = np.int64(-1)
    if plies.options[0] != 0:
        plies.key[p] = hash_state(plies.states, p) ^ np.uint64(plies.mine[p])
        i = known(table, plies.key[p])
        if i >= 0:
            first = np.int64(table.action[i])
            told = np.float64(table.value[i])
            bound = table.bound[i]
            if table.depth[i] == plies.depth[p] and (
                bound == EXACT
                or (bound == LOWER and told >= plies.beta[p])
                or (bound == UPPER and told <= plies.alpha[p])
            ):
                return True, told
    set_order(plies, p, t, first)
    return False, value


@kernel
def take_value(plies, p, value, action):
    """Take in the value of an action of ply ``p``."""
    if scalar(plies.states, p, S_PLAYER) == plies.mine[p]:
        if value > plies.best[p]:
            plies.best[p] = value
            plies.action[p] = action
        plies.alpha[p] = max(plies.alpha[p], plies.best[p])
    else:
        if value < plies.best[p]:
            plies.best[p] = value
            plies.action[p] = action
        plies.beta[p] = min(plies.beta[p], plies.best[p])


@kernel
def remember(plies, table, p):
    """Put the value of a finished ply into the table."""
    if plies.options[0] == 0 or plies.depth[p] < 1:
        return
    i = place_of(table, plies.key[p])
    bound = EXACT
    if plies.best[p] <= plies.low[p]:
        bound = UPPER
    elif plies.best[p] >= plies.high[p]:
        bound = LOWER
    table.era[i] = table.now[0]
    table.key[i] = plies.key[p]
    table.depth[i] = plies.depth[p]
    table.bound[i] = bound
    table.value[i] = plies.best[p]
    table.action[i] = plies.action[p]


@kernel
def next_action(plies, p):
    """The action of ply ``p`` whose turn it is; it moves to the tried ones."""
    k = plies.tried[p]
    pick = k
    for i in range(k + 1, plies.count[p]):
        if plies.order[p, i] > plies.order[p, pick]:
            pick = i
    code = plies.actions[p, pick]
    order = plies.order[p, pick]
    # the rest keeps its order, so that equal values stay in the order of the list
    for i in range(pick, k, -1):
        plies.actions[p, i] = plies.actions[p, i - 1]
        plies.order[p, i] = plies.order[p, i - 1]
    plies.actions[p, k] = code
    plies.order[p, k] = order
    plies.tried[p] = k + 1
    return np.int64(code)


@entry
def set_root(plies, table, s, index, seed):
    """Begin with another position: state ``index`` of ``s`` uint16[n, F, N]; seed: uint64."""
    copy_state(s, index, plies.states, np.int64(0))
    plies.mine[0] = scalar(plies.states, 0, S_PLAYER)
    plies.action[0] = -1
    plies.rng[0] = seed
    plies.cursor[0] = DONE
    plies.cursor[1] = 0
    table.now[0] += 1


@kernel
def begin_depth(plies, t, depth):
    """Begin the search of the root to a depth; the best action of the search before it is tried first."""
    zero = np.int64(0)
    root = np.int64(0)
    liked = plies.action[0]
    plies.depth[0] = depth
    plies.alpha[0] = -INFINITE
    plies.beta[0] = INFINITE
    code = np.int64(-1)
    n, _ = advance_kernel(plies.states, root, t, code, plies.log, zero, plies.actions[0])
    plies.count[0] = n
    plies.best[0] = -INFINITE
    plies.low[0] = plies.alpha[0]
    plies.high[0] = plies.beta[0]
    plies.action[0] = -1
    plies.tried[0] = 0
    if plies.options[0] != 0:
        plies.key[0] = hash_state(plies.states, root) ^ np.uint64(plies.mine[0])
    set_order(plies, root, t, np.int64(liked))
    plies.cursor[0] = 0


@entry
def run_minimax(plies, table, t, depth, limit):
    """Search the root to a depth (0: go on with the search that was not done).

    Returns whether it is done; False when ``limit`` positions have been made in all.
    """
    zero = np.int64(0)
    if depth > 0:
        begin_depth(plies, t, depth)
    p = plies.cursor[0]
    while p >= 0:
        if plies.alpha[p] >= plies.beta[p] or plies.tried[p] >= plies.count[p]:
            remember(plies, table, p)
            p -= 1
            if p >= 0:
                value = plies.best[p + 1]
                take_value(plies, p, value, plies.actions[p, plies.tried[p] - 1])
            continue
        if plies.cursor[1] >= limit:
            plies.cursor[0] = p
            return False
        code = next_action(plies, p)
        q = p + 1
        copy_state(plies.states, p, plies.states, q)
        plies.cursor[1] += 1
        n, _ = advance_kernel(plies.states, q, t, code, plies.log, zero, plies.actions[q])
        plies.count[q] = n
        plies.depth[q] = plies.depth[p] - 1
        plies.mine[q] = seat_after(plies, p, code)
        plies.alpha[q] = plies.alpha[p]
        plies.beta[q] = plies.beta[p]
        told, value = open_node(plies, table, t, q)
        if told:
            take_value(plies, p, value, plies.actions[p, plies.tried[p] - 1])
        else:
            p = q
    plies.cursor[0] = DONE
    return True

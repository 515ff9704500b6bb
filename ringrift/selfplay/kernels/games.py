"""Selfplay of many games: each slot plays on as soon as its search is done, without Python in between.

A slot whose search is done plays the chosen action, the moves forced after it, and begins the next search, with the
full budget or the fast one (playout-cap randomisation, Wu 2019 §3.1). What the searches found is kept in flat logs
until the game is over and Python takes it out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import copy_state
from ringrift.rules.kernels.play import advance_kernel
from ringrift.search.kernels.lockstep import (
    DONE,
    FINISHED,
    IDLE,
    NEW,
    begin,
    begin_below,
    chosen_edge,
    collect_slot,
    uniform,
)
from ringrift.search.kernels.policy import root_policy, root_value

#: Rows of `Slots.budgets`.
FULL = 0
FAST = 1

#: Shares of the improved policy below this are left out of the target, and at most this many are kept.
LEAST_SHARE = 0.002
MOST_SHARES = 64


class Games(NamedTuple):
    """The games of a pool; G slots, L moves, D decisions, W policy entries."""

    states: NDArray[np.uint16]  # [G, F, N]
    seeds: NDArray[np.uint64]  # [G] of the game in the slot
    logs: NDArray[np.int32]  # [G, L] move codes
    lengths: NDArray[np.int64]  # [G] moves logged; -1 when the log overflowed
    num_decisions: NDArray[np.int32]  # [G]
    move_index: NDArray[np.int32]  # [G, D] moves logged before the decision
    value: NDArray[np.float32]  # [G, D, 4] root value per absolute seat
    visits: NDArray[np.int32]  # [G, D] simulations
    full: NDArray[np.bool_]  # [G, D] a full search with its target kept
    target_start: NDArray[np.int32]  # [G, D + 1] into target_action
    target_action: NDArray[np.int32]  # [G, W]
    target_share: NDArray[np.float32]  # [G, W]


class Play(NamedTuple):
    """How the games are played."""

    full_fraction: float  # part of the decisions with the full budget
    noise: NDArray[
        np.float64
    ]  # [T] scale of the root's Gumbel variables by decision; the last one stays
    reuse: bool  # search on in the subtree of the move that was played


def make_games(
    slots: int, moves: int, decisions: int, shares: int, shape: tuple[int, int]
) -> Games:
    """Allocate the logs: G, L, D, W and the shape (F, N) of a state."""
    return Games(
        states=np.zeros((slots, *shape), np.uint16),
        seeds=np.zeros(slots, np.uint64),
        logs=np.zeros((slots, moves), np.int32),
        lengths=np.zeros(slots, np.int64),
        num_decisions=np.zeros(slots, np.int32),
        move_index=np.zeros((slots, decisions), np.int32),
        value=np.zeros((slots, decisions, 4), np.float32),
        visits=np.zeros((slots, decisions), np.int32),
        full=np.zeros((slots, decisions), np.bool_),
        target_start=np.zeros((slots, decisions + 1), np.int32),
        target_action=np.zeros((slots, shares), np.int32),
        target_share=np.zeros((slots, shares), np.float32),
    )


@kernel
def keep_target(games, g, row, trees, slots, scratch):
    """Log the policy target of the root, largest shares only, summing to 1; False when the log is full."""
    n = trees.edges[g, 0]
    root_policy(trees, g, slots.c, scratch.policy)
    start = games.target_start[g, row]
    if start + MOST_SHARES > games.target_action.shape[1]:
        return False
    first = trees.first_edge[g, 0]
    kept = 0
    total = 0.0
    while kept < min(n, MOST_SHARES):
        best = np.float32(LEAST_SHARE)
        pick = -1
        for i in range(n):
            if scratch.policy[i] > best:
                best = scratch.policy[i]
                pick = i
        if pick < 0:
            break
        games.target_action[g, start + kept] = trees.action[g, first + pick]
        games.target_share[g, start + kept] = best
        total += best
        scratch.policy[pick] = np.float32(-1.0)
        kept += 1
    for i in range(kept):
        games.target_share[g, start + i] /= total
    games.target_start[g, row + 1] = start + kept
    return kept > 0


@kernel
def keep_decision(games, g, trees, slots, scratch):
    """Log what the finished search of slot ``g`` found."""
    row = games.num_decisions[g]
    if row >= games.full.shape[1]:
        return
    games.move_index[g, row] = games.lengths[g]
    games.visits[g, row] = slots.simulations[g]
    root_value(trees, g, slots.c, games.value[g, row])
    games.target_start[g, row + 1] = games.target_start[g, row]
    games.full[g, row] = slots.budget[g] == FULL and keep_target(
        games, g, row, trees, slots, scratch
    )
    games.num_decisions[g] = row + 1


@kernel
def play_on(games, play, trees, slots, scratch, g, t):
    """Play the result of a finished search and begin the next one, or finish the game."""
    code = np.int64(-1)
    edge = np.int64(-1)
    if slots.status[g] == DONE:
        keep_decision(games, g, trees, slots, scratch)
        edge = np.int64(chosen_edge(trees, slots, g))
        code = np.int64(trees.action[g, edge])
    n, games.lengths[g] = advance_kernel(
        games.states, g, t, code, games.logs[g], games.lengths[g], scratch.actions
    )
    if n == 0:
        slots.status[g] = FINISHED
        return
    budget = FULL if uniform(slots.rng, g) < play.full_fraction else FAST
    noise = play.noise[min(games.num_decisions[g], play.noise.size - 1)]
    if play.reuse and edge >= 0 and begin_below(trees, slots, scratch, g, edge, budget, noise):
        return
    begin(trees, slots, g, games.states, g, budget, noise)


@entry
def start_game(games, slots, g, opening, seed):
    """Put a new game into slot ``g``: state uint16[1, F, N]; seed: uint64, decides everything in it."""
    copy_state(opening, 0, games.states, g)
    games.seeds[g] = seed
    games.lengths[g] = 0
    games.num_decisions[g] = 0
    games.target_start[g, 0] = 0
    slots.rng[g] = seed
    slots.status[g] = NEW


@entry
def stop_slot(slots, g):
    """Leave the slot empty: there is no further game for it."""
    slots.status[g] = IDLE


@entry
def step(games, play, trees, slots, scratch, t, batch, out_finished):
    """Bring every slot to its next leaf, playing moves where searches are done.

    out_finished: int32[G]. Returns (leaves in the batch, finished games).
    """
    n = np.int64(0)  # a literal would compile `collect_slot` twice
    finished = 0
    for g in range(slots.status.size):
        while slots.status[g] != IDLE and slots.status[g] != FINISHED:
            before = n
            n = collect_slot(trees, slots, scratch, g, t, batch, n)
            if n > before:
                break
            if slots.status[g] == DONE or slots.status[g] == NEW:
                play_on(games, play, trees, slots, scratch, g, t)
        if slots.status[g] == FINISHED:
            out_finished[finished] = g
            finished += 1
    return n, finished

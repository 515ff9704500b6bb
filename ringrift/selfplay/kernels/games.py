"""Selfplay of many games: each slot plays on as soon as its search is done, without Python in between.

A slot whose search is done plays the chosen action, the moves forced after it, and begins the next search, with the
full budget or the fast one (playout-cap randomisation, Wu 2019 §3.1). What the searches found is kept in flat logs
until the game is over and Python takes it out.

A decision may also be left to the network's policy alone, by a search without simulations: the first ones of a game
that is to open unusually, and all that follow once a game is decided, unless it is one of those that are played out to
see how often that judgement is wrong. Whatever such a game does, the others are not touched: these draws are made from
the game's own seed, by streams of their own.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import copy_state, scalar
from ringrift.rules.kernels.constants import S_OUT, S_PLAYERS
from ringrift.rules.kernels.play import advance_kernel, next_random
from ringrift.search.kernels.lockstep import (
    DONE,
    FINISHED,
    IDLE,
    NEW,
    begin,
    begin_below,
    chosen_edge,
    collect_slot,
    root_entropy,
    uniform,
)
from ringrift.search.kernels.policy import root_policy, root_value

#: Rows of `Slots.budgets`.
FULL = 0
FAST = 1
#: No simulation: the network's policy alone.
BARE = 2

#: Added to a game's seed, where its draw for the audit begins.
AUDIT_STREAM = 0x41554449

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
    before: NDArray[
        np.int32
    ]  # [G] decisions of the game that are not logged, before those that are
    drawn: NDArray[np.int32]  # [G] decisions of its opening still to be drawn from the policy
    leader: NDArray[np.int8]  # [G] seat that the latest values make the winner; 0 none
    streak: NDArray[np.int32]  # [G] searches in a row that agree on it
    agreeing: NDArray[np.int32]  # [G] bit seat-1: a search of that seat is among them
    decided: NDArray[np.int32]  # [G] logged decision with which the game was decided; -1 not yet
    audited: NDArray[np.bool_]  # [G] decided, and searched to its end all the same


class Play(NamedTuple):
    """How the games are played."""

    full_fraction: float  # part of the decisions with the full budget
    noise: NDArray[
        np.float64
    ]  # [T] scale of the root's Gumbel variables by decision; the last one stays
    reuse: bool  # search on in the subtree of the move that was played
    opening_temperature: float  # of the decisions that are drawn from the policy
    decided_threshold: (
        float  # value of a seat from which on a search calls the game its own; 0 none does
    )
    decided_after: int  # searches in a row that must agree
    decided_audit: float  # part of the decided games that is searched to the end


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
        before=np.zeros(slots, np.int32),
        drawn=np.zeros(slots, np.int32),
        leader=np.zeros(slots, np.int8),
        streak=np.zeros(slots, np.int32),
        agreeing=np.zeros(slots, np.int32),
        decided=np.full(slots, -1, np.int32),
        audited=np.zeros(slots, np.bool_),
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
def is_audited(games, play, g):
    """Whether the game of slot ``g`` is among those that are searched to their end, decided or not."""
    _, z = next_random(games.seeds[g] + np.uint64(AUDIT_STREAM))
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0) < play.decided_audit


@kernel
def seats_left(games, g):
    """Mask of the seats that still have a ring (bit seat-1)."""
    found = 0
    for q in range(scalar(games.states, g, S_PLAYERS)):
        if scalar(games.states, g, S_OUT + q) == 0:
            found |= 1 << q
    return found


@kernel
def judge(games, play, g, seat):
    """Take note of who wins by the decision of ``seat`` that was logged last, and whether that settles the game.

    A game is decided when so many searches in a row, at least one of each seat that has a ring left among them, give
    one and the same seat at least the threshold.
    """
    row = games.num_decisions[g] - 1
    best = np.float64(0.0)
    leader = 0
    for q in range(4):
        if games.value[g, row, q] > best:
            best = np.float64(games.value[g, row, q])
            leader = q + 1
    if best < play.decided_threshold:
        leader = 0
    if leader != games.leader[g] or leader == 0:
        games.streak[g] = 0
        games.agreeing[g] = 0
    games.leader[g] = leader
    if leader == 0:
        return
    games.streak[g] += 1
    games.agreeing[g] |= 1 << (seat - 1)
    left = seats_left(games, g)
    if games.streak[g] >= play.decided_after and games.agreeing[g] & left == left:
        games.decided[g] = row
        games.audited[g] = is_audited(games, play, g)


@kernel
def drawn_edge(trees, slots, g, temperature):
    """A root edge drawn from the network's policy, each with a chance of π^(1/T) / Σ π^(1/T); T may be 0."""
    first = trees.first_edge[g, 0]
    best = -1e30
    pick = first
    for e in range(first, first + trees.edges[g, 0]):
        draw = -np.log(-np.log(uniform(slots.rng, g)))
        score = np.float64(trees.logit[g, e]) + temperature * draw
        if score > best:
            best = score
            pick = e
    return pick


@kernel
def finish_search(games, play, trees, slots, scratch, g, noise):
    """Log what the finished search of slot ``g`` found, and return the root edge to be played.

    noise: scale of the Gumbel variables at this decision. What is drawn for the opening is not logged.
    """
    if games.drawn[g] > 0:
        games.drawn[g] -= 1
        games.before[g] += 1
        return np.int64(drawn_edge(trees, slots, g, play.opening_temperature))
    keep_decision(games, g, trees, slots, scratch)
    if slots.budget[g] == BARE:
        if slots.clarity[0] != slots.clarity[1]:
            h = root_entropy(trees, g)
            noise *= slots.clarity[0] + (slots.clarity[1] - slots.clarity[0]) * h
        return np.int64(drawn_edge(trees, slots, g, noise))
    if play.decided_threshold > 0.0 and games.decided[g] < 0:
        judge(games, play, g, np.int64(trees.player[g, 0]))
    return np.int64(chosen_edge(trees, slots, g))


@kernel
def noise_now(games, play, g):
    """Scale of the Gumbel variables at the decision that comes next in slot ``g``."""
    return play.noise[min(games.before[g] + games.num_decisions[g], play.noise.size - 1)]


@kernel
def play_on(games, play, trees, slots, scratch, g, t):
    """Play the result of a finished search and begin the next one, or finish the game."""
    code = np.int64(-1)
    edge = np.int64(-1)
    if slots.status[g] == DONE:
        edge = finish_search(games, play, trees, slots, scratch, g, noise_now(games, play, g))
        code = np.int64(trees.action[g, edge])
    n, games.lengths[g] = advance_kernel(
        games.states, g, t, code, games.logs[g], games.lengths[g], scratch.actions
    )
    if n == 0:
        slots.status[g] = FINISHED
        return
    if games.drawn[g] > 0 or (games.decided[g] >= 0 and not games.audited[g]):
        begin(trees, slots, g, games.states, g, np.int64(BARE), np.float64(0.0))
        return
    budget = FULL if uniform(slots.rng, g) < play.full_fraction else FAST
    noise = noise_now(games, play, g)
    if play.reuse and edge >= 0 and begin_below(trees, slots, scratch, g, edge, budget, noise):
        return
    begin(trees, slots, g, games.states, g, budget, noise)


@entry
def start_game(games, slots, g, opening, seed, before, drawn):
    """Put a new game into slot ``g``: state uint16[1, F, N]; seed: uint64, decides everything in it.

    before: decisions that led to the state; drawn: how many of the next ones are drawn from the policy.
    """
    copy_state(opening, 0, games.states, g)
    games.seeds[g] = seed
    games.lengths[g] = 0
    games.num_decisions[g] = 0
    games.target_start[g, 0] = 0
    games.before[g] = before
    games.drawn[g] = drawn
    games.leader[g] = 0
    games.streak[g] = 0
    games.agreeing[g] = 0
    games.decided[g] = -1
    games.audited[g] = False
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

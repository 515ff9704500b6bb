"""Several moves at a time: forced moves, whole replays and uniform playouts.

Codes are int64 in every call, so that each inner kernel is compiled once. A log is int32[L] of move codes; a half-played recovery slide is logged together with its stack, as the one move
it is in records. Every function here stops writing when its log is full and says so by a length of -1.
"""

import numpy as np

from ringrift.compile import entry, inlined, kernel
from ringrift.rules.kernels.apply import apply_kernel
from ringrift.rules.kernels.cells import copy_state, scalar
from ringrift.rules.kernels.constants import (
    ACTION_MASK,
    GAME_OVER,
    MAX_MOVES,
    PLANE_RAY,
    S_PHASE,
    S_SLIDE,
    STACK_SHIFT,
)
from ringrift.rules.kernels.moves import list_all


@kernel
def record_code(s, g, t, code):
    """Code under which a move goes into the record: joins a half-played slide with its stack; see `log_move`."""
    slide = scalar(s, g, S_SLIDE)
    if slide == 0:
        return code
    source = (slide - 1) // t.D
    action = (PLANE_RAY + (slide - 1) % t.D * t.max_ray) * t.n + source
    return action | ((code & ACTION_MASK) % t.n + 1) << STACK_SHIFT


@inlined
def play_code(s, g, t, code, log, length):
    """Apply a move and log it unless it only begins a slide. Returns the new log length, -1 when full."""
    joined = record_code(s, g, t, code)
    apply_kernel(s, g, t, code)
    if scalar(s, g, S_SLIDE) != 0:
        return length
    if length < 0 or length >= log.size:
        return -1
    log[length] = joined
    return length + 1


@kernel
def advance_kernel(s, g, t, code, log, length, out_actions):
    """Play a move (``code`` >= 0; -1 for none), then forced moves until a decision or the end.

    Returns (number of legal actions at the decision, 0 at the end; new log length).
    """
    while True:
        if code >= 0:
            length = play_code(s, g, t, code, log, length)
        n = list_all(s, g, t, np.bool_(0), out_actions)
        if n != 1:
            return n, length
        code = np.int64(out_actions[0])


@entry
def play_all(s, games, t, codes, logs, lengths, out_count):
    """Apply one chosen move in each of many games and play what is forced after it (rules §4.7).

    games: int64[n] state indices; codes: int32[n], moves or actions, -1 to play only what is forced;
    logs: int32[G, L]; lengths: int64[G], updated; out_count: int32[G], number of legal actions where the game now
    waits (0: over).
    """
    actions = np.empty(MAX_MOVES, np.int32)
    for i in range(games.size):
        g = games[i]
        n, length = advance_kernel(s, g, t, np.int64(codes[i]), logs[g], lengths[g], actions)
        lengths[g] = length
        out_count[g] = n


@entry
def replay(s, g, t, codes, out_states):
    """Play a recorded game from state ``g``, keeping the state before each move.

    codes: int32[n]; out_states: uint16[n, F, N]. Trusts the codes; state ``g`` ends as the final state.
    """
    for i in range(codes.size):
        copy_state(s, g, out_states, i)
        apply_kernel(s, g, t, np.int64(codes[i]))


@entry
def first_illegal(s, g, t, codes):
    """Play a recorded game and check each move against the complete legal list.

    Returns the index of the first illegal move (state ``g`` is left before it), or -1.
    """
    out = np.empty(MAX_MOVES, np.int32)
    for i in range(codes.size):
        n = list_all(s, g, t, np.bool_(1), out)
        found = False
        for j in range(n):
            if out[j] == codes[i]:
                found = True
                break
        if not found:
            return i
        apply_kernel(s, g, t, np.int64(codes[i]))
    return -1


@kernel
def next_random(x):
    """splitmix64: (new state, 64 random bits)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    z = x
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x, z ^ (z >> np.uint64(31))


@kernel
def random_below(z, n):
    """Uniform integer in [0, n) from 64 random bits (multiply-shift on the upper 32)."""
    return np.int64(((z >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@entry
def choose_uniform(s, games, t, seeds, out_codes):
    """A uniformly random move of the complete legal list in each game.

    games: int64[n]; seeds: uint64[n]; out_codes: int32[n].
    """
    out = np.empty(MAX_MOVES, np.int32)
    for i in range(games.size):
        n = list_all(s, games[i], t, np.bool_(1), out)
        _, z = next_random(seeds[i])
        out_codes[i] = out[random_below(z, n)]


@entry
def playout(s, g, t, seed, log):
    """Play state ``g`` to its end, uniformly over the complete legal list.

    Returns (moves, decisions); moves is -1 if the log was too short.
    """
    out = np.empty(MAX_MOVES, np.int32)
    x = np.uint64(seed)
    length = 0
    decisions = 0
    while scalar(s, g, S_PHASE) != GAME_OVER and length >= 0:
        n = list_all(s, g, t, np.bool_(1), out)
        pick = 0
        if n > 1:
            decisions += 1
            x, z = next_random(x)
            pick = random_below(z, n)
        length = play_code(s, g, t, np.int64(out[pick]), log, length)
    return length, decisions

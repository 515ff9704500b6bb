"""Compiled loops of the benchmarks: what is timed is the call from compiled code, not the crossing from Python."""

import numpy as np

from ringrift.compile import entry
from ringrift.rules.kernels.apply import apply_kernel
from ringrift.rules.kernels.cells import copy_state
from ringrift.rules.kernels.moves import list_all
from ringrift.rules.kernels.play import playout
from ringrift.search.kernels.lockstep import IDLE, begin, begin_below


@entry
def calibration_walk(words, steps, seed):
    """Walk over an array by mixed integers: loads, shifts, a multiplication and branches per step.

    words: uint16[4096], whatever it holds; it is left as it was. The work never changes, so that
    figures divided by it can be compared between machines. Returns a number that depends on all steps.
    """
    x = np.uint64(seed)
    total = np.int64(0)
    for _ in range(steps):
        x = (x ^ (x >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
        w = np.int64(words[np.int64(x >> np.uint64(52))])
        kind = (w >> 3) & 3
        if kind == 3:
            total += (w >> 5) & 31
        elif kind == 1:
            total ^= w & 7
        elif kind == 2:
            total -= w >> 10
        x ^= np.uint64(total & 0xFF)
    return total


@entry
def play_games(start, s, t, first_seed, games, log, out_totals):
    """Random games to their end, one after the other in state 0 of ``s``.

    start: uint16[1, F, N], where each begins; log: int32[L]; out_totals: int64[2], moves and decisions.
    """
    out_totals[0] = 0
    out_totals[1] = 0
    for i in range(games):
        copy_state(start, 0, s, 0)
        moves, decisions = playout(s, 0, t, np.uint64(first_seed + i), log)
        out_totals[0] += moves
        out_totals[1] += decisions


@entry
def list_each(states, t, out_codes):
    """The complete legal list of each state; returns the number of moves of all."""
    total = 0
    for g in range(states.shape[0]):
        total += list_all(states, g, t, np.bool_(1), out_codes)
    return total


@entry
def apply_each(states, t, codes, s):
    """A move in a copy of each state; ``s``: uint16[1, F, N]. Less `copy_each` it is the time to apply."""
    for g in range(states.shape[0]):
        copy_state(states, g, s, 0)
        apply_kernel(s, np.int64(0), t, np.int64(codes[g]))


@entry
def copy_each(states, s):
    """Each state copied over state 0 of ``s``: uint16[1, F, N]."""
    for g in range(states.shape[0]):
        copy_state(states, g, s, 0)


@entry
def begin_known(trees, slots, scratch, s, places, nodes, budget, noise, seeds):
    """Begin a search of state i of ``s`` in slot places[i]: below node nodes[i] of its tree, afresh where that is -1.

    places, nodes: int64[n]; seeds: uint64[n]. Status ROOT says which began afresh; all other slots are idle.
    """
    for g in range(slots.status.size):
        slots.status[g] = IDLE
    for i in range(places.size):
        g = places[i]
        node = nodes[i]
        slots.rng[g] = seeds[i]
        if node > 0 and begin_below(
            trees, slots, scratch, g, np.int64(trees.parent_edge[g, node]), budget, noise
        ):
            continue
        begin(trees, slots, g, s, i, budget, noise)

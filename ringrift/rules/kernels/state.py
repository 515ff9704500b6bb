"""New games, hashes and copies of the state array."""

import numpy as np

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import (
    get_rings,
    height_of,
    kind_of,
    owner_of,
    ring_at,
    scalar,
    word,
)
from ringrift.rules.kernels.constants import (
    F_CELL,
    F_RINGS,
    F_SCALAR,
    MARKER,
    NO_REGION,
    NUM_SCALARS,
    RING_PLACEMENT,
    S_HAND,
    S_KNOWN,
    S_LAST,
    S_MARKERS,
    S_ON_BOARD,
    S_PEND,
    S_PHASE,
    S_PLAYER,
    S_PLAYERS,
    S_PLIES,
    S_STACKS,
    S_SWAP_OPEN,
    S_TURNS,
    STACK,
    TERRITORY_PROCESSING,
)
from ringrift.rules.kernels.territory import any_region


@entry
def new_game(s, g, options):
    """Set state ``g`` to the opening position (rules §3.4).

    options: int64[8] in the order of the S_PLAYERS.. scalars: players, rings, L, Dt, VT, TM, LPS rounds, pie.
    """
    s[g] = 0
    for i in range(8):
        s[g, F_SCALAR, S_PLAYERS + i] = options[i]
    for q in range(options[0]):
        s[g, F_SCALAR, S_HAND + q] = options[1]
    s[g, F_SCALAR, S_PHASE] = RING_PLACEMENT
    s[g, F_SCALAR, S_PLAYER] = 1
    s[g, F_SCALAR, S_TURNS] = 1
    s[g, F_SCALAR, S_SWAP_OPEN] = options[7]


@entry
def recount(s, g, t):
    """Compute what state ``g`` keeps beyond its position (S_STACKS .. S_KNOWN), when no moves led to it."""
    for i in range(S_STACKS, S_KNOWN + 1):
        s[g, F_SCALAR, i] = 0
    for c in range(t.n):
        w = word(s, g, c)
        if kind_of(w) == MARKER:
            s[g, F_SCALAR, S_MARKERS + owner_of(w) - 1] += 1
        elif kind_of(w) == STACK:
            s[g, F_SCALAR, S_STACKS + owner_of(w) - 1] += 1
            rings = get_rings(s, g, c)
            for i in range(height_of(w)):
                s[g, F_SCALAR, S_ON_BOARD + ring_at(rings, i) - 1] += 1
    if (
        scalar(s, g, S_PHASE) == TERRITORY_PROCESSING
        and scalar(s, g, S_PEND) == 0
        and not any_region(s, g, t)
    ):
        s[g, F_SCALAR, S_KNOWN] |= NO_REGION


@kernel
def mix(h, v):
    """One round of a 64-bit multiply-xorshift mixer; unsigned throughout."""
    h = (h ^ np.uint64(v)) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@entry
def hash_state(s, g):
    """64-bit hash of every field that can change the future; the same in every process and on every machine.

    Turn and move numbers and the last actor are left out: they follow play and do not steer it.
    """
    h = np.uint64(0x243F6A8885A308D3)
    for f in range(F_CELL, F_RINGS + 4):
        for c in range(s.shape[2]):
            v = s[g, f, c]
            if v != 0:
                h = mix(h, (np.uint64(f * 1024 + c) << np.uint64(16)) | np.uint64(v))
    for i in range(NUM_SCALARS):
        if i != S_TURNS and i != S_PLIES and i != S_LAST:
            v = s[g, F_SCALAR, i]
            if v != 0:
                h = mix(h, (np.uint64(F_SCALAR * 1024 + i) << np.uint64(16)) | np.uint64(v))
    return mix(h, 0)

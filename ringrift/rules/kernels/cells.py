"""One cell: its packed word, and the rings of its stack.

Rings are handled as one int64 word, bottom ring in the lowest two bits: 25 rings, the highest stack on any
board (rules §3.1), take 50 bits.
"""

import numpy as np

from ringrift.compile import kernel
from ringrift.rules.kernels.constants import (
    CAP_MASK,
    CAP_SHIFT,
    COLLAPSED,
    EMPTY,
    F_CELL,
    F_RINGS,
    F_SCALAR,
    HEIGHT_MASK,
    HEIGHT_SHIFT,
    KIND_MASK,
    KIND_SHIFT,
    MARKER,
    OWNER_MASK,
    S_ELIM,
    S_KNOWN,
    S_MARKERS,
    S_ON_BOARD,
    S_PLAYER,
    S_STACKS,
    S_TERR,
    STACK,
    WHOLE,
)


@kernel
def copy_state(source, i, target, j):
    """Copy state ``i`` of ``source`` over state ``j`` of ``target``, both uint16[*, F, N].

    A loop, since slice assignment costs numba seconds of compilation wherever it stands.
    """
    for f in range(source.shape[1]):
        for c in range(source.shape[2]):
            target[j, f, c] = source[i, f, c]


@kernel
def kind_of(w):
    return (w >> KIND_SHIFT) & KIND_MASK


@kernel
def owner_of(w):
    return w & OWNER_MASK


@kernel
def height_of(w):
    return (w >> HEIGHT_SHIFT) & HEIGHT_MASK


@kernel
def cap_of(w):
    return (w >> CAP_SHIFT) & CAP_MASK


@kernel
def word(s, g, c):
    """The cell word as int64, so that shifts and comparisons stay signed."""
    return np.int64(s[g, F_CELL, c])


@kernel
def scalar(s, g, index):
    return np.int64(s[g, F_SCALAR, index])


@kernel
def get_rings(s, g, c):
    """All rings of the stack on ``c`` in one int64, bottom ring lowest."""
    return (
        np.int64(s[g, F_RINGS, c])
        | (np.int64(s[g, F_RINGS + 1, c]) << 16)
        | (np.int64(s[g, F_RINGS + 2, c]) << 32)
        | (np.int64(s[g, F_RINGS + 3, c]) << 48)
    )


@kernel
def ring_at(rings, i):
    """Seat (1..P) that owns ring ``i``, counted from the bottom."""
    return ((rings >> (2 * i)) & 3) + 1


@kernel
def put_rings(s, g, c, rings):
    s[g, F_RINGS, c] = rings & 0xFFFF
    s[g, F_RINGS + 1, c] = (rings >> 16) & 0xFFFF
    s[g, F_RINGS + 2, c] = (rings >> 32) & 0xFFFF
    s[g, F_RINGS + 3, c] = (rings >> 48) & 0xFFFF


@kernel
def uncount(s, g, c):
    """Take what stands on the cell out of the counts; the caller then writes the cell anew."""
    w = word(s, g, c)
    if kind_of(w) == STACK:
        s[g, F_SCALAR, S_STACKS + owner_of(w) - 1] -= 1
    elif kind_of(w) == MARKER:
        s[g, F_SCALAR, S_MARKERS + owner_of(w) - 1] -= 1
        s[g, F_SCALAR, S_KNOWN] &= ~(WHOLE << owner_of(w)) & 0xFFFF


@kernel
def put_stack(s, g, c, rings, height):
    """Write a stack; controller and cap follow from its rings. Height 0 empties the cell."""
    if height == 0:
        clear_cell(s, g, c)
        return
    uncount(s, g, c)
    put_rings(s, g, c, rings)
    top = ring_at(rings, height - 1)
    cap = 1
    while cap < height and ring_at(rings, height - 1 - cap) == top:
        cap += 1
    s[g, F_CELL, c] = top | (STACK << KIND_SHIFT) | (height << HEIGHT_SHIFT) | (cap << CAP_SHIFT)
    s[g, F_SCALAR, S_STACKS + top - 1] += 1


@kernel
def clear_cell(s, g, c):
    uncount(s, g, c)
    if kind_of(word(s, g, c)) == STACK:
        put_rings(s, g, c, 0)
    s[g, F_CELL, c] = EMPTY


@kernel
def put_marker(s, g, c, seat):
    uncount(s, g, c)
    if kind_of(word(s, g, c)) == STACK:
        put_rings(s, g, c, 0)
    s[g, F_CELL, c] = seat | (MARKER << KIND_SHIFT)
    s[g, F_SCALAR, S_MARKERS + seat - 1] += 1
    s[g, F_SCALAR, S_KNOWN] &= ~(WHOLE << seat) & 0xFFFF


@kernel
def collapse(s, g, c, seat):
    """Turn the cell into territory of ``seat``; the caller has dealt with the rings that stood there."""
    uncount(s, g, c)
    if kind_of(word(s, g, c)) == STACK:
        put_rings(s, g, c, 0)
    s[g, F_CELL, c] = seat | (COLLAPSED << KIND_SHIFT)
    s[g, F_SCALAR, S_TERR + seat - 1] += 1
    s[g, F_SCALAR, S_KNOWN] = 0


@kernel
def credit(s, g, seat, rings):
    """Add eliminated rings to the account of the seat that caused them (rules §3.2)."""
    s[g, F_SCALAR, S_ELIM + seat - 1] += rings


@kernel
def remove_top(s, g, c, count):
    """Eliminate ``count`` rings of the cap of the stack on ``c``, credited to the seat to move."""
    w = word(s, g, c)
    height = height_of(w) - count
    s[g, F_SCALAR, S_ON_BOARD + owner_of(w) - 1] -= count
    rings = get_rings(s, g, c) & ((1 << (2 * height)) - 1)
    put_stack(s, g, c, rings, height)
    credit(s, g, scalar(s, g, S_PLAYER), count)


@kernel
def has_buried(s, g, c, seat):
    """Whether the stack on ``c`` holds a ring of ``seat`` below its top ring (rules §3.1)."""
    height = height_of(word(s, g, c))
    rings = get_rings(s, g, c)
    for i in range(height - 1):
        if ring_at(rings, i) == seat:
            return True
    return False


@kernel
def extract_lowest(s, g, c, seat):
    """Take the bottommost ring of ``seat`` out of the stack on ``c`` (rules §11.5), credited to ``seat``."""
    height = height_of(word(s, g, c))
    rings = get_rings(s, g, c)
    for i in range(height):
        if ring_at(rings, i) == seat:
            below = rings & ((1 << (2 * i)) - 1)
            above = rings >> (2 * (i + 1))
            put_stack(s, g, c, below | (above << (2 * i)), height - 1)
            s[g, F_SCALAR, S_ON_BOARD + seat - 1] -= 1
            credit(s, g, seat, 1)
            return


@kernel
def pass_over(s, g, c, seat):
    """A stack of ``seat`` passes the cell: own markers collapse, foreign ones change hands (rules §6.2)."""
    w = word(s, g, c)
    if kind_of(w) == MARKER:
        if owner_of(w) == seat:
            collapse(s, g, c, seat)
        else:
            put_marker(s, g, c, seat)


@kernel
def controls_stack(s, g, seat):
    return scalar(s, g, S_STACKS + seat - 1) > 0


@kernel
def ring_seats(s, g):
    """Bit mask (bit seat-1) of the owners of all rings on the board, buried ones included (rules §9.1)."""
    mask = 0
    for q in range(4):
        if scalar(s, g, S_ON_BOARD + q) > 0:
            mask |= 1 << q
    return mask


@kernel
def discount_rings(s, g, c):
    """Take the rings of the stack on ``c`` out of the counts; they are about to leave the board."""
    rings = get_rings(s, g, c)
    for i in range(height_of(word(s, g, c))):
        s[g, F_SCALAR, S_ON_BOARD + ring_at(rings, i) - 1] -= 1

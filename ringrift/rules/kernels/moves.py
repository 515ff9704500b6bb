"""Complete legal lists, phase by phase (rules §4.1).

Two lists exist. `legal_moves` is the list of records and traces: one code per move, a paid recovery slide once
per extraction stack. `legal_actions` is the list of search and networks: action numbers only, a paid slide
once, after which the state waits in S_SLIDE for the choice of the stack (rules §20.2).
"""

import numpy as np

from ringrift.compile import entry, inlined, kernel
from ringrift.rules.kernels.cells import (
    cap_of,
    controls_stack,
    has_buried,
    height_of,
    kind_of,
    owner_of,
    scalar,
    word,
)
from ringrift.rules.kernels.constants import (
    CAPTURE,
    CHAIN_CAPTURE,
    EMPTY,
    FORCED_ELIMINATION,
    GAME_OVER,
    LINE_PROCESSING,
    MAX_MOVES,
    MOVEMENT,
    NO_REGION,
    PASS_NO_LINE,
    PASS_NO_MOVEMENT,
    PASS_NO_PLACEMENT,
    PASS_NO_TERRITORY,
    PASS_SKIP_CAPTURE,
    PASS_SKIP_PLACEMENT,
    PASS_SKIP_RECOVERY,
    PASS_SKIP_TERRITORY,
    PLANE_RAY,
    RING_PLACEMENT,
    S_DEBT,
    S_FROM,
    S_HAND,
    S_KNOWN,
    S_MUST,
    S_ON_BOARD,
    S_PEND,
    S_PHASE,
    S_PLAYER,
    S_PLAYERS,
    S_RECOVERED,
    S_RINGS,
    S_SLIDE,
    S_SWAP_OPEN,
    STACK,
)
from ringrift.rules.kernels.lines import list_lines
from ringrift.rules.kernels.mobility import any_mobile, list_rays, mobile
from ringrift.rules.kernels.openness import (
    BARE,
    LOW,
    OPEN_ROWS,
    OPEN_STEPS,
    TALL,
    fill_open_rows,
    open_cells,
    row_begin,
    row_end,
)
from ringrift.rules.kernels.recovery import eligible, list_slides
from ringrift.rules.kernels.scratch import scratch
from ringrift.rules.kernels.territory import any_region, list_regions


@kernel
def num_planes(t, players):
    return PLANE_RAY + t.D * t.max_ray + 2 * t.A + 1 + players + 1


@kernel
def pass_action(s, g, t):
    return num_planes(t, scalar(s, g, S_PLAYERS)) * t.n


@kernel
def elimination_plane(t):
    return PLANE_RAY + t.D * t.max_ray + 2 * t.A


@kernel
def supply(s, g, seat):
    """Rings that ``seat`` may place at most (rules §5.2.3)."""
    hand = scalar(s, g, S_HAND + seat - 1)
    if hand == 0:
        return 0
    return min(hand, scalar(s, g, S_RINGS) - scalar(s, g, S_ON_BOARD + seat - 1))


@kernel
def one_ring_legal(s, g, t, c, seat):
    """Whether a single ring of ``seat`` may be placed on ``c``, supply set aside (rules §5.2)."""
    w = word(s, g, c)
    kind = kind_of(w)
    if kind == EMPTY:
        return mobile(s, g, t, c, np.int64(1), np.int64(1))
    if kind == STACK:
        cap = cap_of(w) + 1 if owner_of(w) == seat else 1
        return mobile(s, g, t, c, height_of(w) + 1, cap)
    return False


@kernel
def any_placement(s, g, t, seat):
    if supply(s, g, seat) <= 0:
        return False
    for c in range(t.n):
        if one_ring_legal(s, g, t, c, seat):
            return True
    return False


@inlined
def list_walked(s, g, t, seat, c, most, out, n):
    """Append the placements on one cell, found by walking from it; dead with one ring, it has none (rules §5.2.5)."""
    if not one_ring_legal(s, g, t, c, seat):
        return n
    out[n] = c
    n += 1
    if word(s, g, c) == EMPTY:
        for count in range(2, most + 1):
            if mobile(s, g, t, c, count, count):
                out[n] = (count - 1) * t.n + c
                n += 1
    return n


@kernel
def list_placements(s, g, t, seat, out, n):
    """Append placements of 1 to 3 rings, in order of cell and count (rules §5.2)."""
    most = min(supply(s, g, seat), 3)
    if most <= 0 or out.size < n + 3 * (t.n + 1):
        return n
    rows = scratch(OPEN_ROWS, t.side + 2 * OPEN_STEPS)
    fill_open_rows(s, g, t, rows)
    c = np.int64(0)
    for r in range(t.side):
        bare = rows[BARE, OPEN_STEPS + r]
        low = rows[LOW, OPEN_STEPS + r]
        anything = open_cells(t, rows, r)
        walked = ((bare | low) & ~anything) | rows[TALL, OPEN_STEPS + r]
        for b in range(row_begin(t, r), row_end(t, r)):
            # What can be placed here is written in any case, and written over by the next cell unless it counts.
            out[n] = c
            out[n + 1] = t.n + c
            out[n + 2] = 2 * t.n + c
            n += ((bare & anything) >> b & 1) * most + ((low & anything) >> b & 1)
            if (walked >> b) & 1:
                n = list_walked(s, g, t, seat, c, most, out, n)
            c += 1
    return n


@kernel
def may_skip_placement(s, g, t, seat):
    """Whether a placement may be declined (rules §5.4); the hand is known not to be empty."""
    if controls_stack(s, g, seat):
        return any_mobile(s, g, t, seat)
    return eligible(s, g, seat)


@kernel
def may_swap(s, g):
    return (
        scalar(s, g, S_SWAP_OPEN) != 0
        and scalar(s, g, S_PLAYER) == 2
        and scalar(s, g, S_PHASE) == RING_PLACEMENT
    )


@kernel
def list_controlled(s, g, t, seat, out, n):
    """Append one elimination per stack that ``seat`` controls (rules §10.1)."""
    plane = elimination_plane(t)
    for c in range(t.n):
        w = word(s, g, c)
        if kind_of(w) == STACK and owner_of(w) == seat and n < out.size:
            out[n] = plane * t.n + c
            n += 1
    return n


@kernel
def list_buried(s, g, t, seat, out, n):
    """Append one extraction per stack with a buried ring of ``seat``."""
    plane = elimination_plane(t)
    for c in range(t.n):
        if kind_of(word(s, g, c)) == STACK and has_buried(s, g, c, seat) and n < out.size:
            out[n] = plane * t.n + c
            n += 1
    return n


@inlined
def list_all(s, g, t, joint, out):
    """The complete legal list of the state; returns its length (0 only when the game is over)."""
    phase = scalar(s, g, S_PHASE)
    seat = scalar(s, g, S_PLAYER)
    passing = pass_action(s, g, t)
    n = np.int64(0)  # typed, or every lister is compiled once more for the literal
    if phase == GAME_OVER:
        return 0
    if phase == RING_PLACEMENT:
        if scalar(s, g, S_HAND + seat - 1) > 0:
            n = list_placements(s, g, t, seat, out, n)
            if n == 0 or may_skip_placement(s, g, t, seat):
                out[n] = passing
                n += 1
        else:
            out[n] = passing
            n += 1
        if may_swap(s, g):
            out[n] = passing + 1
            n += 1
        return n
    if phase == MOVEMENT:
        if scalar(s, g, S_SLIDE) != 0:
            return list_buried(s, g, t, seat, out, n)
        must = scalar(s, g, S_MUST)
        if must > 0:
            n = list_rays(s, g, t, must - 1, np.bool_(1), out, n)
        else:
            for c in range(t.n):
                w = word(s, g, c)
                if kind_of(w) == STACK and owner_of(w) == seat:
                    n = list_rays(s, g, t, c, np.bool_(1), out, n)
        if n > 0:
            return n
        if eligible(s, g, seat):
            n = list_slides(s, g, t, joint, out, n)
        if n < out.size:
            out[n] = passing
            n += 1
        return n
    if phase == CAPTURE or phase == CHAIN_CAPTURE:
        n = list_rays(s, g, t, scalar(s, g, S_FROM) - 1, np.bool_(0), out, n)
        if phase == CAPTURE:
            out[n] = passing
            n += 1
        return n
    if phase == LINE_PROCESSING:
        if scalar(s, g, S_DEBT) != 0:
            return list_controlled(s, g, t, seat, out, n)
        n = list_lines(s, g, t, out, n)
        if n == 0:
            out[n] = passing
            n += 1
        return n
    if phase == FORCED_ELIMINATION:
        return list_controlled(s, g, t, seat, out, n)
    # territory_processing
    if scalar(s, g, S_PEND) != 0:
        if scalar(s, g, S_RECOVERED) != 0:
            return list_buried(s, g, t, seat, out, n)
        return list_controlled(s, g, t, seat, out, n)
    if scalar(s, g, S_KNOWN) & NO_REGION == 0:
        n = list_regions(s, g, t, out, n, np.int64(MAX_MOVES))
    if n < out.size:
        out[n] = passing
        n += 1
    return n


@entry
def legal_moves(s, g, t, out_codes):
    """All legal moves of state ``g``, paid slides with their stack.

    out_codes: int32[MAX_MOVES]. Returns the number of moves.
    """
    return list_all(s, g, t, np.bool_(1), out_codes)


@entry
def legal_actions(s, g, t, out_actions):
    """All legal decisions of state ``g`` in the fixed action space.

    out_actions: int32[MAX_MOVES]. Returns the number of actions.
    """
    return list_all(s, g, t, np.bool_(0), out_actions)


@entry
def pass_kind(s, g, t):
    """Which bookkeeping move PASS is in this state (rules §4.7), as an index of PASS_NAMES."""
    phase = scalar(s, g, S_PHASE)
    seat = scalar(s, g, S_PLAYER)
    if phase == RING_PLACEMENT:
        if scalar(s, g, S_HAND + seat - 1) > 0 and may_skip_placement(s, g, t, seat):
            return PASS_SKIP_PLACEMENT
        return PASS_NO_PLACEMENT
    if phase == MOVEMENT:
        return PASS_SKIP_RECOVERY if eligible(s, g, seat) else PASS_NO_MOVEMENT
    if phase == CAPTURE or phase == CHAIN_CAPTURE:
        return PASS_SKIP_CAPTURE
    if phase == LINE_PROCESSING:
        return PASS_NO_LINE
    if scalar(s, g, S_KNOWN) & NO_REGION == 0 and any_region(s, g, t):
        return PASS_SKIP_TERRITORY
    return PASS_NO_TERRITORY

"""When a game ends: victory at the end of a turn (rules §14) and exclusive rounds (rules §15)."""

from ringrift.compile import kernel
from ringrift.rules.kernels.cells import controls_stack, kind_of, ring_seats, scalar, word
from ringrift.rules.kernels.constants import (
    COLLAPSED,
    EMPTY,
    F_SCALAR,
    LPS_EARLY,
    RING_ELIMINATION,
    S_ELIM,
    S_HAND,
    S_LPS_COUNT,
    S_LPS_LEADER,
    S_LPS_REAL,
    S_LPS_ROUNDS,
    S_LPS_SEAT,
    S_LPS_SEEN,
    S_MARKERS,
    S_PLAYERS,
    S_TERR,
    S_TM,
    S_VT,
    STALEMATE_MARKERS,
    STALEMATE_RINGS,
    STALEMATE_TERRITORY,
    TERRITORY_CONTROL,
)
from ringrift.rules.kernels.mobility import any_mobile
from ringrift.rules.kernels.moves import any_placement


@kernel
def material_seats(s, g):
    """Bit mask of the seats with a ring anywhere: on the board, buried, or in hand."""
    mask = ring_seats(s, g)
    for q in range(scalar(s, g, S_PLAYERS)):
        if scalar(s, g, S_HAND + q) > 0:
            mask |= 1 << q
    return mask


@kernel
def real_action(s, g, t, seat):
    """REAL of rules §15.1: a placement, a plain move or a capture is available."""
    return any_mobile(s, g, t, seat) or any_placement(s, g, t, seat)


@kernel
def bare_placement_exists(s, g, t):
    """On a bare board: an unmarked cell with a neighbour that is not collapsed (rules §14.5)."""
    for c in range(t.n):
        if kind_of(word(s, g, c)) == EMPTY:
            for d in range(t.D):
                if t.ray_len[c, d] > 0 and kind_of(word(s, g, t.ray[c, d, 0])) != COLLAPSED:
                    return True
    return False


@kernel
def unique_maximum(values, players):
    """Seat of the single largest value if that is above zero, else 0."""
    best = 0
    seat = 0
    for q in range(players):
        if values[q] > best:
            best = values[q]
            seat = q + 1
        elif values[q] == best:
            seat = 0
    return seat if best > 0 else 0


@kernel
def find_winner(s, g, t, last, material):
    """(winner, victory) at the end of the turn of seat ``last``; (0, 0) when the game goes on (rules §14).

    ``material``: mask of `material_seats`.
    """
    players = scalar(s, g, S_PLAYERS)
    for q in range(players):
        if scalar(s, g, S_ELIM + q) >= scalar(s, g, S_VT):
            return q + 1, RING_ELIMINATION
    total = 0
    for q in range(players):
        total += scalar(s, g, S_TERR + q)
    for q in range(players):
        own = scalar(s, g, S_TERR + q)
        if own >= scalar(s, g, S_TM) and own > total - own:
            return q + 1, TERRITORY_CONTROL
    stacks = False
    for q in range(players):
        if controls_stack(s, g, q + 1):
            stacks = True
            if material == 1 << q:
                return q + 1, LPS_EARLY
    if stacks:
        return 0, 0
    hands = 0
    for q in range(players):
        hands += scalar(s, g, S_HAND + q)
    if hands > 0 and bare_placement_exists(s, g, t):
        return 0, 0
    values = (
        scalar(s, g, S_TERR),
        scalar(s, g, S_TERR + 1),
        scalar(s, g, S_TERR + 2),
        scalar(s, g, S_TERR + 3),
    )
    seat = unique_maximum(values, players)
    if seat > 0:
        return seat, STALEMATE_TERRITORY
    values = (
        scalar(s, g, S_ELIM) + scalar(s, g, S_HAND),
        scalar(s, g, S_ELIM + 1) + scalar(s, g, S_HAND + 1),
        scalar(s, g, S_ELIM + 2) + scalar(s, g, S_HAND + 2),
        scalar(s, g, S_ELIM + 3) + scalar(s, g, S_HAND + 3),
    )
    seat = unique_maximum(values, players)
    if seat > 0:
        return seat, STALEMATE_RINGS
    values = (
        scalar(s, g, S_MARKERS),
        scalar(s, g, S_MARKERS + 1),
        scalar(s, g, S_MARKERS + 2),
        scalar(s, g, S_MARKERS + 3),
    )
    seat = unique_maximum(values, players)
    return (seat if seat > 0 else last), STALEMATE_MARKERS


@kernel
def note_turn_start(s, g, t, seat, material):
    """Update the last-player tracker at the start of a turn (rules §15.2).

    ``material``: mask of `material_seats`. Returns whether ``seat`` has won by exclusive rounds (rules §15.3).
    """
    leader = scalar(s, g, S_LPS_LEADER)
    exclusive = scalar(s, g, S_LPS_SEAT)
    seen = scalar(s, g, S_LPS_SEEN)
    if leader == 0 or not (material >> (leader - 1)) & 1:
        s[g, F_SCALAR, S_LPS_LEADER] = seat
        s[g, F_SCALAR, S_LPS_SEEN] = 0
        s[g, F_SCALAR, S_LPS_REAL] = 0
        if exclusive == 0 or not (material >> (exclusive - 1)) & 1:
            s[g, F_SCALAR, S_LPS_SEAT] = 0
            s[g, F_SCALAR, S_LPS_COUNT] = 0
    elif leader == seat and seen != 0:
        real = scalar(s, g, S_LPS_REAL) & material
        only = 0
        for q in range(4):
            if real == 1 << q:
                only = q + 1
        if only == 0:
            s[g, F_SCALAR, S_LPS_SEAT] = 0
            s[g, F_SCALAR, S_LPS_COUNT] = 0
        elif only == exclusive:
            s[g, F_SCALAR, S_LPS_COUNT] += 1
        else:
            s[g, F_SCALAR, S_LPS_SEAT] = only
            s[g, F_SCALAR, S_LPS_COUNT] = 1
        s[g, F_SCALAR, S_LPS_SEEN] = 0
        s[g, F_SCALAR, S_LPS_REAL] = 0
    own = real_action(s, g, t, seat)
    s[g, F_SCALAR, S_LPS_SEEN] |= 1 << (seat - 1)
    if own:
        s[g, F_SCALAR, S_LPS_REAL] |= 1 << (seat - 1)
    else:
        s[g, F_SCALAR, S_LPS_REAL] &= ~(1 << (seat - 1)) & 15
    if (
        not own
        or scalar(s, g, S_LPS_SEAT) != seat
        or scalar(s, g, S_LPS_COUNT) < scalar(s, g, S_LPS_ROUNDS)
    ):
        return False
    for q in range(scalar(s, g, S_PLAYERS)):
        if q + 1 != seat and (material >> q) & 1 and real_action(s, g, t, q + 1):
            return False
    return True

"""The turn state machine: which phase follows which (rules §4.2-§4.6, §13)."""

from ringrift.compile import inlined, kernel
from ringrift.rules.kernels.cells import controls_stack, kind_of, owner_of, scalar, word
from ringrift.rules.kernels.constants import (
    CAPTURE,
    CHAIN_CAPTURE,
    F_SCALAR,
    FORCED_ELIMINATION,
    GAME_OVER,
    LINE_PROCESSING,
    LPS_BY_ROUNDS,
    NO_REGION,
    RING_PLACEMENT,
    S_ACTED,
    S_DEBT,
    S_FROM,
    S_KNOWN,
    S_LAST,
    S_MUST,
    S_OUT,
    S_PEND,
    S_PHASE,
    S_PLAYER,
    S_PLAYERS,
    S_RECOVERED,
    S_SLIDE,
    S_TURNS,
    S_VICTORY,
    S_WINNER,
    STACK,
    TERRITORY_PROCESSING,
)
from ringrift.rules.kernels.mobility import can_capture
from ringrift.rules.kernels.territory import any_region
from ringrift.rules.kernels.victory import find_winner, material_seats, note_turn_start

#: How a move leaves its phase; see `go_on`.
STAY = 0
EXIT_LINES = 1
EXIT_PAYMENT = 2
EXIT_TERRITORY = 3
EXIT_TURN = 4


@kernel
def set_phase(s, g, phase):
    s[g, F_SCALAR, S_PHASE] = phase


@kernel
def enter_lines(s, g):
    s[g, F_SCALAR, S_MUST] = 0
    s[g, F_SCALAR, S_FROM] = 0
    s[g, F_SCALAR, S_SLIDE] = 0
    set_phase(s, g, LINE_PROCESSING)


@kernel
def after_landing(s, g, t, target, chain):
    """Offer captures to the stack that has just landed (rules §4.2, §7.3), else go on to the lines."""
    w = word(s, g, target)
    if (
        kind_of(w) == STACK
        and owner_of(w) == scalar(s, g, S_PLAYER)
        and can_capture(s, g, t, target)
    ):
        s[g, F_SCALAR, S_MUST] = 0
        s[g, F_SCALAR, S_FROM] = target + 1
        set_phase(s, g, CHAIN_CAPTURE if chain else CAPTURE)
    else:
        enter_lines(s, g)


@kernel
def must_eliminate(s, g):
    """Whether the mover did nothing this turn and controls a stack (rules §10.2)."""
    return scalar(s, g, S_ACTED) == 0 and controls_stack(s, g, scalar(s, g, S_PLAYER))


@kernel
def clear_turn(s, g):
    s[g, F_SCALAR, S_MUST] = 0
    s[g, F_SCALAR, S_FROM] = 0
    s[g, F_SCALAR, S_DEBT] = 0
    s[g, F_SCALAR, S_PEND] = 0
    s[g, F_SCALAR, S_ACTED] = 0
    s[g, F_SCALAR, S_RECOVERED] = 0
    s[g, F_SCALAR, S_SLIDE] = 0
    s[g, F_SCALAR, S_KNOWN] &= ~NO_REGION & 0xFFFF


@kernel
def finish(s, g, winner, victory):
    clear_turn(s, g)
    s[g, F_SCALAR, S_PLAYER] = 0
    s[g, F_SCALAR, S_WINNER] = winner
    s[g, F_SCALAR, S_VICTORY] = victory
    set_phase(s, g, GAME_OVER)


@inlined
def end_turn(s, g, t):
    """END-TURN of rules §13.2: look at victory, pass the turn, note the last-player tracker."""
    mover = scalar(s, g, S_PLAYER)
    players = scalar(s, g, S_PLAYERS)
    material = material_seats(s, g)
    for q in range(players):
        if not (material >> q) & 1 and scalar(s, g, S_OUT + q) == 0:
            s[g, F_SCALAR, S_OUT + q] = scalar(s, g, S_TURNS)
    winner, victory = find_winner(s, g, t, mover, material)
    if winner > 0:
        finish(s, g, winner, victory)
        return
    seat = mover
    for _ in range(players):
        seat = seat % players + 1
        if (material >> (seat - 1)) & 1:
            break
    clear_turn(s, g)
    s[g, F_SCALAR, S_PLAYER] = seat
    s[g, F_SCALAR, S_TURNS] += 1
    set_phase(s, g, RING_PLACEMENT)
    if note_turn_start(s, g, t, seat, material):
        s[g, F_SCALAR, S_LAST] = mover
        finish(s, g, seat, LPS_BY_ROUNDS)


@inlined
def go_on(s, g, t, exit_code):
    """Leave a phase by one of the exits below; STAY changes nothing.

    EXIT_LINES      rules §4.4: to the territory phase, or straight to forced elimination
    EXIT_PAYMENT    rules §4.5: further regions, or the end of the turn
    EXIT_TERRITORY  rules §4.6: forced elimination, or the end of the turn
    EXIT_TURN       rules §13.2
    """
    if exit_code == STAY:
        return
    if exit_code == EXIT_LINES or exit_code == EXIT_PAYMENT:
        regions = any_region(s, g, t)
        if exit_code == EXIT_LINES:
            forced = not regions and must_eliminate(s, g)
            set_phase(s, g, FORCED_ELIMINATION if forced else TERRITORY_PROCESSING)
            if not regions and not forced:
                s[g, F_SCALAR, S_KNOWN] |= NO_REGION
            return
        if regions:
            return
    elif exit_code == EXIT_TERRITORY and must_eliminate(s, g):
        set_phase(s, g, FORCED_ELIMINATION)
        s[g, F_SCALAR, S_KNOWN] &= ~NO_REGION & 0xFFFF
        return
    end_turn(s, g, t)

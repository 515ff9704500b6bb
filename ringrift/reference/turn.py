"""The turn: what follows a move (rules §4.2 to §4.6), and how the turn passes (rules §13)."""

from __future__ import annotations

from ringrift.reference.capture import can_capture, capture
from ringrift.reference.elimination import eliminate, take_cap
from ringrift.reference.geometry import Cell
from ringrift.reference.last_player import note_turn, wins_by_rounds
from ringrift.reference.lines import collapse_line, lines
from ringrift.reference.movement import step
from ringrift.reference.moves import (
    Capture,
    Claim,
    Eliminate,
    Forced,
    Line,
    Move,
    Pass,
    Place,
    Slide,
    Step,
    Swap,
)
from ringrift.reference.placement import place
from ringrift.reference.position import (
    CAPTURE,
    CHAIN_CAPTURE,
    FORCED_ELIMINATION,
    GAME_OVER,
    LINE_PROCESSING,
    MOVEMENT,
    RING_PLACEMENT,
    TERRITORY_PROCESSING,
    Position,
    Seat,
)
from ringrift.reference.recovery import slide
from ringrift.reference.territory import claim, processable
from ringrift.reference.victory import find_victory


def play(position: Position, move: Move) -> None:
    """Make a legal move and go on to the next decision (rules §4.1)."""
    position.plies += 1
    position.last = position.player
    if position.player == 2:
        position.swap_open = False  # the right ends with seat 2's first move (rules §12)
    if not isinstance(move, Pass):
        position.acted = True  # rules §13.1
    match move:
        case Place():
            place(position, move)
        case Step():
            step(position, move)
            _after_landing(position, move.end, CAPTURE)
        case Capture():
            capture(position, move)
            _after_landing(position, move.end, CHAIN_CAPTURE)
        case Slide():
            slide(position, move)
        case Line():
            collapse_line(position, move)
            if not position.line_debt and not lines(position, position.player):
                _exit_lines(position)  # rules §4.3: without an explicit NL
        case Eliminate("line"):
            eliminate(position, move)  # rules §4.3: always stays
        case Eliminate():
            eliminate(position, move)
            if not processable(position, position.player):
                _end_turn(position)  # rules §4.5
        case Claim():
            claim(position, move)
        case Forced(cell):
            take_cap(position, cell)
            _end_turn(position)
        case Swap():
            position.swapped = True  # who sits where is no part of a position (rules §12)
        case Pass(word):
            _after_pass(position, word)


def _after_pass(position: Position, word: str) -> None:
    """What follows a skip or a bookkeeping move (rules §4.1)."""
    match word:
        case "SP" | "NP":
            position.phase = MOVEMENT
        case "NM" | "SR" | "SC":
            _enter_lines(position)
        case "NL":
            _exit_lines(position)
        case _:  # ST, NT
            _exit_territory(position)


def _after_landing(position: Position, cell: Cell, phase: str) -> None:
    """Captures of the stack that has just landed, if it is still the mover's (rules §4.2, §7.3)."""
    stack = position.stacks.get(cell, ())
    if stack and stack[-1] == position.player and can_capture(position, cell):
        position.must_move = None
        position.capturing = cell
        position.phase = phase
    else:
        _enter_lines(position)


def _enter_lines(position: Position) -> None:
    position.must_move = None
    position.capturing = None
    position.phase = LINE_PROCESSING


def _blocked(position: Position) -> bool:
    """Whether the mover did nothing real and still controls a stack (rules §4.4, §4.6, §10.2)."""
    return not position.acted and position.controls_any(position.player)


def _exit_lines(position: Position) -> None:
    """EXIT-LINES (rules §4.4)."""
    if not processable(position, position.player) and _blocked(position):
        position.phase = FORCED_ELIMINATION
    else:
        position.phase = TERRITORY_PROCESSING


def _exit_territory(position: Position) -> None:
    """EXIT-TERRITORY (rules §4.6)."""
    if _blocked(position):
        position.phase = FORCED_ELIMINATION
    else:
        _end_turn(position)


def _end_turn(position: Position) -> None:
    """END-TURN (rules §13.2)."""
    material = position.material()
    for seat in position.seats:
        if seat not in material and not position.out[seat]:
            position.out[seat] = position.turns
    victory = find_victory(position)
    if victory is not None:
        _finish(position, *victory)
        return
    _clear_turn(position)
    position.player = _next_seat(position, material)
    position.turns += 1
    position.phase = RING_PLACEMENT
    position.tracker = note_turn(position)
    if wins_by_rounds(position):
        _finish(position, position.player, "lps_rounds")


def _next_seat(position: Position, material: set[Seat]) -> Seat:
    """The first seat after the mover that has any ring, perhaps the mover (rules §13.2, step 2)."""
    seat = position.player
    for _ in position.seats:
        seat = seat % position.limits.players + 1
        if seat in material:
            break
    return seat


def _clear_turn(position: Position) -> None:
    """Forget what belongs to one turn (rules §0, §13.2, step 3)."""
    position.must_move = None
    position.capturing = None
    position.line_debt = False
    position.region_debt = False
    position.acted = False
    position.recovered = False


def _finish(position: Position, winner: Seat, victory: str) -> None:
    """End the game (rules §14)."""
    _clear_turn(position)
    position.player = 0
    position.phase = GAME_OVER
    position.winner = winner
    position.victory = victory

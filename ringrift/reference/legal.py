"""Which moves are legal: the table of rules §4.1."""

from __future__ import annotations

from collections.abc import Iterator

from ringrift.reference import elimination, lines, placement, recovery, territory
from ringrift.reference.capture import captures
from ringrift.reference.movement import steps
from ringrift.reference.moves import Claim, Move, Pass, Swap
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
)


def legal_moves(position: Position) -> list[Move]:
    """All legal moves, each once, in no particular order (rules §4.1)."""
    return list(_PHASES[position.phase](position))


def _ring_placement(position: Position) -> Iterator[Move]:
    """Placements, the right to decline them, and the pie rule (rules §4.1, §5, §12)."""
    seat = position.player
    optional = placement.may_skip(position, seat)
    if not optional and not placement.can_place(position, seat):
        yield Pass("NP")
        return
    yield from placement.placements(position, seat)
    if optional:
        yield Pass("SP")
    if position.swap_open and seat == 2:
        yield Swap()


def _movement(position: Position) -> Iterator[Move]:
    """Moves and captures, else recovery, else nothing (rules §4.1, §6.1, §7.4, §11.2)."""
    seat = position.player
    movers = list(position.controlled(seat))
    if position.must_move is not None:
        movers = [position.must_move]
    found: list[Move] = []
    for cell in movers:
        found += steps(position, cell)
        found += captures(position, cell, chain=False)
    yield from found
    if found:
        return
    if recovery.eligible(position, seat):
        yield Pass("SR")
        yield from recovery.slides(position)
    else:
        yield Pass("NM")


def _capture(position: Position) -> Iterator[Move]:
    """Captures of the stack that has just moved, or none of them (rules §4.1, §7.4)."""
    assert position.capturing is not None
    yield from captures(position, position.capturing, chain=False)
    yield Pass("SC")


def _chain_capture(position: Position) -> Iterator[Move]:
    """Going on with a chain, which is compulsory (rules §4.1, §7.3)."""
    assert position.capturing is not None
    yield from captures(position, position.capturing, chain=True)


def _line_processing(position: Position) -> Iterator[Move]:
    """The fee that is due, else the lines (rules §4.1, §8)."""
    if position.line_debt:
        yield from elimination.line_payments(position)
        return
    found = list(lines.line_moves(position))
    yield from found
    if not found:
        yield Pass("NL")


def _territory_processing(position: Position) -> Iterator[Move]:
    """The payment that is due, else the regions and the right to decline them (rules §4.1, §9)."""
    if position.region_debt:
        yield from elimination.region_payments(position)
        return
    regions = territory.processable(position, position.player)
    yield from (Claim(region) for region in regions)
    yield Pass("ST" if regions else "NT")


def _forced_elimination(position: Position) -> Iterator[Move]:
    """A cap of any controlled stack (rules §4.1, §10.2)."""
    yield from elimination.forced(position)


def _game_over(position: Position) -> Iterator[Move]:
    """Nothing (rules §4.1)."""
    assert position.winner
    yield from ()


_PHASES = {
    RING_PLACEMENT: _ring_placement,
    MOVEMENT: _movement,
    CAPTURE: _capture,
    CHAIN_CAPTURE: _chain_capture,
    LINE_PROCESSING: _line_processing,
    TERRITORY_PROCESSING: _territory_processing,
    FORCED_ELIMINATION: _forced_elimination,
    GAME_OVER: _game_over,
}

"""Ranks at the end (rules §16)."""

from __future__ import annotations

from ringrift.reference.position import Position, Seat
from ringrift.reference.victory import BARE_ENDINGS


def ranks(position: Position) -> tuple[int, ...]:
    """Rank of each seat: 1 for the winner, equal seats sharing one, as in 1, 2, 2, 4 (rules §16)."""
    merits = [_merit(position, seat) for seat in position.seats]
    return tuple(1 + sum(other > merit for other in merits) for merit in merits)


def _merit(position: Position, seat: Seat) -> tuple[bool, int, int, int, float]:
    """What is compared, in this order (rules §16); hands count only after a bare-board ending."""
    rings = position.eliminated[seat]
    if position.victory in BARE_ENDINGS:
        rings += position.hand[seat]
    return (
        seat == position.winner,
        position.territory(seat),
        rings,
        position.marker_count(seat),
        position.out[seat] or float("inf"),
    )

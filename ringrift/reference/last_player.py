"""Last player standing by rounds (rules §15)."""

from __future__ import annotations

from ringrift.reference.mobility import any_mobile
from ringrift.reference.placement import can_place
from ringrift.reference.position import Position, Seat, Tracker


def has_real_action(position: Position, seat: Seat) -> bool:
    """REAL: a placement, a plain move or a capture is there, were it the seat's turn (rules §15.1)."""
    return can_place(position, seat) or any_mobile(position, seat)


def note_turn(position: Position) -> Tracker:
    """The tracker at the start of the turn of the player to move (rules §15.2)."""
    seat, old = position.player, position.tracker
    material = position.material()
    leader, seen, real = old.leader, old.seen, old.real
    exclusive, count = old.seat, old.count
    if leader not in material:
        leader, seen, real = seat, frozenset[Seat](), frozenset[Seat]()
        if exclusive not in material:
            exclusive, count = 0, 0
    elif seat == leader and seen:
        alone = real & material
        if len(alone) == 1:
            (only,) = alone
            count = count + 1 if only == exclusive else 1
            exclusive = only
        else:
            exclusive, count = 0, 0
        seen, real = frozenset(), frozenset()
    seen |= {seat}
    real = real | {seat} if has_real_action(position, seat) else real - {seat}
    return Tracker(leader, seen, real, exclusive, count)


def wins_by_rounds(position: Position) -> bool:
    """Whether the player whose turn begins has been alone for long enough (rules §15.3)."""
    seat, tracker = position.player, position.tracker
    return (
        tracker.seat == seat
        and tracker.count >= position.limits.lps_rounds
        and has_real_action(position, seat)
        and not any(
            has_real_action(position, other) for other in position.material() if other != seat
        )
    )

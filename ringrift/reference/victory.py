"""Victory at the end of a turn (rules §14)."""

from __future__ import annotations

from collections.abc import Mapping

from ringrift.reference.placement import can_place
from ringrift.reference.position import Position, Seat

#: A winner with the name of the ending.
Victory = tuple[Seat, str]

#: The endings on a bare board (rules §14, step 5).
BARE_ENDINGS = ("stalemate:territory", "stalemate:rings", "stalemate:markers_or_last_actor")


def find_victory(position: Position) -> Victory | None:
    """The winner, if the game ends with the turn of the player to move (rules §14)."""
    return _by_rings(position) or _by_territory(position) or _last(position) or _bare(position)


def _by_rings(position: Position) -> Victory | None:
    """The lowest seat with enough eliminated rings (rules §14, step 1)."""
    for seat in position.seats:
        if position.eliminated[seat] >= position.limits.victory:
            return seat, "ring_elimination"
    return None


def _by_territory(position: Position) -> Victory | None:
    """Enough cells, and more than all others together (rules §14, step 2)."""
    total = len(position.collapsed)
    for seat in position.seats:
        own = position.territory(seat)
        if own >= position.limits.territory and own > total - own:
            return seat, "territory_control"
    return None


def _last(position: Position) -> Victory | None:
    """One seat controls stacks, and nobody else has a ring anywhere (rules §14, step 3)."""
    controllers = {stack[-1] for stack in position.stacks.values()}
    if len(controllers) == 1 and position.material() == controllers:
        return controllers.pop(), "lps_early"
    return None


def _bare(position: Position) -> Victory | None:
    """A board without stacks on which nobody can place (rules §14, steps 4 and 5)."""
    if position.stacks or any(can_place(position, seat) for seat in position.seats):
        return None
    territory = {seat: position.territory(seat) for seat in position.seats}
    rings = {seat: position.eliminated[seat] + position.hand[seat] for seat in position.seats}
    markers = {seat: position.marker_count(seat) for seat in position.seats}
    by_territory, by_rings, by_rest = BARE_ENDINGS
    if best := _leader(territory):
        return best, by_territory
    if best := _leader(rings):
        return best, by_rings
    return _leader(markers) or position.player, by_rest


def _leader(values: Mapping[Seat, int]) -> Seat | None:
    """The seat that alone has the most, if that is more than nothing (rules §14, step 5)."""
    most = max(values.values())
    leaders = [seat for seat, value in values.items() if value == most]
    return leaders[0] if most > 0 and len(leaders) == 1 else None

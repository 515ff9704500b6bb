"""Disconnected regions (rules §9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ringrift.reference.elimination import credit
from ringrift.reference.geometry import Cell, Geometry
from ringrift.reference.moves import Claim
from ringrift.reference.position import Position, Seat

#: Cells of a region.
Region = frozenset[Cell]


def components(board: Geometry, walls: Collection[Cell]) -> Iterator[Region]:
    """Connected components of the cells that are no walls (rules §9.2)."""
    free = board.order.keys() - walls
    while free:
        edge = [free.pop()]
        found = set(edge)
        while edge:
            near = free.intersection(board.territory[edge.pop()])
            free -= near
            found |= near
            edge.extend(near)
        yield frozenset(found)


def candidates(position: Position) -> Iterator[tuple[Seat | None, Region]]:
    """Each component with its label: a colour that has markers, or None (rules §9.2)."""
    board = position.geometry
    for component in components(board, position.collapsed.keys()):
        yield None, component
    for colour in set(position.markers.values()):
        fence = {cell for cell, owner in position.markers.items() if owner == colour}
        for component in components(board, position.collapsed.keys() | fence):
            yield colour, component


def disconnected(position: Position) -> set[Region]:
    """Components that lack a colour which is on the board; equal ones once (rules §9.3)."""
    active = position.owners()
    if not active:
        return set()
    found = set()
    for label, component in candidates(position):
        shown = {stack[-1] for cell, stack in position.stacks.items() if cell in component}
        if len(shown) < len(active) and (label is not None or len(shown) == 1):
            found.add(component)
    return found


def processable(position: Position, seat: Seat) -> set[Region]:
    """Disconnected regions that leave the seat a stack outside to pay with (rules §9.4)."""
    payers = set(position.with_buried(seat) if position.recovered else position.controlled(seat))
    if not payers:
        return set()
    return {region for region in disconnected(position) if not payers <= region}


def border(position: Position, region: Region) -> set[Cell]:
    """Markers that collapse with a region (rules §9.5, step 1).

    First the markers next to the region, of whatever colour, then all that hang together with them
    by the steps of rules §2.4.
    """
    board = position.geometry
    loose = position.markers.keys() - region
    edge = [cell for cell in loose if not region.isdisjoint(board.territory[cell])]
    found = set(edge)
    while edge:
        near = (loose - found).intersection(board.growth[edge.pop()])
        found |= near
        edge.extend(near)
    return found


def claim(position: Position, move: Claim) -> None:
    """Take a region with its border (rules §9.5)."""
    seat = position.player
    fence = border(position, move.region)
    inside = [cell for cell in position.stacks if cell in move.region]
    for cell in inside:
        credit(position, len(position.stacks.pop(cell)))
    for cell in move.region | fence:
        position.collapse(cell, seat)
    position.region_debt = True

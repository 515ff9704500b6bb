"""Eliminating rings (rules §10)."""

from __future__ import annotations

from collections.abc import Iterator

from ringrift.reference.geometry import Cell
from ringrift.reference.moves import Eliminate, Forced
from ringrift.reference.position import Position, cap_height


def credit(position: Position, rings: int) -> None:
    """Count rings as eliminated by the mover, whatever their colour (rules §3.2, §10.1)."""
    position.eliminated[position.player] += rings


def take_top(position: Position, cell: Cell) -> None:
    """Eliminate the top ring of a stack (rules §8.5, §11.3)."""
    position.put_stack(cell, position.stacks[cell][:-1])
    credit(position, 1)


def take_cap(position: Position, cell: Cell) -> None:
    """Eliminate the whole cap of a stack (rules §9.6, §10.2)."""
    stack = position.stacks[cell]
    cap = cap_height(stack)
    position.put_stack(cell, stack[:-cap])
    credit(position, cap)


def extract(position: Position, cell: Cell) -> None:
    """Eliminate the mover's lowest ring of a stack (rules §9.6, §11.5)."""
    stack = position.stacks[cell]
    lowest = stack.index(position.player)
    position.put_stack(cell, stack[:lowest] + stack[lowest + 1 :])
    credit(position, 1)


def line_payments(position: Position) -> Iterator[Eliminate]:
    """The top ring of any stack that the mover controls (rules §8.5)."""
    for cell in position.controlled(position.player):
        yield Eliminate("line", cell)


def region_payments(position: Position) -> Iterator[Eliminate]:
    """A cap, or a buried own ring in a turn with a recovery slide (rules §9.6)."""
    if position.recovered:
        for cell in position.with_buried(position.player):
            yield Eliminate("recovery", cell)
    else:
        for cell in position.controlled(position.player):
            yield Eliminate("territory", cell)


def forced(position: Position) -> Iterator[Forced]:
    """Any stack that the mover controls (rules §10.2)."""
    for cell in position.controlled(position.player):
        yield Forced(cell)


def eliminate(position: Position, move: Eliminate) -> None:
    """Pay for a line or a region (rules §10.1)."""
    match move.context:
        case "line":
            take_top(position, move.cell)
            position.line_debt = False
        case "territory":
            take_cap(position, move.cell)
            position.region_debt = False
        case _:
            extract(position, move.cell)
            position.region_debt = False

"""Placing rings (rules §5)."""

from __future__ import annotations

from collections.abc import Iterator

from ringrift.reference.geometry import Cell
from ringrift.reference.mobility import any_mobile, mobile
from ringrift.reference.moves import Place
from ringrift.reference.position import MOVEMENT, Position, Seat, cap_height, controller
from ringrift.reference.recovery import eligible


def supply(position: Position, seat: Seat) -> int:
    """Rings that the seat may still put on the board (rules §5.2, condition 3)."""
    on_board = sum(stack.count(seat) for stack in position.stacks.values())
    return min(position.hand[seat], position.limits.rings - on_board)


def alive(position: Position, seat: Seat, cell: Cell, count: int) -> bool:
    """Whether the stack that the placement would make could go anywhere (rules §5.2, condition 4)."""
    old = position.stacks.get(cell, ())
    if not old:
        cap = count
    elif controller(old) == seat:
        cap = cap_height(old) + 1
    else:
        cap = 1
    return mobile(position, cell, len(old) + count, cap)


def open_cells(position: Position, seat: Seat) -> Iterator[Cell]:
    """Cells where the seat may place at least one ring (rules §5.2, all conditions for count 1)."""
    if supply(position, seat) < 1:
        return
    for cell in position.geometry.order:
        if (
            cell not in position.collapsed
            and cell not in position.markers
            and alive(position, seat, cell, 1)
        ):
            yield cell


def can_place(position: Position, seat: Seat) -> bool:
    """Whether any placement is legal for the seat (rules §5.2, §15.1)."""
    return next(open_cells(position, seat), None) is not None


def placements(position: Position, seat: Seat) -> Iterator[Place]:
    """All legal placements (rules §5.2): one ring on a stack, one to three on an empty cell."""
    available = supply(position, seat)
    for cell in open_cells(position, seat):
        yield Place(cell, 1)
        if cell not in position.stacks:
            for count in range(2, min(3, available) + 1):
                if alive(position, seat, cell, count):
                    yield Place(cell, count)


def may_skip(position: Position, seat: Seat) -> bool:
    """Whether a seat with rings in hand may decline to place (rules §5.4)."""
    if position.hand[seat] == 0:
        return False
    if position.controls_any(seat):
        return any_mobile(position, seat)
    return eligible(position, seat)


def place(position: Position, move: Place) -> None:
    """Put the rings down; only this stack may act in the movement phase (rules §5.5)."""
    seat = position.player
    old = position.stacks.get(move.cell, ())
    position.put_stack(move.cell, old + (seat,) * move.count)
    position.hand[seat] -= move.count
    position.must_move = move.cell
    position.phase = MOVEMENT

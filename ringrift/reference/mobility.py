"""Whether a stack could go anywhere at all (rules §5.3)."""

from __future__ import annotations

from ringrift.reference.geometry import Cell, Ray
from ringrift.reference.position import Position, Seat, cap_height


def mobile(position: Position, cell: Cell, height: int, cap: int) -> bool:
    """Whether a stack of this height and cap on the cell has a plain move or a capture (rules §5.3)."""
    for ray in position.geometry.rays[cell]:
        if len(ray) >= height and _lands(position, ray, height, cap):
            return True
    return False


def _lands(position: Position, ray: Ray, height: int, cap: int) -> bool:
    """The walk of rules §5.3 along one ray."""
    passed = False
    for distance, cell in enumerate(ray, start=1):
        if cell in position.collapsed:
            return False
        stack = position.stacks.get(cell)
        if stack is not None:
            if passed or cap_height(stack) > cap:
                return False
            passed = True
        elif distance >= height:
            return True
    return False


def any_mobile(position: Position, seat: Seat) -> bool:
    """Whether any stack that the seat controls is mobile (rules §5.4, §15.1)."""
    return any(
        mobile(position, cell, len(stack), cap_height(stack))
        for cell, stack in position.stacks.items()
        if stack[-1] == seat
    )

"""Overtaking captures (rules §7)."""

from __future__ import annotations

from collections.abc import Iterator

from ringrift.reference.geometry import Cell
from ringrift.reference.movement import between, cross, land, leave
from ringrift.reference.moves import Capture
from ringrift.reference.position import Position, cap_height


def captures(position: Position, start: Cell, *, chain: bool) -> Iterator[Capture]:
    """All capture segments of the stack on a cell (rules §7.1)."""
    attacker = position.stacks[start]
    for ray in position.geometry.rays[start]:
        target: Cell | None = None
        for distance, cell in enumerate(ray, start=1):
            if cell in position.collapsed:
                break
            if cell in position.stacks:
                too_tall = cap_height(position.stacks[cell]) > cap_height(attacker)
                if target is not None or too_tall:
                    break
                target = cell
            elif target is not None and distance >= len(attacker):
                yield Capture(start, target, cell, chain)


def can_capture(position: Position, start: Cell) -> bool:
    """Whether the stack on a cell has a capture (rules §4.2, §7.3)."""
    return next(captures(position, start, chain=False), None) is not None


def capture(position: Position, move: Capture) -> None:
    """Make one segment (rules §7.2)."""
    to_target = between(position, move.start, move.target)
    beyond = between(position, move.start, move.end)[len(to_target) + 1 :]
    attacker = leave(position, move.start)
    cross(position, to_target)
    cross(position, beyond)
    *rest, taken = position.stacks[move.target]
    position.put_stack(move.target, tuple(rest))
    land(position, move.end, (taken, *attacker))

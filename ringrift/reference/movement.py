"""Moving a stack along a ray (rules §6), with what captures share (rules §7.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ringrift.reference.elimination import credit
from ringrift.reference.geometry import Cell
from ringrift.reference.moves import Step
from ringrift.reference.position import Position, Stack


def steps(position: Position, start: Cell) -> Iterator[Step]:
    """All plain moves of the stack on a cell (rules §6.1)."""
    height = len(position.stacks[start])
    for ray in position.geometry.rays[start]:
        for distance, cell in enumerate(ray, start=1):
            if cell in position.stacks or cell in position.collapsed:
                break
            if distance >= height:
                yield Step(start, cell)


def between(position: Position, start: Cell, end: Cell) -> tuple[Cell, ...]:
    """Cells strictly between two cells of a ray (rules §6.1, §7.1)."""
    for ray in position.geometry.rays[start]:
        if end in ray:
            return ray[: ray.index(end)]
    raise AssertionError(f"no ray leads from {start} to {end}")


def leave(position: Position, start: Cell) -> Stack:
    """Take the stack away; a marker of the mover stays behind (rules §6.2.1, §7.2.1)."""
    position.markers[start] = position.player
    return position.stacks.pop(start)


def cross(position: Position, path: Iterable[Cell]) -> None:
    """Pass over cells: others' markers turn, own ones collapse (rules §6.2.2, §7.2.2)."""
    mover = position.player
    for cell in path:
        owner = position.markers.get(cell)
        if owner == mover:
            position.collapse(cell, mover)
        elif owner is not None:
            position.markers[cell] = mover


def land(position: Position, cell: Cell, stack: Stack) -> None:
    """Set the stack down; a marker there goes, and costs the top ring (rules §6.2.3, §7.2.5)."""
    if position.markers.pop(cell, None) is not None:
        stack = stack[:-1]
        credit(position, 1)
    position.put_stack(cell, stack)


def step(position: Position, move: Step) -> None:
    """Make a plain move (rules §6.2)."""
    path = between(position, move.start, move.end)
    stack = leave(position, move.start)
    cross(position, path)
    land(position, move.end, stack)

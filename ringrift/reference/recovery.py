"""Recovery slides of a player without a stack (rules §11)."""

from __future__ import annotations

from collections.abc import Iterator

from ringrift.reference.elimination import extract, take_top
from ringrift.reference.geometry import Cell
from ringrift.reference.lines import Run, parts, run_through
from ringrift.reference.moves import Slide
from ringrift.reference.position import LINE_PROCESSING, Position, Seat


def eligible(position: Position, seat: Seat) -> bool:
    """No stack, a marker, and a buried ring; the hand does not matter (rules §11.1)."""
    return (
        seat in position.markers.values()
        and not position.controls_any(seat)
        and next(position.with_buried(seat), None) is not None
    )


def runs_after(position: Position, seat: Seat, start: Cell, end: Cell) -> list[Run]:
    """The runs through `end` once the marker has moved there, in recovery order (rules §2.3, §11.2)."""
    board = position.geometry
    own = {cell for cell, owner in position.markers.items() if owner == seat and cell != start}
    return [run_through(board, own, end, axis) for axis in range(len(board.axes[end]))]


def targets(position: Position, seat: Seat) -> Iterator[tuple[Cell, Cell]]:
    """A marker of the seat, and a neighbour without marker that is not collapsed (rules §11.2)."""
    for start, owner in position.markers.items():
        if owner == seat:
            for ray in position.geometry.rays[start]:
                for end in ray[:1]:
                    if end not in position.collapsed and end not in position.markers:
                        yield start, end


def line_slides(position: Position, seat: Seat) -> dict[tuple[Cell, Cell], Run]:
    """Slides that make a line, with RUN, the longest and of equals the first (rules §11.2)."""
    found = {}
    for start, end in targets(position, seat):
        if end not in position.stacks:
            longest = max(runs_after(position, seat, start, end), key=len)
            if len(longest) >= position.limits.length:
                found[start, end] = longest
    return found


def refused(position: Position, seat: Seat, start: Cell, end: Cell) -> bool:
    """Whether the public reference lists this line slide and then refuses it (rules §11.4).

    It looks for the line again, by the base length and in a fixed order of axes, and takes the
    first it meets.
    """
    limits = position.limits
    for run in runs_after(position, seat, start, end):
        if len(run) >= limits.base:
            return len(run) < limits.length
    return True


def slides(position: Position) -> Iterator[Slide]:
    """All recovery slides of an eligible mover (rules §11.2)."""
    seat, length = position.player, position.limits.length
    payers = list(position.with_buried(seat))
    making = line_slides(position, seat)
    for (start, end), run in making.items():
        for stack in payers:
            yield Slide("line", start, end, stack, run)
        if len(run) > length:
            for part in parts(run, length):
                if end in part:
                    yield Slide("line", start, end, None, part)
    if making:
        return
    for start, end in targets(position, seat):
        mode = "strike" if end in position.stacks else "fallback"
        for stack in payers:
            yield Slide(mode, start, end, stack)


def slide(position: Position, move: Slide) -> None:
    """Make a recovery slide (rules §11.3): the marker, then what falls, then the fee."""
    seat = position.player
    del position.markers[move.start]
    if move.mode == "strike":
        take_top(position, move.end)
    else:
        position.markers[move.end] = seat
    for cell in move.cells:
        position.collapse(cell, seat)
    if move.stack is not None:
        extract(position, move.stack)
    position.recovered = True
    position.phase = LINE_PROCESSING

"""Lines of markers (rules §8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import takewhile

from ringrift.reference.geometry import Cell, Geometry
from ringrift.reference.moves import Line
from ringrift.reference.position import Position, Seat

#: Cells of a run from the farthest back, along its axis.
Run = tuple[Cell, ...]


def run_through(board: Geometry, own: Collection[Cell], cell: Cell, axis: int) -> Run:
    """The longest run of own cells through a cell, itself taken as own, on an axis (rules §8.1)."""
    ahead, behind = board.axes[cell][axis]
    back = tuple(takewhile(own.__contains__, behind))
    return (*reversed(back), cell, *takewhile(own.__contains__, ahead))


def parts(run: Run, length: int) -> Iterator[Run]:
    """All stretches of so many consecutive cells (rules §8.4, §11.2)."""
    for start in range(len(run) - length + 1):
        yield run[start : start + length]


def lines(position: Position, seat: Seat) -> set[Run]:
    """All maximal runs of the seat's markers that are long enough to count (rules §8.1).

    Each is found once, from its cell farthest back; single markers are passed by at once.
    """
    board = position.geometry
    own = {cell for cell, owner in position.markers.items() if owner == seat}
    return {
        run
        for cell in own
        for axis, (ahead, behind) in enumerate(board.axes[cell])
        if ahead[:1] and ahead[0] in own and not (behind and behind[0] in own)
        if len(run := run_through(board, own, cell, axis)) >= position.limits.detect
    }


def line_moves(position: Position) -> Iterator[Line]:
    """What can be done with the mover's lines (rules §8.3, §8.4)."""
    length = position.limits.length
    for run in lines(position, position.player):
        overlength = len(run) > length
        yield Line(run, run, overlength)
        if overlength:
            for part in parts(run, length):
                yield Line(run, part, overlength)


def collapse_line(position: Position, move: Line) -> None:
    """Collapse the chosen cells; a whole line costs a ring if a stack is left (rules §8.3, §8.4)."""
    seat = position.player
    for cell in move.cells:
        position.collapse(cell, seat)
    position.line_debt = move.cells == move.run and position.controls_any(seat)

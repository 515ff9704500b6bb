"""Moves as the traces write them (docs/traces.md, "Move notation")."""

from __future__ import annotations

from collections.abc import Iterable

from ringrift.reference.geometry import Cell, Geometry
from ringrift.reference.moves import (
    Capture,
    Claim,
    Eliminate,
    Forced,
    Line,
    Move,
    Pass,
    Place,
    Slide,
    Step,
    Swap,
)


def text(board: Geometry, move: Move) -> str:
    """The text of a move (docs/traces.md §4)."""
    match move:
        case Place(cell, count):
            return f"PL {cell} {count}"
        case Step(start, end):
            return f"MV {start} {end}"
        case Pass(word):
            return word
        case Capture(start, target, end, chain):
            return f"{'CC' if chain else 'CA'} {start} {target} {end}"
        case Slide():
            return _slide(board, move)
        case Line():
            return _line(board, move)
        case Eliminate(context, cell):
            return f"ER {context} {cell}"
        case Claim(region):
            return f"TO {_cells(board, region)}"
        case Forced(cell):
            return f"FE {cell}"
        case Swap():
            return "SW"


def _slide(board: Geometry, move: Slide) -> str:
    way = f"{move.start} {move.end}"
    if move.stack is None:
        return f"RL {way} 2 {_cells(board, move.cells)}"
    if move.mode == "line":
        return f"RL {way} 1 {move.stack}"
    return f"{'RS' if move.mode == 'strike' else 'RF'} {way} {move.stack}"


def _line(board: Geometry, move: Line) -> str:
    run = _cells(board, move.run)
    if not move.overlength:
        return f"LN {run}"
    return f"LO {run} > {'*' if move.cells == move.run else _cells(board, move.cells)}"


def _cells(board: Geometry, cells: Iterable[Cell]) -> str:
    return ";".join(board.in_order(cells))

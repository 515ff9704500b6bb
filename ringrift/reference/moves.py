"""The actions of a game as data (rules §4.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ringrift.reference.geometry import Cell


@dataclass(frozen=True, slots=True)
class Pass:
    """A skip or a bookkeeping move (rules §4.7)."""

    #: ``SP NP SC NM SR NL ST NT``.
    word: str


@dataclass(frozen=True, slots=True)
class Swap:
    """The pie rule (rules §12)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Put rings on a cell (rules §5)."""

    cell: Cell
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """Move a stack without capturing (rules §6)."""

    start: Cell
    end: Cell


@dataclass(frozen=True, slots=True)
class Capture:
    """One segment of a capture (rules §7)."""

    start: Cell
    target: Cell
    end: Cell
    #: Whether it goes on with a chain.
    chain: bool


@dataclass(frozen=True, slots=True)
class Slide:
    """A recovery slide with its fee, or with a free part of an overlength line (rules §11)."""

    #: ``line``, ``fallback`` or ``strike``.
    mode: str
    start: Cell
    end: Cell
    #: The extraction stack; None for the free option.
    stack: Cell | None
    #: Cells that collapse: the whole run, the chosen part, or none.
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """Collapse an exact line, or an overlength line whole or in part (rules §8.3, §8.4)."""

    run: tuple[Cell, ...]
    cells: tuple[Cell, ...]
    #: Whether the line is longer than it must be.
    overlength: bool


@dataclass(frozen=True, slots=True)
class Eliminate:
    """Pay with a stack: for a line, a region or a region of a recovery turn (rules §10.1)."""

    #: ``line``, ``territory`` or ``recovery``.
    context: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Claim:
    """Take a disconnected region (rules §9.5)."""

    region: frozenset[Cell]


@dataclass(frozen=True, slots=True)
class Forced:
    """Forced elimination of a cap (rules §10.2)."""

    cell: Cell


Move: TypeAlias = Pass | Swap | Place | Step | Capture | Slide | Line | Eliminate | Claim | Forced

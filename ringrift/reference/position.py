"""A position: what lies on each cell, what each player has, and where the turn stands (rules §3).

A cell is in one of four conditions (rules §3.1): it is a key of ``stacks``, of ``markers`` or of
``collapsed``, or of none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Self, TypeAlias

from ringrift.reference.geometry import Cell, Geometry
from ringrift.reference.limits import Limits

Seat: TypeAlias = int
#: Owners of the rings, bottom ring first.
Stack: TypeAlias = tuple[Seat, ...]

#: Phases (rules §3.3).
RING_PLACEMENT = "ring_placement"
MOVEMENT = "movement"
CAPTURE = "capture"
CHAIN_CAPTURE = "chain_capture"
LINE_PROCESSING = "line_processing"
TERRITORY_PROCESSING = "territory_processing"
FORCED_ELIMINATION = "forced_elimination"
GAME_OVER = "game_over"


# -- stacks (rules §3.1) ---------------------------------------------------------------------


def controller(stack: Stack) -> Seat:
    """Owner of the top ring (rules §3.1)."""
    return stack[-1]


def cap_height(stack: Stack) -> int:
    """Rings of the controller's colour from the top down, without a break (rules §3.1)."""
    height = 0
    for owner in reversed(stack):
        if owner != stack[-1]:
            break
        height += 1
    return height


def has_buried(stack: Stack, seat: Seat) -> bool:
    """Whether a ring of the seat lies below the top ring (rules §3.1)."""
    return seat in stack[:-1]


# -- the position ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tracker:
    """Who has been alone in having something to do, and for how long (rules §15.2)."""

    #: The seat whose turn closes a round, 0 for none.
    leader: Seat = 0
    #: Seats asked in this round.
    seen: frozenset[Seat] = frozenset()
    #: Those of them that had a real action.
    real: frozenset[Seat] = frozenset()
    #: The exclusive player, 0 for none.
    seat: Seat = 0
    #: Finished rounds in a row in which it was.
    count: int = 0


@dataclass(slots=True, kw_only=True)
class Position:
    """All that decides the rest of a game (rules §3). Effects change it in place."""

    geometry: Geometry
    limits: Limits

    # the board (rules §3.1)
    stacks: dict[Cell, Stack] = field(default_factory=dict)
    markers: dict[Cell, Seat] = field(default_factory=dict)
    collapsed: dict[Cell, Seat] = field(default_factory=dict)

    # the players (rules §3.2)
    hand: dict[Seat, int]
    eliminated: dict[Seat, int]

    # the turn (rules §3.3)
    phase: str = RING_PLACEMENT
    player: Seat = 1
    must_move: Cell | None = None
    capturing: Cell | None = None  # lastLanding in phase capture, chainCell in chain_capture
    line_debt: bool = False
    region_debt: bool = False
    acted: bool = False
    recovered: bool = False

    # the game
    tracker: Tracker = Tracker()
    swapped: bool = False
    swap_open: bool = False
    turns: int = 1
    plies: int = 0
    last: Seat = 0
    out: dict[Seat, int] = field(default_factory=dict)  # turn in which the last ring was lost
    winner: Seat = 0
    victory: str = ""

    @classmethod
    def opening(cls, board: Geometry, limits: Limits) -> Self:
        """The initial state (rules §3.4)."""
        seats = range(1, limits.players + 1)
        return cls(
            geometry=board,
            limits=limits,
            hand=dict.fromkeys(seats, limits.rings),
            eliminated=dict.fromkeys(seats, 0),
            out=dict.fromkeys(seats, 0),
            swap_open=limits.pie,
        )

    def copy(self) -> Self:
        """An independent copy."""
        new = object.__new__(type(self))
        for name in _FIELDS:
            value = getattr(self, name)
            setattr(new, name, value.copy() if name in _DICTS else value)
        return new

    @property
    def seats(self) -> range:
        """All seats in order."""
        return range(1, self.limits.players + 1)

    def controlled(self, seat: Seat) -> Iterator[Cell]:
        """Cells of the stacks that the seat controls (rules §3.1)."""
        return (cell for cell, stack in self.stacks.items() if stack[-1] == seat)

    def controls_any(self, seat: Seat) -> bool:
        """Whether the seat controls a stack."""
        return any(stack[-1] == seat for stack in self.stacks.values())

    def with_buried(self, seat: Seat) -> Iterator[Cell]:
        """Cells of the stacks that hold a buried ring of the seat, whoever controls them."""
        return (cell for cell, stack in self.stacks.items() if seat in stack[:-1])

    def owners(self) -> set[Seat]:
        """Owners of all rings on the board, buried ones included (rules §9.1)."""
        return {owner for stack in self.stacks.values() for owner in stack}

    def material(self) -> set[Seat]:
        """Seats with any ring, on the board or in hand (rules §13.2, §15.2)."""
        return self.owners() | {seat for seat in self.seats if self.hand[seat]}

    def territory(self, seat: Seat) -> int:
        """Collapsed cells of the seat (rules §3.2)."""
        return sum(owner == seat for owner in self.collapsed.values())

    def marker_count(self, seat: Seat) -> int:
        """Markers of the seat on the board."""
        return sum(owner == seat for owner in self.markers.values())

    # -- small changes that many rules share

    def put_stack(self, cell: Cell, stack: Stack) -> None:
        """Let a stack stand on the cell; an empty one vanishes without a marker (rules §10.1)."""
        if stack:
            self.stacks[cell] = stack
        else:
            self.stacks.pop(cell, None)

    def collapse(self, cell: Cell, seat: Seat) -> None:
        """Make the cell territory of the seat; a marker on it vanishes (rules §3.1)."""
        self.markers.pop(cell, None)
        self.collapsed[cell] = seat


_FIELDS = tuple(item.name for item in fields(Position))
_DICTS = frozenset(("stacks", "markers", "collapsed", "hand", "eliminated", "out"))

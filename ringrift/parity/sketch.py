"""A position while it is being drawn, for `ringrift.parity.positions`."""

from __future__ import annotations

import random
from typing import Any

from ringrift.configs import Config
from ringrift.parity.geometry import Geometry, geometry
from ringrift.rules.boards import board, constants
from ringrift.rules.game import GameOptions


class Sketch:
    """A position while it is being drawn. Cells are taken once; rings are kept within supply."""

    def __init__(self, config: Config, options: GameOptions, rng: random.Random) -> None:
        """Begin with the empty board; `mover` is drawn."""
        self.rng = rng
        self.options = options
        self.players = config.players
        self.limits = constants(config, options)
        self.board: Geometry = geometry(config.board)
        self.tallest = board(config.board).M + 1
        self.stacks: dict[str, str] = {}  #: bottom ring first
        self.markers: dict[str, int] = {}
        self.collapsed: dict[str, int] = {}
        self.mover = rng.randint(1, config.players)
        self.turn: dict[str, Any] = {}  #: keys of the state that are not the default

    @property
    def seats(self) -> range:
        """All seats."""
        return range(1, self.players + 1)

    @property
    def others(self) -> list[int]:
        """All seats but the mover."""
        return [seat for seat in self.seats if seat != self.mover]

    def free(self) -> list[str]:
        """Empty cells."""
        taken = (self.stacks, self.markers, self.collapsed)
        return [cell for cell in self.board.cells if not any(cell in kind for kind in taken)]

    def left(self, seat: int) -> int:
        """Rings of a seat that are not on the board."""
        used = sum(rings.count(str(seat)) for rings in self.stacks.values())
        return self.limits.rings - used

    def empty(self, cell: str) -> bool:
        """Whether nothing is on a cell yet."""
        return not (cell in self.stacks or cell in self.markers or cell in self.collapsed)

    def stack(self, cell: str, rings: str) -> bool:
        """Put a stack, bottom ring first, on an empty cell; False where supply or room forbids it."""
        short = any(rings.count(str(seat)) > self.left(seat) for seat in self.seats)
        if not rings or short or len(rings) > self.tallest or not self.empty(cell):
            return False
        self.stacks[cell] = rings
        return True

    def rings(self, top: int, height: int, below: list[int] | None = None) -> str:
        """A stack of this height under a seat's control, the rest of any seats."""
        rest = [self.rng.choice(below or list(self.seats)) for _ in range(height - 1)]
        return "".join(map(str, [*rest, top]))

    def mark(self, cell: str, seat: int) -> bool:
        """Put a marker on an empty cell."""
        if self.empty(cell):
            self.markers[cell] = seat
            return True
        return False

    def collapse(self, cell: str, seat: int) -> bool:
        """Collapse an empty cell."""
        if self.empty(cell):
            self.collapsed[cell] = seat
            return True
        return False

    def scatter(self, stacks: float, markers: float, collapsed: float) -> None:
        """Fill empty cells at random, with these shares."""
        rng = self.rng
        for cell in self.free():
            x = rng.random()
            if x < stacks:
                self.stack(cell, self.rings(rng.choice(self.seats), rng.choice((1, 1, 1, 2, 3, 4))))
            elif x < stacks + markers:
                self.mark(cell, rng.choice(self.seats))
            elif x < stacks + markers + collapsed:
                self.collapse(cell, rng.choice(self.seats))

    def blob(self, size: int, start: str | None = None) -> set[str]:
        """A connected set of cells (territory adjacency), empty or not."""
        rng = self.rng
        cells = {start or rng.choice(self.board.cells)}
        while len(cells) < size:
            edge = sorted({n for cell in cells for n in self.board.side[cell]} - cells)
            if not edge:
                break
            cells.add(rng.choice(edge))
        return cells

    def around(self, cells: set[str]) -> list[str]:
        """Territory neighbours outside a set."""
        return sorted({n for cell in cells for n in self.board.side[cell]} - cells)

    def state(self, phase: str, *, hand: list[int] | None = None) -> dict[str, Any]:
        """The state+; hands are drawn unless given, and what is nowhere counts as eliminated."""
        rng, players, limits = self.rng, self.players, self.limits
        lefts = [self.left(seat) for seat in self.seats]
        hands = hand or [rng.choice((0, min(2, left), rng.randint(0, left))) for left in lefts]
        hands = [min(own, left) for own, left in zip(hands, lefts, strict=True)]
        gone = sum(lefts) - sum(hands)
        elim = [0] * players
        for _ in range(gone):
            # Nobody begins with a victory unless there is no other way.
            open_ = [q for q in range(players) if elim[q] < limits.victory - 1]
            elim[rng.choice(open_ or range(players))] += 1
        terr = [list(self.collapsed.values()).count(seat) for seat in self.seats]
        turns = rng.randint(2, 60)
        on_board = "".join(self.stacks.values())
        out = [
            0 if hands[seat - 1] or str(seat) in on_board else rng.randint(1, turns - 1)
            for seat in self.seats
        ]
        acting = phase not in ("ring_placement", "movement", "game_over")
        pie = players == 2 and self.options.pie is not False
        state = {
            "acted": acting and phase != "forced_elimination",
            "chain": None,
            "collapsed": self.collapsed,
            "cur": self.mover,
            "elim": elim,
            "hand": hands,
            "last": (self.mover if acting else rng.choice(self.seats)),
            "lps": self.tracker(out),
            "markers": self.markers,
            "must": None,
            "options": {
                "pie": pie,
                "line_detect": limits.detect,
                "lps_rounds": self.options.lps_rounds,
                "rings": limits.rings,
            },
            "out": out,
            "pend": "",
            "phase": phase,
            "plies": turns * 4 + rng.randint(0, 3),
            "recov": False,
            "stacks": self.stacks,
            "swap_open": False,
            "swapped": pie and rng.random() < 0.3,
            "terr": terr,
            "turns": turns,
            "victory": "",
            "winner": 0,
        }
        assert self.turn.keys() <= state.keys()
        return state | self.turn

    def tracker(self, out: list[int]) -> dict[str, Any]:
        """A tracker such as a game might hold (rules §15.2); empty in one of three positions."""
        rng = self.rng
        alive = [seat for seat in self.seats if not out[seat - 1]]
        if rng.random() < 0.33 or not alive:
            return {"leader": 0, "seen": [], "real": [], "seat": 0, "count": 0}
        seen = sorted({self.mover, *rng.sample(alive, rng.randint(0, len(alive)))})
        real = [seat for seat in seen if rng.random() < 0.6]
        seat = rng.choice([0, *alive])
        count = rng.randint(1, 3) if seat else 0
        leader = rng.choice(self.seats)
        return {"leader": leader, "seen": seen, "real": real, "seat": seat, "count": count}

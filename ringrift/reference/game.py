"""One game by the reference, with moves and states as the traces write them.

>>> game = ReferenceGame.new(Config("hex8", 2))
>>> game.apply("PL 0,0,0 2")
>>> game.player, game.phase
(1, 'movement')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest
from ringrift.reference import notation, state
from ringrift.reference.geometry import geometry
from ringrift.reference.legal import legal_moves
from ringrift.reference.limits import limits
from ringrift.reference.moves import Move, Slide
from ringrift.reference.position import GAME_OVER, Position
from ringrift.reference.ranking import ranks
from ringrift.reference.recovery import refused
from ringrift.reference.turn import play


class ReferenceIllegalMove(BadInput):
    """A move that is not legal in the position."""


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """The end of a game. There are no draws."""

    #: Winning seat.
    winner: int
    #: Name of the ending (rules §14, §15).
    victory: str
    #: Rank per seat (rules §16).
    ranks: tuple[int, ...]
    #: Turns begun.
    turns: int
    #: Moves made, bookkeeping included.
    plies: int


class ReferenceGame:
    """A position with its legal moves, in the notation of docs/traces.md."""

    __slots__ = ("_moves", "config", "position")

    def __init__(self, config: Config, position: Position) -> None:
        """Wrap a position; use `new` or `from_state`."""
        self.config = config
        #: The position itself, for the functions of this package.
        self.position = position
        self._moves: list[Move] | None = None

    @classmethod
    def new(
        cls,
        config: Config,
        *,
        pie: bool | None = None,
        line_detect: int | None = None,
        lps_rounds: int = 3,
        rings: int | None = None,
    ) -> Self:
        """A game from the empty board; None is the default of the configuration (rules §0).

        Raises BadInput where an option does not fit the configuration.
        """
        numbers = limits(
            config,
            pie=config.players == 2 if pie is None else pie,
            line_detect=line_detect,
            lps_rounds=lps_rounds,
            rings=rings,
        )
        return cls(config, Position.opening(geometry(config.board), numbers))

    @classmethod
    def from_state(
        cls,
        config: Config,
        given: Mapping[str, Any],
        *,
        pie: bool | None = None,
        line_detect: int | None = None,
        lps_rounds: int = 3,
        rings: int | None = None,
    ) -> Self:
        """A game from a valid canonical state or state+ (docs/traces.md §5, §8).

        A state+ brings its own options. Whether the state is possible at all is not checked.
        """
        options: Mapping[str, Any] = given.get("options") or {
            "pie": bool(pie) and config.players == 2,
            "line_detect": line_detect,
            "lps_rounds": lps_rounds,
            "rings": rings,
        }
        return cls(config, state.load(geometry(config.board), limits(config, **options), given))

    @property
    def player(self) -> int:
        """Seat to move, 0 after the end."""
        return self.position.player

    @property
    def phase(self) -> str:
        """Name of the phase (rules §3.3)."""
        return self.position.phase

    def moves(self) -> list[Move]:
        """All legal moves as data, each once, in no particular order."""
        if self._moves is None:
            self._moves = legal_moves(self.position)
        return self._moves

    def text(self, move: Move) -> str:
        """A move in trace notation."""
        return notation.text(self.position.geometry, move)

    def legal(self) -> list[str]:
        """All legal moves in trace notation, sorted."""
        return sorted(map(self.text, self.moves()))

    def refused(self) -> list[str]:
        """Those of `legal` that the public reference lists and then refuses (rules §11.4)."""
        position = self.position
        return sorted(
            self.text(move)
            for move in self.moves()
            if isinstance(move, Slide)
            and move.mode == "line"
            and refused(position, position.player, move.start, move.end)
        )

    def apply(self, move: str | Move) -> None:
        """Make a move; ReferenceIllegalMove when it is not legal here."""
        chosen = next((m for m in self.moves() if move in (m, self.text(m))), None)
        if chosen is None:
            shown = move if isinstance(move, str) else self.text(move)
            raise ReferenceIllegalMove(
                f"{shown!r} is not legal for seat {self.player} in phase {self.phase}: "
                + nearest(shown, self.legal())
            )
        self._moves = None
        play(self.position, chosen)

    def copy(self) -> Self:
        """An independent copy."""
        new = type(self)(self.config, self.position.copy())
        new._moves = self._moves  # noqa: SLF001 - the list is never changed
        return new

    @property
    def result(self) -> ReferenceResult | None:
        """How the game ended, None while it goes on."""
        position = self.position
        if position.phase != GAME_OVER:
            return None
        return ReferenceResult(
            winner=position.winner,
            victory=position.victory,
            ranks=ranks(position),
            turns=position.turns,
            plies=position.plies,
        )

    def canonical(self) -> dict[str, Any]:
        """The canonical state (docs/traces.md §5)."""
        return state.canonical(self.position)

    def state_plus(self) -> dict[str, Any]:
        """The canonical state with all else that decides the game (docs/traces.md §8)."""
        return state.state_plus(self.position)

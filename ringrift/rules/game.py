"""One game at a time, for people and tests: the façade over the compiled rules.

    >>> game = Game.new(Config.parse("hex8:2"))
    >>> game.apply("PL 0,0,0 2")
    >>> game.player, game.phase
    (1, 'movement')

Programs that play many games at once use the arrays and kernels directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput
from ringrift.rules import canonical, drawing, notation
from ringrift.rules.boards import board, constants, tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.moves import legal_moves
from ringrift.rules.kernels.state import hash_state, new_game
from ringrift.rules.outcome import Outcome, outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringrift.configs import Config


@dataclass(frozen=True, slots=True)
class GameOptions:
    """Rule options of a new game; None takes the default of the configuration."""

    #: Pie rule (rules §12); default: on with two players, and possible with no other number.
    pie: bool | None = None
    #: Shortest run noticed as a line (rules §1.2); 4 on hex8 with 3-4 players reproduces the reference engine.
    line_detect: int | None = None
    #: Exclusive rounds that win (rules §15).
    lps_rounds: int = 3
    #: Rings per player; changes hand, threshold and supply together.
    rings: int | None = None


def opening(config: Config, options: GameOptions | None = None) -> NDArray[np.uint16]:
    """State uint16[1, 6, N] of a new game."""
    options = options or GameOptions()
    limits = constants(config, options)
    pie = config.players == 2 if options.pie is None else options.pie
    if pie and config.players != 2:
        raise BadInput(f"the pie rule is for 2 players, not for {config}")
    if not 1 <= options.lps_rounds <= 999:
        raise BadInput(f"lps_rounds is {options.lps_rounds}: expected 1 to 999")
    states = np.zeros((1, k.NUM_FIELDS, board(config.board).n), np.uint16)
    values = (
        config.players,
        limits.rings,
        limits.line,
        limits.detect,
        limits.victory,
        limits.territory,
        options.lps_rounds,
        int(pie),
    )
    new_game(states, 0, np.array(values, np.int64))
    return states


class Game:
    """A position with its legal moves, its notation and its picture.

    `states` is the uint16[1, 6, N] array that the kernels see; nothing else is stored.
    """

    __slots__ = ("board", "config", "states")

    def __init__(self, config: Config, states: NDArray[np.uint16]) -> None:
        """Wrap a state array; use `new` or `from_canonical`."""
        self.config = config
        self.board = board(config.board)
        self.states = states

    @classmethod
    def new(cls, config: Config, options: GameOptions | None = None) -> Self:
        """Start a game from the empty board."""
        return cls(config, opening(config, options))

    @classmethod
    def from_canonical(
        cls, config: Config, state: Mapping[str, Any], options: GameOptions | None = None
    ) -> Self:
        """Set up a canonical state or a state+; raises BadInput on anything no game could hold."""
        return cls(config, canonical.load(config, state, options))

    @property
    def player(self) -> int:
        """Seat to move, 0 after the end."""
        return int(self.states[0, k.F_SCALAR, k.S_PLAYER])

    @property
    def phase(self) -> str:
        """Name of the phase."""
        return k.PHASE_NAMES[int(self.states[0, k.F_SCALAR, k.S_PHASE])]

    @property
    def result(self) -> Outcome | None:
        """Outcome, or None while the game goes on."""
        return outcome(self.states[0])

    def legal_codes(self) -> NDArray[np.int32]:
        """All legal moves as int32 codes; empty only after the end."""
        out = np.empty(k.MAX_MOVES, np.int32)
        return out[: legal_moves(self.states, 0, tables(self.config.board), out)].copy()

    def legal(self) -> list[str]:
        """All legal moves in trace notation, sorted."""
        return sorted(notation.format_moves(self.states, 0, self.board, self.legal_codes()))

    def apply(self, move: str | int) -> None:
        """Play a move given as text or code; raises BadInput when it is not legal here."""
        if isinstance(move, str):
            code = notation.parse_move(self.states, 0, self.board, move)
        else:
            code = int(move)
            if code not in self.legal_codes():
                raise BadInput(f"move code {code} is not legal in phase {self.phase}")
        apply_move(self.states, 0, tables(self.config.board), code)

    def text(self, code: int) -> str:
        """Notation of a legal move code."""
        return notation.format_move(self.states, 0, self.board, code)

    def copy(self) -> Self:
        """Return an independent copy."""
        return type(self)(self.config, self.states.copy())

    def hash(self) -> int:
        """64-bit hash of all that can change the future; the same in every process."""
        return int(hash_state(self.states, 0))

    def draw(self, *, colour: bool = False) -> str:
        """Picture of the position for a terminal."""
        return drawing.draw(self.states, 0, self.board, colour=colour)

    def canonical(self) -> dict[str, Any]:
        """Canonical state of docs/traces.md."""
        return canonical.canonical(self.states, 0, self.board)

    def state_plus(self) -> dict[str, Any]:
        """Canonical state with all else that a game needs to go on."""
        return canonical.state_plus(self.states, 0, self.board)

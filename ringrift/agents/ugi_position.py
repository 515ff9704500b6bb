"""The position of the line protocol: a start, the moves given since, and the forced ones between them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from ringrift.agents.ugi_options import Settings
from ringrift.errors import BadInput
from ringrift.rules.game import Game

#: What a start from the empty board is called.
STARTPOS = "startpos"


def to_wire(move: str) -> str:
    """A move of the notation as the protocol writes it, with `:` for blanks."""
    return move.replace(" ", ":")


def from_wire(move: str) -> str:
    """A move of the protocol in trace notation."""
    return move.replace(":", " ")


@dataclass(slots=True)
class Position:
    """A game that grows; never changed where a move is refused."""

    settings: Settings
    #: STARTPOS or the text of a state.
    start: str
    game: Game
    #: The moves that were given.
    given: list[str] = field(default_factory=list)
    #: All moves, forced ones that were played unasked included.
    moves: list[str] = field(default_factory=list)
    #: Forced moves played after the last given one.
    forced: list[str] = field(default_factory=list)

    @classmethod
    def at_start(cls, settings: Settings) -> Self:
        """A new game."""
        return cls._begin(settings, STARTPOS, Game.new(settings.config, settings.rules))

    @classmethod
    def from_state(cls, settings: Settings, text: str, state: Any) -> Self:
        """A state or state+ that was read from ``text``; raises BadInput naming the key that is wrong."""
        if not isinstance(state, dict):
            raise BadInput(f"state: expected a JSON object, found {text[:40]!r}")
        return cls._begin(
            settings, text, Game.from_canonical(settings.config, state, settings.rules)
        )

    @classmethod
    def _begin(cls, settings: Settings, start: str, game: Game) -> Self:
        position = cls(settings, start, game)
        position._play_forced()
        return position

    def leads_to(self, settings: Settings, start: str, moves: Sequence[str]) -> bool:
        """Whether this position lies on the way to another: the same start, and no move that the other lacks."""
        return (self.settings, self.start) == (settings, start) and self.given == list(
            moves[: len(self.given)]
        )

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(
            self.settings,
            self.start,
            self.game.copy(),
            list(self.given),
            list(self.moves),
            list(self.forced),
        )

    def play(self, move: str) -> None:
        """Play a move of the protocol; raises BadInput, with the nearest legal one, if it is not legal."""
        try:
            self.game.apply(from_wire(move))
        except BadInput as error:
            number = len(self.given) + 1
            # Moves stand in quotes there, in trace notation.
            text = re.sub(r"'[^']*'", lambda found: to_wire(found[0]), str(error))
            raise BadInput(f"move {number}: {text}") from error
        self.given.append(move)
        self.moves.append(move)
        self.forced.clear()
        self._play_forced()

    def _play_forced(self) -> None:
        """Where the option says so, play on to the next decision."""
        while self.settings.play_forced and self.game.result is None:
            codes = self.game.legal_codes()
            if len(codes) > 1:
                return
            move = to_wire(self.game.text(int(codes[0])))
            self.game.apply(int(codes[0]))
            self.moves.append(move)
            self.forced.append(move)


def read_position(settings: Settings, known: Position, text: str) -> Position:
    """Position of ``startpos [moves …]`` or ``state JSON [moves …]`` (`fen` is another word for `state`).

    ``known`` saves replaying the moves that it already has. Raises BadInput; ``known`` is left as it is.
    """
    word, _, rest = text.strip().partition(" ")
    state: Any = None
    if word == STARTPOS:
        start = STARTPOS
    elif word in ("state", "fen"):
        rest = rest.strip()
        state, end = _read_json(rest)
        start, rest = rest[:end], rest[end:]
    else:
        raise BadInput(f"position {word[:40]!r}: expected startpos or state")
    words = rest.split()
    if words and words[0] != "moves":
        raise BadInput(f"position: expected 'moves' after the start, found {words[0][:40]!r}")
    moves = words[1:]
    if known.leads_to(settings, start, moves):
        position = known.copy()
    elif start == STARTPOS:
        position = Position.at_start(settings)
    else:
        position = Position.from_state(settings, start, state)
    for move in moves[len(position.given) :]:
        position.play(move)
    return position


def _read_json(text: str) -> tuple[Any, int]:
    """The JSON value that a text begins with, and where it ends."""
    try:
        return json.JSONDecoder().raw_decode(text)
    except RecursionError:
        raise BadInput("position state: JSON nested too deeply") from None
    except ValueError as error:
        raise BadInput(f"position state: not JSON: {error}") from None

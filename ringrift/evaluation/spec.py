"""What a match is: fixed before it starts, and named by everything that decides its games.

Two agents, A and B. One *block* is one random opening played in all seatings: A takes each seat in
turn, B all the others. With two players that is a pair of games from one opening with the seats
exchanged (as fishtest); with three or four, A rotates through the seats.

    2 players, block i        4 players, block i
    game 2i   seats a b       game 4i   seats a b b b
    game 2i+1 seats b a       game 4i+1 seats b a b b
                              game 4i+2 seats b b a b
                              game 4i+3 seats b b b a
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.game import GameOptions
from ringrift.store.ids import derived_id

#: Random decisions at the start of each block: usually the whole first turn of seat 1 (a placement
#: and a move), so that with the pie rule the swap is still the agents' own decision.
OPENING_DECISIONS = 2


@dataclass(frozen=True, slots=True)
class MatchSpec:
    """One match of A against B, up to `games` games. Whole blocks only."""

    #: Board and number of players.
    config: Config
    #: The agent whose score is counted.
    a: AgentSpec
    #: Its opponent, in every other seat.
    b: AgentSpec
    #: Most games to play; rounded down to whole blocks of `config.players` games.
    games: int
    #: Decides openings and all random choices of the agents.
    seed: int
    #: Random decisions (moves with at least two legal choices) at the start of a block.
    opening_plies: int = OPENING_DECISIONS
    #: Rule options: pie rule, line_detect, lps_rounds, rings per player.
    options: GameOptions = field(default_factory=GameOptions)

    def __post_init__(self) -> None:
        if self.games < self.config.players:
            raise BadInput(
                f"a match on {self.config} needs at least {self.config.players} games "
                f"(one block of all seatings), not {self.games}"
            )
        if self.opening_plies < 0:
            raise BadInput(f"opening_plies must be 0 or more, not {self.opening_plies}")

    @property
    def block_size(self) -> int:
        """Games of one block: all seatings of one opening."""
        return self.config.players

    @property
    def blocks(self) -> int:
        """Whole blocks within `games`."""
        return self.games // self.block_size

    @property
    def max_games(self) -> int:
        """Games of all blocks."""
        return self.blocks * self.block_size

    @property
    def id(self) -> str:
        """64 hex digits, equal for equal matches on every machine."""
        return derived_id("match", self.as_dict())

    def seating(self, number: int) -> tuple[int, ...]:
        """Agent of each seat (0 for A, 1 for B) at the start of game `number`."""
        seat = number % self.block_size
        return tuple(int(s != seat) for s in range(self.config.players))

    def opening_seed(self, block: int) -> int:
        """64-bit seed of the opening of a block; does not depend on the agents."""
        return _seed64("opening", str(self.config), self.seed, block)

    def game_seed(self, number: int) -> int:
        """64-bit seed of the agents' own choices in game `number`."""
        return _seed64("match game", str(self.config), self.seed, number)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, for stage rows, messages and the id."""
        return {
            "config": str(self.config),
            "a": self.a.as_dict(),
            "b": self.b.as_dict(),
            "games": self.games,
            "seed": self.seed,
            "opening_plies": self.opening_plies,
            "options": dataclasses.asdict(self.options),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`."""
        return cls(
            config=Config.parse(values["config"]),
            a=AgentSpec.from_dict(values["a"]),
            b=AgentSpec.from_dict(values["b"]),
            games=values["games"],
            seed=values["seed"],
            opening_plies=values["opening_plies"],
            options=GameOptions(**values["options"]),
        )


def _seed64(*parts: object) -> int:
    """The first 8 bytes of a hash of the parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little")

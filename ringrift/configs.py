"""A config: which board, how many players. There are twelve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from ringrift.errors import BadInput, nearest, shown

#: The four boards of rules §1.2, small to large within each family.
BOARD_NAMES: Final = ("square8", "square19", "hex8", "hexagonal")

#: Seats of a game, rules §1.1.
PLAYER_COUNTS: Final = (2, 3, 4)


@dataclass(frozen=True, order=True, slots=True)
class Config:
    """A board and a number of players, written ``hex8:2``. Raises BadInput for any other."""

    #: One of BOARD_NAMES.
    board: str
    #: 2, 3 or 4.
    players: int

    def __post_init__(self) -> None:
        """Refuse boards and player counts that do not exist."""
        if self.board not in BOARD_NAMES:
            raise BadInput(f"unknown board {shown(self.board)}: {nearest(self.board, BOARD_NAMES)}")
        if self.players not in PLAYER_COUNTS:
            raise BadInput(f"{shown(self.players)} players on {self.board}: expected 2, 3 or 4")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``hex8:2``."""
        board, colon, players = text.strip().partition(":")
        if not colon or not players.isascii() or not players.isdigit() or len(players) > 9:
            raise BadInput(
                f"config {shown(text)}: expected BOARD:PLAYERS, such as hex8:2"
                + ("" if board in BOARD_NAMES else f" ({nearest(board, BOARD_NAMES)})")
            )
        return cls(board, int(players))

    def __str__(self) -> str:
        """Return the form that ``parse`` reads."""
        return f"{self.board}:{self.players}"


#: Every config there is.
ALL_CONFIGS: Final = tuple(
    Config(board, players) for board in BOARD_NAMES for players in PLAYER_COUNTS
)


def each_once(texts: Iterable[str]) -> list[str]:
    """Configs as ``Config`` writes them, in their order. Raises BadInput where two are the same one.

    >>> each_once(["hex8:2", " square8:03"])
    ['hex8:2', 'square8:3']
    """
    found = [str(Config.parse(text)) for text in texts]
    for number, config in enumerate(found):
        if config in found[:number]:
            raise BadInput(f"{config} appears twice")
    return found

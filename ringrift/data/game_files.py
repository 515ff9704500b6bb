"""Files of games of either kind: our own records, and traces (docs/records.md, docs/traces.md).

Which kind a file holds is seen from its lines, how it is packed from its bytes; names say nothing
but where a file is to be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from ringrift.data.replay import start_state
from ringrift.errors import BadInput, nearest_first, shown
from ringrift.parity.gate import opening_of
from ringrift.parity.trace import TraceGame, scan_trace
from ringrift.rules import notation
from ringrift.rules.boards import tables
from ringrift.rules.game import Game
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.lines import Fault, Lines, objects
from ringrift.rules.records import GameRecord, scan_records

StoredGame = GameRecord | TraceGame

#: Endings of names of files of games: kind, and how they are packed.
SUFFIXES: Final = {
    ".jsonl": ("record", "trace"),
    ".jsonl.zst": ("record",),
    ".jsonl.gz": ("trace",),
}
_KINDS: Final = {"shard": "record", "game": "record", "end": "record"} | dict.fromkeys(
    ("h", "p", "e"), "trace"
)
#: Lines that are looked at for their kind: the first may be damaged.
_LOOKED_AT: Final = 100


class IllegalMove(BadInput):
    """A move that its position does not allow; `legal` are those it does, the nearest first."""

    def __init__(self, text: str, game: Game) -> None:
        self.legal = nearest_first(text, game.legal())
        where = f"for seat {game.player} in {game.phase}" if self.legal else "after the end"
        super().__init__(f"{shown(text)} is not legal {where}")


def kind_of(path: Path) -> str:
    """``"record"`` or ``"trace"``; BadInput where the file holds neither."""
    for _, data in islice(objects(Lines(path)), _LOOKED_AT):
        kind = None if isinstance(data, Fault) else data.get("t")
        if isinstance(kind, str) and kind in _KINDS:
            return _KINDS[kind]
    for suffix, kinds in SUFFIXES.items():
        if len(kinds) == 1 and path.name.endswith(suffix):
            return kinds[0]
    raise BadInput(f"{path}: neither game records nor traces: no line says what it is")


def scan(lines: Lines, kind: str) -> Iterator[tuple[int, StoredGame | Fault]]:
    """Games and faults of a file of this kind, each with its line; goes on after a fault."""
    return scan_records(lines) if kind == "record" else scan_trace(lines)


def start_of(game: StoredGame) -> Game:
    """The position that a stored game begins from; BadInput where it cannot be."""
    if isinstance(game, TraceGame):
        return opening_of(game)
    return Game(game.config, start_state(game))


def moves_of(game: StoredGame) -> Sequence[str]:
    """Its moves in order."""
    return [line["mv"] for line in game.moves] if isinstance(game, TraceGame) else game.moves


def step(game: Game, text: str) -> int:
    """Play a move given as text and return its code; IllegalMove where it is not legal.

    The text must be the very one that the notation gives this move here (docs/traces.md §4).
    """
    try:
        code = notation.read_move(game.states, 0, game.board, text)
    except BadInput:
        raise IllegalMove(text, game) from None
    legal = bool(np.any(game.legal_codes() == code))
    if not legal or notation.format_move(game.states, 0, game.board, code) != text:
        raise IllegalMove(text, game)
    apply_move(game.states, 0, tables(game.config.board), code)
    return code

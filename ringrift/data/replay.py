"""A recorded game played again: its move codes, and the state before each move.

The text of a move is read without a state wherever it can be (placements, moves, captures: the
texts of a board are cached), and each run of such moves is one call into the compiled rules. Only
regions and parts of recovery lines need the position to be read.

Legend: n moves, F = 6 rows of a state, N cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput
from ringrift.rules import canonical
from ringrift.rules.boards import Board, board, tables
from ringrift.rules.game import GameOptions, opening
from ringrift.rules.kernels.play import first_illegal, replay
from ringrift.rules.notation import read_move
from ringrift.rules.outcome import Outcome, outcome
from ringrift.rules.records import GameRecord

States = NDArray[np.uint16]

#: Words whose text alone says which action it is; their texts are few enough to be cached.
_CACHED = frozenset({"PL", "MV", "CA", "CC"})

#: Words that are read against the position: the label of a region, the part of a recovery line.
_NEEDS_STATE = frozenset({"TO", "RL"})


@dataclass(frozen=True, slots=True)
class Replay:
    """One game, played again."""

    #: Move codes, int32[n].
    codes: NDArray[np.int32]
    #: State before each move, uint16[n, F, N].
    states: States
    #: State after the last move, uint16[F, N].
    final: NDArray[np.uint16]

    @property
    def outcome(self) -> Outcome | None:
        """How the replayed game ended; None if it did not."""
        return outcome(self.final)


class UnreadableMove(BadInput):
    """A text that is no move, or none that its position could hold."""

    def __init__(self, record: GameRecord, before: NDArray[np.int32], reason: str) -> None:
        super().__init__(f"game {record.id[:12]}, move {len(before) + 1}: {reason}")
        #: Codes of the moves before it.
        self.before = before


def start_state(record: GameRecord) -> States:
    """State [1, F, N] that the record starts from."""
    options = GameOptions(**dict(record.options))
    if record.start is not None:
        return canonical.load(record.config, record.start, options)
    return opening(record.config, options)


def replay_record(record: GameRecord) -> Replay:
    """Play a record again, trusting that its moves are legal; BadInput for one that is no move.

    `check_legal` does not trust.
    """
    b = board(record.config.board)
    t = tables(record.config.board)
    known = _texts(b)
    current = start_state(record)
    n = len(record.moves)
    codes = np.empty(n, np.int32)
    states = np.empty((n, *current.shape[1:]), np.uint16)
    done = 0  # moves already played on `current`
    for i, text in enumerate(record.moves):
        code = known.get(text)
        if code is None:
            word = text[:2]
            if word in _NEEDS_STATE and done < i:
                replay(current, 0, t, codes[done:i], states[done:i])
                done = i
            try:
                code = read_move(current, 0, b, text)
            except BadInput as error:
                raise UnreadableMove(record, codes[:i], str(error)) from None
            if word in _CACHED:
                known[text] = code
        codes[i] = code
    replay(current, 0, t, codes[done:], states[done:])
    return Replay(codes, states, current[0])


@cache
def _texts(_board: Board) -> dict[str, int]:
    """Code of each text seen so far whose meaning does not depend on the position."""
    return {}


def check_legal(record: GameRecord) -> None:
    """Play a record against the complete legal lists and compare its end; BadInput at a difference."""
    unreadable: UnreadableMove | None = None
    try:
        played = replay_record(record)
        codes = played.codes
    except UnreadableMove as error:
        # An illegal move before it may be the reason: that one is to be named.
        unreadable, codes = error, error.before
    state = start_state(record)
    wrong = first_illegal(state, 0, tables(record.config.board), codes)
    if wrong >= 0:
        move = record.moves[wrong]
        raise BadInput(f"game {record.id[:12]}, move {wrong + 1}: {move!r} is not legal")
    if unreadable is not None:
        raise unreadable
    check_end(record, played)


def check_end(record: GameRecord, played: Replay) -> None:
    """BadInput unless the replayed game ends as its record says."""
    found = played.outcome
    if found is None:
        raise BadInput(f"game {record.id[:12]}: it is not over after its last move")
    result = record.result
    for name in ("winner", "victory", "ranks", "turns", "plies"):
        said, is_so = getattr(result, name), getattr(found, name)
        if said != is_so:
            raise BadInput(f"game {record.id[:12]}: the record says {name} {said}, replay {is_so}")

"""How a game ended: winner, kind of victory and final ranks (rules §14-§16)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ringrift.rules.kernels import constants as k


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a game. There are no draws."""

    #: Winning seat, 1..P.
    winner: int
    #: One of ``constants.VICTORY_NAMES``.
    victory: str
    #: Rank per seat, 1 for the winner; equal seats share one (1, 2, 2, 4).
    ranks: tuple[int, ...]
    #: Turns begun.
    turns: int
    #: Moves played, bookkeeping included.
    plies: int


def final_ranks(state: NDArray[np.uint16]) -> tuple[int, ...]:
    """Ranks of a finished game by the cascade of rules §16.

    The winner first; the others by territory, eliminated rings (hands added where the game ended on a bare
    board), markers, and the turn in which they lost their last ring (later is better, never is best).

    state: uint16[6, N] of a finished game.
    """
    scalars = state[k.F_SCALAR].astype(int)
    players = int(scalars[k.S_PLAYERS])
    words = state[k.F_CELL].astype(int)
    markers = words[(words >> k.KIND_SHIFT) & k.KIND_MASK == k.MARKER] & k.OWNER_MASK
    bare = scalars[k.S_VICTORY] >= k.STALEMATE_TERRITORY
    keys = []
    for q in range(players):
        out = int(scalars[k.S_OUT + q])
        keys.append(
            (
                int(scalars[k.S_WINNER] == q + 1),
                int(scalars[k.S_TERR + q]),
                int(scalars[k.S_ELIM + q]) + (int(scalars[k.S_HAND + q]) if bare else 0),
                int(np.count_nonzero(markers == q + 1)),
                out or 1 << 20,
            )
        )
    return tuple(1 + sum(other > key for other in keys) for key in keys)


def outcome(state: NDArray[np.uint16]) -> Outcome | None:
    """Outcome of a state uint16[6, N], or None while the game goes on."""
    scalars = state[k.F_SCALAR]
    if scalars[k.S_PHASE] != k.GAME_OVER:
        return None
    return Outcome(
        winner=int(scalars[k.S_WINNER]),
        victory=k.VICTORY_NAMES[int(scalars[k.S_VICTORY])],
        ranks=final_ranks(state),
        turns=int(scalars[k.S_TURNS]),
        plies=int(scalars[k.S_PLIES]),
    )

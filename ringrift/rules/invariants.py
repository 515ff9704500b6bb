"""What holds in every position of every game, looked at in all states of a replay at once.

Nothing here knows a move: a broken rule, a lost ring and a wrong count show as numbers that cannot be.

Legend: n states in their order, F = 6 rows, N cells, P seats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.boards import board
from ringrift.rules.kernels import constants as k


def first_broken(config: Config, states: NDArray[np.uint16]) -> tuple[int, str] | None:
    """Number of the first state, from 0, in which something cannot be, and what; None if all is well.

    states: uint16[n, F, N], consecutive positions of one game.
    """
    b, players = board(config.board), config.players
    words = states[:, k.F_CELL].astype(np.int64)  # [n, N]
    scalars = states[:, k.F_SCALAR].astype(np.int64)  # [n, N]
    kinds = words >> k.KIND_SHIFT & k.KIND_MASK
    heights = words >> k.HEIGHT_SHIFT & k.HEIGHT_MASK
    caps = words >> k.CAP_SHIFT & k.CAP_MASK
    owners = words & k.OWNER_MASK
    stack, marker = kinds == k.STACK, kinds == k.MARKER
    rings = scalars[:, k.S_RINGS]
    hands = scalars[:, k.S_HAND : k.S_HAND + players].sum(1)
    credit = scalars[:, k.S_ELIM : k.S_ELIM + players].sum(1)
    on_board = np.where(stack, heights, 0).sum(1)
    s = (marker | (kinds == k.COLLAPSED)).sum(1) + credit
    over = scalars[:, k.S_PHASE] == k.GAME_OVER
    player = scalars[:, k.S_PLAYER]
    steps = np.diff(scalars[:, k.S_PLIES], prepend=scalars[:1, k.S_PLIES] - 1)
    seats = range(1, players + 1)

    def own(kind: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.stack([(kind & (owners == seat)).sum(1) for seat in seats], axis=1)

    def kept(first: int) -> NDArray[np.int64]:
        return scalars[:, first : first + players]

    broken = {
        "rings are lost or made (rules §2)": on_board + hands + credit != players * rings,
        "S falls (rules §17)": np.diff(s, prepend=s[:1]) < 0,
        "S is over N + P*R (rules §17)": s > b.n + players * rings,
        "a stack is higher than can be (rules §3.1)": (heights > b.M + 1).any(1),
        "a stack has no height or no cap": (stack & ((heights < 1) | (caps < 1))).any(1),
        "a cap is higher than its stack": (caps > heights).any(1) & stack.any(1),
        "a stack or marker has no owner": (
            (stack | marker) & ((owners < 1) | (owners > players))
        ).any(1),
        "the stacks kept in mind are not those on the board": (own(stack) != kept(k.S_STACKS)).any(
            1
        ),
        "the markers kept in mind are not those on the board": (
            own(marker) != kept(k.S_MARKERS)
        ).any(1),
        "the moves are not counted one by one": steps != 1,
        "nobody is to move": ~over & ((player < 1) | (player > players)),
        "it goes on after its end": over & (np.arange(len(states)) < len(states) - 1),
    }
    found = [(int(np.argmax(rows)), reason) for reason, rows in broken.items() if rows.any()]
    return min(found) if found else None

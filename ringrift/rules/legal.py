"""The legal actions of many positions, side by side in one array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.many import list_many


class Legal(NamedTuple):
    """Legal actions of B positions: those of row b are ``actions[start[b] : start[b + 1]]``."""

    start: NDArray[np.int32]  # [B + 1], from 0
    actions: NDArray[
        np.int32
    ]  # [>= start[B]] of the action space (rules §20.3), none twice in a row


def legal_of(config: Config, states: NDArray[np.uint16]) -> Legal:
    """Legal actions of states uint16[B, 6, N] in which a decision is due."""
    count = len(states)
    start = np.zeros(count + 1, np.int32)
    actions = np.empty(count * board(config.board).num_actions(config.players), np.int32)
    list_many(np.ascontiguousarray(states), count, tables(config.board), start, actions)
    return Legal(start, actions[: start[count]])

"""The exact value of an endgame: every line played to its end, no cut-offs.

Max^n: the seat that decides takes a move with which it wins, if there is one. A seat that cannot win is free to
choose who does, and with three seats that decides games, so the solution keeps two things per position:

- the winner under a **fixed tie rule**: among equally good moves the first of the legal list is played;
- ``possible``: every seat that can win under **any** rule for ties, seat by seat and position by position.

Where ``possible`` is a single seat the value of the position owes nothing to the tie rule; only such endgames can be
held against a search, which breaks ties as its priors please.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.boards import Tables, board, tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.moves import legal_actions
from ringrift.rules.kernels.play import play_all
from ringrift.rules.kernels.state import hash_state


@dataclass(frozen=True, slots=True)
class Position:
    """A solved position."""

    #: Bit seat - 1: the seat wins under some rule for ties.
    possible: int
    #: Winner under the tie rule.
    winner: int
    #: Decisions from here to the end under the tie rule.
    decisions: int


@dataclass(frozen=True, slots=True)
class Move:
    """A decision of a solved endgame and what comes of it."""

    action: int
    after: Position


@dataclass(frozen=True, slots=True)
class Solution:
    """An endgame with its whole tree looked through."""

    seat: int
    root: Position
    moves: tuple[Move, ...]
    #: Different positions with a decision due or at the end of a game; forced moves are played through.
    nodes: int

    @property
    def winning(self) -> tuple[int, ...]:
        """Actions after which the seat to decide wins whatever the others do."""
        return tuple(m.action for m in self.moves if m.after.possible == 1 << self.seat - 1)

    @property
    def losing(self) -> tuple[int, ...]:
        """Actions after which it loses under any rule for ties."""
        return tuple(m.action for m in self.moves if not m.after.possible >> self.seat - 1 & 1)


class TooLargeError(Exception):
    """The tree has more positions than allowed."""


class Solver:
    """Solves endgames of one configuration; positions met again are looked up."""

    def __init__(self, config: Config, limit: int) -> None:
        """Limit: positions after which an endgame counts as too large."""
        self.tables: Tables = tables(config.board)
        self.swap = board(config.board).num_actions(config.players) - 1
        self.limit = limit
        self._known: dict[tuple[int, int, int], Position] = {}
        self._actions = np.empty(k.MAX_MOVES, np.int32)
        self._logs = np.zeros((1024, 512), np.int32)

    def solve(self, state: NDArray[np.uint16]) -> Solution:
        """Solve state uint16[6, N], a decision due; raises TooLargeError."""
        self._known.clear()
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))
        root = self._position(state[None])
        children, actions = self._children(state[None])
        assert not (actions == self.swap).any(), "no endgame is as young as the swap"
        moves = tuple(
            Move(int(action), self._position(child[None]))
            for action, child in zip(actions, children, strict=True)
        )
        seat = int(state[k.F_SCALAR, k.S_PLAYER])
        return Solution(seat, root, moves, len(self._known))

    def _children(self, state: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
        """Every position one decision on, forced moves played: uint16[n, 6, N], int32[n]."""
        n = legal_actions(state, 0, self.tables, self._actions)
        actions = self._actions[:n].copy()
        children = np.repeat(state, n, axis=0)
        lengths, counts = np.zeros(n, np.int64), np.zeros(n, np.int32)
        play_all(children, np.arange(n), self.tables, actions, self._logs[:n], lengths, counts)
        return children, actions

    def _position(self, state: NDArray[np.uint16]) -> Position:
        scalars = state[0, k.F_SCALAR]
        seat = int(scalars[k.S_PLAYER])
        # who moved last may decide between two that are level (rules §14, 5d)
        key = (int(hash_state(state, 0)), int(scalars[k.S_LAST]), seat)
        known = self._known.get(key)
        if known is not None:
            return known
        if len(self._known) >= self.limit:
            raise TooLargeError
        if seat == 0:
            winner = int(scalars[k.S_WINNER])
            found = Position(1 << winner - 1, winner, 0)
        else:
            children, _ = self._children(state)
            found = decide(seat, [self._position(child[None]) for child in children])
        self._known[key] = found
        return found


def decide(seat: int, after: list[Position]) -> Position:
    """The value of a decision from those of the positions after each move."""
    own = 1 << seat - 1
    best = next((p for p in after if p.winner == seat), after[0])
    possible = 0
    for position in after:
        possible |= position.possible
    if any(p.possible == own for p in after):
        possible = own  # it has a certain win, and takes one that comes to the same
    return Position(possible, best.winner, 1 + best.decisions)

"""Alpha-beta by iterative deepening over the heuristic's evaluation (kernels/minimax.py)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.constants import F_SCALAR, MAX_MOVES, NUM_FIELDS, S_PLAYER
from ringrift.search.kernels.heuristic import WIN
from ringrift.search.kernels.minimax import (
    QUIET_PLIES,
    Plies,
    Table,
    run_minimax,
    set_root,
)

#: Deepest search: more decisions than any budget reaches where there is something to decide.
MOST_DEPTH: Final = 32
#: Positions of one call of the kernel: signals are heard between two of them, some seconds apart at most.
SLICE: Final = 1 << 20
#: Positions that the table holds, 38 bytes each.
TABLE_PLACES: Final = 1 << 16


class MinimaxSearch:
    """Searches one position after the other, each to greater and greater depth.

    Whatever an earlier position has left in the table does not count for the next one: the answer follows from
    position, seed and budget alone.
    """

    def __init__(self, config: Config, *, table: bool = True, quiescence: bool = True) -> None:
        """Make room; without ``table`` or ``quiescence`` the search does without."""
        geometry = board(config.board)
        self.config = config
        self.tables = tables(config.board)
        plies = MOST_DEPTH + QUIET_PLIES + 2
        # zeroed memory that nobody has touched costs nothing
        self._plies = Plies(
            states=np.zeros((plies, NUM_FIELDS, geometry.n), np.uint16),
            trial=np.zeros((1, NUM_FIELDS, geometry.n), np.uint16),
            actions=np.zeros((plies, MAX_MOVES), np.int32),
            order=np.zeros((plies, MAX_MOVES)),
            count=np.zeros(plies, np.int64),
            tried=np.zeros(plies, np.int64),
            depth=np.zeros(plies, np.int64),
            mine=np.zeros(plies, np.int64),
            key=np.zeros(plies, np.uint64),
            alpha=np.zeros(plies),
            beta=np.zeros(plies),
            low=np.zeros(plies),
            high=np.zeros(plies),
            best=np.zeros(plies),
            action=np.zeros(plies, np.int32),
            after=np.zeros(MAX_MOVES, np.int32),
            log=np.zeros(MAX_MOVES, np.int32),
            strength=np.zeros(4),
            rng=np.zeros(1, np.uint64),
            cursor=np.zeros(2, np.int64),
            options=np.array(
                [table, quiescence, geometry.num_actions(config.players) - 1], np.int64
            ),
        )
        places = TABLE_PLACES if table else 1
        self._table = Table(
            era=np.zeros(places, np.int64),
            now=np.zeros(1, np.int64),
            key=np.zeros(places, np.uint64),
            depth=np.zeros(places, np.int8),
            bound=np.zeros(places, np.int8),
            value=np.zeros(places),
            action=np.zeros(places, np.int32),
        )
        #: Depth that was searched last to its end; 0: none yet.
        self.depth = 0
        #: The action to play, and its value for the seat that decides, in units of the heuristic.
        self.action = -1
        self.value = 0.0
        self._running = 0

    @property
    def positions(self) -> int:
        """Positions made since `begin`, those made only to order actions included."""
        return int(self._plies.cursor[1])

    @property
    def seat(self) -> int:
        """Seat that decides at the root."""
        return int(self._plies.states[0, F_SCALAR, S_PLAYER])

    @property
    def solved(self) -> bool:
        """Whether the end of the game was found, for better or for worse: greater depth changes nothing."""
        return self.depth > 0 and abs(self.value) >= WIN

    def begin(self, states: NDArray[np.uint16], index: int, seed: int) -> None:
        """Begin anew at state ``index`` of uint16[n, 6, N]; the seed decides between equals."""
        set_root(self._plies, self._table, states, index, np.uint64(seed))
        self.depth, self.action, self.value, self._running = 0, -1, 0.0, 0

    def deepen(self, limit: int) -> bool:
        """Search one decision deeper than before, until ``limit`` positions have been made in all.

        Returns whether that depth was finished; if not, the next call goes on with it.
        """
        begun = 0
        if self._running == 0:
            self._running = begun = self.depth + 1
        finished = bool(run_minimax(self._plies, self._table, self.tables, begun, limit))
        found, value = int(self._plies.action[0]), float(self._plies.best[0])
        # A part of a depth counts too: its first action was the best one of the depth before it. Where everything
        # loses, the choice of the depth that did not see that yet resists longest.
        if found >= 0 and (value > -WIN or self.action < 0):
            self.action = found
        if finished:
            self.depth, self.value, self._running = self._running, value, 0
        return finished

    def search(self, depth: int, positions: int) -> int:
        """Deepen until a depth is done, the end of the game is found or the positions are used up; returns the action.

        A first look at every action is taken in any case.
        """
        while self.depth < min(depth, MOST_DEPTH) and not self.solved:
            if self.deepen(min(positions, self.positions + SLICE)) or self.positions < positions:
                continue
            if self.action >= 0:
                break
            positions = self.positions + 1
        return self.action

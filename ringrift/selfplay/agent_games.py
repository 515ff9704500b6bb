"""Games of any agents, different ones in the seats if so wished: many side by side, each agent asked for all at once.

    fill     every free slot takes the next game
    ask      the player that most games wait for decides in all of these, `Player.width` at a time
    play     its moves are played with all that is forced after them, in one compiled call
    take     games that are over leave their slots, which are filled again

All games of a player are answered before another one is asked, so that a network sees batches of all games and not of
half of them. `SelfplayPool` is faster where every seat searches with one network: it never waits for the longest search.

Legend: G slots, P players, L moves, F = 6 rows of a state, N cells.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.seeds import decision_seeds
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.play import play_all
from ringrift.selfplay.players import Found, Player
from ringrift.selfplay.pool import FinishedGame
from ringrift.selfplay.starts import Start

#: A slot without a game; a place in the row of those that are asked that nobody has.
NONE: Final = -1

#: Form of what the games in flight have found, one row or entry each; see `AgentPool.snapshot`.
_FOUND: Final = {
    "found.slot": np.int32,
    "found.move_index": np.int32,
    "found.visits": np.int32,
    "found.values": np.float32,  # [D * P]
    "found.target_size": np.int32,  # NONE: no target
    "found.target_action": np.int32,
    "found.target_share": np.float32,
}


class AgentPool:
    """Plays games to their end, all of them, as `SelfplayPool` does for one network."""

    def __init__(
        self,
        config: Config,
        opening: NDArray[np.uint16],
        players: Sequence[Player],
        seatings: Sequence[Sequence[int]],
        slots: int,
    ) -> None:
        """Prepare so many games side by side; opening: uint16[1, F, N], where every game begins.

        seatings: game i begins with player ``seatings[i % len][seat - 1]`` in each seat.
        """
        geometry = board(config.board)
        rings = int(opening[0, k.F_SCALAR, k.S_RINGS])
        longest = 20 * (geometry.n + config.players * rings)  # rules §17
        self.config = config
        self.opening = opening
        self.players = players
        self.tables = tables(config.board)
        self._seatings = np.array(seatings, np.int8)  # [rows, P]
        self._states = np.zeros((slots, k.NUM_FIELDS, geometry.n), np.uint16)  # [G, F, N]
        self._logs = np.zeros((slots, longest), np.int32)  # [G, L] move codes
        self._lengths = np.zeros(slots, np.int64)  # [G]
        self._count = np.zeros(slots, np.int32)  # [G] legal actions, 0 when over
        self._decisions = np.zeros(slots, np.uint64)  # [G] made so far
        self._seeds = np.zeros(slots, np.uint64)  # [G]
        self._index = np.full(slots, NONE, np.int64)  # [G] number of the game
        #: Number of the game that the next free slot takes; slots still to be asked of the player whose turn it is.
        self._next = np.zeros(1, np.int64)
        self._asked = np.full(slots, NONE, np.int64)  # [G]
        self._found: list[list[tuple[int, Found]]] = [[] for _ in range(slots)]  # [G]
        self._restored = False
        self._evaluations_before = 0

    @property
    def evaluations(self) -> int:
        """Positions that networks have seen so far."""
        return self._evaluations_before + sum(player.evaluations for player in self.players)

    @property
    def under_way(self) -> int:
        """Decisions made so far in the games that are not over."""
        return int(self._decisions[self._index != NONE].sum())

    def run(
        self, seeds: NDArray[np.uint64], starts: Mapping[int, Start] | None = None
    ) -> Generator[FinishedGame | None]:
        """Play one game per seed; yields each game when it ends, and None wherever a snapshot may be taken.

        starts: none; here all games begin at the opening.

        Unless a player has a time, games and their order follow from the seeds alone. After `restore` it goes on
        where the snapshot was taken.
        """
        assert not starts, "other starts are for games of one network"
        if not self._restored:
            self._next[0] = 0
            self._fill(np.arange(self._index.size), seeds)
        self._restored = False
        while (self._index != NONE).any():
            asked = self._asked[self._asked != NONE]
            if not asked.size:
                asked = self._next_asked()
            player = self.players[int(self._holders(asked[:1])[0])]
            now, rest = asked[: player.width], asked[player.width :]
            self._play(player, now)
            self._asked[:] = NONE
            self._asked[: rest.size] = rest
            ended = now[self._count[now] == 0]
            for g in ended.tolist():
                yield self._take(g)
            self._fill(ended, seeds)
            yield None

    def _next_asked(self) -> NDArray[np.int64]:
        """Slots that wait for the player for whom most of them wait."""
        live = np.flatnonzero(self._index != NONE)
        holders = self._holders(live)
        most = int(np.argmax(np.bincount(holders, minlength=len(self.players))))
        return live[holders == most]

    def _holders(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Player that decides in each slot, int64[n].

        After a swap those of seats 1 and 2 sit in each other's (rules §12).
        """
        scalars = self._states[slots, k.F_SCALAR]
        seat = scalars[:, k.S_PLAYER].astype(np.int64) - 1
        swapped = (scalars[:, k.S_SWAPPED] != 0) & (seat < 2)
        seat = np.where(swapped, 1 - seat, seat)
        return self._seatings[self._index[slots] % len(self._seatings), seat].astype(np.int64)

    def _play(self, player: Player, slots: NDArray[np.int64]) -> None:
        """Let a player decide in these slots, and play on to the next decisions."""
        made = self._decisions[slots]
        seeds = decision_seeds(self._seeds[slots], made)
        codes, found = player.play(self._states[slots], seeds, made)
        for g, one in zip(slots.tolist(), found, strict=False):  # none at all, or all
            self._found[g].append((int(self._lengths[g]), one))
        self._decisions[slots] += np.uint64(1)
        self._advance(slots, codes)

    def _advance(self, slots: NDArray[np.int64], codes: NDArray[np.int32]) -> None:
        play_all(self._states, slots, self.tables, codes, self._logs, self._lengths, self._count)
        assert (self._lengths[slots] >= 0).all(), "a game outgrew its log, see rules §17"

    def _fill(self, slots: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Begin the next games in these slots, or leave them empty."""
        first = int(self._next[0])
        number = first + np.arange(slots.size)
        self._index[slots] = np.where(number < len(seeds), number, NONE)
        fresh = slots[number < len(seeds)]
        self._next[0] = first + fresh.size
        if not fresh.size:
            return
        self._states[fresh] = self.opening
        self._seeds[fresh] = seeds[self._index[fresh]]
        self._lengths[fresh] = 0
        self._decisions[fresh] = 0
        for g in fresh.tolist():
            self._found[g] = []
        self._advance(fresh, np.full(fresh.size, -1, np.int32))

    def _take(self, g: int) -> FinishedGame:
        """Copy the game out of its slot."""
        found = self._found[g]
        targets = [one.target for _, one in found if one.target is not None]
        sizes = [0 if one.target is None else one.target[0].size for _, one in found]
        return FinishedGame(
            index=int(self._index[g]),
            seed=int(self._seeds[g]),
            final=self._states[g].copy(),
            codes=self._logs[g, : self._lengths[g]].copy(),
            move_index=np.array([i for i, _ in found], np.int32),
            values=np.array([one.values for _, one in found], np.float32).reshape(
                -1, self.config.players
            ),
            visits=np.array([one.visits for _, one in found], np.int32),
            full=np.array([one.target is not None for _, one in found], np.bool_),
            target_start=np.cumsum([0, *sizes], dtype=np.int32),
            target_action=_joined([actions for actions, _ in targets], np.int32),
            target_share=_joined([shares for _, shares in targets], np.float32),
        )

    # -- checkpoints -----------------------------------------------------------------------

    def _fixed(self) -> dict[str, NDArray[Any]]:
        """Arrays whose shapes follow from config and slots."""
        return {
            "states": self._states,
            "logs": self._logs,
            "lengths": self._lengths,
            "count": self._count,
            "decisions": self._decisions,
            "seeds": self._seeds,
            "index": self._index,
            "next": self._next,
            "asked": self._asked,
        }

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All that decides what comes next, by name: the games as they stand, no searches.

        Players keep nothing from one decision to the next, so this is whole wherever `run` has yielded None.
        """
        rows = [(g, i, one) for g, found in enumerate(self._found) for i, one in found]
        targets = [one.target for _, _, one in rows]
        given = [target for target in targets if target is not None]
        return {
            **self._fixed(),
            "counted": np.array([self.evaluations], np.int64),
            "found.slot": np.array([g for g, _, _ in rows], np.int32),
            "found.move_index": np.array([i for _, i, _ in rows], np.int32),
            "found.visits": np.array([one.visits for _, _, one in rows], np.int32),
            "found.values": _joined([one.values for _, _, one in rows], np.float32),
            "found.target_size": np.array(
                [NONE if target is None else target[0].size for target in targets], np.int32
            ),
            "found.target_action": _joined([actions for actions, _ in given], np.int32),
            "found.target_share": _joined([shares for _, shares in given], np.float32),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the place of the pool that made a snapshot; BadInput, and nothing changed, where it does not fit."""
        own = self._fixed()
        form: dict[str, Any] = {name: (array.dtype, array.shape) for name, array in own.items()}
        form |= {"counted": (np.dtype(np.int64), (1,))}
        form |= {
            name: (np.dtype(dtype), (arrays[name].size if name in arrays else 0,))
            for name, dtype in _FOUND.items()
        }
        if form != {name: (array.dtype, array.shape) for name, array in arrays.items()}:
            raise BadInput("its arrays are not those of this pool")
        for name, array in own.items():
            array[...] = arrays[name]
        self._evaluations_before = int(arrays["counted"][0])
        self._found = [[] for _ in self._found]
        at = 0
        players = self.config.players
        values = arrays["found.values"].reshape(-1, players)
        for row, g in enumerate(arrays["found.slot"].tolist()):
            size = int(arrays["found.target_size"][row])
            entries = slice(at, at + max(size, 0))
            at = entries.stop
            target = None
            if size != NONE:
                target = (
                    arrays["found.target_action"][entries],
                    arrays["found.target_share"][entries],
                )
            found = Found(values[row], int(arrays["found.visits"][row]), target)
            self._found[g].append((int(arrays["found.move_index"][row]), found))
        self._restored = True


def _joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """One array of all, of this type even if there are none."""
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)

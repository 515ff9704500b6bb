"""A pool of selfplay games: slots that play on in lock-step and are refilled as soon as a game ends."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.boards import Board, board, tables
from ringrift.rules.kernels.constants import F_SCALAR, NUM_FIELDS, S_RINGS
from ringrift.search.evaluator import Evaluator
from ringrift.search.gumbel import SearchPool
from ringrift.search.temperature import TemperatureScheduler, create_scheduler
from ringrift.selfplay.kernels import games as kernels
from ringrift.selfplay.starts import Start

#: Decisions with a temperature of their own; later ones have the last of these. The settings end here too.
LONGEST: Final = 10_001


@dataclass(frozen=True, slots=True)
class SelfplayParameters:
    """How selfplay searches and chooses.

    ======================= ================================================= ======= ==================
    field                   meaning                                           default published
    ======================= ================================================= ======= ==================
    simulations             full search: these decisions are policy targets   64      16-200 (Gumbel)
    fast_simulations        all other decisions                               16      100 (KataGo)
    full_search_fraction    part of the decisions with the full budget        0.25    0.25 (KataGo)
    max_considered          root actions in sequential halving                16      16 (Gumbel)
    c_visit, c_scale        σ(q) = (c_visit + max N) · c_scale · q            50, 1   50, 1 (Gumbel)
    temperature             scale of the root's Gumbel noise at the start     1       1 (Gumbel)
    temperature_final       the same in the end                               0.2     1 (Gumbel)
    temperature_decisions   decisions of a game until then                    40      30 moves (AlphaZero)
    temperature_schedule    how the one goes over into the other: one of      step    step (AlphaGo Zero)
                            `ringrift.search.temperature.KINDS`
    temperature_elo_low     schedule elo: at this rating, as step             0       --
    temperature_elo_high    schedule elo: `temperature_final` throughout      1500    --
    elo                     rating of the network; None: temperature_elo_low  None    --
    progress                part of its training that is done, 0 .. 1         0       --
    rule                    "gumbel", or "puct": plain PUCT with root noise,  gumbel  --
                            moves by visits^(1/temperature), visits as target
    tree_reuse              the subtree of the move played is searched on     False   True (AlphaZero)
    slots                   games side by side; the width of a batch          64      --
    archive_share           part of the games that begin in the middle of a   0       0.05 + 0.01 (KataGo:
                            game of the archive (`ShardSpec.archive`)                 early and late forks)
    opening_random_fraction part of the other games whose first decisions     0       1 (KataGo)
                            are drawn from the network's policy, unsearched
    opening_random_area     mean number of such decisions, per cell of the    0.04    0.04 (Wu 2019, app.
                            board; exponential, rounded down                          D), later 0.08
    opening_temperature     of those draws                                    1       1 (KataGo)
    decided_threshold       from this value of one seat on, in                0       0.9 (KataGo, which
                            `decided_after` searches in a row, a game is              then searches less)
                            decided; 0: none ever is
    decided_after           see there                                         6       3 (KataGo)
    decided_audit           part of the decided games that is searched to     0.1     0.1 (AlphaGo Zero)
                            its end; the others go on by the policy alone
    ======================= ================================================= ======= ==================

    Raises BadInput for a schedule that does not exist, and for a field out of its range.
    """

    simulations: int = 64
    fast_simulations: int = 16
    full_search_fraction: float = 0.25
    max_considered: int = 16
    c_visit: float = 50.0
    c_scale: float = 1.0
    temperature: float = 1.0
    temperature_final: float = 0.2
    temperature_decisions: int = 40
    slots: int = 64
    rule: str = "gumbel"
    tree_reuse: bool = False
    temperature_schedule: str = "step"
    temperature_elo_low: float = 0.0
    temperature_elo_high: float = 1500.0
    elo: float | None = None
    progress: float = 0.0
    archive_share: float = 0.0
    opening_random_fraction: float = 0.0
    opening_random_area: float = 0.04
    opening_temperature: float = 1.0
    decided_threshold: float = 0.0
    decided_after: int = 6
    decided_audit: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what is no schedule, and what is out of range."""
        _ = self.scheduler
        if self.elo is not None and not math.isfinite(self.elo):
            raise BadInput(f"elo: expected a rating, not {self.elo}")
        for name in (
            "full_search_fraction",
            "progress",
            "archive_share",
            "opening_random_fraction",
            "decided_threshold",
            "decided_audit",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise BadInput(f"{name}: expected 0 to 1, not {getattr(self, name)}")
        least = {
            "fast_simulations": 1,
            "decided_after": 1,
            "opening_random_area": 0,
            "opening_temperature": 0,
        }
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise BadInput(f"{name}: expected at least {bound}, not {getattr(self, name)}")

    @property
    def scheduler(self) -> TemperatureScheduler:
        """The schedule of the temperature fields."""
        return create_scheduler(
            self.temperature_schedule,
            initial=self.temperature,
            final=self.temperature_final,
            decisions=self.temperature_decisions,
            elo_low=self.temperature_elo_low,
            elo_high=self.temperature_elo_high,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, part of a shard's id: fields that came later are left out while they say nothing."""
        found = dataclasses.asdict(self)
        return {
            field.name: found[field.name]
            for field in dataclasses.fields(self)
            if field.name not in _LATER or found[field.name] != field.default
        }


#: Fields that older shards do not have; without them a spec keeps its id, and its games their seeds.
_LATER: Final = (
    "rule",
    "tree_reuse",
    "temperature_schedule",
    "temperature_elo_low",
    "temperature_elo_high",
    "elo",
    "progress",
    "archive_share",
    "opening_random_fraction",
    "opening_random_area",
    "opening_temperature",
    "decided_threshold",
    "decided_after",
    "decided_audit",
)


@dataclass(frozen=True, slots=True)
class FinishedGame:
    """What a slot holds when its game is over; arrays are copies."""

    #: Number of the game in its shard.
    index: int
    seed: int
    #: uint16[6, N], the final state.
    final: NDArray[np.uint16]
    #: int32[plies] move codes, bookkeeping included.
    codes: NDArray[np.int32]
    #: int32[D] moves before each decision; the second of two equal ones is the choice of a slide's stack.
    move_index: NDArray[np.int32]
    #: float32[D, P] root values per absolute seat.
    values: NDArray[np.float32]
    #: int32[D] simulations.
    visits: NDArray[np.int32]
    #: bool[D] whether a policy target was kept.
    full: NDArray[np.bool_]
    #: int32[D + 1] offsets into the two arrays below.
    target_start: NDArray[np.int32]
    #: int32[W] actions and float32[W] shares of the targets.
    target_action: NDArray[np.int32]
    target_share: NDArray[np.float32]
    #: Where it began; None: at the opening, searched from its first decision on.
    start: Start | None = None
    #: Decisions of its opening that were drawn from the policy; they are not among the others.
    drawn: int = 0
    #: Decision with which it was decided, the seat that was to win, and whether it was searched on; None: it was not.
    decided: tuple[int, int, bool] | None = None


class SelfplayPool:
    """Plays games to their end, all of them: never only "the first N to finish", which would favour short ones."""

    def __init__(
        self,
        evaluator: Evaluator,
        opening: NDArray[np.uint16],
        parameters: SelfplayParameters,
        lane: tuple[int, int] = (0, 1),
    ) -> None:
        """Prepare ``evaluator.batch_size`` slots; opening: uint16[1, 6, N], where every game begins.

        lane: (i, L) plays only the games i, i + L, i + 2 L, …: one pool of several (`ringrift.selfplay.lanes`).
        """
        self.config: Config = evaluator.config
        self.evaluator = evaluator
        self.opening = opening
        p = parameters
        self.search = SearchPool(
            evaluator,
            [p.simulations, p.fast_simulations, 0],
            p.max_considered,
            p.c_visit,
            p.c_scale,
            rule=p.rule,
            reuse=p.tree_reuse,
        )
        geometry: Board = board(self.config.board)
        rings = int(opening[0, F_SCALAR, S_RINGS])
        # rules §17 bounds moves and segments; bookkeeping and eliminations stay within 20 and 4 times that
        bound = geometry.n + self.config.players * rings
        self.games = kernels.make_games(
            evaluator.batch_size, 20 * bound, 4 * bound, 80 * bound, (NUM_FIELDS, geometry.n)
        )
        self.play = kernels.Play(
            full_fraction=p.full_search_fraction,
            noise=self._noise(p),
            reuse=p.tree_reuse,
            opening_temperature=float(p.opening_temperature),
            decided_threshold=float(p.decided_threshold),
            decided_after=p.decided_after,
            decided_audit=float(p.decided_audit),
        )
        self.tables = tables(self.config.board)
        self._finished = np.zeros(evaluator.batch_size, np.int32)
        self._index = np.full(evaluator.batch_size, -1, np.int64)
        #: Number of the game that the next free slot takes; int64[1], so that a snapshot has it too.
        self._next = np.zeros(1, np.int64)
        self._lane = lane
        self._restored = False
        #: Games of the run that do not begin as all others do, by their number.
        self._starts: Mapping[int, Start] = {}
        #: Leaves evaluated so far, and slots in the batches that carried them.
        self.evaluations = 0
        self.batches = 0

    def _noise(self, p: SelfplayParameters) -> NDArray[np.float64]:
        """Scale of the noise by decision, float64[T]; what the kernels do by the entropy of a root is set here too."""
        scheduler, clarity = p.scheduler, self.search.slots.clarity
        clarity[:] = 1.0
        if scheduler.adaptive and p.temperature != p.temperature_final:
            clarity[:] = (
                scheduler.temperature(0, entropy=0.0),
                scheduler.temperature(0, entropy=1.0),
            )
            return np.ones(1)
        return scheduler.table(LONGEST, elo=p.elo, progress=p.progress)

    def run(
        self, seeds: NDArray[np.uint64], starts: Mapping[int, Start] | None = None
    ) -> Generator[FinishedGame | None]:
        """Play one game per seed; yields each game when it ends, and None after every batch.

        starts: games, by the number of their seed, that do not begin at the opening and searched. Games end in any
        order, but in the same order every time: all that happens is decided by the seeds, the network and the batch
        width. After `restore` it goes on where the snapshot was taken.
        """
        self.begin(seeds, starts)
        while True:
            leaves, finished = self.advance(seeds)
            yield from finished
            if leaves:
                self.submit(leaves)
                self.absorb(leaves)
                yield None
            elif not finished:
                return

    def begin(self, seeds: NDArray[np.uint64], starts: Mapping[int, Start] | None = None) -> None:
        """Fill the slots with the first games, or leave them as `restore` has set them; starts: see `run`."""
        self._starts = starts or {}
        if not self._restored:
            self._next[0] = self._lane[0]
            for g in range(self.evaluator.batch_size):
                self._fill(g, seeds)
        self._restored = False

    def advance(self, seeds: NDArray[np.uint64]) -> tuple[int, list[FinishedGame]]:
        """Bring every slot to its next leaf: leaves that now wait for their evaluation, games that are over.

        The slots of those games begin others. Neither leaves nor games: all is played.
        """
        s = self.search
        leaves, finished = kernels.step(
            self.games,
            self.play,
            s.trees,
            s.slots,
            s.scratch,
            self.tables,
            s.batch,
            self._finished,
        )
        games = []
        for g in self._finished[:finished].tolist():
            games.append(self._take(g))
            self._fill(g, seeds)
        return leaves, games

    def submit(self, leaves: int) -> None:
        """Show the network what `advance` collected; nothing else may be done with this pool before `absorb`."""
        self.search.submit(leaves)

    def absorb(self, leaves: int) -> None:
        """Wait for what the network says of the leaves, and take it in."""
        self.search.absorb(leaves)
        self.evaluations += leaves
        self.batches += 1

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All arrays that decide what comes next, by name; views, not copies.

        Only true where `run` has yielded None: then every leaf is evaluated and no game waits to be taken. What is
        left out (scratch room, the batch itself, the network's buffers) is written before it is read. The whole of
        the trees is in it, since a search that was begun again would let its game fall behind the others, and so
        change the order in which they end.
        """
        s = self.search
        parts: dict[str, Any] = {"games": self.games, "trees": s.trees, "slots": s.slots}
        arrays = {
            f"{part}.{name}": array
            for part, fields in parts.items()
            for name, array in fields._asdict().items()
        }
        counted = np.array([self.evaluations, self.batches], np.int64)
        return {**arrays, "index": self._index, "next": self._next, "counted": counted}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the place of the pool that made a snapshot; BadInput, and nothing changed, where it does not fit."""
        own = self.snapshot()
        form = {name: (array.dtype, array.shape) for name, array in own.items()}
        if form != {name: (array.dtype, array.shape) for name, array in arrays.items()}:
            raise BadInput("its arrays are not those of this pool")
        for name, array in own.items():
            array[...] = arrays[name]
        self.evaluations, self.batches = map(int, arrays["counted"])
        self._restored = True

    def _fill(self, g: int, seeds: NDArray[np.uint64]) -> None:
        """Begin the next game in slot ``g``, or leave it empty."""
        s = self.search
        number = int(self._next[0])
        if number >= len(seeds):
            kernels.stop_slot(s.slots, g)
            return
        self._index[g] = number
        self._next[0] = number + self._lane[1]
        start = self._starts.get(number)
        before, drawn = (0, 0) if start is None else (start.decisions, start.drawn)
        state = self.opening if start is None or start.state is None else start.state
        kernels.start_game(self.games, s.slots, g, state, seeds[number], before, drawn)

    def _take(self, g: int) -> FinishedGame:
        """Copy the game out of its slot."""
        games = self.games
        n = int(games.num_decisions[g])
        length = int(games.lengths[g])
        assert length >= 0, "a game outgrew its log: the bound of rules §17 does not hold"
        entries = int(games.target_start[g, n])
        start = self._starts.get(int(self._index[g]))
        decided = int(games.decided[g])
        return FinishedGame(
            index=int(self._index[g]),
            seed=int(games.seeds[g]),
            final=games.states[g].copy(),
            codes=games.logs[g, :length].copy(),
            move_index=games.move_index[g, :n].copy(),
            values=games.value[g, :n, : self.config.players].copy(),
            visits=games.visits[g, :n].copy(),
            full=games.full[g, :n].copy(),
            target_start=games.target_start[g, : n + 1].copy(),
            target_action=games.target_action[g, :entries].copy(),
            target_share=games.target_share[g, :entries].copy(),
            start=start,
            drawn=int(games.before[g]) - (0 if start is None else start.decisions),
            decided=None
            if decided < 0
            else (decided, int(games.value[g, decided].argmax()) + 1, bool(games.audited[g])),
        )

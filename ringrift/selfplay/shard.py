"""A shard: some games of selfplay, fixed by its spec and kept as one file of records.

The same spec on the same machine gives the same file, bit for bit: game seeds follow from the spec, all games are
played to their end, and the backend and the lanes that a worker chose are written in the file's header so that a later
reproduction can use them. A shard that is stopped on its way leaves a checkpoint beside it
(`checkpoint`), at the latest that of the last interval; the next start goes on from there and writes the very file
that an undisturbed one would have written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from ringrift.agents import AgentSpec
from ringrift.agents.evaluators import evaluator_of
from ringrift.configs import Config
from ringrift.data.decided import DecidedGames
from ringrift.errors import BadInput, Interrupted
from ringrift.nets.backend import Backend
from ringrift.nets.checkpoint import load_model
from ringrift.nets.network import Network
from ringrift.rules import notation
from ringrift.rules.boards import board, tables
from ringrift.rules.game import GameOptions, opening
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.constants import F_SCALAR, S_DETECT, S_LPS_ROUNDS, S_PIE, S_RINGS
from ringrift.rules.lines import parse_object
from ringrift.rules.outcome import outcome
from ringrift.rules.records import (
    SUFFIX,
    Decided,
    Decision,
    GameRecord,
    RecordReader,
    RecordWriter,
    Result,
)
from ringrift.search.evaluator import Evaluator
from ringrift.selfplay import checkpoint
from ringrift.selfplay.agent_games import AgentPool
from ringrift.selfplay.backends import backend_for, begun_backend
from ringrift.selfplay.checkpoint import Checkpoint, checkpoint_path
from ringrift.selfplay.engines import seat_agent, seatings
from ringrift.selfplay.lanes import Lanes, has_device, lane_width, make_pool, number_of_lanes
from ringrift.selfplay.players import make_player
from ringrift.selfplay.pool import FinishedGame, SelfplayParameters, SelfplayPool
from ringrift.selfplay.starts import Start, deal, read_archive

#: Seconds between two progress reports.
REPORT_EVERY = 0.5

#: Seconds between two checkpoints. One of 64 games in flight takes about 0.1 s on hex8 and 1 s on hexagonal.
CHECKPOINT_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """What a shard is; everything here decides its games and is part of its id."""

    run_id: str
    config: Config
    #: None where no engine has a network.
    model_sha256: str | None
    #: Seed of the run; the shard's own follows from it and the index.
    seed: int
    #: Number of the shard in its run.
    index: int
    #: Number of games, all of which are played to the end.
    games: int
    search: SelfplayParameters = field(default_factory=SelfplayParameters)
    options: GameOptions = field(default_factory=GameOptions)
    #: Agent of each seat; none: gumbel-mcts over the model in all of them.
    engines: tuple[AgentSpec, ...] = ()
    #: Whether the agents move on by a seat from game to game.
    rotate: bool = False
    #: sha256 of the files of games in which a part of the games begins (`SelfplayParameters.archive_share`).
    archive: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; what came later is left out where it says nothing, so that older shards keep their ids."""
        found = {
            **dataclasses.asdict(self),
            "config": str(self.config),
            "search": self.search.as_dict(),
            "engines": [agent.as_dict() for agent in self.engines],
            "archive": list(self.archive),
        }
        return {name: value for name, value in found.items() if value or name not in _LATER}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the spec that `as_dict` wrote."""
        return cls(
            **{
                **data,
                "config": Config.parse(data["config"]),
                "search": SelfplayParameters(**data["search"]),
                "options": GameOptions(**data["options"]),
                "engines": tuple(AgentSpec.from_dict(agent) for agent in data.get("engines", ())),
                "archive": tuple(data.get("archive", ())),
            }
        )

    @property
    def timed(self) -> bool:
        """Whether an engine has a time for its decisions: then the same spec does not give the same games."""
        return any(agent.milliseconds is not None for agent in self.engines)

    @property
    def seatings(self) -> list[tuple[AgentSpec, ...]]:
        """Who begins in which seat: game i has row i modulo their number."""
        if self.engines:
            return seatings(self.engines, rotate=self.rotate)
        agent = AgentSpec("gumbel-mcts", self.model_sha256, self.search.simulations)
        return [(agent,) * self.config.players]

    @property
    def id(self) -> str:
        """sha256 (hex) of the spec."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def game_seeds(self) -> NDArray[np.uint64]:
        """Seed of every game, uint64[games]: 8 bytes of sha256 of shard id and number."""
        own = self.id
        digests = (hashlib.sha256(f"{own}:{i}".encode()).digest() for i in range(self.games))
        return np.array([int.from_bytes(d[:8], "little") for d in digests], np.uint64)


#: Fields that older shards do not have.
_LATER: Final = ("engines", "rotate", "archive")


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """How far a shard is."""

    games: int
    games_total: int
    #: Decisions of finished games with a policy target.
    positions: int
    plies: int
    seconds: float
    evaluations: int
    #: Ending -> finished games.
    victories: Mapping[str, int]
    decided: DecidedGames = field(default_factory=DecidedGames)
    #: Decisions of the games under way, where agents are asked one by one.
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A finished shard."""

    path: Path
    sha256: str
    games: int
    positions: int
    plies: int
    seconds: float
    #: Ending -> games.
    victories: Mapping[str, int]
    #: None where no engine has a network.
    backend: Backend | None
    evaluations: int
    #: Games that were taken over from a checkpoint.
    resumed: int = 0
    #: Parts that the slots were dealt out to.
    lanes: int = 1
    decided: DecidedGames = field(default_factory=DecidedGames)
    #: Games that began in the archive.
    archived: int = 0


def produce_shard(
    spec: ShardSpec,
    model_path: Path | None,
    out_dir: Path,
    progress: Callable[[ShardProgress], None] | None = None,
    backend: Backend | str = "torch",
    *,
    each: Callable[[int, GameRecord], None] | None = None,
    checkpoint_seconds: float = CHECKPOINT_EVERY,
    quarantine: Path | None = None,
    lanes: int = 0,
    archive: Mapping[str, Path] | None = None,
) -> ShardResult:
    """Play a shard, or what is left of it, and write it to ``out_dir`` under its sha256.

    progress: called about twice a second, may raise to stop: Interrupted leaves a checkpoint, anything else at
    most that of the last interval. each: called for every game that is played here, as it is written, with its number
    in the file, from 1 on. backend: one of `ringrift.nets.choice.WISHES` where the shard is not begun, as
    `ringrift.selfplay.backends` says; or the very one, of each lane, to play a shard again. lanes: see
    `ringrift.selfplay.lanes`; 0 takes what suits the backend, 2 on a GPU and 1 on a processor. quarantine: where a
    checkpoint goes that cannot be used; None: a folder of that name in ``out_dir``. model_path: None where no engine
    has a network. archive: where the files of the spec's archive lie, by sha256.

    Raises BadInput when the model is broken or of another configuration, or a file of the archive is not there or
    not whole.
    """
    start = time.monotonic()
    seeds = spec.game_seeds()
    starts = starts_of(spec, seeds, archive or {})
    at = checkpoint_path(out_dir, spec.id)
    pool, played_by, lanes = _open_pool(spec, model_path, backend, lanes, at)
    header = header_of(spec, played_by, lanes)
    found = _take_up(at, header, pool, quarantine or out_dir / "quarantine")
    tally = _Tally(start - found.seconds)
    saved = reported = start
    with (
        RecordWriter(out_dir, header) as writer,
        closing(pool.run(seeds, starts)) as games,
    ):
        for line in found.lines:
            record = GameRecord.parse(parse_object(line.encode()))
            writer.write(record)
            tally.add(record, line)
        for game in games:
            now = time.monotonic()
            if game is not None:
                record = to_record(spec, game)
                writer.write(record)
                line = record.line()
                tally.add(record, line)
                if each is not None:
                    each(len(tally.lines), GameRecord.parse(parse_object(line.encode())))
                continue
            # Only here, between two batches, can the pool's state be taken.
            if now - saved >= checkpoint_seconds:
                saved = now
                checkpoint.write(at, header, tally.checkpoint(pool))
            if progress is not None and now - reported >= REPORT_EVERY:
                reported = now
                try:
                    progress(tally.progress(spec, pool))
                except Interrupted:
                    checkpoint.write(at, header, tally.checkpoint(pool))
                    raise
    at.unlink(missing_ok=True)
    assert writer.path is not None
    return ShardResult(
        path=writer.path,
        sha256=writer.sha256,
        games=len(tally.lines),
        positions=tally.positions,
        plies=tally.plies,
        seconds=time.monotonic() - tally.start,
        victories=dict(tally.victories),
        backend=played_by,
        evaluations=pool.evaluations,
        resumed=len(found.lines),
        lanes=lanes,
        decided=tally.decided,
        archived=tally.archived,
    )


def header_of(spec: ShardSpec, backend: Backend | None, lanes: int) -> dict[str, Any]:
    """First line of a shard's file: the spec, its id, what computed the network, and what is not as usual."""
    played_by = None if backend is None else backend.to_dict()
    header = {**spec.as_dict(), "id": spec.id, "backend": played_by}
    if lanes > 1:
        header["lanes"] = lanes
    if spec.timed:
        header["reproducible"] = False
    return header


def _open_pool(
    spec: ShardSpec, model_path: Path | None, backend: Backend | str, lanes: int, at: Path
) -> tuple[SelfplayPool | Lanes | AgentPool, Backend | None, int]:
    """The games of a shard before the first of them, what computes its network, and in how many lanes.

    at: where its checkpoint may lie, whose backend and lanes it goes on with.
    """
    start = opening(spec.config, spec.options)
    if spec.model_sha256 is None:
        return _agent_pool(spec, start), None, 1
    if model_path is None:
        raise BadInput(f"the shard needs the file of model {spec.model_sha256[:12]}")
    model = load_model(model_path, spec.config)
    if model.sha256 != spec.model_sha256:
        raise BadInput(
            f"{model_path} holds model {model.sha256[:12]}, the shard is to be played by "
            f"{spec.model_sha256[:12]}"
        )
    played_by, lanes = _computed_by(spec, model.net, start, backend, lanes, at)
    if spec.engines:
        evaluator = evaluator_of(model.net, played_by)
        return _agent_pool(spec, start, model_path, evaluator, played_by), played_by, 1
    pool = make_pool(
        [evaluator_of(model.net, played_by) for _ in range(lanes)],
        start,
        spec.search,
        threads=not has_device(played_by.kind),
    )
    return pool, played_by, lanes


def _computed_by(
    spec: ShardSpec,
    net: Network,
    start: NDArray[np.uint16],
    backend: Backend | str,
    lanes: int,
    at: Path,
) -> tuple[Backend, int]:
    """The backend of each lane, and the number of lanes: those of the checkpoint at `at`, or as they are wanted."""
    slots = spec.search.slots
    lanes = 1 if spec.engines else lanes
    if isinstance(backend, Backend):
        return backend, number_of_lanes(lanes, backend.kind, slots, spec.games)
    begun = begun_backend(at)
    if begun is not None:
        return begun
    whole = backend_for(backend, net, slots, start)
    lanes = number_of_lanes(lanes, whole.kind, slots, spec.games)
    return dataclasses.replace(whole, batch=lane_width(slots, lanes)), lanes


def _agent_pool(
    spec: ShardSpec,
    start: NDArray[np.uint16],
    model_path: Path | None = None,
    evaluator: Evaluator | None = None,
    played_by: Backend | None = None,
) -> AgentPool:
    """A pool of the engines of a shard; equal ones are one player."""
    kinds = list(dict.fromkeys(spec.engines))
    players = [
        make_player(kind, spec.config, model_path, evaluator, spec.search, played_by)
        for kind in kinds
    ]
    rows = [[kinds.index(agent) for agent in row] for row in spec.seatings]
    return AgentPool(spec.config, start, players, rows, spec.search.slots)


def starts_of(
    spec: ShardSpec, seeds: NDArray[np.uint64], files: Mapping[str, Path]
) -> dict[int, Start]:
    """Games of a shard that do not begin at the opening and searched, by number; seeds: uint64[games].

    files: those of its archive, by sha256; BadInput where one is no good. Of other engines all games begin as usual.
    """
    if spec.engines:
        if spec.archive:
            raise BadInput("archive: games of other engines than gumbel-mcts begin at the opening")
        return {}
    options = options_of(opening(spec.config, spec.options))
    stored = read_archive(files, spec.archive, spec.config, options)
    return deal(seeds, spec.search, spec.config, stored)


def found_shards(folder: Path, specs: Iterable[ShardSpec]) -> dict[str, ShardResult]:
    """Those of the shards that lie in a folder, whole, by id; they cost no time, so their seconds are 0.

    Files whose names begin with a dot are half-written ones of somebody who is at work here. BadInput for a file of
    records whose bytes are not what its name says.
    """
    wanted = {spec.id for spec in specs}
    found: dict[str, ShardResult] = {}
    for path in sorted(folder.glob(f"[!.]*{SUFFIX}")):
        header = RecordReader(path, verify=False).spec or {}
        if header.get("id") not in wanted:
            continue
        tally = _Tally(0.0)
        for record in RecordReader(path):
            tally.add(record, "")
        found[header["id"]] = ShardResult(
            path=path,
            sha256=path.name.removesuffix(SUFFIX),
            games=len(tally.lines),
            positions=tally.positions,
            plies=tally.plies,
            seconds=0.0,
            victories=dict(tally.victories),
            backend=Backend.from_dict(header["backend"]) if header["backend"] else None,
            evaluations=0,
            resumed=len(tally.lines),
            lanes=header.get("lanes", 1),
            decided=tally.decided,
            archived=tally.archived,
        )
    return found


def _take_up(
    at: Path, header: Mapping[str, Any], pool: SelfplayPool | Lanes | AgentPool, bad: Path
) -> Checkpoint:
    """The checkpoint of a shard, the pool set to it; an empty one where there is none to be used."""
    found = checkpoint.load(at, header, bad)
    if found is not None:
        try:
            pool.restore(found.arrays)
        except BadInput as error:
            checkpoint.quarantine(at, f"checkpoint of another program: {error}", bad)
        else:
            return found
    return Checkpoint(lines=(), arrays={}, seconds=0.0)


@dataclass(slots=True)
class _Tally:
    """What a shard holds so far."""

    #: Monotonic time at which it would have begun without a pause.
    start: float
    lines: list[str] = field(default_factory=list)
    positions: int = 0
    plies: int = 0
    victories: Counter[str] = field(default_factory=Counter)
    decided: DecidedGames = field(default_factory=DecidedGames)
    archived: int = 0

    def add(self, record: GameRecord, line: str) -> None:
        """Count a game."""
        self.lines.append(line)
        self.positions += sum(decision.full for decision in record.decisions)
        self.plies += len(record.moves)
        self.victories[record.result.victory] += 1
        self.decided += DecidedGames.of(record)
        self.archived += record.origin is not None

    def progress(self, spec: ShardSpec, pool: SelfplayPool | Lanes | AgentPool) -> ShardProgress:
        """How far the shard is."""
        return ShardProgress(
            games=len(self.lines),
            games_total=spec.games,
            positions=self.positions,
            plies=self.plies,
            seconds=time.monotonic() - self.start,
            evaluations=pool.evaluations,
            victories=dict(self.victories),
            decided=self.decided,
            under_way=pool.under_way if isinstance(pool, AgentPool) else 0,
        )

    def checkpoint(self, pool: SelfplayPool | Lanes | AgentPool) -> Checkpoint:
        """The shard as it stands between two batches."""
        return Checkpoint(self.lines, pool.snapshot(), time.monotonic() - self.start)


def to_record(spec: ShardSpec, game: FinishedGame) -> GameRecord:
    """The canonical record of a finished game, its moves as text."""
    state = opening(spec.config, spec.options)
    options = options_of(state)
    start = game.start or Start()
    if start.state is not None:
        state = start.state.copy()
    ended = outcome(game.final)
    assert ended is not None
    rows = spec.seatings
    seats = rows[game.index % len(rows)]
    return GameRecord(
        config=spec.config,
        options=options,
        seats=tuple(map(seat_agent, seats)),
        seed=game.seed,
        moves=start.moves + tuple(move_texts(spec.config, state, game.codes)),
        origin=start.origin,
        drawn=game.drawn,
        decided=None if game.decided is None else Decided(*game.decided),
        decisions=tuple(decisions(game, len(start.moves))),
        result=Result(ended.winner, ended.victory, ended.ranks, ended.turns, ended.plies),
    )


def options_of(state: NDArray[np.uint16]) -> dict[str, Any]:
    """Options of the game in a state uint16[1, 6, N], as a record says them."""
    scalars = state[0, F_SCALAR]
    return {
        "pie": bool(scalars[S_PIE]),
        "line_detect": int(scalars[S_DETECT]),
        "lps_rounds": int(scalars[S_LPS_ROUNDS]),
        "rings": int(scalars[S_RINGS]),
    }


def move_texts(
    config: Config, states: NDArray[np.uint16], codes: NDArray[np.int32]
) -> Iterator[str]:
    """Notation of a game's moves; plays them on ``states`` uint16[1, 6, N]."""
    geometry = board(config.board)
    geometry_tables = tables(config.board)
    for code in codes.tolist():
        yield notation.format_move(states, 0, geometry, code)
        apply_move(states, 0, geometry_tables, code)


def decisions(game: FinishedGame, moves: int) -> Iterator[Decision]:
    """What the searches of a game found, in the form of a record; moves: how many the game began with."""
    bounds = game.target_start.tolist()
    for row, index in enumerate(game.move_index.tolist()):
        entries = slice(bounds[row], bounds[row + 1]) if game.full[row] else slice(0, 0)
        yield Decision(
            i=moves + index,
            a=tuple(game.target_action[entries].tolist()),
            p=tuple(game.target_share[entries].tolist()),
            v=tuple(game.values[row].tolist()),
            n=int(game.visits[row]),
            full=bool(game.full[row]),
        )

"""A shard: some games of selfplay, fixed by its spec and kept as one file of records.

The same spec on the same machine gives the same file, bit for bit: game seeds follow from the spec, all games are
played to their end, and the backend that a worker chose is written in the file's header so that a later reproduction
can use it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ringrift.agents.evaluators import evaluator_of
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backends import Backend, default_backend
from ringrift.nets.checkpoint import load_model
from ringrift.rules import notation
from ringrift.rules.boards import board, tables
from ringrift.rules.game import GameOptions, opening
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.constants import F_SCALAR, S_DETECT, S_LPS_ROUNDS, S_PIE, S_RINGS
from ringrift.rules.outcome import outcome
from ringrift.rules.records import Decision, GameRecord, RecordWriter, Result, SeatAgent
from ringrift.selfplay.pool import FinishedGame, SelfplayParameters, SelfplayPool

#: Seconds between two progress reports.
REPORT_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """What a shard is; everything here decides its games and is part of its id."""

    run_id: str
    config: Config
    model_sha256: str
    #: Seed of the run; the shard's own follows from it and the index.
    seed: int
    #: Number of the shard in its run.
    index: int
    #: Number of games, all of which are played to the end.
    games: int
    search: SelfplayParameters = field(default_factory=SelfplayParameters)
    options: GameOptions = field(default_factory=GameOptions)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            **dataclasses.asdict(self),
            "config": str(self.config),
            "search": self.search.as_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the spec that `as_dict` wrote."""
        return cls(
            **{
                **data,
                "config": Config.parse(data["config"]),
                "search": SelfplayParameters(**data["search"]),
                "options": GameOptions(**data["options"]),
            }
        )

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
    backend: Backend
    evaluations: int


def produce_shard(
    spec: ShardSpec,
    model_path: Path,
    out_dir: Path,
    progress: Callable[[ShardProgress], None] | None = None,
    backend: Backend | None = None,
) -> ShardResult:
    """Play a shard and write it to ``out_dir`` under its sha256.

    ``progress`` is called about twice a second and may raise to stop; then nothing is left behind. ``backend`` None
    takes this machine's default. Raises BadInput when the model is broken or of another configuration.
    """
    start = time.monotonic()
    model = load_model(model_path, spec.config)
    if model.sha256 != spec.model_sha256:
        raise BadInput(
            f"{model_path} holds model {model.sha256[:12]}, the shard is to be played by "
            f"{spec.model_sha256[:12]}"
        )
    backend = backend or default_backend(spec.search.slots)
    pool = SelfplayPool(
        evaluator_of(model.net, backend), opening(spec.config, spec.options), spec.search
    )
    victories: Counter[str] = Counter()
    positions = plies = games = 0
    reported = start
    header = {**spec.as_dict(), "id": spec.id, "backend": backend.to_dict()}
    with RecordWriter(out_dir, header) as writer:
        for game in pool.run(spec.game_seeds()):
            if game is not None:
                record = to_record(spec, game)
                writer.write(record)
                victories[record.result.victory] += 1
                positions += int(game.full.sum())
                plies += len(game.codes)
                games += 1
            now = time.monotonic()
            if progress is not None and now - reported >= REPORT_EVERY:
                reported = now
                progress(
                    ShardProgress(
                        games=games,
                        games_total=spec.games,
                        positions=positions,
                        plies=plies,
                        seconds=now - start,
                        evaluations=pool.evaluations,
                        victories=dict(victories),
                    )
                )
    assert writer.path is not None
    return ShardResult(
        path=writer.path,
        sha256=writer.sha256,
        games=games,
        positions=positions,
        plies=plies,
        seconds=time.monotonic() - start,
        victories=dict(victories),
        backend=backend,
        evaluations=pool.evaluations,
    )


def to_record(spec: ShardSpec, game: FinishedGame) -> GameRecord:
    """The canonical record of a finished game, its moves as text."""
    start = opening(spec.config, spec.options)
    scalars = start[0, F_SCALAR]
    ended = outcome(game.final)
    assert ended is not None
    return GameRecord(
        config=spec.config,
        options={
            "pie": bool(scalars[S_PIE]),
            "line_detect": int(scalars[S_DETECT]),
            "lps_rounds": int(scalars[S_LPS_ROUNDS]),
            "rings": int(scalars[S_RINGS]),
        },
        seats=(SeatAgent("gumbel-mcts", spec.model_sha256, spec.search.simulations),)
        * spec.config.players,
        seed=game.seed,
        moves=tuple(move_texts(spec.config, start, game.codes)),
        decisions=tuple(decisions(game)),
        result=Result(ended.winner, ended.victory, ended.ranks, ended.turns, ended.plies),
    )


def move_texts(
    config: Config, states: NDArray[np.uint16], codes: NDArray[np.int32]
) -> Iterator[str]:
    """Notation of a game's moves; plays them on ``states`` uint16[1, 6, N]."""
    geometry = board(config.board)
    geometry_tables = tables(config.board)
    for code in codes.tolist():
        yield notation.format_move(states, 0, geometry, code)
        apply_move(states, 0, geometry_tables, code)


def decisions(game: FinishedGame) -> Iterator[Decision]:
    """What the searches of a game found, in the form of a record."""
    bounds = game.target_start.tolist()
    for row, index in enumerate(game.move_index.tolist()):
        entries = slice(bounds[row], bounds[row + 1]) if game.full[row] else slice(0, 0)
        yield Decision(
            i=index,
            a=tuple(game.target_action[entries].tolist()),
            p=tuple(game.target_share[entries].tolist()),
            v=tuple(game.values[row].tolist()),
            n=int(game.visits[row]),
            full=bool(game.full[row]),
        )

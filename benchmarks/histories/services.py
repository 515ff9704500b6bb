"""The work itself, of the size of a history: files of some bytes, made at once.

How long it takes, and whether it fails, is up to the world. What it makes follows from its input
alone, as that of the real services does.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ringrift.configs import Config
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.services import (
    BadShard,
    CheckedGame,
    DatasetFile,
    ExportWork,
    ParityReport,
    ParityWork,
    Progress,
    Services,
    ShardFile,
    ShardWork,
    TrainedModel,
    TrainWork,
)
from ringrift.rules.records import Decision, GameRecord, Result, SeatAgent, write_records

#: Told (kind of work, progress) while a service is at work: passes simulated time, may raise.
Labour = Callable[[str, Progress], None]

#: Decisions with a policy target in each game.
POSITIONS = 2

#: How long a shard took, as it says of itself: about as long as the world takes over it.
SHARD_SECONDS = 50.0


@lru_cache(1000)  # those of one history and more; a worker that does it again finds it
def _shard(
    shard: str, config: Config, model: str, games: int
) -> tuple[str, bytes, tuple[str, ...]]:
    """Name, bytes and ids of the games of a shard file."""
    records = []
    for number in range(games):
        rng = random.Random(f"{shard}/{number}")
        winner = 1 + number % config.players
        records.append(
            GameRecord(
                config=config,
                options={"pie": True, "line_detect": 4, "lps_rounds": 3, "rings": 18},
                seats=(SeatAgent("gumbel-mcts", model, 8),) * config.players,
                seed=rng.getrandbits(64),
                moves=tuple(f"PL {rng.randrange(8)},{rng.randrange(8)} 1" for _ in range(4)),
                decisions=tuple(
                    Decision(i, (1, 2), (0.25, 0.75), (0.5,) * config.players, 8, full=True)
                    for i in range(POSITIONS)
                ),
                result=Result(
                    winner,
                    "lps_rounds",
                    tuple(1 if seat == winner else 2 for seat in range(1, config.players + 1)),
                    4,
                    4,
                ),
            )
        )
    with TemporaryDirectory() as folder:
        made = write_records(Path(folder), records, {"shard": shard})
        assert made.path is not None
        return made.path.name, made.path.read_bytes(), tuple(game.id for game in records)


def _put(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"aside-{path.name}")
    aside.write_bytes(data)
    return aside.replace(path)


def _put_json(folder: Path, suffix: str, content: Any) -> Path:
    data = json.dumps(content, sort_keys=True).encode()
    return _put(folder / f"{hashlib.sha256(data).hexdigest()}{suffix}", data)


def _strength(path: Path) -> int:
    return int(json.loads(path.read_text())["strength"])


def trained_network(config: Config, folder: Path) -> Path:
    """A network that was trained before the history; no better than the untrained one."""
    return _put_json(folder, ".safetensors", {"config": str(config), "strength": 5, "of": "before"})


class SmallServices:
    """Makes the services of one worker."""

    def __init__(self, labour: Labour, spoiled: Callable[[], bool]) -> None:
        self._labour = labour
        self._spoiled = spoiled
        #: Ids of the games of each shard file, since its records need not be read for them.
        self.services = Services(
            init_model=self.init_model,
            play_shard=self.play_shard,
            check_shard=self.check_shard,
            check_parity=self.check_parity,
            export=self.export,
            train=self.train,
            play_blocks=self.play_blocks,
        )

    def init_model(self, config: Config, _plan: RunPlan, folder: Path) -> Path:
        """A network is a number: it wins so many of ten games against anything."""
        return _put_json(folder, ".safetensors", {"config": str(config), "strength": 5})

    def play_shard(
        self, work: ShardWork, _model: Path, folder: Path, progress: Progress
    ) -> ShardFile:
        """Made-up games."""
        self._labour("selfplay", progress)
        name, data, ids = _shard(work.id, work.config, work.model, work.games)
        path = _put(folder / name, data)
        _put_json_ids(path, ids)
        games = work.games
        figures = games, POSITIONS * games, 4 * games, SHARD_SECONDS
        return ShardFile(path, name[:64], *figures, {"lps_rounds": games})

    def check_shard(
        self, path: Path, home: Path, _config: Config, _sample: int
    ) -> Sequence[CheckedGame]:
        """Whole, gone, or found broken and moved away."""
        self._labour("sync", _silent)
        moved = home / "quarantine" / path.name
        if not path.exists():
            raise BadShard("the file is gone", path, moved)
        if self._spoiled():
            moved.parent.mkdir(parents=True, exist_ok=True)
            path.replace(moved)
            self._labour("sync", _silent)
            raise BadShard("the bytes are not what the name says", path, moved)
        ids = json.loads(path.with_suffix(".ids").read_text())
        return [
            CheckedGame(game, number, number, 1 + number % 2, "lps_rounds", 4, 4, POSITIONS)
            for number, game in enumerate(ids)
        ]

    def check_parity(self, work: ParityWork, progress: Progress) -> ParityReport:
        """No game differs."""
        self._labour("parity", progress)
        games = sum(len(ids) for _, ids in work.games)
        return ParityReport(games, 4 * games, 1.0, [])

    def export(self, work: ExportWork, folder: Path, progress: Progress) -> DatasetFile:
        """A dataset that names its shards."""
        self._labour("export", progress)
        paths = [path for path, _ in work.shards]
        made = _put_json(folder, ".npz", [path.name for path in paths])
        rows = sum(rows for _, rows in work.shards)
        return DatasetFile(made, made.name[:64], rows, rows // POSITIONS, 1, paths)

    def train(self, work: TrainWork, progress: Progress) -> TrainedModel:
        """Become stronger or weaker, as the run's seed says."""
        self._labour("train", progress)
        gain = random.Random(work.seed).choice((-3, 0, 5, 5, 5))
        strength = max(0, min(10, _strength(work.start) + gain))
        content = {"run": work.run_id, "strength": strength, "of": work.start.name}
        made = _put_json(work.folder, ".safetensors", content)
        return TrainedModel(
            made,
            made.name[:64],
            {"steps": 3, "seconds": 1.0, "loss_before": 1.0, "loss_after": 0.5},
        )

    def play_blocks(
        self,
        spec: Mapping[str, Any],
        first: int,
        blocks: int,
        model_path: Callable[[str], Path],
        progress: Progress,
    ) -> Sequence[Mapping[str, Any]]:
        """A wins `strength` of each ten games."""
        strength = _strength(model_path(spec["a"]["model_sha256"]))
        self._labour("evaluate", progress)
        return [
            {
                "id": hashlib.sha256(f"{spec['seed']}/{spec['b']}/{n}".encode()).hexdigest(),
                "number": n,
                "block": n // 2,
                "seat": 1 + n % 2,
                "seats": ("a", "b") if n % 2 == 0 else ("b", "a"),
                "ranks": (1, 2),
                "winner": 1,
                "score": float(n % 10 < strength),
                "victory": "lps_rounds",
                "plies": 4,
                "turns": 4,
                "swapped": False,
            }
            for n in range(2 * first, 2 * (first + blocks))
        ]


def _silent(**_: Any) -> None:
    """Nobody is told."""


def _put_json_ids(path: Path, ids: Sequence[str]) -> None:
    path.with_suffix(".ids").write_text(json.dumps(ids))

"""Small services over real files: game records whose moves are made up, "networks" of a few bytes.

Everything around them is real: ledger, blob store, records, the quality gate. A "network" is a
number, its strength; it wins so many of ten games against anything.
"""

from __future__ import annotations

import hashlib
import json
import random
import time

from ringrift.configs import Config
from ringrift.data.sync import Quarantined, sync_shard
from ringrift.pipeline import services as all_services
from ringrift.pipeline.context import Context
from ringrift.pipeline.services import (
    BadShard,
    CheckedGame,
    DatasetFile,
    ParityReport,
    Services,
    ShardFile,
    TrainedModel,
)
from ringrift.rules.records import (
    Decision,
    GameRecord,
    RecordReader,
    Result,
    SeatAgent,
    write_records,
)
from ringrift.settings import Settings
from ringrift.store.blobs import BlobStore
from ringrift.store.ledger import open_ledger

HEX8 = Config("hex8", 2)

#: Games of a run and of a shard.
GAMES, SHARD = 20, 8


def settings(**changes):
    """Settings of a run that takes no time; changes as section__key=value."""
    small = {
        "selfplay__first_games": GAMES,
        "selfplay__games_per_iteration": GAMES,
        "selfplay__games_per_shard": SHARD,
        "training__min_samples_to_trigger": 10,
        "data_ingestion__replayed_games_per_shard": 0,
        "evaluation__games_per_task": 20,
        "evaluation__max_games": 80,
        "evaluation__min_games": 20,
        "evaluation__opening_decisions": 2,
    }
    found = Settings.load("quickstart", environ={})
    for name, value in {**small, **changes}.items():
        section, key = name.split("__")
        found = found.replace(**{section: {**found.model_dump()[section], key: value}})
    return found


def context(home, services=None, changes=None, **fields):
    """A context over a fresh (or found) state directory."""
    home.mkdir(parents=True, exist_ok=True)
    return Context(
        home=home,
        ledger=open_ledger(home),
        settings=settings(**(changes or {})),
        services=services or tiny(),
        **fields,
    )


def write(folder, suffix, content):
    """A file named by its content."""
    folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps(content, sort_keys=True).encode()
    path = folder / f"{hashlib.sha256(data).hexdigest()}{suffix}"
    path.write_bytes(data)
    return path


def init_model(config, plan, folder):
    """An untrained network of strength 5 of 10."""
    return write(folder, ".safetensors", {"config": str(config), "strength": 5})


def record(work, number):
    """A game that follows from its shard and number."""
    rng = random.Random(f"{work.id}/{number}")
    moves = tuple(f"PL {rng.randrange(8)},{rng.randrange(8)} 1" for _ in range(30))
    winner = 1 + number % 2
    return GameRecord(
        config=work.config,
        options={"pie": True, "line_detect": 4, "lps_rounds": 3, "rings": 18},
        seats=(SeatAgent("gumbel-mcts", work.model, 8),) * 2,
        seed=rng.getrandbits(64),
        moves=moves,
        decisions=tuple(
            Decision(i, (1, 2), (0.25, 0.75), (0.5, 0.5), 8, full=i % 2 == 0) for i in range(4)
        ),
        result=Result(winner, "lps_rounds", (winner, 3 - winner), 20, 30),
    )


def play_shard(work, model, folder, progress, pause=0.0):
    """Write the games of a shard, so slowly."""
    records = []
    for number in range(work.games):
        records.append(record(work, number))
        progress(games=number + 1, of=work.games)
        time.sleep(pause)
    made = write_records(folder, records, {"shard": work.id})
    return ShardFile(
        made.path, made.sha256, made.games, 2 * made.games, 30 * made.games, 0.1, {"lps_rounds": 1}
    )


def check_shard(path, home, config, sample):
    """The real quality gate."""
    if not path.is_file():
        raise BadShard("the file is gone", path, path)
    found = sync_shard(path, BlobStore(home), config, sample)
    if isinstance(found, Quarantined):
        raise BadShard(found.reason, found.path, found.moved_to)
    return [
        CheckedGame(g.id, g.number, g.seed, g.winner, g.victory, g.plies, g.turns, g.positions)
        for g in found.games
    ]


def check_parity(work, progress):
    """Made-up games are what they are: the oracle has nothing to say of them."""
    counted = 0
    for path, ids in work.games:
        for game in RecordReader(path):
            counted += game.id in ids
            progress(games=counted, moves=30 * counted, of=GAMES)
    return ParityReport(counted, 30 * counted, 0.1, [])


def export(work, folder, progress):
    """A dataset that names its games."""
    ids = [game.id for path, _ in work.shards for game in RecordReader(path)]
    ids = [game for game in ids if game not in work.without]
    made = write(folder, ".npz", ids)
    rows = 4 * len(ids)
    return DatasetFile(made, made.name[:64], rows, len(ids), 4, [path for path, _ in work.shards])


def train(work, progress, gain=4):
    """Learn: become stronger by `gain`."""
    before = json.loads(work.start.read_text())["strength"]
    for step in range(3):
        progress(step=step + 1, of=3, loss=1.0 / (step + 1))
    content = {"strength": max(0, min(10, before + gain)), "run": work.run_id, "of": before}
    made = write(work.folder, ".safetensors", content)
    metrics = {"steps": 3, "loss_before": 1.0, "loss_after": 0.3, "seconds": 0.1}
    return TrainedModel(made, made.name[:64], metrics)


def play_blocks(spec, first, blocks, model_path, progress):
    """A wins `strength` of each ten games, whatever b is."""
    strength = json.loads(model_path(spec["a"]["model_sha256"]).read_text())["strength"]
    played = []
    for number in range(2 * first, 2 * (first + blocks)):
        won = number % 10 < strength
        seat = 1 + number % 2
        played.append(
            {
                "id": hashlib.sha256(f"{spec['seed']}/{spec['b']}/{number}".encode()).hexdigest(),
                "number": number,
                "block": number // 2,
                "seat": seat,
                "seats": ("a", "b") if seat == 1 else ("b", "a"),
                "ranks": (1, 2),
                "winner": seat if won else 3 - seat,
                "score": float(won),
                "victory": "lps_rounds",
                "plies": 30,
                "turns": 20,
                "swapped": False,
            }
        )
        progress(games=len(played), of=2 * blocks)
    return played


def tiny(**changes):
    """The small services; any of them may be another."""
    made = {
        "init_model": init_model,
        "play_shard": play_shard,
        "check_shard": check_shard,
        "check_parity": check_parity,
        "export": export,
        "train": train,
        "play_blocks": play_blocks,
    }
    return Services(**{**made, **changes})


#: Settings of commands that play such runs, by the names of their variables.
COMMANDS = {
    "SELFPLAY__FIRST_GAMES": GAMES,
    "SELFPLAY__GAMES_PER_SHARD": SHARD,
    "TRAINING__MIN_SAMPLES_TO_TRIGGER": 10,
    "DATA_INGESTION__REPLAYED_GAMES_PER_SHARD": 0,
    "EVALUATION__GAMES_PER_TASK": 40,
    "EVALUATION__MIN_GAMES": 20,
    "EVALUATION__MAX_GAMES": 80,
}


def commands_are_small(monkeypatch, **changes):
    """Let commands of this process take the small services and settings; changes by the names of COMMANDS."""
    monkeypatch.setattr(all_services, "real_services", lambda **_: tiny())
    for name, value in {**COMMANDS, **changes}.items():
        monkeypatch.setenv(f"RINGRIFT__{name}", str(value))

"""Celery's command line with small services: real workers, files and ledger, no search, no network.

    python small_celery.py -A ringrift worker -Q gpu      as `celery -A ringrift worker -Q gpu`

Games are made up from their seeds, a "network" is a few bytes, the candidate wins every game. With
RINGRIFT_TEST_HOLD=train the training stops in its middle, writes the file ``held`` into the state
directory and waits for the file ``go``: a test kills it there. "init" is the untrained network, which
the master's tick makes before it opens the first run; a promotion is held when all is decided and
nothing of it is written yet. RINGRIFT_TEST_REISSUE is the time in seconds after which what nobody took is sent again.
"""

import functools
import hashlib
import json
import os
import time
from pathlib import Path

from ringrift.pipeline import gauntlet, reconciler, stages
from ringrift.pipeline.services import (
    CheckedGame,
    DatasetFile,
    ParityReport,
    Services,
    ShardFile,
    TrainedModel,
)


def write(folder, suffix, content):
    """Write a file named by its content; return its path and sha256."""
    data = json.dumps(content).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".tmp-{os.getpid()}-{sha256[:8]}"
    aside.write_bytes(data)
    path = folder / f"{sha256}{suffix}"
    aside.replace(path)
    return path, sha256


def hold(stage, progress):
    """Wait in the middle of a stage, if the test asked for it."""
    home = Path(os.environ["RINGRIFT_HOME"])
    if os.environ.get("RINGRIFT_TEST_HOLD") != stage or (home / "go").exists():
        progress(step=1)
        return
    (home / "held").write_text(str(os.getpid()))
    while not (home / "go").exists():
        progress(step=1)
        time.sleep(0.02)


def init_model(config, plan, folder):
    """Return an untrained network, which says who made it where a test asks for that."""
    hold("init", lambda **_: None)
    by = os.environ.get("RINGRIFT_TEST_BY", "")
    return write(folder, ".safetensors", {"config": str(config), "games": 0, "by": by})[0]


def play_shard(work, model, folder, progress):
    """Make up the games of a shard."""
    hold("selfplay", progress)
    played = [
        {"id": hashlib.sha256(f"{work.id}/{n}".encode()).hexdigest(), "number": n, "seed": n}
        for n in range(work.games)
    ]
    path, sha256 = write(folder, ".jsonl.zst", {"shard": work.id, "games": played})
    return ShardFile(path, sha256, work.games, 30 * work.games, 60 * work.games, 0.1, {"none": 1})


def check_shard(path, home, config, sample):
    """Read the games of a shard."""
    hold("sync", lambda **_: None)
    return [
        CheckedGame(winner=1, victory="lps_rounds", plies=60, turns=40, positions=30, **game)
        for game in json.loads(path.read_text())["games"]
    ]


def check_parity(work, progress):
    """Find nothing wrong with made-up games."""
    hold("parity", progress)
    games = sum(len(ids) for _, ids in work.games)
    return ParityReport(games, 60 * games, 0.1, [])


def export(work, folder, progress):
    """Write a dataset that counts its games."""
    files = [path for path, _ in work.shards]
    count = sum(len(json.loads(path.read_text())["games"]) for path in files)
    path, sha256 = write(folder, ".npz", {"games": count, "of": sorted(p.name for p in files)})
    return DatasetFile(path, sha256, 30 * count, count, 30, files)


def train(work, progress):
    """Learn by counting."""
    for step in range(5):
        progress(step=step, loss=1.0 / (step + 1))
    hold("train", progress)
    learnt = json.loads(work.dataset.read_text())
    path, sha256 = write(
        work.folder, ".safetensors", {"learnt": learnt["games"], "run": work.run_id}
    )
    return TrainedModel(path, sha256, {"steps": 5, "loss_before": 1.0, "loss_after": 0.2})


def play_blocks(spec, first, blocks, model_path, progress):
    """Let agent a win both games of every block; the networks of both must be there."""
    for side in (spec["a"], spec["b"]):
        if side.get("model_sha256"):
            model_path(side["model_sha256"])
    hold("evaluate", progress)
    return [
        {
            "id": hashlib.sha256(
                f"{json.dumps(spec, sort_keys=True)}/{number}".encode()
            ).hexdigest(),
            "number": number,
            "block": number // 2,
            "seat": 1 + number % 2,
            "seats": [1, 2],
            "ranks": [1, 2],
            "winner": 1 + number % 2,
            "score": 1.0,
            "victory": "lps_rounds",
            "plies": 60,
            "turns": 40,
            "swapped": False,
        }
        for number in range(2 * first, 2 * (first + blocks))
    ]


SERVICES = Services(init_model, play_shard, check_shard, check_parity, export, train, play_blocks)


def promote(task):
    """Decide as the real stage does, and wait before anything of it is written, if the test asked for it."""
    done = gauntlet.promote(task)
    hold("promote", task.work.progress)
    return done


def main():
    """Become Celery."""
    import workers.context

    workers.context.real_services = lambda **_: SERVICES
    stages._STAGES["promote"] = promote
    if "RINGRIFT_TEST_REISSUE" in os.environ:
        seconds = float(os.environ["RINGRIFT_TEST_REISSUE"])
        reconciler.reconcile = functools.partial(reconciler.reconcile, reissue_seconds=seconds)
    from celery.__main__ import main as celery

    celery()


if __name__ == "__main__":
    main()

"""A state directory with four promotions and three rejections, made once and copied."""

import functools
import shutil
import tempfile
from pathlib import Path

from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.store import games, stages
from tests.pipeline import tiny

#: Strength of the network that each run made: 10 wins every game and is promoted, 0 is rejected. All of them
#: are accepted for selfplay, since a gate that is lost spares those that could show them weaker.
STRENGTHS = (10, 0, 10, 0, 10, 10, 0)

#: Few and large units, so that a run takes no time.
QUICK = {"selfplay__games_per_shard": tiny.GAMES, "evaluation__games_per_task": 80}

#: Nothing goes before a test says so.
ALL = {"models__keep_candidates": 100, "models__keep_champions": 100}


def context(home, strength=10, **changes):
    """A context over a state directory, whose trainings lead to this strength."""
    return tiny.context(home, learning(strength), {**QUICK, **changes})


def learning(strength):
    """Services whose training leads to this strength."""

    def train(work, progress):
        made = tiny.train(work, progress, gain=10 if strength else -10)
        assert strength in (0, 10)
        return made

    return tiny.tiny(train=train)


def play(ctx):
    """One run of hex8:2 to its end."""
    return work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)


@functools.cache
def _made():
    folder = tempfile.TemporaryDirectory()
    home = Path(folder.name) / "home"
    for strength in STRENGTHS:
        ctx = context(home, strength, **ALL)
        run = play(ctx)
        assert run.outcome == ("promoted" if strength else "rejected"), run.reason
        ctx.ledger.close()
    return folder, home


def copied(home):
    """Put a copy of the state directory there."""
    shutil.copytree(_made()[1], home)
    return home


def at_training(ctx):
    """The open iteration of hex8:2, all of it done up to its training, which a worker holds."""
    run = open_or_resume(ctx, tiny.HEX8)
    with ctx.ledger.read() as tx:
        shards = games.shards_of(tx, run.id)
    for shard in shards:
        run_stage(ctx, run.id, "selfplay", shard.id)
    for stage in ("sync", "parity", "export"):
        run_stage(ctx, run.id, stage)
    held = stages.claim_stage(ctx.ledger, run.id, "train", owner="far:1:1", lease_seconds=600.0)
    stages.heartbeat(ctx.ledger, held, {"step": 50, "of": 92, "loss": 4.0, "eta": 69.0})
    return run

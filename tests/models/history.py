"""A state directory with four promotions and three rejections, made once and copied."""

import functools
import shutil
import tempfile
from pathlib import Path

from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
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

"""Configs that cannot be brought forward: what the master makes of them, and of the others."""

import pytest
import sqlalchemy as sa

from ringrift.errors import BadInput
from ringrift.pipeline import master
from ringrift.pipeline.overview import looked_at
from ringrift.pipeline.scheduling import decide_now
from ringrift.pipeline.status import config_status
from ringrift.store import runs
from ringrift.store.schema import runs as run_table
from tests.pipeline import tiny
from tests.pipeline.test_master import Noted, runs_of

#: Runs that fail in a row before a config pauses, and seconds of that.
PAUSE = {"cluster__breaker_failures": 2, "cluster__breaker_reset_seconds": 600.0}


@pytest.fixture
def ctx(tmp_path):
    """A state directory whose master pauses after two failed runs."""
    made = tiny.context(tmp_path / "home", changes=PAUSE)
    yield made
    made.ledger.close()


def end(ctx, outcome=runs.FAILED):
    """Let a tick open a run, and close that."""
    before = len(runs_of(ctx))
    master.tick(ctx, Noted())
    assert len(runs_of(ctx)) == before + 1
    with ctx.ledger.write() as tx:
        runs.close_run(tx, runs_of(ctx)[-1].id, outcome, "the disk is full")


def later(ctx, seconds):
    """Let so much time pass; negative: the clock is set back."""
    with ctx.ledger.write() as tx:
        tx.conn.execute(sa.update(run_table).values(closed_at=run_table.c.closed_at - seconds))


@pytest.mark.parametrize("error", [BadInput("no such network"), RuntimeError("out of memory")])
def test_a_config_that_cannot_be_opened_does_not_keep_the_others(tmp_path, error):
    """Its turn comes first at each tick, for it had no device time; the others' runs are opened and sent all the same."""

    def init_model(config, plan, folder):
        if str(config) == "hex8:2":
            raise error
        return tiny.init_model(config, plan, folder)

    changes = {"loop__configs": ["hex8:2", "square8:2"]}
    ctx = tiny.context(tmp_path, tiny.tiny(init_model=init_model), changes)
    noted = Noted()
    assert [one.config for one in master.tick(ctx, noted)] == ["hex8:2", "square8:2"]
    assert [run.config for run in runs_of(ctx)] == ["square8:2"]
    assert [issue.stage for issue in noted.issues] == ["selfplay"]


def test_a_config_whose_runs_fail_pauses(ctx):
    """Two failures in a row, and none is opened for ten minutes, whichever master looks; then one, which decides."""
    end(ctx)
    end(ctx)
    for _ in range(2):
        [said] = master.tick(ctx, Noted())
        assert said.action == "pause"
        assert "its last 2 runs failed" in said.reason
        assert "the disk is full" in said.reason
        assert 590 < said.figures["pause_seconds"] <= 600
    assert len(runs_of(ctx)) == 2
    later(ctx, 600)
    end(ctx)
    assert [one.action for one in decide_now(ctx)] == ["pause"]
    later(ctx, 600)
    end(ctx, runs.REJECTED)
    end(ctx)
    assert [one.action for one in decide_now(ctx)] == ["open"], "one failure since the last success"


def test_a_pause_is_told(ctx):
    """A look at the config says that it is kept back, why, and for how long."""
    end(ctx)
    end(ctx)
    with ctx.ledger.read() as tx:
        looked = looked_at(tx, ctx, master=True)
    status = config_status(ctx, "hex8:2", looked=looked)
    assert status.stage == "breaker"
    assert "the disk is full; tried again in 600 s" in status.waits_for


def test_a_clock_that_is_set_back_makes_no_longer_pause(ctx):
    """What failed in a time to come keeps nothing back."""
    end(ctx)
    end(ctx)
    later(ctx, -86400)
    assert [one.action for one in decide_now(ctx)] == ["open"]

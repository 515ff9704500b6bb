"""The master loop's tick: a real ledger, small services, and nobody to carry work out."""

from dataclasses import dataclass, field

import pytest

from ringrift.pipeline import master
from ringrift.pipeline.dispatcher import Issue
from ringrift.pipeline.lease import MASTER
from ringrift.store import runs
from ringrift.store.ledger import Fence, StaleFence, take_fence
from tests.pipeline.tiny import context


@dataclass
class Noted:
    """A dispatcher that notes what it was given."""

    issues: list[Issue] = field(default_factory=list)

    def dispatch(self, issue):
        """Note it."""
        self.issues.append(issue)


def runs_of(ctx):
    """Return every run."""
    with ctx.ledger.read() as tx:
        return runs.all_runs(tx)


def close(ctx):
    """Close the newest run as rejected."""
    with ctx.ledger.write() as tx:
        runs.close_run(tx, runs.all_runs(tx)[-1].id, runs.REJECTED, "test")


def test_opens_a_run_per_config_and_issues_its_shards_once(tmp_path):
    """Each config has one open run, and a second tick issues nothing again."""
    ctx = context(tmp_path, changes={"loop__configs": ["hex8:2", "square8:3"]})
    noted = Noted()
    master.tick(ctx, noted)
    master.tick(ctx, noted)
    assert [run.config for run in runs_of(ctx)] == ["hex8:2", "square8:3"]
    assert [issue.stage for issue in noted.issues] == ["selfplay", "selfplay"]


def test_goes_on_with_the_next_iteration_up_to_the_limit(tmp_path):
    """A closed run is followed by the next one until loop.max_iterations of them are done."""
    ctx = context(tmp_path, changes={"loop__max_iterations": 2})
    for expected in (1, 2, 2):
        master.tick(ctx, Noted())
        assert len(runs_of(ctx)) == expected
        close(ctx)


def test_opens_nothing_that_nobody_asked_for(tmp_path):
    """With training.auto_trigger off no run is opened."""
    ctx = context(tmp_path, changes={"training__auto_trigger": False})
    master.tick(ctx, Noted())
    assert runs_of(ctx) == []


def test_an_outdated_master_is_refused(tmp_path):
    """A tick with the fence of a master that was replaced opens and issues nothing."""
    ctx = context(tmp_path)
    with ctx.ledger.write() as tx:
        old = take_fence(tx, MASTER, "old")
        take_fence(tx, MASTER, "new")
    noted = Noted()
    with pytest.raises(StaleFence):
        master.tick(ctx.with_(fence=Fence(MASTER, old.number)), noted)
    assert runs_of(ctx) == []
    assert noted.issues == []

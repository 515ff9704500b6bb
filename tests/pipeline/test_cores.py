"""How many cores a training takes."""

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.pipeline import deferral, nodes
from ringrift.pipeline.cores import MOST_THREADS, training_threads, usable_cores
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.store import runs, stages
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8


@pytest.fixture
def ctx(tmp_path):
    """A state directory with one open run."""
    made = tiny.context(tmp_path / "home")
    open_or_resume(made, HEX8)
    yield made
    made.ledger.close()


def threads(ctx, name, cores=4):
    """Threads of a training in a folder of this name."""
    return training_threads(ctx, RunPlan.of(ctx.settings, HEX8), ctx.home / "runs" / name, cores)


def test_a_training_takes_the_cores_that_are_idle(ctx):
    """All of them beside no other run, 8 at most; one beside another run; what it began with when it goes on."""
    assert threads(ctx, "alone") == 4
    assert threads(ctx, "large", cores=64) == MOST_THREADS
    open_or_resume(ctx, Config("square8", 2))
    assert threads(ctx, "beside") == 1
    assert threads(ctx, "alone") == 4
    (ctx.home / "runs" / "alone" / "threads").write_text("torn")
    assert threads(ctx, "alone") == 1


@pytest.fixture
def training(ctx, monkeypatch):
    """Every shard of the only open run is played, two gpu slots are up, and a master is at work."""
    monkeypatch.setattr(deferral, "is_unified_loop_running", lambda: True)
    work_off(ctx, open_or_resume(ctx, HEX8).id)
    run = open_or_resume(ctx, HEX8)
    slots(ctx, 2)
    with ctx.ledger.read() as tx:
        played = [row for row in stages.stages_of(tx, run.id) if row.stage == "selfplay"]
    for row in played:
        assert run_stage(ctx, run.id, "selfplay", row.unit).state == "done"
    return ctx


def slots(ctx, number):
    """A worker with so many gpu slots is there: started anew with fewer."""
    with ctx.ledger.write() as tx:
        nodes.came(tx, nodes.Node("gpu1@away", "away:1", 9.0 - number, ("gpu",), number), 60.0)


def with_settings(ctx, **changes):
    """A process with other settings."""
    return ctx.with_(settings=tiny.settings(**changes))


def test_a_training_leaves_cores_to_what_a_master_opens_beside_it(training):
    """Backfill runs fill the other slots, so it has one thread; with one slot nothing is played beside it."""
    assert threads(training, "beside") == 1
    slots(training, 1)
    assert threads(training, "one slot") == 4
    slots(training, 0)
    assert threads(training, "in this process") == 4


@pytest.mark.parametrize(
    "changes",
    [{"training__auto_trigger": False}, {"loop__max_iterations": 2}, {"loop__configs": ["hex8:4"]}],
)
def test_a_training_has_all_cores_where_a_master_opens_nothing_beside_it(training, changes):
    """A cluster that works for `ringrift run` alone; the last iteration; a config that is none of the loop's."""
    assert threads(with_settings(training, **changes), "alone") == 4


def test_a_training_has_all_cores_where_no_master_is_at_work(training, monkeypatch):
    """Or where nobody can know, since the broker does not answer."""

    def silent():
        raise BadInput("the master lease cannot be read")

    monkeypatch.setattr(deferral, "is_unified_loop_running", lambda: False)
    assert threads(training, "no master") == 4
    monkeypatch.setattr(deferral, "is_unified_loop_running", silent)
    assert threads(training, "silent") == 4


def test_the_first_training_has_all_cores_under_a_master(ctx, monkeypatch):
    """Beside a network that has learned nothing no games are played."""
    monkeypatch.setattr(deferral, "is_unified_loop_running", lambda: True)
    slots(ctx, 2)
    with ctx.ledger.read() as tx:
        (run,) = runs.open_runs(tx)
        played = [row for row in stages.stages_of(tx, run.id) if row.stage == "selfplay"]
    for row in played:
        run_stage(ctx, run.id, "selfplay", row.unit)
    assert threads(ctx, "first") == 4


def test_a_number_in_the_settings_counts(ctx):
    """Whoever names a number gets it."""
    told = ctx.with_(settings=tiny.settings(training__threads=3))
    assert threads(told, "told") == 3


def test_there_is_a_core():
    """This process may use at least one."""
    assert usable_cores() >= 1

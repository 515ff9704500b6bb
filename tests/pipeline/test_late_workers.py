"""Workers that slept, and what they may not do when they wake up.

Some were found by a simulated history (benchmarks/histories), the others by reading for the same kind of mistake.
"""

import pytest

from ringrift.pipeline.events import Kind
from ringrift.pipeline.in_process import InProcess, work_off
from ringrift.pipeline.lease import MASTER
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.services import BadShard
from ringrift.pipeline.stages import run_stage
from ringrift.store import events, models, runs, stages
from ringrift.store.ledger import take_fence
from ringrift.store.stages import ABANDONED, DONE, PENDING, RUNNING
from tests.pipeline.tiny import HEX8, check_shard, context, play_shard, tiny


@pytest.fixture
def ctx(tmp_path):
    """A state directory with small services."""
    return context(tmp_path)


def rows_of(ctx, run):
    """Stage rows."""
    with ctx.ledger.read() as tx:
        return stages.stages_of(tx, run.id)


def told(ctx, run):
    """Kinds of the run's events."""
    with ctx.ledger.read() as tx:
        return [event.kind for event in events.list_events(tx, run_id=run.id)]


def new_master(ctx, name):
    """Another beat becomes master."""
    with ctx.ledger.write() as tx:
        return take_fence(tx, MASTER, name).number


def go_until(ctx, run, stage):
    """Work a run off up to a stage."""
    while any(r.stage != stage and r.state == PENDING for r in rows_of(ctx, run)):
        [issue] = advance_by_hand(ctx, run)
        if issue.stage == stage:
            return
        for unit in issue.units:
            run_stage(ctx, run.id, issue.stage, unit)


def advance_by_hand(ctx, run):
    """What would be issued."""
    from ringrift.pipeline.orchestrator import decide, view_run

    with ctx.ledger.read() as tx:
        return decide(view_run(tx, run.id), reissue_seconds=0.0)


def test_a_promotion_carries_the_fence_of_the_standing_master(ctx):
    """Whoever delivers it; without any master ever, none."""
    first = open_or_resume(ctx, HEX8)
    work_off(ctx, first.id)
    number = new_master(ctx, "beat")
    second = open_or_resume(ctx, HEX8)
    work_off(ctx, second.id)
    with ctx.ledger.read() as tx:
        found = {row.run_id: row.fence for row in models.promotions_of(tx)}
    assert found[first.id] is None
    assert found.get(second.id, number) == number


def test_a_promotion_begun_under_an_old_master_is_refused_and_made_anew(ctx, monkeypatch):
    """The worker that slept over the change writes nothing; the next delivery promotes once."""
    new_master(ctx, "old")
    run = open_or_resume(ctx, HEX8)
    go_until(ctx, run, "promote")
    asked = []

    def sleep(_figures):
        if not asked:
            asked.append(new_master(ctx, "new"))

    slow = ctx.with_(report=sleep)
    assert run_stage(slow, run.id, "promote").state == "skipped"
    with ctx.ledger.read() as tx:
        assert models.promotions_of(tx) == []
        assert stages.stage_row(tx, run.id, "promote").state == PENDING
        assert stages.stage_row(tx, run.id, "promote").failures == 0
    assert run_stage(ctx, run.id, "promote").state == "done"
    with ctx.ledger.read() as tx:
        assert [row.fence for row in models.promotions_of(tx)] == asked


def test_a_sleeper_does_not_reopen_a_shard_that_was_taken_in(tmp_path):
    """Its bad shard was found, played again and taken in by others meanwhile: nothing is undone."""
    slept = []

    def check(path, home, config, sample):
        if not slept:
            slept.append(path)
            with ctx.ledger.write() as tx:  # its lease runs out
                stages.expire_claims(tx, run.id, lambda _owner: True)
            assert run_stage(ctx, run.id, "sync").state == "done"
            raise BadShard("seen broken before that", path, home / "quarantine" / path.name)
        return check_shard(path, home, config, sample)

    ctx = context(tmp_path, tiny(check_shard=check))
    run = open_or_resume(ctx, HEX8)
    go_until(ctx, run, "sync")
    assert run_stage(ctx, run.id, "sync").state == "skipped"
    assert {r.state for r in rows_of(ctx, run) if r.stage in ("selfplay", "sync")} == {DONE}
    assert Kind.BLOB_QUARANTINED not in told(ctx, run)


def test_what_ends_after_its_run_was_closed_is_not_added(tmp_path):
    """A shard that is still being played when its run is given up changes nothing any more."""

    def play(work, model, folder, progress):
        with ctx.ledger.write() as tx:
            runs.close_run(tx, run.id, runs.FAILED, "given up")
        return play_shard(work, model, folder, progress)

    ctx = context(tmp_path, tiny(play_shard=play))
    run = open_or_resume(ctx, HEX8)
    shard = rows_of(ctx, run)[0]
    assert run_stage(ctx, run.id, "selfplay", shard.unit).state == "skipped"
    assert rows_of(ctx, run)[0].state == RUNNING
    with pytest.raises(stages.Superseded, match="closed"):
        stages.heartbeat(ctx.ledger, claim_of(rows_of(ctx, run)[0]))


def claim_of(row):
    """The claim behind a row."""
    return stages.Claim(
        row.id, row.run_id, row.stage, row.unit, row.attempt, row.owner, 60.0, row.spec
    )


def test_a_closed_run_is_left_alone(ctx):
    """A look at it, late, gives no unit up and tells nothing."""
    run = open_or_resume(ctx, HEX8)
    shard = rows_of(ctx, run)[0]
    with ctx.ledger.write() as tx:
        tx.conn.exec_driver_sql(
            "UPDATE stages SET state = 'running', failures = 4, lease_until = 1 WHERE id = ?",
            (shard.id,),
        )
        runs.close_run(tx, run.id, runs.FAILED, "given up")
    assert advance(ctx.ledger, run.id, InProcess(ctx)) == []
    assert rows_of(ctx, run)[0].state != ABANDONED
    assert told(ctx, run) == []

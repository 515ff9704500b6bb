"""A file of games rots after its run was closed: later runs learn from the others."""

import pytest

from ringrift.errors import BadInput
from ringrift.pipeline.events import Kind
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.store import events, games, runs
from ringrift.store.verify import verify
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8, SHARD


@pytest.fixture
def ctx(tmp_path):
    """A state directory with a closed run."""
    changes = {"selfplay__archive_share": 0.05, "selfplay__archive_shards": 1}
    made = tiny.context(tmp_path / "home", changes=changes)
    work_off(made, open_or_resume(made, HEX8).id)
    yield made
    made.ledger.close()


def shards(ctx, number):
    """Shards of a run, by its iteration."""
    with ctx.ledger.read() as tx:
        return games.shards_of(tx, runs.all_runs(tx)[number - 1].id)


def rot(ctx, shard):
    """Cut a file short."""
    path = ctx.blobs.path(shard.path)
    path.write_bytes(path.read_bytes()[:-3])
    return path


def test_a_broken_file_is_left_out_and_told(ctx):
    """It is in quarantine, no dataset has it, its run's totals stand, and the next runs come to their end."""
    bad = shards(ctx, 1)[0]
    path = rot(ctx, bad)
    for _ in range(2):
        run = work_off(ctx, open_or_resume(ctx, HEX8).id)
        assert run.outcome in (runs.PROMOTED, runs.REJECTED)
        with ctx.ledger.read() as tx:
            assert bad.id not in games.dataset_of(tx, run.id).shards
    assert [shard.state for shard in shards(ctx, 1)] == ["quarantined", "ingested", "ingested"]
    assert (ctx.home / "quarantine" / path.name).exists()
    with ctx.ledger.read() as tx:
        [told] = events.list_events(tx, kind=Kind.BLOB_QUARANTINED)
        assert games.count_games(tx, "hex8:2") == 3 * tiny.GAMES - SHARD
    assert told.payload["path"] == bad.path
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_file_that_is_only_gone_is_not_given_up(ctx):
    """Its folder may not be mounted: the run says which file it lacks, and goes on when it is there again."""
    path = ctx.blobs.path(shards(ctx, 1)[0].path)
    content = path.read_bytes()
    path.unlink()
    run = open_or_resume(ctx, HEX8)
    with pytest.raises(BadInput, match=path.name):
        work_off(ctx, run.id)
    assert {shard.state for shard in shards(ctx, 1)} == {"ingested"}
    path.write_bytes(content)
    assert work_off(ctx, run.id).outcome in (runs.PROMOTED, runs.REJECTED)


def test_no_later_run_goes_on_from_a_broken_file(ctx):
    """The run that was to begin games in it cannot; the next one is planned without it."""
    bad = shards(ctx, 1)[-1]
    run = open_or_resume(ctx, HEX8)
    assert run.plan["archive"] == [bad.sha256]
    rot(ctx, bad)
    assert run_stage(ctx, run.id, "selfplay", shards(ctx, 2)[0].id).state == "failed"
    with ctx.ledger.write() as tx:
        runs.close_run(tx, run.id, runs.FAILED, "too many units given up")
    assert open_or_resume(ctx, HEX8).plan["archive"] == [shards(ctx, 1)[-2].sha256]

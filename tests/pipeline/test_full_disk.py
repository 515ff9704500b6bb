"""A disk is full: work waits instead of failing, and what is said where not even the ledger can be written."""

import errno
import os

import pytest
from structlog.testing import capture_logs

from ringrift.errors import BadInput
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.store import stages
from tests.pipeline import tiny

#: MiB that no disk of a test has free.
MOST = 1_000_000


def test_work_waits_for_room(tmp_path):
    """A shard is not begun, and no attempt of it is lost; when there is room it is played."""
    ctx = tiny.context(tmp_path)
    run = open_or_resume(ctx, tiny.HEX8)
    with ctx.ledger.read() as tx:
        unit = stages.stages_of(tx, run.id)[0].unit
    full = ctx.with_(settings=tiny.settings(storage__min_free_mib=MOST))
    with pytest.raises(BadInput, match="MiB free, expected at least 1000000"):
        run_stage(full, run.id, "selfplay", unit)
    with ctx.ledger.read() as tx:
        row = stages.stage_row(tx, run.id, "selfplay", unit)
    assert (row.state, row.attempt, row.failures) == (stages.PENDING, 0, 0)
    assert run_stage(ctx, run.id, "selfplay", unit).state == "done"
    ctx.ledger.close()


def test_no_run_is_opened_without_room(tmp_path):
    """One that is open goes on as far as it writes rows only."""
    ctx = tiny.context(tmp_path, changes={"storage__min_free_mib": MOST})
    with pytest.raises(BadInput, match="MiB free"):
        open_or_resume(ctx, tiny.HEX8)
    run = open_or_resume(ctx.with_(settings=tiny.settings()), tiny.HEX8)
    assert open_or_resume(ctx, tiny.HEX8).id == run.id
    assert run_stage(ctx, run.id, "sync").state == "skipped", "its turn has not come"
    ctx.ledger.close()


def test_the_first_error_is_said_though_the_ledger_cannot_be_told(tmp_path):
    """The shard failed for want of room, and so does noting it: the log has both."""

    def play_shard(work, model, folder, progress):
        with ctx.ledger.write() as tx:  # from now on it cannot be written
            tx.conn.exec_driver_sql("ALTER TABLE stages RENAME TO away")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "shard")

    ctx = tiny.context(tmp_path, tiny.tiny(play_shard=play_shard))
    run = open_or_resume(ctx, tiny.HEX8)
    with ctx.ledger.read() as tx:
        unit = stages.stages_of(tx, run.id)[0].unit
    with capture_logs() as lines, pytest.raises(BadInput, match="the ledger cannot be used"):
        run_stage(ctx, run.id, "selfplay", unit)
    assert any("No space left on device" in str(line.get("error")) for line in lines)
    ctx.ledger.close()

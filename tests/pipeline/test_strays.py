"""Files of games that no row names go to quarantine; all others stay."""

import os
import time

from ringrift.pipeline import strays
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.store.blobs import quarantined
from ringrift.store.verify import verify
from tests.pipeline import tiny


def test_only_old_files_without_a_row_are_moved(tmp_path):
    """Neither a file with a row, nor a young one, nor one that an open run may yet tell of."""
    ctx = tiny.context(tmp_path)
    work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    old = time.time() - 2 * strays.YOUNG_SECONDS
    shards = tmp_path / "shards"
    for path in shards.iterdir():
        os.utime(path, (old, old))
    stray, young = shards / f"{'a' * 64}.jsonl.zst", shards / f"{'b' * 64}.jsonl.zst"
    for path in (stray, young):
        path.write_bytes(b"games")
    os.utime(stray, (old, old))
    before = set(shards.iterdir())
    assert strays.look(ctx) == 1
    assert before - set(shards.iterdir()) == {stray}
    assert (tmp_path / "quarantine" / stray.name).read_bytes() == b"games"
    with ctx.ledger.read() as tx:
        (moved,) = quarantined(tx)
    assert moved["path"] == f"shards/{stray.name}"
    assert "no row of the ledger" in moved["reason"]
    assert strays.look(ctx) == 0
    assert not verify(ctx.ledger, ctx.blobs)


def test_what_an_open_run_may_tell_of_stays(tmp_path):
    """A file that was written since the oldest open run was opened is left alone, however old."""
    ctx = tiny.context(tmp_path)
    open_or_resume(ctx, tiny.HEX8)
    path = tmp_path / "shards" / f"{'a' * 64}.jsonl.zst"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"games")
    now = time.time()
    with ctx.ledger.write() as tx:  # opened three hours ago
        from ringrift.store.schema import runs

        tx.conn.execute(runs.update().values(opened_at=now - 3 * strays.YOUNG_SECONDS))
    os.utime(path, (now - 2 * strays.YOUNG_SECONDS,) * 2)
    assert strays.look(ctx) == 0
    os.utime(path, (now - 4 * strays.YOUNG_SECONDS,) * 2)
    assert strays.look(ctx) == 1

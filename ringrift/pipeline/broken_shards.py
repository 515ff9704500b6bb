"""Shards of earlier runs whose files have become broken: nothing learns from them, or goes on from them, any more.

A shard of the run at work is played again (`pipeline.stages.sync`). That of a closed run cannot be: nothing
is added to one. Without it the window is smaller; with it each later run would end at its export.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from ringrift.pipeline.events import blob_quarantined
from ringrift.pipeline.task import Task
from ringrift.store import games, stages
from ringrift.store.blobs import BadBlob, note_quarantine
from ringrift.store.games import ShardRow

log = structlog.get_logger(__name__)


def keep_out(task: Task, shards: Sequence[ShardRow]) -> int:
    """Keep those of these shards out of every dataset whose file is broken, or was moved away for it; how many.

    One whose file is only gone is left as it is: its folder may not be there now, or somebody has a copy.
    Raises Superseded where another one does the task by now.
    """
    ctx, run, claim = task.ctx, task.run, task.work.claim
    kept_out = 0
    for number, shard in enumerate(shards):
        task.work.progress(verified=number, of=len(shards))
        path = ctx.blobs.path(str(shard.path))
        moved_to = ctx.home / "quarantine" / path.name
        try:
            ctx.blobs.verify(path, str(shard.sha256))
            continue
        except BadBlob as error:
            reason = str(error)
            if error.moved_to is not None:
                moved_to = error.moved_to
            elif not moved_to.exists():
                continue
        was, now = ctx.blobs.relative(path), ctx.blobs.relative(moved_to)
        with ctx.ledger.write(ctx.fence) as tx:
            stages.hold(tx, claim)
            note_quarantine(tx, was, now, reason, shard.sha256)
            blob_quarantined(tx, run.id, claim.stage, was, now, reason)
            games.mark_quarantined(tx, shard.id)
        log.error("a shard is learned from no more", shard=shard.id[:12], reason=reason)
        kept_out += 1
    return kept_out

"""What killed processes left in the state directory, removed whenever a run is opened."""

from __future__ import annotations

import time
from typing import Final

import structlog

from ringrift.pipeline.context import Context
from ringrift.selfplay.leftovers import BY_HAND_SECONDS, IDLE_SECONDS, sweep_checkpoints
from ringrift.store import runs
from ringrift.store.blobs import sweep_folder

log = structlog.get_logger(__name__)

#: Folders that the commands of `ringrift selfplay` write to unless told otherwise.
BY_HAND: Final = ("games", "soak", "canonical/played")


def sweep(ctx: Context) -> int:
    """Remove half-written files without a writer and checkpoints that nobody takes up; how many.

    A checkpoint of an open run stays, however old: its shard will be issued again.
    """
    swept = 0
    if ctx.ledger.local:  # whether a writer lives can only be told on its machine
        swept += ctx.blobs.sweep() + sum(sweep_folder(ctx.home / name) for name in BY_HAND)
    with ctx.ledger.read() as tx:
        at_work = {run.id for run in runs.open_runs(tx)}
    now = time.time()
    swept += sweep_checkpoints(ctx.home / "shards", now, IDLE_SECONDS, at_work)
    for name in BY_HAND:
        swept += sweep_checkpoints(ctx.home / name, now, BY_HAND_SECONDS)
    if swept:
        log.info("swept", files=swept)
    return swept

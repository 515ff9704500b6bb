"""Files of games that no row of the ledger names: what a worker left that died before it could tell.

Its shard was played again since, perhaps with other bits (another backend), and nobody would ever
look at the first file. It is moved to quarantine, with its reason, and told as the ledger tells all
that is moved.
"""

from __future__ import annotations

import time
from typing import Final

import structlog

from ringrift.pipeline.context import Context
from ringrift.rules.records import SUFFIX
from ringrift.store import games, runs
from ringrift.store.blobs import file_sha256, note_quarantine

log = structlog.get_logger(__name__)

#: A younger file may still be told of: its row is committed moments after it got its name.
YOUNG_SECONDS: Final = 3600.0

REASON: Final = "no row of the ledger names this file: its writer died before it could tell"


def look(ctx: Context) -> int:
    """Move files of games away that no row names; how many. Raises StaleFence when another is master.

    Never one that is younger than an hour, or than the oldest open run: that may yet be told of.
    """
    with ctx.ledger.read() as tx:
        named = {shard.sha256 for shard in games.all_shards(tx)}
        before = min([run.opened_at for run in runs.open_runs(tx)], default=tx.now)
    before = min(before, time.time() - YOUNG_SECONDS)
    moved = 0
    for path in sorted((ctx.home / "shards").glob(f"*{SUFFIX}")):
        if path.name.startswith(".") or path.name.removesuffix(SUFFIX) in named:
            continue
        try:
            if path.stat().st_mtime >= before:
                continue
            found = file_sha256(path)
            to = ctx.blobs.quarantine(path, REASON, None, found)
        except FileNotFoundError:  # somebody else moved it
            continue
        with ctx.ledger.write(ctx.fence) as tx:
            note_quarantine(tx, ctx.blobs.relative(path), ctx.blobs.relative(to), REASON, found)
        log.warning("a file of games without a row", path=path.name, moved_to=str(to))
        moved += 1
    return moved

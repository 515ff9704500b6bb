"""What makes no progress is issued again: messages get lost, workers die, brokers forget."""

from __future__ import annotations

from ringrift.pipeline import nodes
from ringrift.pipeline.apart import apart
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import REISSUE_SECONDS, Dispatcher
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.orchestrator import Command, advance
from ringrift.pipeline.owner import is_dead
from ringrift.store import runs


def reconcile(
    ctx: Context, dispatcher: Dispatcher, reissue_seconds: float = REISSUE_SECONDS
) -> list[Command]:
    """Bring every open run forward; the commands that were carried out.

    A run that cannot be brought forward now (the broker is away, its rows are broken) is said and left
    for the next time, and does not keep the others. StaleFence is raised: another one reconciles.
    """
    with ctx.ledger.write(ctx.fence) as tx:
        nodes.sweep(tx, is_dead)
        waiting = runs.open_runs(tx)
    done: list[Command] = []
    for run in waiting:
        with apart("run not brought forward", run=run.id[:12]):
            done += advance(
                ctx.ledger,
                run.id,
                dispatcher,
                fence=ctx.fence,
                reissue_seconds=reissue_seconds,
                feeding=False,
            )
    with apart("no shards sent"):
        done += feed(ctx.ledger, dispatcher, fence=ctx.fence, reissue_seconds=reissue_seconds)
    return done

"""What makes no progress is issued again: messages get lost, workers die, brokers forget."""

from __future__ import annotations

import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline import nodes
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import REISSUE_SECONDS, Dispatcher
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.orchestrator import Command, advance
from ringrift.pipeline.owner import is_dead
from ringrift.store import runs
from ringrift.store.ledger import StaleFence

log = structlog.get_logger(__name__)


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
        try:
            done += advance(
                ctx.ledger,
                run.id,
                dispatcher,
                fence=ctx.fence,
                reissue_seconds=reissue_seconds,
                feeding=False,
            )
        except StaleFence:
            raise
        except Exception as error:  # whatever is wrong with this one is no fault of the others
            log.warning(
                "run not brought forward",
                run=run.id[:12],
                error=str(error),
                exc_info=not isinstance(error, RingRiftError | OSError),
            )
    try:
        done += feed(ctx.ledger, dispatcher, fence=ctx.fence, reissue_seconds=reissue_seconds)
    except StaleFence:
        raise
    except (RingRiftError, OSError) as error:
        log.warning("no shards sent", error=str(error))
    return done

"""The master loop's tick: look at every config, decide, open runs, send shards.

One beat in a cluster holds the master lease and sends the ticks; each carries the fence of that
lease, and the ledger refuses what an outdated one decides. What is decided, and why:
`pipeline.scheduling`.
"""

from __future__ import annotations

from ringrift.configs import Config
from ringrift.pipeline.apart import apart
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import Dispatcher
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.runs import open_backfill, open_or_resume
from ringrift.pipeline.scheduling import BACKFILL, OPEN, Decision, decide_now


def tick(ctx: Context, dispatcher: Dispatcher) -> list[Decision]:
    """Bring every config forward; what was decided. Raises StaleFence when another is master.

    A config that cannot be brought forward is said and left for the next tick, and does not keep the
    others: it had no device time, so its turn comes first at each tick.
    """
    decisions = decide_now(ctx)
    for decision in decisions:
        with apart("config not brought forward", config=decision.config):
            _carry_out(ctx, dispatcher, decision)
    feed(ctx.ledger, dispatcher, fence=ctx.fence)
    return decisions


def _carry_out(ctx: Context, dispatcher: Dispatcher, decision: Decision) -> None:
    run, config = decision.figures["run"], Config.parse(decision.config)
    if decision.action == OPEN:
        run = open_or_resume(ctx, config).id
    if run is not None:
        advance(ctx.ledger, run, dispatcher, fence=ctx.fence, feeding=False)
    if decision.action == BACKFILL:
        open_backfill(ctx, config, decision.figures["backfill"], decision.figures["number"])

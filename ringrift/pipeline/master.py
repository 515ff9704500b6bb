"""The master loop's tick: look at every config, decide, open runs, send shards.

One beat in a cluster holds the master lease and sends the ticks; each carries the fence of that
lease, and the ledger refuses what an outdated one decides. What is decided, and why:
`pipeline.scheduling`.
"""

from __future__ import annotations

from ringrift.configs import Config
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import Dispatcher
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.scheduling import OPEN, Decision, decide_now


def tick(ctx: Context, dispatcher: Dispatcher) -> list[Decision]:
    """Bring every config forward; what was decided. Raises StaleFence when another is master."""
    decisions = decide_now(ctx)
    for decision in decisions:
        run = decision.figures["run"]
        if decision.action == OPEN:
            run = open_or_resume(ctx, Config.parse(decision.config)).id
        if run is not None:
            advance(ctx.ledger, run, dispatcher, fence=ctx.fence, feeding=False)
    feed(ctx.ledger, dispatcher, fence=ctx.fence)
    return decisions

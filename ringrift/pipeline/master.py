"""The master loop's tick: look at every config, decide, open runs.

One beat in a cluster holds the master lease and sends the ticks; each carries the fence of that
lease, and the ledger refuses what an outdated one decides.
"""

from __future__ import annotations

from ringrift.configs import Config
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import Dispatcher
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import runs


def tick(ctx: Context, dispatcher: Dispatcher) -> None:
    """Bring every config of ``loop.configs`` forward; raises StaleFence when another is master."""
    for config in ctx.settings.loop.parsed():
        if may_open(ctx, config):
            run = open_or_resume(ctx, config)
            advance(ctx.ledger, run.id, dispatcher, fence=ctx.fence)


def may_open(ctx: Context, config: Config) -> bool:
    """Tell whether the loop works on this config now: it opens runs, and has not done enough."""
    settings = ctx.settings.of(config)
    if not settings.training.auto_trigger:
        return False  # only what somebody asks for
    with ctx.ledger.read() as tx:
        last = runs.last_run(tx, str(config))
    limit = settings.loop.max_iterations
    closed = last is not None and last.state == runs.CLOSED
    return not (limit and closed and last is not None and last.iteration >= limit)

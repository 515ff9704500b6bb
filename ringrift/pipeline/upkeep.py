"""Maintenance of the queues beside a loop that works without a beat, and so without its schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline.carrying import Carry
from ringrift.pipeline.context import Context
from ringrift.pipeline.letters import Queues
from ringrift.pipeline.maintenance import maintain
from ringrift.store.ledger import StaleFence

log = structlog.get_logger(__name__)


def kept_up(carry: Carry, queues: Callable[[], AbstractContextManager[Queues]]) -> Carry:
    """The same, and each `cluster.maintain_interval_seconds` a pass through the queues after it.

    A broker that is away is said, and looked for at the next time. Raises StaleFence.
    """
    last = float("-inf")

    def both(ctx: Context, open_runs: Sequence[str]) -> None:
        nonlocal last
        carry(ctx, open_runs)
        if ctx.clock() - last < ctx.settings.cluster.maintain_interval_seconds:
            return
        last = ctx.clock()
        try:
            with queues() as there:
                maintain(ctx, there)
        except StaleFence:
            raise
        except (RingRiftError, OSError) as error:
            log.warning("queues not maintained", error=str(error))

    return both

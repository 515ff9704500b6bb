"""Asking the cpu worker to run hooks: the master's relay does, and each loop that works through the queue."""

from __future__ import annotations

import time
from typing import Any, Final

from kombu.exceptions import OperationalError
from redis import RedisError

from ringrift.pipeline import hooks
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import NotHandedOver
from ringrift.store.events import last_number

#: Seconds that a call waits for a worker that is busy: a loop may end with the event that it is for, and an export
#: takes longer than a tick.
PATIENT_SECONDS: Final = 3600.0


class HookCalls:
    """Asks where an event waits for a hook: for each new event, and beside them once in a tick."""

    def __init__(self, sender: Any) -> None:
        """``sender``: the app (`ringrift.celery.loaded`)."""
        self._sender = sender
        self._asked = float("-inf")
        self._newest = 0

    def __call__(self, ctx: Context) -> None:
        """Ask if it is time to. Raises NotHandedOver where the broker is away."""
        if not hooks.due(ctx):
            return
        with ctx.ledger.read() as tx:
            newest = last_number(tx)
        tick = ctx.settings.cluster.tick_interval_seconds
        new = newest != self._newest
        if not new and time.monotonic() - self._asked < tick:
            return
        try:
            self._sender.send_task("cpu.run_hooks", expires=PATIENT_SECONDS if new else tick)
        except (OperationalError, RedisError) as error:
            raise NotHandedOver(f"hooks could not be asked for: {error}") from error
        self._asked, self._newest = time.monotonic(), newest

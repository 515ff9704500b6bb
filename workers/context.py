"""What the tasks of this process share: the pipeline's context, and the wish to end."""

from __future__ import annotations

import functools
import threading
from typing import Any

from celery import signals

from ringrift.pipeline.context import Context, open_context
from ringrift.pipeline.lease import MASTER
from ringrift.pipeline.services import real_services
from ringrift.store.ledger import Fence
from workers import watchdog

#: Set when this worker is asked to end; work in progress stops at its next safe point.
_stopping = threading.Event()


@functools.cache
def context() -> Context:
    """Return the context of this process, opened at its first task."""
    services = real_services(train_in_child=True)
    return open_context(services=services, stop=_stopping.is_set, report=watchdog.seen)


def mastered(fence: int) -> Context:
    """Return the context for what beat sends: its writes carry the fence of the master lease."""
    return context().with_(fence=Fence(MASTER, fence))


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """SIGTERM or Ctrl-C: games and steps that are done stay done, the rest goes back."""
    _stopping.set()

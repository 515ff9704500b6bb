"""What the tasks of this process share: the pipeline's context, and the wish to end."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals
from celery.utils.log import get_task_logger

from ringrift.pipeline.context import Context, open_context
from ringrift.pipeline.lease import MASTER
from ringrift.pipeline.services import real_services
from ringrift.store.ledger import Fence, StaleFence
from workers import watchdog

log = get_task_logger(__name__)

#: Set when this worker is asked to end; work in progress stops at its next safe point.
_stopping = threading.Event()


@functools.cache
def context() -> Context:
    """Return the context of this process, opened at its first task."""
    services = real_services(train_in_child=True)
    return open_context(services=services, stop=_stopping.is_set, report=watchdog.seen)


@contextmanager
def master(fence: int) -> Iterator[Context]:
    """Work for the master that sent a message; drop it if that was replaced since.

    The writes of this context carry the fence of the master's lease.
    """
    try:
        yield context().with_(fence=Fence(MASTER, fence))
    except StaleFence as outdated:
        log.info("dropped: %s", outdated)


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """SIGTERM or Ctrl-C: games and steps that are done stay done, the rest goes back."""
    _stopping.set()

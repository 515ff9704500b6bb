"""What the tasks of this process share: the pipeline's context, and the wish to end."""

from __future__ import annotations

import functools
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals
from celery.utils.log import get_task_logger

from ringrift.errors import RingRiftError
from ringrift.pipeline.context import Context, open_context
from ringrift.pipeline.lease import MASTER
from ringrift.pipeline.services import real_services
from ringrift.store.ledger import Fence, StaleFence
from workers import watchdog

log = get_task_logger(__name__)

#: 1 once this worker is asked to end; work in progress stops at its next safe point. A byte that it shares with its
#: children, who hear no signal of Celery's: what they do would count as failed when they are killed in the end.
_stopping = mmap.mmap(-1, 1)


@functools.cache
def context() -> Context:
    """Return the context of this process, opened at its first task."""
    services = real_services(train_in_child=True)
    return open_context(services=services, stop=stopping, report=watchdog.seen)


def stopping() -> bool:
    """Whether this worker is asked to end."""
    return _stopping[0] == 1


@contextmanager
def master(fence: int) -> Iterator[Context]:
    """Work for the master that sent a message; drop it if that was replaced since.

    The writes of this context carry the fence of the master's lease. What the surroundings do not allow now (the
    ledger is locked, the broker away) is a line in the log: the master asks again by its clock.
    """
    try:
        yield context().with_(fence=Fence(MASTER, fence))
    except StaleFence as outdated:
        log.info("dropped: %s", outdated)
    except RingRiftError as error:
        log.warning("left for the next time: %s", error)


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """SIGTERM or Ctrl-C: games and steps that are done stay done, the rest goes back."""
    _stopping[0] = 1

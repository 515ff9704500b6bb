"""Hooks at work beside the tasks of a worker, each in a thread.

One that is slow, or hangs, keeps neither a sync, a gate or an export waiting, nor another hook.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from celery import signals
from celery.utils.log import get_task_logger

from ringrift.errors import RingRiftError
from ringrift.pipeline.hooks import Hook, due, hand_over
from workers.context import context

log = get_task_logger(__name__)

#: Seconds that a worker which ends waits for hooks that are at work. Then they are killed, and told again of
#: their event by another one.
END_SECONDS: Final = 5.0

_lock = threading.Lock()
_ending = threading.Event()
#: Threads of this process, by the name of their hook.
_at_work: dict[str, threading.Thread] = {}


def begin() -> None:
    """Run the hooks that an event waits for, for a minute at most each, but none that is at work here."""
    waiting = due(context())
    with _lock:
        for hook in waiting:
            before = _at_work.get(hook.name)
            if _ending.is_set() or (before is not None and before.is_alive()):
                continue
            _at_work[hook.name] = thread = threading.Thread(
                target=_run, args=(hook,), name=hook.name, daemon=True
            )
            thread.start()


def _run(hook: Hook) -> None:
    ctx = context()
    asked = ctx.stop
    try:
        hand_over(ctx.with_(stop=lambda: _ending.is_set() or asked()), [hook])
    except (RingRiftError, OSError) as error:  # the next look begins it anew
        log.warning("hook %s was not run: %s", hook.name, error)


@signals.worker_process_shutdown.connect  # of a child that works
@signals.worker_shutdown.connect  # of a worker with threads
def _end(**_: object) -> None:
    """Let hooks come to their end."""
    _ending.set()
    with _lock:
        threads = list(_at_work.values())
    until = time.monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))

"""What a worker says of itself: that it is ready, that it is there, and that it ends."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

import structlog
from celery import signals

from ringrift.errors import RingRiftError
from ringrift.pipeline import nodes
from ringrift.pipeline.pulse import ThreadPulse
from ringrift.settings import Settings
from ringrift.settings.home import home
from ringrift.store.ledger import open_ledger

log = structlog.get_logger(__name__)

#: What this process said last, and what keeps it alive; a worker is one process with one name.
_told: list[tuple[nodes.Node, ThreadPulse]] = []

#: Held while the ledger is open here. A worker with children may fork one at any time, and a child
#: that is forked in the middle of a call of SQLite would wait for its mutexes for ever.
_speaking = threading.Lock()

os.register_at_fork(
    before=_speaking.acquire,
    after_in_parent=_speaking.release,
    after_in_child=_speaking.release,
)


@signals.worker_ready.connect
def ready(sender: Any, **_: Any) -> None:
    """Tell NODE_UP, with the queues that it serves and the tasks that it does side by side; then signs of life."""
    cluster = Settings.load().cluster
    counts = cluster.stage_stale_seconds
    node = nodes.Node(
        name=str(sender.hostname),
        process=f"{socket.gethostname()}:{os.getpid()}",
        started=time.time(),
        queues=tuple(sorted(sender.app.amqp.queues.consume_from)),
        slots=int(sender.controller.concurrency or 1),
    )

    def is_there() -> bool:
        _say(node, counts)
        return True

    is_there()
    between = min(cluster.heartbeat_seconds, counts / 3)
    _told.append((node, ThreadPulse("node", between, is_there)))


@signals.worker_shutdown.connect
def ended(**_: Any) -> None:
    """Tell NODE_DOWN."""
    while _told:
        node, pulse = _told.pop()
        pulse.stop()
        _say(node, None)


def _say(node: nodes.Node, counts: float | None) -> None:
    """Say that the worker is there and counts for so many seconds, or that it ends. Work does not depend on it."""
    try:
        with _speaking:
            ledger = open_ledger(home())
            try:
                with ledger.write() as tx:
                    if counts is None:
                        nodes.went(tx, node, nodes.STOPPED)
                    else:
                        nodes.came(tx, node, counts)
            finally:
                ledger.close()
    except RingRiftError as error:
        log.warning("the worker's state not told", node=node.name, error=str(error))

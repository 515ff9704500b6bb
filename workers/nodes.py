"""What a worker says of itself: that it is ready, and that it ends."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import structlog
from celery import signals

from ringrift.errors import RingRiftError
from ringrift.pipeline import nodes
from ringrift.settings.home import home
from ringrift.store.ledger import open_ledger

log = structlog.get_logger(__name__)

#: What this process said last; a worker is one process with one name.
_told: list[nodes.Node] = []


@signals.worker_ready.connect
def ready(sender: Any, **_: Any) -> None:
    """Tell NODE_UP, with the queues that it serves and the tasks that it does side by side."""
    node = nodes.Node(
        name=str(sender.hostname),
        process=f"{socket.gethostname()}:{os.getpid()}",
        started=time.time(),
        queues=tuple(sorted(sender.app.amqp.queues.consume_from)),
        slots=int(sender.controller.concurrency or 1),
    )
    try:
        ledger = open_ledger(home())
        with ledger.write() as tx:
            nodes.came(tx, node)
        ledger.close()
        _told.append(node)
    except RingRiftError as error:  # work does not depend on it
        log.warning("NODE_UP not told", node=node.name, error=str(error))


@signals.worker_shutdown.connect
def ended(**_: Any) -> None:
    """Tell NODE_DOWN."""
    while _told:
        node = _told.pop()
        try:
            ledger = open_ledger(home())
            with ledger.write() as tx:
                nodes.went(tx, node, nodes.STOPPED)
            ledger.close()
        except RingRiftError as error:
            log.warning("NODE_DOWN not told", node=node.name, error=str(error))

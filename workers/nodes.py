"""What a worker says of itself: that it is ready, that it is there, and that it ends."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import signals

from ringrift.errors import RingRiftError
from ringrift.pipeline import nodes
from ringrift.pipeline.pulse import ThreadPulse
from ringrift.settings import Settings
from ringrift.settings.cluster import ClusterSettings
from ringrift.settings.home import home
from ringrift.store.ledger import Ledger, Tx, open_ledger

log = structlog.get_logger(__name__)

#: Held while the ledger is asked here. A worker with children may fork one at any time, and a child
#: that is forked in the middle of a call of SQLite would wait for its mutexes for ever.
_speaking = threading.Lock()

os.register_at_fork(
    before=_speaking.acquire,
    after_in_parent=_speaking.release,
    after_in_child=_speaking.release,
)


class Voice:
    """What tells that a worker is there; a worker is one process with one name."""

    def __init__(self, node: nodes.Node, cluster: ClusterSettings) -> None:
        """Say that the worker is ready, and begin to give signs of life."""
        self.node = node
        self._counts = cluster.stage_stale_seconds
        # One for all of its life: a state directory that is removed under it is not made anew.
        self._ledger: Ledger | None = None
        self._failed: str | None = None
        self._is_there()
        between = min(cluster.heartbeat_seconds, self._counts / 3)
        self._pulse = ThreadPulse("node", between, self._is_there)

    def end(self) -> None:
        """Say that the worker ends."""
        self._pulse.stop()
        self._say(lambda tx: nodes.went(tx, self.node, nodes.STOPPED))
        if self._ledger is not None:
            self._ledger.close()

    def _is_there(self) -> bool:
        self._say(lambda tx: nodes.came(tx, self.node, self._counts))
        return True

    def _say(self, what: Callable[[Tx], object]) -> None:
        """Tell the ledger. Work does not depend on it: what does not reach it is logged, once."""
        try:
            with _speaking:
                self._ledger = self._ledger or open_ledger(home())
                with self._ledger.write() as tx:
                    what(tx)
            self._failed = None
        except RingRiftError as error:
            if self._failed != str(error):
                log.warning("a sign of life not told", node=self.node.name, error=str(error))
            self._failed = str(error)


#: Of the worker that this process is.
_voices: list[Voice] = []


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
    _voices.append(Voice(node, Settings.load().cluster))


@signals.worker_shutdown.connect
def ended(**_: Any) -> None:
    """Tell NODE_DOWN."""
    while _voices:
        _voices.pop().end()

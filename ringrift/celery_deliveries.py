"""Keep the deliveries of a living worker alive.

Redis has no acknowledgements; kombu makes them: a delivered message lies in the hash ``unacked``,
and its time of delivery in the sorted set ``unacked_index``. Any worker puts messages back into
their queue whose time is older than the visibility timeout. That time would have to be longer than
the longest task, and a killed worker's work would rest for just as long.

So the time is short, and each worker renews it for what it holds, from a thread: it runs while
pool threads compute (kernels release the GIL), while children compute, and while the main thread
of a solo worker is busy. A worker that is killed or stopped renews nothing.

This knows kombu's channel: see tests/celery/test_deliveries.py, which fails when that changes.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from celery import bootsteps
from celery.utils.log import get_logger
from redis import RedisError

log = get_logger(__name__)

#: Renewals within one visibility timeout, so that one that fails costs nothing.
RENEWALS = 4


class DeliveryKeeper(bootsteps.StartStopStep):
    """The step of a worker's consumer that runs the thread."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._stop = threading.Event()

    def start(self, consumer: Any) -> None:
        """Begin with each new connection; its channel holds what was delivered through it."""
        self._stop.set()
        self._stop = threading.Event()
        channel = consumer.task_consumer.channel
        threading.Thread(
            target=keep_alive, args=(channel, self._stop), name="deliveries", daemon=True
        ).start()

    def shutdown(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's
        """End with the connection. Not earlier: a warm shutdown still works on what it has."""
        self._stop.set()


def keep_alive(channel: Any, stop: threading.Event) -> None:
    """Renew what the channel holds until told to stop (the thread's work)."""
    while not stop.wait(channel.visibility_timeout / RENEWALS):
        try:
            renew(channel)
        except (RedisError, OSError) as error:  # down for a moment: the next connection begins anew
            log.warning("deliveries not renewed: %s", error)


def renew(channel: Any) -> int:
    """Set the time of every delivery that this channel holds to now; how many it holds.

    Only those that still lie in the index: one that was acknowledged in between stays away.
    """
    tags = _held(channel.qos)
    if tags:
        with channel.conn_or_acquire() as client:
            client.zadd(channel.unacked_index_key, dict.fromkeys(tags, time.time()), xx=True)
    return len(tags)


def _held(qos: Any) -> list[str]:
    """Return the tags that are delivered and not acknowledged; other threads change them."""
    while True:
        try:
            return list(qos._delivered)  # noqa: SLF001 - the contract that the test pins
        except RuntimeError:  # it changed size under us
            continue

"""The way messages travel: kombu's Redis transport, but nothing that arrives is lost or kills a worker.

kombu trusts the queue. A message that is no JSON ends a worker's loop and is gone; one whose body
cannot be read, or whose task is unknown, is dropped with a line in the log; one that kills its worker
is delivered again for ever. Here each of them is put aside, into a list of the broker, with its
reason; maintenance (`ringrift.pipeline.maintenance`) takes them from there into the ledger.

    Guard                  tells each connection of a worker which tasks there are
    Channel._brpop_read    what comes out of a queue is judged before it is delivered
    QoS, _do_restore_...   what comes back from a worker that went away is counted, up to max_deliveries

This knows kombu's Redis channel, whose version is pinned: tests/celery/test_transport.py fails when
that changes.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from functools import partial
from queue import Empty
from typing import Any

from celery import bootsteps, signals
from celery.app import amqp
from celery.utils.log import get_logger
from kombu import connection as connections
from kombu.transport import redis as kombu_redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads
from redis import RedisError

from ringrift.celery_queues import fault_of
from ringrift.pipeline.letters import ASIDE, ASIDE_LIST, DELIVERIES
from ringrift.pipeline.letters import read as read_letter
from ringrift.pipeline.queues import QUEUES
from ringrift.settings.secrets import masked

log = get_logger(__name__)

#: (queue, bytes) -> why no worker can do anything with it, None if one can.
Judge = Callable[[str, bytes], str | None]


def readable(queue: str, raw: bytes) -> str | None:
    """The judge of a process that has no tasks: only our queues hold tasks, others hold replies."""
    return read_letter(raw, queue, ASIDE, "").fault if queue in QUEUES else None


def entry(queue: str, raw: bytes, reason: str) -> str:
    """What is put aside: the message, byte by byte, and why."""
    message = base64.b64encode(raw).decode()
    return json.dumps({"queue": queue, "reason": reason, "at": time.time(), "message": message})


class QoS(kombu_redis.QoS):
    """Deliveries that are not acknowledged yet."""

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Put back what workers went away with; only these returns count (see `Channel`)."""
        self.channel.counting = True
        try:
            super().restore_visible(*args, **kwargs)
        finally:
            self.channel.counting = False

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put one back; aside if what is noted of it cannot be read: that would end the loop."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except (RedisError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever its bytes bring about
            self._lay_aside(tag, f"its delivery cannot be read: {error}")

    def _lay_aside(self, tag: Any, reason: str) -> None:
        def transaction(pipe: Any) -> None:
            raw = pipe.hget(self.unacked_key, tag)
            pipe.multi()
            pipe.zrem(self.unacked_index_key, tag)
            pipe.hdel(self.unacked_key, tag)
            if raw is not None:
                pipe.rpush(ASIDE_LIST, entry("", raw, reason))

        log.error("a delivery is put aside: %s", reason)
        with self.channel.conn_or_acquire() as client:
            client.transaction(transaction, self.unacked_key)


class Channel(kombu_redis.Channel):
    """A channel that delivers only what can be worked on."""

    QoS = QoS

    from_transport_options = (*kombu_redis.Channel.from_transport_options, "max_deliveries")

    #: A message that came back so often is put aside; 0: never.
    max_deliveries = 0
    #: Whether messages are being put back that workers went away with.
    counting = False
    #: Who says what can be worked on.
    judge: Judge = staticmethod(readable)

    def _lookup(self, exchange: Any, routing_key: Any, default: Any = None) -> Any:
        """Name the queues of a message; ours are known without the broker.

        Kombu asks a table there, which it writes when it connects. A broker that was emptied (FLUSHALL) would have
        everything sent to a queue that nobody reads, until each sender connects anew.
        """
        if exchange == routing_key and exchange in QUEUES:
            return [exchange]
        return super()._lookup(exchange, routing_key, default)

    def put_aside(self, queue: str, raw: bytes, reason: str) -> None:
        """Keep a message out of its queue."""
        log.error("a message of queue %s is put aside: %s", queue, reason)
        with self.conn_or_acquire() as client:
            client.rpush(ASIDE_LIST, entry(queue, raw, reason))

    def _brpop_read(self, **options: Any) -> bool:
        """Deliver what was popped. As kombu's, but judged before it is parsed or delivered."""
        try:
            try:
                popped = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not popped:
                raise Empty
            key, raw = popped
            queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            data = raw if isinstance(raw, bytes) else raw.encode()
            reason = self.judge(queue, data)
            if reason is not None:
                self.put_aside(queue, data, reason)
                raise Empty
            self.connection._deliver(loads(bytes_to_str(raw)), queue)  # noqa: SLF001 - as kombu's
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _do_restore_message(
        self, payload: Any, exchange: Any, routing_key: Any, pipe: Any, leftmost: bool = False
    ) -> None:
        """Put a message back within a transaction that removes its delivery; aside if it cannot be."""
        reason = self._no_return(payload, exchange, routing_key)
        if reason is None:
            super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)
            return
        log.error("a message of queue %s is put aside: %s", routing_key, reason)
        pipe.rpush(ASIDE_LIST, entry(str(routing_key), dumps(payload).encode(), reason))

    def _no_return(self, payload: Any, exchange: Any, routing_key: Any) -> str | None:
        """Why a message cannot go back into its queue; counts its return."""
        headers = payload.get("headers") if isinstance(payload, dict) else None
        if not isinstance(headers, dict):
            return "it has no headers"
        if self.counting:
            found = headers.get(DELIVERIES, 0)
            count = 1 + (found if isinstance(found, int) else 0)
            headers[DELIVERIES] = count
            if 0 < self.max_deliveries <= count:
                return f"delivered {count} times, and each time its worker went away with it"
        if not self._lookup(exchange, routing_key):
            return f"no queue is bound to exchange {exchange!r} with key {routing_key!r}"
        return None


class Transport(kombu_redis.Transport):
    """kombu's, with our channels."""

    Channel = Channel


class Connection(connections.Connection):
    """A connection of the app. The broker's URL says redis, and the transport is ours."""

    def get_transport_cls(self) -> Any:
        """Return the transport for the URL."""
        found = super().get_transport_cls()
        return Transport if found is kombu_redis.Transport else found

    def info(self) -> dict[str, Any]:
        """What a worker answers of its broker, to `inspect stats` and so to Flower. No password.

        As kombu's, which takes the whole URL of a socket for its host.
        """
        found: dict[str, Any] = super().info()
        return {**found, "hostname": masked(found["hostname"] or "")}

    def __reduce__(self) -> Any:
        """As kombu's, which is made of `info`: a copy in another process must have the password."""
        return type(self), tuple(dict(self._info()).values()), None


class AMQP(amqp.AMQP):
    """What makes the app's connections."""

    Connection = BrokerConnection = Connection


class Guard(bootsteps.StartStopStep):
    """The step of a worker's consumer that gives each new channel the worker's own judge."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Runs before the loop that takes messages."""
        consumer.task_consumer.channel.judge = partial(fault_of, consumer.app.tasks)


@signals.task_unknown.connect
@signals.task_rejected.connect
def _rejected(message: Any = None, exc: object = None, **_: Any) -> None:
    """Celery itself refused a message that looked sound, and dropped it."""
    queue = message.delivery_info.get("routing_key", "")
    raw = dumps(message._raw).encode()  # noqa: SLF001 - kombu keeps what it was made of there
    message.channel.put_aside(queue, raw, f"Celery refused it: {exc or 'unknown form'}")

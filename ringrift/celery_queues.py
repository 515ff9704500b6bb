"""The broker's lists for maintenance: what waits, what workers hold, what was put aside.

A queue is several lists, one for each step of priority (``gpu``, ``gpu\\x06\\x163``, ...), which kombu's
channel names; a delivery lies in a hash until it is acknowledged, and in a sorted set with the time of
its worker's last sign of life (`ringrift.celery_deliveries`).
"""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from kombu.exceptions import OperationalError
from redis import RedisError

from ringrift.errors import RingRiftError, nearest, shown
from ringrift.pipeline.letters import ASIDE, ASIDE_LIST, HELD, WAITING, Letter, Look, read
from ringrift.pipeline.queues import QUEUES

#: Messages of one list that are looked at: those that go next. 1000 take 0.1 s.
LIMIT: Final = 1000

#: Types of arguments that messages are held to, by their names in the source.
TYPES: Final = {"str": str, "int": int}


class BrokerTrouble(RingRiftError):
    """The broker does not answer now, or holds what no broker of ours would."""


def fault_of(tasks: Mapping[str, Any], queue: str, raw: bytes) -> str | None:
    """Why no worker with these tasks can do anything with a message; None if one can.

    Only our queues hold tasks. Others, such as those for replies to `celery inspect`, are not judged.
    """
    if queue not in QUEUES:
        return None
    return matched(tasks, read(raw, queue, WAITING, "")).fault


def matched(tasks: Mapping[str, Any], letter: Letter) -> Letter:
    """The letter with its arguments by name, or with what is wrong with its task or arguments."""
    if letter.fault is not None:
        return letter
    task = tasks.get(str(letter.task))
    if task is None:
        ours = [name for name in tasks if name.partition(".")[0] in QUEUES]
        fault = f"unknown task {shown(letter.task)}: {nearest(str(letter.task), ours)}"
        return replace(letter, fault=fault)
    if task.name.partition(".")[0] not in QUEUES:
        return letter  # one of Celery's own
    signature = inspect.signature(task.run)
    try:
        named = signature.bind(*letter.args, **letter.kwargs).arguments
    except TypeError as error:
        return replace(letter, fault=f"its arguments do not fit {task.name}{signature}: {error}")
    for name, value in named.items():
        kind = TYPES.get(str(signature.parameters[name].annotation), object)
        if not isinstance(value, kind):
            fault = f"{name} of {task.name} is {shown(value)}, not of type {kind.__name__}"
            return replace(letter, fault=fault)
    return replace(letter, args=(), kwargs=named)


@contextmanager
def broker_queues(app: Any, limit: int = LIMIT) -> Iterator[BrokerQueues]:
    """Connect to the app's broker for the length of a block. Raises BrokerTrouble."""
    try:
        with app.connection_for_write() as connection:
            yield BrokerQueues(connection.default_channel, app.tasks, limit)
    except (OperationalError, RedisError) as error:
        raise BrokerTrouble(f"the queues cannot be read: {error}") from error


class BrokerQueues:
    """`ringrift.pipeline.letters.Queues` over a channel of kombu."""

    def __init__(self, channel: Any, tasks: Mapping[str, Any], limit: int = LIMIT) -> None:
        self._channel = channel
        self._tasks = tasks
        self._limit = limit

    def look(self) -> Look:
        """Read at most `limit` messages of each list; changes nothing."""
        letters: list[Letter] = []
        lengths: dict[tuple[str, int], int] = {}
        with self._channel.conn_or_acquire() as client:
            for queue in QUEUES:
                for priority in self._channel.priority_steps:
                    key = self._channel._q_for_pri(queue, priority)  # noqa: SLF001 - kombu's naming
                    lengths[queue, priority] = client.llen(key)
                    last = client.lrange(key, -self._limit, -1)
                    letters += [
                        self._matched(raw, queue, WAITING, key, priority) for raw in reversed(last)
                    ]
            held = client.hlen(self._channel.unacked_key)
            letters += self._held(client)
            aside = client.llen(ASIDE_LIST)
            letters += [self._aside(raw) for raw in client.lrange(ASIDE_LIST, 0, self._limit - 1)]
        most = max(*lengths.values(), held, aside)
        return Look(
            tuple(letters),
            lengths,
            held,
            aside,
            most <= self._limit,
            float(self._channel.visibility_timeout),
        )

    def remove(self, letter: Letter) -> bool:
        """Take a message out for good."""
        with self._channel.conn_or_acquire() as client:
            if letter.place == WAITING:
                return bool(client.lrem(letter.key, -1, letter.raw))
            if letter.place == ASIDE:
                return bool(client.lrem(ASIDE_LIST, 1, _bytes(letter.key)))
            with client.pipeline() as pipe:
                pipe.hdel(self._channel.unacked_key, _bytes(letter.key))
                pipe.zrem(self._channel.unacked_index_key, _bytes(letter.key))
                return bool(pipe.execute()[0])

    def give_back(self, letters: list[Letter]) -> int:
        """Put held messages back whose workers are gone, as each worker does with those in the index."""
        with self._channel.conn_or_acquire() as client:
            tags = [_bytes(letter.key) for letter in letters]
            client.zadd(self._channel.unacked_index_key, dict.fromkeys(tags, 1.0), nx=True)
            self._channel.qos.restore_visible(num=len(tags), interval=1)
            return sum(not client.hexists(self._channel.unacked_key, tag) for tag in tags)

    def _matched(
        self, raw: bytes, queue: str, place: str, key: str, priority: int | None = None
    ) -> Letter:
        return matched(self._tasks, read(raw, queue, place, key, priority))

    def _held(self, client: Any) -> Iterator[Letter]:
        """Deliveries of our queues that nobody has acknowledged."""
        seen = dict(client.zrange(self._channel.unacked_index_key, 0, -1, withscores=True))
        for number, (tag, raw) in enumerate(client.hscan_iter(self._channel.unacked_key)):
            if number >= self._limit:
                return
            name, since = _key(tag), seen.get(tag)
            try:
                message, _exchange, queue = json.loads(raw)
                letter = self._matched(json.dumps(message).encode(), str(queue), HELD, name)
            except (ValueError, TypeError, RecursionError) as error:
                letter = read(raw, "", HELD, name)
                letter = replace(letter, fault=f"its delivery cannot be read: {error}")
            if since is None:  # or taken, or acknowledged, between the two looks
                there, since = self._delivery(client, tag)
                if not there:
                    continue
            if letter.queue in ("", *QUEUES):
                yield replace(letter, since=since)

    def _delivery(self, client: Any, tag: bytes) -> tuple[bool, float | None]:
        """Whether a delivery is held, and its last sign of life, at one moment."""
        with client.pipeline() as pipe:
            pipe.hexists(self._channel.unacked_key, tag)
            pipe.zscore(self._channel.unacked_index_key, tag)
            there, since = pipe.execute()
        return bool(there), since

    def _aside(self, raw: bytes) -> Letter:
        """A message that was put aside, and why."""
        try:
            about = json.loads(raw)
            message = base64.b64decode(about["message"])
            letter = self._matched(message, str(about["queue"]), ASIDE, _key(raw))
            return replace(letter, since=float(about["at"]), fault=str(about["reason"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            letter = read(raw, "", ASIDE, _key(raw))
            return replace(letter, fault=f"put aside by nobody of ours: {error}")


def _key(raw: bytes) -> str:
    """Bytes as text, whatever they are; `_bytes` is the way back."""
    return raw.decode("latin-1")


def _bytes(key: str) -> bytes:
    return key.encode("latin-1")

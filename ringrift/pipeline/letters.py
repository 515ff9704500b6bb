"""A message of a queue as maintenance sees it: read without trusting one byte of it.

    {"body": base64 of [args, kwargs, embed], "content-type": "application/json",
     "headers": {"task": name, "id": id, "expires": time, ...},
     "properties": {"delivery_tag": tag, "delivery_info": {exchange, routing_key}, "priority": 6, ...}}

A message is poison when a worker could do nothing with it but fail: it is no JSON, or names no task,
or its body cannot be read. Whether its task exists and its arguments fit is known by the app
(`ringrift.celery_queues`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from ringrift.errors import shown

#: Where a message is: in its queue; with a worker, who has not acknowledged it; put aside by a
#: worker, on the way into the ledger.
WAITING, HELD, ASIDE = "waiting", "held", "aside"

#: List of the broker with what was put aside and is not in the ledger yet.
ASIDE_LIST: Final = "ringrift.aside"

#: Header that counts how often a message came back from a worker that went away with it.
DELIVERIES: Final = "ringrift_deliveries"

#: What the broker's client takes for text.
_TEXTS: Final = (None, "utf-8", "utf8", "ascii", "us-ascii", "binary")


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, and where it is."""

    #: sha256 of its bytes.
    id: str
    #: Queue that it is in, or was delivered from.
    queue: str
    #: waiting, held or aside.
    place: str
    #: What finds it there: its list, or the tag of its delivery.
    key: str
    raw: bytes
    #: Of its list: 0 goes first.
    priority: int = 0
    #: Why no worker can do anything with it; None if one can.
    fault: str | None = None
    #: Name of the task that it asks for.
    task: str | None = None
    #: Id of the task; of a stage's it is the id of the stage row.
    task_id: str | None = None
    args: tuple[Any, ...] = ()
    #: Arguments by name: all of them, once the app has matched them with its task's.
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: Seconds since 1970 after which a worker drops it; None: never.
    expires: float | None = None
    #: How often it came back from a worker that went away with it.
    deliveries: int = 0
    #: Whether a chord waits for its answer.
    chord: bool = False
    #: Of a held one: when its worker last gave a sign of life, None if nobody watches over it. Of one
    #: that is aside: when it was put there. Seconds since 1970.
    since: float | None = None

    @property
    def run_id(self) -> str | None:
        """The run that it is for, as it says."""
        return _text(self.kwargs.get("run_id"))

    @property
    def unit(self) -> str | None:
        """The unit, or the match of no run, that it is for, as it says."""
        named = (self.kwargs.get(name) for name in ("shard_id", "unit", "match"))
        return _text(next(filter(None, named), None))

    @property
    def text(self) -> str:
        """Its bytes as text that any database takes; what is no text is written as \\xNN."""
        return storable(self.raw.decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Look:
    """What was in the broker at one moment."""

    letters: tuple[Letter, ...]
    #: (queue, priority) -> messages that wait there.
    lengths: Mapping[tuple[str, int], int]
    #: Messages with workers, and messages put aside.
    held: int
    aside: int
    #: Whether `letters` has all of them.
    whole: bool
    #: Seconds without a sign of life after which a held message is delivered again.
    visibility: float


class Queues(Protocol):
    """The broker, for maintenance. Each method is harmless where the message has gone meanwhile."""

    def look(self) -> Look:
        """Read what is there; changes nothing."""
        ...

    def remove(self, letter: Letter) -> bool:
        """Take a message out for good; False if it was not there any more."""
        ...

    def give_back(self, letters: list[Letter]) -> int:
        """Put held messages back into their queues; how many are not held any more."""
        ...


def storable(text: str) -> str:
    """Text that any database takes: without halves of characters, and without NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class _Unreadable(Exception):
    """Why a message is poison."""


def read(raw: bytes, queue: str, place: str, key: str, priority: int | None = None) -> Letter:
    """Read a message; what is wrong with it is its `fault`. Never raises.

    Its priority is that of the list that it is in, else what it says itself.
    """
    found: dict[str, Any] = {}
    try:
        _read(raw, found)
    except _Unreadable as error:
        found["fault"] = str(error)
    return Letter(
        id=hashlib.sha256(raw).hexdigest(),
        queue=queue,
        place=place,
        key=key,
        raw=raw,
        **{**found, **({} if priority is None else {"priority": priority})},
    )


def _read(raw: bytes, found: dict[str, Any]) -> None:
    message = _json(raw, "it")
    if not isinstance(message, dict):
        raise _Unreadable(f"it is no JSON object but {shown(message)}")
    headers = _part(message, "headers", dict)
    found["task"], found["task_id"] = _text(headers.get("task")), _text(headers.get("id"))
    deliveries = headers.get(DELIVERIES, 0)
    found["deliveries"] = deliveries if isinstance(deliveries, int) else 0
    properties = _part(message, "properties", dict)
    _part(properties, "delivery_tag", str)
    info = _part(properties, "delivery_info", dict)
    _part(info, "exchange", str)
    _part(info, "routing_key", str)
    if found["task"] is None:
        raise _Unreadable("it names no task")
    if found["task_id"] is None:
        raise _Unreadable("it has no id")
    said = properties.get("priority")
    found["priority"] = said if isinstance(said, int) else 0
    found["expires"] = _time(headers.get("expires"))
    found["args"], found["kwargs"], found["chord"] = _body(message, properties)


def _body(
    message: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], bool]:
    """Arguments of a task, and whether a chord waits for it."""
    kind = message.get("content-type")
    if kind != "application/json":
        raise _Unreadable(f"its body is {shown(kind)}, not application/json")
    if message.get("content-encoding") not in _TEXTS:
        raise _Unreadable(f"its body is written as {shown(message['content-encoding'])}, not utf-8")
    body, coded = _part(message, "body", str), properties.get("body_encoding")
    if coded not in (None, "base64"):
        raise _Unreadable(f"its body is coded as {shown(coded)}, not base64")
    try:
        plain = base64.b64decode(body) if coded else body.encode()
    except (binascii.Error, ValueError) as error:
        raise _Unreadable(f"its body is no base64: {error}") from None
    match _json(plain, "its body"):
        case [[*args], dict(kwargs), dict(embed)]:
            return tuple(args), kwargs, bool(embed.get("chord"))
        case [[*args], dict(kwargs), None]:
            return tuple(args), kwargs, False
        case other:
            raise _Unreadable(f"its body is not [args, kwargs, embed] but {shown(other)}")


def _json(raw: bytes, what: str) -> Any:
    try:
        value = json.loads(raw)
        # What no database takes would end every pass of maintenance that asks about it.
        if "\\u0000" in json.dumps(value, ensure_ascii=False).encode().decode():
            raise _Unreadable(f"{what} holds what is no text: NUL")
        return value
    except UnicodeEncodeError:
        raise _Unreadable(f"{what} holds what is no text: half a character") from None
    except ValueError as error:
        raise _Unreadable(f"{what} is no JSON: {error}") from None
    except RecursionError:
        raise _Unreadable(f"{what} is no JSON: too deep") from None


def _part(whole: Mapping[str, Any], name: str, kind: type) -> Any:
    """What must be there, and be of a kind."""
    if whole.get(name) is None:
        raise _Unreadable(f"it has no {name}")
    if not isinstance(whole[name], kind):
        raise _Unreadable(f"its {name} is {shown(whole.get(name))}, not a {kind.__name__}")
    return whole[name]


def _time(text: object) -> float | None:
    """Seconds since 1970 of a time in ISO 8601, UTC where it names no zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise _Unreadable(f"its time of expiry is {shown(text)}, no time in ISO 8601") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

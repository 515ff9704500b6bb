"""The outbox: events are rows, committed with the change they tell of, and relayed afterwards.

An event's id is derived from what happened, so telling it twice is a no-op, and a relay that dies
between publishing and noting it publishes again: subscribers get each event at least once.

A payload is held against the record of its kind (`ringrift.events`) when it is told and when it is
read. A row that is not what its kind says does not keep the others back: it is read with its
`fault`, and whoever needs its payload gets BadEvent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import sqlalchemy as sa

from ringrift.events.check import BadEvent, checked, parse, plain
from ringrift.events.kinds import Kind
from ringrift.events.payloads import PAYLOADS, Payload
from ringrift.settings.trace import bound
from ringrift.store.ids import event_id
from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import events, runs

_KINDS = {record: kind for kind, record in PAYLOADS.items()}


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be told."""

    #: One of `ringrift.events.kinds.Kind`.
    kind: str
    #: None for what is of no run: nodes, leases, loops, hooks.
    run_id: str | None
    #: What it tells of (stage and unit, node and start, lease and fence): with kind and run, its
    #: identity. Never drawn, never a counter of tellings.
    stage: str
    unit: str = ""
    #: Fields of the kind's record, plain JSON.
    payload: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, payload: Payload, run_id: str | None, stage: str, unit: str = "") -> Self:
        """An event from its record, which knows its kind."""
        return cls(_KINDS[type(payload)], run_id, stage, unit, plain(payload))


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it was told."""

    #: Order in which events were told; on SQLite, in which they were committed.
    seq: int
    id: str
    kind: str
    run_id: str | None
    config: str | None
    payload: dict[str, Any]
    created_at: float
    published_at: float | None
    #: Why the payload is not what its kind says; None if it is.
    fault: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Hold the payload against its kind."""
        try:
            parse(self.kind, self.payload)
        except BadEvent as error:
            object.__setattr__(self, "fault", f"event number {self.seq}: {error}")

    @property
    def told(self) -> Payload:
        """The record of its payload; BadEvent if it is none."""
        if self.fault is not None:
            raise BadEvent(self.fault)
        return parse(self.kind, self.payload)

    def as_dict(self) -> dict[str, Any]:
        """As commands print it and hooks read it: the envelope, the config, and the payload's fields."""
        return {
            **self.payload,
            "seq": self.seq,
            "id": self.id,
            "kind": self.kind,
            "at": self.created_at,
            "run": self.run_id,
            "config": self.config,
        }


_COLUMNS = [events.c[one.name] for one in fields(EventRow) if one.init]

_MARK = events.update().where(
    events.c.seq.in_(sa.bindparam("seqs", expanding=True)), events.c.published_at.is_(None)
)
_UNPUBLISHED = sa.select(*_COLUMNS).where(events.c.published_at.is_(None)).order_by(events.c.seq)


def append(tx: Tx, event: NewEvent) -> bool:
    """Tell an event, within the transaction of its change; False if it was told before.

    With RINGRIFT_TRACE_DEBUG its payload holds the `trace` of the work that tells it. BadEvent, which
    ends that transaction, if the payload is not what the kind carries.
    """
    trace = bound()
    about = {**(event.payload or {}), **({"trace": trace} if trace else {})}
    payload = checked(event.kind, about)
    config = payload.get("config")
    if event.run_id is not None:
        config = tx.conn.scalar(sa.select(runs.c.config).where(runs.c.id == event.run_id)) or config
    row = {
        "id": event_id(event.kind, event.run_id, event.stage, event.unit),
        "kind": event.kind,
        "run_id": event.run_id,
        "config": config,
        "payload": payload,
        "created_at": tx.now,
    }
    return insert_once(tx, events, [row]) == 1


def unpublished(tx: Tx, limit: int = 100) -> list[EventRow]:
    """Events that are still to be relayed, oldest first."""
    return _rows(tx, _UNPUBLISHED.limit(limit))


def mark_published(tx: Tx, seqs: Sequence[int]) -> None:
    """Note that these have been relayed."""
    if seqs:
        tx.conn.execute(_MARK, {"seqs": list(seqs), "published_at": tx.now})


def list_events(
    tx: Tx,
    *,
    after: int = 0,
    to: int | None = None,
    run_id: str | None = None,
    kind: str | None = None,
    kinds: Sequence[str] = (),
    limit: int = 100,
) -> list[EventRow]:
    """Events with a number above `after`, and not above `to`, oldest first."""
    query = sa.select(*_COLUMNS).where(events.c.seq > after)
    if to is not None:
        query = query.where(events.c.seq <= to)
    if run_id is not None:
        query = query.where(events.c.run_id == run_id)
    if kind is not None:
        query = query.where(events.c.kind == kind)
    if kinds:
        query = query.where(events.c.kind.in_(kinds))
    return _rows(tx, query.order_by(events.c.seq).limit(limit))


def last_events(
    tx: Tx,
    limit: int,
    *,
    kind: str | None = None,
    kinds: Sequence[str] = (),
    run: str | None = None,
    config: str | None = None,
) -> list[EventRow]:
    """The newest events (of these kinds, a config, a run), oldest of them first."""
    query = sa.select(*_COLUMNS)
    if kinds:
        query = query.where(events.c.kind.in_(kinds))
    if kind is not None:
        query = query.where(events.c.kind == kind)
    if config is not None:
        query = query.where(events.c.config == config)
    if run is not None:
        query = query.where(events.c.run_id == run)
    return _rows(tx, query.order_by(events.c.seq.desc()).limit(limit))[::-1]


def count_since(tx: Tx, kinds: Sequence[str], since: float) -> int:
    """Events of these kinds told at `since` (seconds since 1970) or later."""
    query = sa.select(sa.func.count()).where(events.c.kind.in_(kinds), events.c.created_at >= since)
    return int(tx.conn.scalar(query) or 0)


def all_of(tx: Tx, kind: Kind) -> list[EventRow]:
    """Every event of a kind, oldest first."""
    return _rows(tx, sa.select(*_COLUMNS).where(events.c.kind == kind).order_by(events.c.seq))


def is_told(tx: Tx, event: NewEvent) -> bool:
    """Whether an event was told before."""
    identity = event_id(event.kind, event.run_id, event.stage, event.unit)
    return tx.conn.scalar(sa.select(events.c.seq).where(events.c.id == identity)) is not None


def last_number(tx: Tx) -> int:
    """The number of the newest event, 0 before the first."""
    return int(tx.conn.scalar(sa.select(sa.func.max(events.c.seq))) or 0)


def faults(tx: Tx) -> list[str]:
    """Why events are not what their kinds say, a line for each."""
    found = (EventRow(**row) for row in tx.conn.execute(sa.select(*_COLUMNS)).mappings())
    return [row.fault for row in found if row.fault is not None]


def _rows(tx: Tx, query: sa.Select[Any]) -> list[EventRow]:
    return [EventRow(**row) for row in tx.conn.execute(query).mappings()]

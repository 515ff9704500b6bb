"""The outbox: events are rows, committed with the change they tell of, and relayed afterwards.

An event's id is derived from what happened, so telling it twice is a no-op, and a relay that dies
between publishing and noting it publishes again: subscribers get each event at least once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ringrift.settings.trace import bound
from ringrift.store.ids import event_id
from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import events, runs


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be told."""

    #: One of `ringrift.pipeline.events.Kind`.
    kind: str
    run_id: str
    #: Stage and unit that it tells of: with kind and run, its identity.
    stage: str
    unit: str = ""
    #: Figures, plain JSON.
    payload: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it was told."""

    #: Order in which events were committed.
    seq: int
    id: str
    kind: str
    run_id: str | None
    config: str | None
    payload: dict[str, Any]
    created_at: float
    published_at: float | None


_COLUMNS = [events.c[name] for name in EventRow.__dataclass_fields__]


def append(tx: Tx, event: NewEvent) -> bool:
    """Tell an event, within the transaction of its change; False if it was told before.

    With RINGRIFT_TRACE_DEBUG its payload holds the `trace` of the work that tells it.
    """
    trace = bound()
    config = tx.conn.scalar(sa.select(runs.c.config).where(runs.c.id == event.run_id))
    row = {
        "id": event_id(event.kind, event.run_id, event.stage, event.unit),
        "kind": event.kind,
        "run_id": event.run_id,
        "config": config,
        "payload": {**(event.payload or {}), **({"trace": trace} if trace else {})},
        "created_at": tx.now,
    }
    return insert_once(tx, events, [row]) == 1


def unpublished(tx: Tx, limit: int = 100) -> list[EventRow]:
    """Events that are still to be relayed, oldest first."""
    query = (
        sa.select(*_COLUMNS)
        .where(events.c.published_at.is_(None))
        .order_by(events.c.seq)
        .limit(limit)
    )
    return [EventRow(**row) for row in tx.conn.execute(query).mappings()]


def mark_published(tx: Tx, seqs: Sequence[int]) -> None:
    """Note that these have been relayed."""
    if seqs:
        tx.conn.execute(
            events.update()
            .where(events.c.seq.in_(seqs), events.c.published_at.is_(None))
            .values(published_at=tx.now)
        )


def list_events(
    tx: Tx, *, after: int = 0, run_id: str | None = None, kind: str | None = None, limit: int = 100
) -> list[EventRow]:
    """Events with a number above `after`, oldest first."""
    query = sa.select(*_COLUMNS).where(events.c.seq > after)
    if run_id is not None:
        query = query.where(events.c.run_id == run_id)
    if kind is not None:
        query = query.where(events.c.kind == kind)
    query = query.order_by(events.c.seq).limit(limit)
    return [EventRow(**row) for row in tx.conn.execute(query).mappings()]


def last_events(
    tx: Tx, limit: int, *, kind: str | None = None, run: str | None = None
) -> list[EventRow]:
    """The newest events (of a kind, of runs whose id begins so), oldest of them first."""
    query = sa.select(*_COLUMNS)
    if kind is not None:
        query = query.where(events.c.kind == kind)
    if run is not None:
        query = query.where(events.c.run_id.startswith(run, autoescape=True))
    query = query.order_by(events.c.seq.desc()).limit(limit)
    return [EventRow(**row) for row in tx.conn.execute(query).mappings()][::-1]

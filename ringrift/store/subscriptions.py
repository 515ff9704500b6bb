"""How far each subscriber outside of us (a hook) has heard the events.

    held = hold(tx, "MODEL_PROMOTED/1", owner, seconds=60.0)    None: another one hands events to it now
    ... hand it one event of `waiting(tx, held, kinds, ...)` ...
    heard(tx, held, event.seq)                                  in a transaction of its own, per event

Whoever dies between handing over and `heard` leaves the event to the next holder: each is handed
over at least once. A subscriber that is new begins with the events that are not relayed yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import sqlalchemy as sa

from ringrift.errors import NegativeVerdict
from ringrift.store.events import EventRow, last_number, list_events
from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import events, subscriptions

#: On PostgreSQL an event may be committed after one with a greater number; nobody is handed an
#: event before all that could come before it are committed. Write transactions last milliseconds.
SETTLE_SECONDS = 10.0


class NotHeld(NegativeVerdict):
    """Another one hands events to this subscriber now."""


@dataclass(frozen=True, slots=True)
class Held:
    """The right to hand events to a subscriber, for a while."""

    name: str
    holder: str
    #: It has been handed every event up to here.
    seq: int


def register(tx: Tx, names: Sequence[str]) -> None:
    """Note subscribers that are new: they hear what is not relayed yet, and what comes."""
    first = tx.conn.scalar(
        sa.select(sa.func.min(events.c.seq)).where(events.c.published_at.is_(None))
    )
    seq = last_number(tx) if first is None else int(first) - 1
    insert_once(
        tx, subscriptions, [{"name": name, "seq": seq, "changed_at": tx.now} for name in names]
    )


def hold(tx: Tx, name: str, holder: str, seconds: float) -> Held | None:
    """Take a subscriber for so long; None if another one has it."""
    table = subscriptions
    taken = tx.conn.execute(
        table.update()
        .where(
            table.c.name == name,
            sa.or_(
                table.c.holder.is_(None),
                table.c.holder == holder,
                table.c.held_until <= tx.now,
                table.c.held_until > tx.now + 2 * seconds,  # the clock was set back since
            ),
        )
        .values(holder=holder, held_until=tx.now + seconds, changed_at=tx.now)
    )
    if taken.rowcount != 1:
        return None
    seq = tx.conn.scalar(sa.select(table.c.seq).where(table.c.name == name))
    return Held(name, holder, int(seq or 0))


def waiting(tx: Tx, seq: int, kinds: Sequence[str], limit: int = 100) -> list[EventRow]:
    """Events of these kinds with a number above `seq` that may be handed over now, oldest first."""
    found = list_events(tx, after=seq, kinds=kinds, limit=limit)
    return found if tx.conn.dialect.name != "postgresql" else settled(found, tx.now)


def settled(found: Sequence[EventRow], now: float) -> list[EventRow]:
    """The first of these events, up to one that is too young: none of a smaller number follows what is heard.

    Their times are those at which their transactions began, and need not grow with their numbers.
    """
    return list(takewhile(lambda event: event.created_at <= now - SETTLE_SECONDS, found))


def heard(tx: Tx, held: Held, seq: int, seconds: float) -> Held:
    """Note that it was handed this event, and hold it on; NotHeld if another one has it by now."""
    table = subscriptions
    noted = tx.conn.execute(
        table.update()
        .where(table.c.name == held.name, table.c.holder == held.holder, table.c.seq <= seq)
        .values(seq=seq, held_until=tx.now + seconds, changed_at=tx.now)
    )
    if noted.rowcount != 1:
        raise NotHeld(f"{held.name}: another one hands events to it now")
    return Held(held.name, held.holder, seq)


def let_go(tx: Tx, held: Held) -> None:
    """Let somebody else have it at once."""
    table = subscriptions
    tx.conn.execute(
        table.update()
        .where(table.c.name == held.name, table.c.holder == held.holder)
        .values(holder=None, held_until=None)
    )


def reached(tx: Tx, name: str) -> int:
    """The number up to which a subscriber has heard; that of the newest event for one that is new."""
    found = tx.conn.scalar(sa.select(subscriptions.c.seq).where(subscriptions.c.name == name))
    return last_number(tx) if found is None else int(found)

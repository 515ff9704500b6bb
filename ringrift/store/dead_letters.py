"""Messages that no worker can do anything with, kept with the reason: nothing is silently deleted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import dead_letters


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was taken out of its queue for good."""

    #: sha256 of its bytes: put aside twice it is still one.
    id: str
    #: Queue that it was in.
    queue: str
    #: Task that it asked for, where that can be read.
    task: str | None
    #: Run and unit that it was for, where that can be read.
    run_id: str | None
    unit: str | None
    #: Why nobody can work on it.
    reason: str
    #: The message as text; bytes that are no text are written as \\xNN.
    message: str
    #: Seconds since 1970; None until it is in the ledger.
    created_at: float | None = None


_COLUMNS = [dead_letters.c[name] for name in DeadLetter.__dataclass_fields__]


def put(tx: Tx, letter: DeadLetter) -> bool:
    """Keep a message; False if it is kept already."""
    row = {name: getattr(letter, name) for name in DeadLetter.__dataclass_fields__}
    return insert_once(tx, dead_letters, [{**row, "created_at": tx.now}]) == 1


def newest(tx: Tx, limit: int = 100) -> list[DeadLetter]:
    """The last ones that were put aside, newest first."""
    query = sa.select(*_COLUMNS).order_by(dead_letters.c.created_at.desc(), dead_letters.c.id)
    return [DeadLetter(**row) for row in tx.conn.execute(query.limit(limit)).mappings()]


def count(tx: Tx) -> int:
    """How many there are."""
    return int(tx.conn.scalar(sa.select(sa.func.count()).select_from(dead_letters)) or 0)


def units_aside(tx: Tx, units: Collection[str]) -> set[str]:
    """Those of these units a message of which was put aside."""
    query = sa.select(dead_letters.c.unit).where(dead_letters.c.unit.in_(units))
    return set(tx.conn.scalars(query))


def about(tx: Tx, start: str) -> list[DeadLetter]:
    """Those whose own id, or whose run's or unit's, begins so; oldest first."""
    of = (dead_letters.c.id, dead_letters.c.run_id, dead_letters.c.unit)
    begins = sa.or_(*(column.startswith(start, autoescape=True) for column in of))
    query = sa.select(*_COLUMNS).where(begins).order_by(dead_letters.c.created_at)
    return [DeadLetter(**row) for row in tx.conn.execute(query).mappings()]

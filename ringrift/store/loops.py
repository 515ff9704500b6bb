"""What each loop says of itself: one row per loop, so that status can tell it beside the runs.

A loop writes its row under the fence of its own lease, in the transaction of the change that the
row tells of; between changes only its sign of life moves. A loop that was killed leaves its last
row behind: `LoopRow.updated_at` tells how old it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import loops

#: Works on a run; rests between two; steps back for a master; its circuit breaker is open; has ended.
RUNNING, COOLDOWN, DEFERRED, OPEN, STOPPED = "running", "cooldown", "deferred", "open", "stopped"


@dataclass(frozen=True, slots=True)
class LoopRow:
    """A loop as it stands."""

    #: continuous, ...
    name: str
    #: Machine, process and a random part: the owner of its lease.
    owner: str
    #: running, cooldown, deferred, open or stopped.
    state: str
    #: Config that it works on now, or comes back to; None between two.
    config: str | None
    #: Why it is in this state, for people.
    reason: str | None
    #: When it came into this state, seconds since 1970.
    since: float
    #: When it looks again, or goes on; None where only events tell.
    until: float | None
    #: Its last sign of life.
    updated_at: float
    #: Its circuit breaker (`pipeline.breaker.Breaker.as_dict`); None if it has none.
    breaker: dict[str, Any] | None
    #: What it was asked to do and how far it is, plain JSON.
    details: dict[str, Any]


_COLUMNS = [loops.c[name] for name in LoopRow.__dataclass_fields__]


def say(tx: Tx, row: LoopRow) -> None:
    """Write what a loop says of itself, in place of what it, or the one before it, said last."""
    values = asdict(row)
    if not insert_once(tx, loops, [values]):
        del values["name"]
        tx.conn.execute(loops.update().where(loops.c.name == row.name).values(values))


def alive(tx: Tx, name: str, owner: str) -> bool:
    """Note a sign of life; False if the row is another's by now."""
    mine = loops.update().where(loops.c.name == name, loops.c.owner == owner)
    return tx.conn.execute(mine.values(updated_at=tx.now)).rowcount == 1


def get_loop(tx: Tx, name: str) -> LoopRow | None:
    """What a loop said last; None if it never ran."""
    row = tx.conn.execute(sa.select(*_COLUMNS).where(loops.c.name == name)).mappings().first()
    return None if row is None else LoopRow(**row)


def all_loops(tx: Tx) -> list[LoopRow]:
    """Every loop that ever ran here, by name."""
    query = sa.select(*_COLUMNS).order_by(loops.c.name)
    return [LoopRow(**row) for row in tx.conn.execute(query).mappings()]

"""The workers that said they are there: one row for each name, held by its newest start.

A row lives by signs of life, as a claim does: after `stands_until` its worker counts no more, whether
or not anybody has told so yet. Rows of workers that are down stay, so that one that was silent and is
heard again is known for the same start. Events are told by `pipeline.nodes`, in the same transaction. They say the
same as the rows, and are not asked: among 100,000 events that took 55 ms a look, and this takes 0.2.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import nodes


@dataclass(frozen=True, slots=True)
class NodeRow:
    """The newest start of a worker of this name."""

    #: Its name among workers, such as gpu1@host.
    name: str
    #: host:pid.
    process: str
    #: Seconds since 1970: two starts of a name differ in it.
    started: float
    queues: tuple[str, ...]
    #: Tasks that it does side by side.
    slots: int
    #: Its last sign of life, seconds since 1970 by the ledger's clock.
    seen_at: float
    #: After this it counts no more unless it is heard again.
    stands_until: float
    #: Why it is down; None while it is up.
    down: str | None = None


_COLUMNS = [nodes.c[name] for name in NodeRow.__dataclass_fields__]
_OF_NAME = sa.select(*_COLUMNS).where(nodes.c.name == sa.bindparam("of"))
_ALL = sa.select(*_COLUMNS).order_by(nodes.c.name)
_UP = _ALL.where(nodes.c.down.is_(None))


def get_node(tx: Tx, name: str, *, hold: bool = False) -> NodeRow | None:
    """The newest start of a name, None before the first; `hold`: nobody else changes it before the commit."""
    query = _OF_NAME.with_for_update() if hold else _OF_NAME
    row = tx.conn.execute(query, {"of": name}).mappings().first()
    return None if row is None else _row(row)


def all_up(tx: Tx) -> list[NodeRow]:
    """The workers of which nobody has told that they are down, by name."""
    return [_row(row) for row in tx.conn.execute(_UP).mappings()]


def all_nodes(tx: Tx) -> list[NodeRow]:
    """Every worker that was ever there, by name."""
    return [_row(row) for row in tx.conn.execute(_ALL).mappings()]


def put(tx: Tx, row: NodeRow) -> None:
    """Write a row in place of what was there of its name."""
    values = asdict(row)
    if not insert_once(tx, nodes, [values]):
        del values["name"]
        tx.conn.execute(nodes.update().where(nodes.c.name == row.name).values(values))


def _row(row: sa.RowMapping) -> NodeRow:
    return NodeRow(**{**row, "queues": tuple(row["queues"])})

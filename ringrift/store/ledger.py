"""The ledger: what happened, in SQL. Everything else (broker, files, memory) may be lost.

    ledger = open_ledger(home)
    with ledger.write() as tx:              # one transaction, committed at the end of the block
        runs.open_run(tx, ...)
        events.append(tx, ...)
    with ledger.read() as tx:               # one consistent snapshot
        stages.stages_of(tx, run_id)

Functions of this package that change or read rows take a `Tx`, so that a caller decides what
belongs together: a state change and its event are always one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from ringrift.errors import BadInput, NegativeVerdict
from ringrift.settings.home import DATABASE
from ringrift.settings.secrets import DATABASE_URL, secret
from ringrift.store import engine as engines
from ringrift.store.migrate import ensure_schema
from ringrift.store.schema import fences

#: The lease of the master loop; whoever holds it is *the* unified loop.
MASTER = "master"

#: What every write of a lease asks first. As the other statements that are made often, these are built
#: once: building one takes longer than SQLite takes to answer it.
_NEWEST = sa.select(fences.c.number).where(fences.c.name == sa.bindparam("lease"))
_HOLD = (
    fences.update()
    .where(fences.c.name == sa.bindparam("lease"), fences.c.number == sa.bindparam("mine"))
    .values(number=sa.bindparam("mine"))
)


class StaleFence(NegativeVerdict):
    """A lease has a newer owner: this one's writes are refused."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write on behalf of a lease; each new owner's number is larger."""

    #: Name of the lease, such as "master".
    name: str
    #: Number of this owner.
    number: int


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction: its connection and the time it began."""

    conn: Connection
    #: Seconds since 1970 by the ledger's clock.
    now: float


class Ledger:
    """An open ledger. Safe to share between threads, and across a fork."""

    def __init__(self, engine: Engine, clock: Callable[[Connection], float] = engines.now) -> None:
        """Wrap an engine whose schema is current; `open_ledger` is the usual way."""
        self.engine = engine
        self._clock = clock

    @contextmanager
    def write(self, fence: Fence | None = None) -> Iterator[Tx]:
        """One writing transaction; with a fence, refused in SQL when a newer owner exists."""
        with _one_line(), self._connect(writes=True) as conn, conn.begin():
            tx = Tx(conn, self._clock(conn))
            if fence is not None:
                check_fence(tx, fence)
            yield tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """One reading transaction: a consistent snapshot on SQLite."""
        with _one_line(), self._connect(writes=False) as conn, conn.begin():
            yield Tx(conn, self._clock(conn))

    def _connect(self, *, writes: bool) -> AbstractContextManager[Connection]:
        """A connection for one transaction."""
        found = self.engine.connect()
        return found.execution_options(**{engines.WRITES: True}) if writes else found

    @property
    def local(self) -> bool:
        """Whether all its users run on this machine."""
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Close idle connections."""
        self.engine.dispose()


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn what the surroundings did (disk full, server gone) into one clear line."""
    try:
        yield
    except DatabaseError as error:
        text = str(error.orig)
        damaged = engines.is_damage(text)
        if isinstance(error, OperationalError) or damaged:
            cure = f"; {engines.CURE}" if damaged else ""
            raise BadInput(f"the ledger cannot be used: {text.splitlines()[0]}{cure}") from error
        raise


def open_ledger(home: Path, url: str | None = None) -> Ledger:
    """Open the ledger of a state directory, with its tables made or brought up to date.

    `url`, else RINGRIFT_DATABASE_URL, else the file ringrift.db in `home`. BadInput where that is gone and what
    belongs to it is there.
    """
    url = url or secret(DATABASE_URL)
    if not url:
        refuse_bereft(home)
        url = engines.sqlite_url(home / DATABASE)
    engine = engines.open_engine(url)
    with _one_line():
        ensure_schema(engine)
    return Ledger(engine)


def refuse_bereft(home: Path) -> None:
    """Raise BadInput where runs have left files and there is no ledger of them: a new one would begin from nothing."""
    if (home / DATABASE).exists():
        return
    for folder, names in (("models", "*.safetensors"), ("shards", "*.jsonl.zst")):
        if any((home / folder).glob(names)):
            raise BadInput(
                f"the ledger {home / DATABASE} is gone, and {folder}/ holds files of its runs: put it back or set"
                f" {DATABASE_URL}; to begin anew, move {home} away"
            )


def take_fence(tx: Tx, name: str, owner: str, at_least: int = 0, after: int | None = None) -> Fence:
    """Become the newest owner: a number above every earlier one in SQL, and above `at_least`.

    `at_least` is what the lease's own server last gave: it may know of owners that never wrote,
    and may itself have forgotten everything. `after` is the newest number that the caller saw before
    it asked for the lease: StaleFence if somebody took one since, who would else be refused from
    now on while holding the lease.
    """
    newest = _hold_fence(tx, name)
    if after is not None and newest != after:
        raise StaleFence(f"{name} fence {newest} was taken since {after} was the newest")
    number = max(newest, at_least) + 1
    _write_fence(tx, Fence(name, number), owner)
    return Fence(name, number)


def _hold_fence(tx: Tx, name: str) -> int:
    """The newest number, 0 before the first; nobody else changes it before the commit."""
    nobody = {"name": name, "number": 0, "owner": "", "taken_at": tx.now}
    insert_once(tx, fences, [nobody])
    query = sa.select(fences.c.number).where(fences.c.name == name).with_for_update()
    return int(tx.conn.scalar(query) or 0)


def _write_fence(tx: Tx, fence: Fence, owner: str) -> None:
    row = {"number": fence.number, "owner": owner, "taken_at": tx.now}
    tx.conn.execute(fences.update().where(fences.c.name == fence.name).values(row))


def newest_fence(tx: Tx, name: str) -> int:
    """The number of the newest owner, 0 before the first."""
    return tx.conn.scalar(_NEWEST, {"lease": name}) or 0


def standing_fence(tx: Tx, name: str) -> Fence | None:
    """The newest owner's fence, None before the first."""
    number = newest_fence(tx, name)
    return Fence(name, number) if number else None


@dataclass(frozen=True, slots=True)
class FenceRow:
    """The newest owner of a lease, as SQL knows it: whether it still holds it, the broker knows."""

    name: str
    number: int
    owner: str
    #: Seconds since 1970.
    taken_at: float


def fence_row(tx: Tx, name: str) -> FenceRow | None:
    """Who took a lease last, None if nobody ever did."""
    query = sa.select(fences.c.name, fences.c.number, fences.c.owner, fences.c.taken_at)
    row = tx.conn.execute(query.where(fences.c.name == name)).mappings().first()
    return FenceRow(**row) if row is not None and row["number"] else None


def check_fence(tx: Tx, fence: Fence) -> None:
    """Refuse an older owner, and hold the row so that no newer one appears before the commit."""
    held = tx.conn.execute(_HOLD, {"lease": fence.name, "mine": fence.number})
    if held.rowcount != 1:
        newest = newest_fence(tx, fence.name)
        raise StaleFence(
            f"{fence.name} fence {fence.number} is stale: the newest owner has {newest}"
        )


def insert_once(tx: Tx, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose keys are new, leave the others as they are; how many were new."""
    if not rows:
        return 0
    # The rows are parameters, not part of the statement: it is compiled once, and sent in as many
    # parts as the database takes. What it returns counts, since psycopg does not for such inserts.
    statement = _insert_once(table, tx.conn.dialect.name)
    return len(tx.conn.execute(statement, [dict(row) for row in rows]).all())


@cache
def _insert_once(table: sa.Table, dialect: str) -> sa.Executable:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    key = table.primary_key.columns.values()[0]
    return insert(table).on_conflict_do_nothing().returning(key)

"""The real ledger, in memory, with the world's hand in every transaction."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from benchmarks.histories.judge import Judge, Wrong
from benchmarks.histories.scheduler import Simulation
from ringrift.errors import BadInput
from ringrift.store import engine as engines
from ringrift.store.ledger import Fence, Ledger, Tx, open_ledger

#: On a disk of memory where there is one: thousands of state directories are written and thrown away.
MEMORY = Path("/dev/shm")


class SimLedger(Ledger):
    """The ledger with the simulated clock, and a point before, within and after each transaction."""

    def __init__(self, place: Place, sim: Simulation, judge: Judge) -> None:
        super().__init__(place.engine, lambda _connection: sim.now)
        self._connection = place.connection
        self._sim = sim
        self._judge = judge
        self._busy = False

    @contextmanager
    def write(self, fence: Fence | None = None) -> Iterator[Tx]:
        """A transaction that may be the last of its process."""
        sim = self._sim
        sim.point("before a transaction")
        if sim.process is not None and sim.rng.random() < sim.faults.busy:
            raise BadInput("the ledger cannot be used: database is locked")
        with self._alone(), super().write(fence) as tx:
            yield tx
            sim.die_here("before a commit")
        self._judge.look(fence)
        sim.point("after a commit")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A snapshot."""
        self._sim.point("before a look at the ledger")
        with self._alone(), super().read() as tx:
            yield tx

    def _connect(self, *, writes: bool) -> AbstractContextManager[Connection]:
        """The one that is there: nobody else has it, see `_alone`."""
        del writes
        return nullcontext(self._connection)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One transaction at a time: all have the same connection, and nothing waits within one."""
        if self._busy:
            found = Wrong("a transaction was begun within another one")
            self._sim.crash = self._sim.crash or found
            raise found
        self._busy = True
        try:
            yield
        finally:
            self._busy = False


@dataclass(frozen=True, slots=True)
class Place:
    """The state directory of all histories of this process, one after the other.

    Their ledger is in memory, and its one engine keeps the statements that it has compiled.
    """

    home: Path
    engine: Engine
    connection: Connection
    #: What is behind it.
    db: sqlite3.Connection
    #: An empty ledger: its tables are made once.
    empty: sqlite3.Connection

    def clear(self) -> None:
        """Begin anew, with an empty ledger."""
        for path in self.home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.empty.backup(self.db)


@cache
def place() -> Place:
    """The place of this process; removed when it ends."""
    home = Path(mkdtemp(prefix="ringrift-histories-", dir=MEMORY if MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    db, empty = (sqlite3.connect(":memory:", check_same_thread=False) for _ in range(2))
    made = open_ledger(home, f"sqlite:///{home}/empty.db")
    with made.engine.connect() as connection:
        dbapi = connection.connection.dbapi_connection
        assert isinstance(dbapi, sqlite3.Connection)
        dbapi.backup(empty)
    made.close()
    engine = sa.create_engine("sqlite://", creator=lambda: db, poolclass=sa.StaticPool)
    sa.event.listen(engine, "connect", engines._prepare_sqlite)  # noqa: SLF001 - as a ledger in a file
    sa.event.listen(engine, "begin", lambda _connection: db.execute("BEGIN"))
    return Place(home, engine, engine.connect(), db, empty)

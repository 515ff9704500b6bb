"""Connections to the ledger: SQLite in the state directory, or PostgreSQL by URL.

SQLite rules, each learned from a failure it prevents:

- WAL, so that readers never wait for the writer.
- A write transaction begins with BEGIN IMMEDIATE: one that begins as a reader and then writes can
  fail at once with "database is locked" whatever the busy timeout says.
- Foreign keys are off in SQLite unless every connection turns them on.
- No connection is used on both sides of a fork: the child forgets the parent's without closing.
- Not on a network file system: its locks are not reliable, and the file would be lost quietly.
- A file that was removed or replaced is still there for those who have it open; what they write into it
  is lost quietly. So each transaction first asks whether its file is still the one of that name.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ringrift.errors import BadInput

#: How long a writer waits for another one. Write transactions here last milliseconds.
BUSY_TIMEOUT_MS = 30_000

#: How long a PostgreSQL server has to take a connection; psycopg alone waits two minutes for one that is silent.
CONNECT_SECONDS = 10

#: Kinds of file system (as Linux names them) on which SQLite's locks cannot be trusted.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "lustre", "glusterfs", "ncpfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs"}
)

#: What to do about a damaged file.
CURE = "its file is damaged: put a copy back, or save its rows with `sqlite3 FILE .recover`"

#: Marks a connection's next transaction as one that writes.
WRITES = "ringrift_writes"

_open_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _forget_connections_in_child() -> None:
    """Leave the parent's connections alone: not closed, not used (SQLite, "How to corrupt" §2.6)."""
    for engine in list(_open_engines):
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections_in_child)


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


def open_engine(url: str) -> Engine:
    """Open the database behind a URL; BadInput in one line where it cannot be used."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise BadInput("RINGRIFT_DATABASE_URL is not a database URL") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed)
    if backend == "postgresql":
        return _open_postgresql(parsed)
    raise BadInput(f"database {backend!r}: expected sqlite or postgresql")


def _open_sqlite(url: sa.URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise BadInput(
            "the ledger needs a database file: one in memory is seen by one process only"
        )
    folder = Path(url.database).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"state directory {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise BadInput(f"state directory {folder} is not writable")
    kind = file_system(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        raise BadInput(
            f"{folder} is on a network file system ({kind}), where SQLite can lose data: "
            "set RINGRIFT_DATABASE_URL to a PostgreSQL database, or RINGRIFT_HOME to a local disk"
        )
    _write_ahead(Path(url.database).absolute())
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    path = Path(url.database).absolute()
    event.listen(engine, "connect", lambda _, record: record.info.update(file=identity(path)))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", lambda conn: check_file(path, conn.info.get("file")))
    event.listen(engine, "begin", _begin_sqlite)
    _open_engines.add(engine)
    return engine


def _write_ahead(path: Path) -> None:
    """Put a database into WAL mode, which it keeps.

    SQLite answers "locked" at once, without waiting, when two connections change the mode side by
    side; hence a lock of our own, and only where the header does not say WAL (2 and 2) already.
    """
    if _is_wal(path):
        return
    try:
        with FileLock(f"{path}.lock", timeout=BUSY_TIMEOUT_MS / 1000):
            if not _is_wal(path):
                with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
    except (sqlite3.Error, OSError) as error:
        raise BadInput(f"the ledger {path} cannot be used: {error}") from error


def _is_wal(path: Path) -> bool:
    """Whether a database is there and in WAL mode; SQLite is asked, and nobody else may read the file.

    Closing any file that is open on a database takes the locks of this process's connections to it away (SQLite, "How
    to corrupt" §2.2): then another process takes itself for the last one, and removes a write-ahead log that is in use.
    """
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            return bool(connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal")
    except sqlite3.Error:
        return False


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA synchronous = FULL")  # in WAL, NORMAL may lose the last commits
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None where there is none. Does not open it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_file(path: Path, before: tuple[int, int] | None) -> None:
    """Raise BadInput where a database file is no longer the one that it was."""
    if identity(path) != before:
        raise BadInput(
            f"the ledger {path} was removed or replaced while it was in use, so nothing is written:"
            " stop what works with it, put the file back, and start again"
        )


def is_damage(text: str) -> bool:
    """Whether what SQLite says means that a file's content is wrong, and no waiting cures it."""
    return "malformed" in text or "not a database" in text


def damage_of(path: Path) -> str | None:
    """What is wrong with the pages of a database file, None where nothing is. Reads all of it: 0.5 s for 200 MB."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        found = str(error) if is_damage(str(error)) else "ok"  # whoever opens it says what it is
    return None if found == "ok" else " ".join(found.split())


def check_whole(path: Path) -> None:
    """Raise BadInput where a database file is damaged: who went on would write into it, and give up its runs."""
    fault = damage_of(path)
    if fault is not None:
        raise BadInput(f"the ledger {path} cannot be used: {fault}; {CURE}")


def with_patience(url: sa.URL) -> sa.URL:
    """A PostgreSQL URL with the driver and, unless it says so itself, how long connecting may take."""
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if "connect_timeout" in url.query:
        return url
    return url.update_query_dict({"connect_timeout": str(CONNECT_SECONDS)})


def _open_postgresql(url: sa.URL) -> Engine:
    try:
        engine = sa.create_engine(with_patience(url), pool_pre_ping=True)
    except (ImportError, NoSuchModuleError) as error:
        raise BadInput(
            "PostgreSQL needs the driver psycopg: pip install 'ringrift[postgres]'"
        ) from error
    _open_engines.add(engine)
    return engine


def now(connection: Connection) -> float:
    """Seconds since 1970: the server's clock, the same for all machines, or this machine's."""
    if connection.dialect.name == "postgresql":
        value = connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar()
        return float(str(value))
    return time.time()


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The kind of file system that holds a folder, as Linux names it; "" where nothing tells."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    here = folder.resolve()
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # Blanks in a mount point are written as \040, see proc_mounts(5).
        point = Path(fields[1].replace("\\040", " "))
        if here.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind

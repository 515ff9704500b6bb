"""Bring the tables up to date: `ensure_schema` runs the packaged migrations, once at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ringrift.errors import BadInput
from ringrift.store import engine as engines

if TYPE_CHECKING:
    from alembic.config import Config

#: Any number, the same in every process: PostgreSQL's advisory lock for migrations.
LOCK_NUMBER = 728_211_001

#: Newest migration. A test holds it equal to the head of the migrations folder, so that the usual
#: case (nothing to do) costs one query and does not import alembic.
HEAD = "0006"


def ensure_schema(engine: Engine) -> None:
    """Run the migrations that are missing. Cheap when there are none; safe in many processes."""
    if current_revision(engine) == HEAD:
        return
    from alembic import command

    with engine.connect().execution_options(**{engines.WRITES: True}) as conn, conn.begin():
        _lock(conn)
        found = _revision(conn)
        if found is not None and found > HEAD:
            raise BadInput(
                f"the ledger has tables of a newer RingRift (revision {found}, here {HEAD}): "
                "upgrade this installation"
            )
        command.upgrade(alembic_config(conn), "head")


def current_revision(engine: Engine) -> str | None:
    """The revision of the tables, None for an empty database."""
    with engine.connect() as conn, conn.begin():
        return _revision(conn)


def _revision(conn: Connection) -> str | None:
    if not sa.inspect(conn).has_table("alembic_version"):
        return None
    return conn.scalar(sa.text("SELECT version_num FROM alembic_version"))


def _lock(conn: Connection) -> None:
    """One migrator at a time: SQLite's BEGIN IMMEDIATE is the lock, PostgreSQL has its own."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK_NUMBER})


def alembic_config(conn: Connection) -> Config:
    """Alembic's settings, made here: no ini file to find, no second engine to open."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = conn
    return config

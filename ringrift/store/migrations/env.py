"""Alembic's entry: runs inside the transaction that `migrate.ensure_schema` holds."""

from __future__ import annotations

from alembic import context

from ringrift.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column: it copies the table
)
context.run_migrations()
